"""Levels from different meshes, times and tools, brought together."""

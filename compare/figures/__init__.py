"""Figures: their look, how they become part of a page or a file, and the curves that panels share."""

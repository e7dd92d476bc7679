"""The command line: one command per file, thin; numerical libraries load inside the commands."""

"""What is measured on spectra: one quantity a module."""

"""Several finished runs side by side."""

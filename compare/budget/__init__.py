"""The error budget: every approximation measured by a controlled change of it alone."""

"""What mistake a difference looks like."""

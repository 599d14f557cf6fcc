"""Reports of a batch."""

"""Messages to users (before, synced) and administrators (failed): which are due, what they say, each at most once."""

"""Messages to users and administrators: which are due, what they say, and each at most once."""

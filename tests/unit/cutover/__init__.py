"""What is said of a domain before its old mail server is let go."""

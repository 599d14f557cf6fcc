"""The repair ladder changes as little as it can, says what it changed, and loses nothing."""

"""The command line against the real HTTP functions, and against an app that fails."""

"""The command line: it knows the HTTP API and the terminal, and nothing of the engine, which never imports it."""

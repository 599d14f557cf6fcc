"""Gmail for tests: IMAP with labels and its limits, and the endpoint that gives a service account its tokens."""

"""The dashboard under test: the app's own handlers behind a small web server, over storage in memory."""

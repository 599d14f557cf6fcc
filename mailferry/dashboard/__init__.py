"""The dashboard: what a browser gets."""

"""The cutover of a domain: its DNS as it is, as Microsoft 365 wants it, and whether the old server can be let go."""

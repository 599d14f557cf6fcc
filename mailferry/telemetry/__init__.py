"""What leaves for Azure Monitor: named events, metrics and spans, and nothing that is private to a mailbox."""

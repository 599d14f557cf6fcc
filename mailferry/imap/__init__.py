"""IMAP as Mailferry speaks it: sessions, folders' names, messages' identities. Knows nothing of state or Azure."""

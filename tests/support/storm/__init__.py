"""A migration to Exchange Online at which everything goes wrong at once, and what must hold when it is over."""

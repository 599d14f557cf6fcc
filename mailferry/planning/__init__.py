"""A plan for many mailboxes: one big CSV is measured at the source, and batches with dates are proposed."""

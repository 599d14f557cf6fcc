"""Knows whether a run that came to its end succeeded, and how to say what did not."""

from __future__ import annotations

from collections.abc import Sequence

from devhost.api import ARRIVED, Batch


def unfinished(batches: Sequence[Batch]) -> list[str]:
    """A line for each mailbox that has not arrived and each CSV that was refused: what, why, and what to do."""
    lines: list[str] = []
    for batch in batches:
        if batch.refused:
            lines.append(f"{batch.name}: refused: {batch.refused}")
        for mailbox in batch.mailboxes:
            if mailbox.status not in ARRIVED:
                said = ". ".join(filter(None, (mailbox.why.rstrip("."), mailbox.remedy)))
                lines.append(f"{mailbox.address} ({batch.name}): {mailbox.status}: {said or 'no reason given'}")
    return lines

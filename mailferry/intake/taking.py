"""What a row of a CSV does to the mailbox that it names: makes it, starts it, updates its login, or leaves it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum

from mailferry.intake.csv_file import Row
from mailferry.model import Problem, Status
from mailferry.state.mailboxes import Held, Mailbox


class Taken(Enum):
    """What intake does with a row."""

    NEW = "new"
    RESTARTED = "restarted"
    UPDATED = "updated"
    ELSEWHERE = "elsewhere"
    BUSY = "busy"
    LEAVING = "leaving"


#: The mailbox is to run, unless its batch is paused.
STARTED = frozenset({Taken.NEW, Taken.RESTARTED})
#: The mailbox stays as it is, and the row is reported.
LEFT = frozenset({Taken.ELSEWHERE, Taken.BUSY, Taken.LEAVING})


def waiting(fresh: Mailbox, start_after: datetime | None, now: datetime, *, paused: bool) -> Mailbox:
    """A mailbox that a CSV brings, as it waits for its turn, or for its batch to be resumed."""
    if paused:
        remedy = "Resume the batch when it shall go on."
        return replace(fresh.with_status(Status.STOPPED, "Its batch is paused.", remedy, now), held=Held.PAUSED)
    if start_after and start_after > now:
        why = f"Waiting for its start, not before {start_after.astimezone(UTC):%Y-%m-%d %H:%M} UTC (start_after)."
    else:
        why = "Waiting for its turn."
    return fresh.with_status(Status.QUEUED, why, "", now)


def what_to_do(known: Mailbox, fresh: Mailbox) -> Taken:
    """With a mailbox that is there already. One is started that never ran, has failed, is completed, was shredded, or
    is another source mailbox now, or is only validated; what a person has stopped stays stopped."""
    if known.batch != fresh.batch:
        return Taken.ELSEWHERE
    if known.removing:
        return Taken.LEAVING
    another = _another_source(known, fresh)
    if known.active:
        return Taken.BUSY if another else Taken.UPDATED
    waits = known.stopped and known.held is not Held.VALIDATED
    starts = not waits and (known.status is not Status.SYNCED or known.shredded or another)
    return Taken.RESTARTED if starts else Taken.UPDATED


def updated(known: Mailbox, fresh: Mailbox, taken: Taken) -> Mailbox:
    """A mailbox that was dropped again: how to log in is new, what it has done stays."""
    changed = replace(
        known,
        row=fresh.row,
        address=fresh.address,
        user=fresh.user,
        user_root=fresh.user_root,
        sealed=fresh.sealed,
        endpoint=fresh.endpoint,
        way=fresh.way,
        not_before=None,
        failures=0,
        strikes=0,
        updated=fresh.updated,
    )
    if known.active:  # a validation that is no longer asked for goes on as the first pass
        return replace(changed, validate=known.validate and fresh.validate)
    if taken is not Taken.RESTARTED:
        return changed
    changed = replace(changed, validate=fresh.validate)
    if known.last_synced is None or known.at_rest or fresh.stopped:
        return replace(changed.with_status(fresh.status, fresh.why, fresh.remedy, fresh.since), held=fresh.held)
    return changed


def left(taken: Taken, row: Row, known: Mailbox) -> Problem:
    """Why a row that is well-formed was left as it was."""
    if taken is Taken.BUSY:
        return Problem(
            row.line,
            "UserName",
            f"{row.address} is just being copied from another source mailbox ({known.user}).",
            "Drop the CSV again when that mailbox is Synced or Failed.",
        )
    if taken is Taken.LEAVING:
        return Problem(
            row.line,
            "EmailAddress",
            f"{row.address} is being removed from the batch.",
            "Drop the CSV again when its batch no longer lists it.",
        )
    return Problem(
        row.line,
        "EmailAddress",
        f"{row.address} belongs to the batch {known.batch!r} already.",
        f"Drop it under the name {known.batch}.csv, or remove it from that batch first: a target mailbox is in one "
        "batch only, so that nothing goes twice.",
    )


def _another_source(known: Mailbox, fresh: Mailbox) -> bool:
    return (known.user, known.user_root, known.endpoint) != (fresh.user, fresh.user_root, fresh.endpoint)

"""What each operation does to one mailbox, when it can't be done, and what follows from it for its turn to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum, auto

from mailferry.errors import OperationRefused
from mailferry.lifecycle.sync import DUE
from mailferry.model import Status
from mailferry.state.mailboxes import Held, Mailbox

_FAILED = frozenset({Status.FAILED, Status.INCREMENTAL_FAILED})
_SHREDDED = "no password any more: drop the CSV again with its row"
_RESUME = "Resume it when it shall go on."
_REMOVING = "Nothing needs to be done: it disappears within a quarter of an hour, when whatever worked on it has ended."
_ONLY_VALIDATED = "only validated: start it"
_ASKED = "It is completed afterwards."


class Operation(StrEnum):
    """What can be asked for."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    RETRY = "retry"
    SYNC = "sync"
    START = "start"
    REVALIDATE = "revalidate"
    COMPLETE = "complete"
    REMOVE = "remove"


def operation_of(name: str) -> Operation:
    """The operation of this name. Raises OperationRefused."""
    try:
        return Operation(name)
    except ValueError:
        known = ", ".join(Operation)
        raise OperationRefused(f"There is no operation {name[:60]!r}.", f"Known are {known}.") from None


class Turn(Enum):
    """What follows from an operation: mailboxes give up their turn, or those that are Queued now wait for it."""

    GIVEN_UP = auto()
    WAITED_FOR = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """One operation. It asks the mailbox's row alone, so that whoever changes the row first has decided.

    `why_not` says why a mailbox stays as it is, and is empty when the operation can be done to it; its second argument
    is whether the mailbox was asked for by its own name. `done` is the mailbox with the operation done to it, now.
    `pauses`: whether a whole batch to which it is done is paused for mailboxes that a CSV brings from then on; None: as
    before.
    """

    why_not: Callable[[Mailbox, bool], str]
    done: Callable[[Mailbox, datetime], Mailbox]
    turn: Turn
    pauses: bool | None = None


def queued(mailbox: Mailbox, why: str, now: datetime) -> Mailbox:
    """The mailbox as it waits for its turn, for this reason."""
    asked = f" {_ASKED}" if mailbox.to_complete and mailbox.last_synced is None else ""
    waiting = mailbox.with_status(Status.QUEUED, f"Waiting for its turn. {why}{asked}", "", now)
    return replace(waiting, held=Held.NOT, not_before=None, failures=0, strikes=0)


def _held(held: Held, mailbox: Mailbox, now: datetime) -> Mailbox:
    stopped = mailbox.with_status(Status.STOPPED, f"{held.capitalize()} on request.", _RESUME, now)
    return replace(stopped, held=held, not_before=None)


def _paused(mailbox: Mailbox, now: datetime) -> Mailbox:
    return _held(Held.PAUSED, mailbox, now)


def _resumed(mailbox: Mailbox, now: datetime) -> Mailbox:
    return queued(mailbox, "Resumed on request.", now)


def _tried_again(mailbox: Mailbox, now: datetime) -> Mailbox:
    return queued(mailbox, "Tried again on request.", now)


def _called_off(mailbox: Mailbox, now: datetime) -> Mailbox:
    """Stopped, and so no longer to be completed."""
    return replace(_held(Held.STOPPED, mailbox, now), to_complete=False)


def _to_complete(mailbox: Mailbox, now: datetime) -> Mailbox:
    """What runs goes on, and what waits for its first pass keeps its place: their last pass comes afterwards."""
    wanted = replace(mailbox, to_complete=True)
    if mailbox.active or mailbox.last_synced is None:
        return wanted.with_status(mailbox.status, f"{mailbox.why} {_ASKED}", mailbox.remedy, now)
    return queued(wanted, "Completed on request: this is its last pass.", now)


def _removing(mailbox: Mailbox, now: datetime) -> Mailbox:
    why = f"Removed on request; it was {mailbox.status}."
    removing = mailbox.with_status(Status.REMOVING, why, _REMOVING, now)
    return replace(removing, sealed="", held=Held.NOT, to_complete=False)


def _why_nothing_runs(mailbox: Mailbox) -> str:
    """Why there is nothing to stop, whoever asks."""
    return f"{mailbox.status}, nothing runs" if mailbox.completed or mailbox.removing else ""


def _why_not_paused(mailbox: Mailbox, _named: bool) -> str:
    """A pause leaves Failed mailboxes: nothing of them runs, and their cause stays in sight."""
    if mailbox.held is Held.VALIDATED:
        return "validated, nothing runs"
    if mailbox.held is not Held.NOT:
        return f"{mailbox.held} already"
    return "Failed, nothing runs" if mailbox.status is Status.FAILED else _why_nothing_runs(mailbox)


def _why_not_stopped(mailbox: Mailbox, _named: bool) -> str:
    return f"{mailbox.held} already" if mailbox.held is Held.STOPPED else _why_nothing_runs(mailbox)


def _why_not_resumed(mailbox: Mailbox, named: bool) -> str:
    if not mailbox.stopped:
        return f"{mailbox.status}, not stopped"
    if mailbox.held is Held.VALIDATED:
        return _ONLY_VALIDATED
    if mailbox.shredded:
        return _SHREDDED
    return "" if named or mailbox.held is Held.PAUSED else "stopped by itself: resume it by itself"


def _synced_again(mailbox: Mailbox, now: datetime) -> Mailbox:
    return queued(mailbox, "A pass on request, for what is new.", now)


def _why_not_synced(mailbox: Mailbox, _named: bool) -> str:
    """The statuses that the daily sync takes too; whatever runs or waits carries what is new anyway."""
    if mailbox.status not in DUE:
        return f"{mailbox.status}, not Synced"
    return _SHREDDED if mailbox.shredded else ""


def _why_not_retried(mailbox: Mailbox, _named: bool) -> str:
    if mailbox.status not in _FAILED:
        return f"{mailbox.status}, not failed"
    return _SHREDDED if mailbox.shredded else ""


def _started(mailbox: Mailbox, now: datetime) -> Mailbox:
    """Copying begins: when its turn comes, or behind the validation that runs."""
    copying = replace(mailbox, validate=False)
    if mailbox.active:
        return replace(copying, why="Being validated; it was started meanwhile, so copying comes next.", updated=now)
    return queued(copying, "Started on request.", now)


def _why_not_started(mailbox: Mailbox, _named: bool) -> str:
    if mailbox.held in (Held.PAUSED, Held.STOPPED):
        return f"{mailbox.held}: resume it first"
    if not mailbox.validate:
        return f"{mailbox.status}, not only validated"
    if mailbox.shredded:
        return _SHREDDED
    return f"{mailbox.status} when it was validated: mend that, and retry it" if mailbox.status in _FAILED else ""


def _revalidated(mailbox: Mailbox, now: datetime) -> Mailbox:
    return queued(replace(mailbox, validate=True), "To be validated, on request.", now)


def _why_not_revalidated(mailbox: Mailbox, _named: bool) -> str:
    """What is copied or being copied is not validated: each of its passes looks at both ends."""
    if mailbox.held in (Held.PAUSED, Held.STOPPED):
        return f"{mailbox.held}: resume it first"
    if mailbox.status is Status.QUEUED and mailbox.validate:
        return "waits for its validation already"
    waits = mailbox.status is Status.QUEUED or mailbox.status in _FAILED
    if not (mailbox.held is Held.VALIDATED or (waits and (mailbox.validate or mailbox.last_synced is None))):
        return f"{mailbox.status}, not waiting to be copied"
    return _SHREDDED if mailbox.shredded else ""


def _why_not_completed(mailbox: Mailbox, _named: bool) -> str:
    if mailbox.completed or mailbox.removing:
        return f"{mailbox.status} already" if mailbox.completed else "being removed"
    if mailbox.held is Held.VALIDATED:
        return _ONLY_VALIDATED
    if mailbox.stopped:
        return "Stopped: resume it, then complete it"
    if mailbox.status is Status.FAILED:
        return "Failed: do what its remedy says and retry it, then complete it"
    if mailbox.shredded:
        return _SHREDDED
    asked = mailbox.to_complete and mailbox.status is not Status.INCREMENTAL_FAILED
    return "asked for already" if asked or mailbox.status is Status.COMPLETING else ""


def _why_not_removed(mailbox: Mailbox, _named: bool) -> str:
    return "being removed already" if mailbox.removing else ""


RULES = {
    Operation.PAUSE: Rule(_why_not_paused, _paused, Turn.GIVEN_UP, pauses=True),
    Operation.STOP: Rule(_why_not_stopped, _called_off, Turn.GIVEN_UP, pauses=True),
    Operation.RESUME: Rule(_why_not_resumed, _resumed, Turn.WAITED_FOR, pauses=False),
    Operation.RETRY: Rule(_why_not_retried, _tried_again, Turn.WAITED_FOR),
    Operation.SYNC: Rule(_why_not_synced, _synced_again, Turn.WAITED_FOR),
    Operation.COMPLETE: Rule(_why_not_completed, _to_complete, Turn.WAITED_FOR),
    Operation.REMOVE: Rule(_why_not_removed, _removing, Turn.GIVEN_UP),
    Operation.START: Rule(_why_not_started, _started, Turn.WAITED_FOR),
    Operation.REVALIDATE: Rule(_why_not_revalidated, _revalidated, Turn.WAITED_FOR),
}

"""What is told of a mailbox: changes of its status, waits, refused logins, lost checkpoints, and that it is at work."""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.errors import LoginRefused, MailferryError, ServerError, is_throttling
from mailferry.model import Counts
from mailferry.state.mailboxes import Mailbox
from mailferry.telemetry.addresses import Addresses
from mailferry.telemetry.discreet import own_words, place_of, without_names
from mailferry.telemetry.emit import event, measure
from mailferry.telemetry.names import (
    CHECKPOINT_FAILED,
    JOB_POISONED,
    LOGIN_REFUSED,
    MAILBOX_ACTIVE,
    MAILBOX_STATUS,
    MAILBOX_WAITING,
    THROTTLE_WAIT,
    THROTTLE_WAITS,
)


@dataclass(frozen=True, slots=True)
class Told:
    """Tells of mailboxes without saying whose they are, unless that is wanted."""

    addresses: Addresses

    def status(self, before: Mailbox, mailbox: Mailbox) -> None:
        """The mailbox was written; told when its status has changed."""
        if before.status is mailbox.status:
            return
        event(
            MAILBOX_STATUS,
            batch=mailbox.batch,
            mailbox=mailbox.id,
            address=self.addresses.shown(mailbox.address),
            endpoint=mailbox.endpoint,
            before=before.status,
            status=mailbox.status,
            pass_no=mailbox.pass_no,
            cause=own_words(mailbox.why, _names(mailbox)),
            remedy=without_names(mailbox.remedy, _names(mailbox)),
        )

    def waiting(self, mailbox: Mailbox, error: MailferryError, seconds: float, failures: int) -> None:
        """The mailbox's pass is tried again in so many seconds."""
        side = error.side if isinstance(error, ServerError) else ""
        event(
            MAILBOX_WAITING,
            batch=mailbox.batch,
            mailbox=mailbox.id,
            address=self.addresses.shown(mailbox.address),
            endpoint=mailbox.endpoint,
            side=side,
            kind=type(error).__name__,
            cause=own_words(error.cause, _names(mailbox)),
            remedy=without_names(error.remedy, _names(mailbox)),
            wait_seconds=seconds,
            failures=failures,
        )
        if is_throttling(error):
            measure(THROTTLE_WAITS, 1, side=side)
            measure(THROTTLE_WAIT, seconds, side=side)

    def stumbled(self, mailbox: Mailbox, error: MailferryError) -> None:
        """Something went wrong in the mailbox's pass; told when it was a login."""
        if isinstance(error, LoginRefused):
            event(
                LOGIN_REFUSED,
                batch=mailbox.batch,
                mailbox=mailbox.id,
                address=self.addresses.shown(mailbox.address),
                endpoint=mailbox.endpoint,
                side=error.side,
                kind=type(error).__name__,
                cause=own_words(error.cause, _names(mailbox)),
            )

    def active(self, mailbox: Mailbox, counts: Counts, idle_seconds: float) -> None:
        """The mailbox runs, and has done so much."""
        event(
            MAILBOX_ACTIVE,
            batch=mailbox.batch,
            mailbox=mailbox.id,
            address=self.addresses.shown(mailbox.address),
            endpoint=mailbox.endpoint,
            status=mailbox.status,
            settled=counts.settled,
            messages=counts.messages,
            idle_seconds=idle_seconds,
        )


def checkpoint_failed(mailbox: Mailbox, error: BaseException) -> None:
    """Storage did not take what a chunk has done."""
    event(CHECKPOINT_FAILED, batch=mailbox.batch, mailbox=mailbox.id, kind=type(error).__name__, cause=place_of(error))


def poisoned(mailbox: Mailbox | None, mailbox_id: str, queue: str, outcome: str, cause: str) -> None:
    """A job of the mailbox failed five times; `cause` is in our own words."""
    event(
        JOB_POISONED,
        batch=mailbox.batch if mailbox else "",
        mailbox=mailbox_id,
        queue=queue,
        outcome=outcome,
        cause=cause,
    )


def _names(mailbox: Mailbox) -> tuple[str, ...]:
    return mailbox.address, mailbox.user, mailbox.login, mailbox.way.admin

"""Sends what is due, a bounded number of messages a round, each at most once, and writes notifications.csv.

A message is claimed in Table Storage before it is sent. Whoever is cut off in between leaves it claimed: it is not sent
again, for a message that is lost can be asked for, and one that comes twice can't be taken back.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from mailferry.errors import MailferryError, MessageNotSent, SenderRefused, TemplateRefused, Transient
from mailferry.intake.ingest import TEMPLATES
from mailferry.model import MailboxLine
from mailferry.notify.due import UserMessage, digest_of, digest_values, failures, user_messages
from mailferry.notify.table import ASK, Table
from mailferry.notify.templates import Template, Text, take_templates, template
from mailferry.notify.wanted import Kind, UserMail
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.state.batches import Batch
from mailferry.state.clock import Clock, utc_now
from mailferry.state.notices import Notice, Notices, Sent
from mailferry.state.storage import Blobs
from mailferry.target.graph import Throttled
from mailferry.target.outbox import Outbox
from mailferry.transfer.deadline import Deadline

log = logging.getLogger(__name__)

#: Messages of one round: Exchange Online takes 30 a minute from a mailbox, and rounds are five minutes apart.
MOST = 150
#: Seconds of one round, which the watch spends on nothing else.
SECONDS = 60.0
#: Seconds until the next try when Graph names no time.
_PAUSE = 60.0

_NO_OUTBOX = SenderRefused(
    "No message can be sent: NOTIFY_FROM is not set, or the target is not Exchange Online.",
    "Set NOTIFY_FROM to the address of a mailbox of the tenant, and give the app the permission Mail.Send.",
)


@dataclass(frozen=True, slots=True)
class Notifications:
    """Looks after the messages of all batches. `outbox` is None where nothing can be sent."""

    notices: Notices
    blobs: Blobs
    outbox: Outbox | None
    clock: Clock = utc_now

    def round(self) -> Round:
        """A new round, with room for so many messages and the templates that were dropped until now."""
        take_templates(self.blobs)
        return Round(self, Deadline(SECONDS))


@dataclass(slots=True)
class Round:
    """One round over all batches: how many messages it may still send, and what keeps it from sending any."""

    service: Notifications
    deadline: Deadline
    left: int = MOST
    blocked: MailferryError | None = None
    _templates: dict[Kind, Template | TemplateRefused] = field(default_factory=dict)
    _checked: bool = False

    def look_after(self, batch: Batch, lines: Sequence[MailboxLine]) -> None:
        """Send what is due of a batch, as far as there is room, and bring its notifications.csv up to date."""
        if not batch.notify.anything:
            return
        service, now = self.service, self.service.clock()
        messages, failed = list(user_messages(batch, lines, now)), failures(lines, now)
        due = [message for message in messages if message.due <= now]
        seen = self._state(batch, messages, due, failed)
        if service.notices.seen(batch.name) == seen:
            return
        known = service.notices.known(batch.name)
        done = True
        if batch.notify.users is UserMail.SEND:
            done = self._send_users(batch, [message for message in due if message.notice.key not in known], known)
        if batch.notify.addresses:
            done = self._send_digest(batch, failed, known) and done
        self._publish(batch, messages, known)
        if done:
            service.notices.see(batch.name, seen)

    def _state(
        self,
        batch: Batch,
        messages: Sequence[UserMessage],
        due: Sequence[UserMessage],
        failed: Mapping[str, object],
    ) -> str:
        """Names all on which a round depends: while it is the same there is nothing new to do."""
        templates = [blob.etag for blob in self.service.blobs.list(REPORTS, TEMPLATES)]
        keys = sorted([*(message.notice.key for message in messages), *failed])
        parts = (batch.notify, batch.start_after, templates, len(due), keys)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _send_users(self, batch: Batch, open_: Sequence[UserMessage], known: dict[str, Notice]) -> bool:
        """Send these; False when some are left to another round."""
        done = True
        for message in open_:
            made = self._template(message.notice.kind)
            if isinstance(made, TemplateRefused):
                continue
            outbox = self._outbox()
            if outbox is None:
                return False
            text = made.text(message.values)
            done &= self._send(outbox, batch, [message.notice], message.to, text, known, batch.notify.addresses)
        return done and self.blocked is None

    def _send_digest(
        self, batch: Batch, failed: Mapping[str, tuple[Notice, MailboxLine]], known: dict[str, Notice]
    ) -> bool:
        """Tell administrators of the mailboxes that have failed since the last time; False when that has to wait."""
        new = {key: found for key, found in failed.items() if key not in known}
        made = self._template(Kind.FAILED)
        if not new or isinstance(made, TemplateRefused):
            return True
        digest = digest_of(self.service.clock())
        outbox = None if digest.key in known else self._outbox()
        if outbox is None:
            return False
        notices = [digest, *(notice for notice, _ in new.values())]
        text = made.text(digest_values(batch, [line for _, line in new.values()], len(failed)))
        return self._send(outbox, batch, notices, batch.notify.addresses, text, known)

    def _outbox(self) -> Outbox | None:
        """What another message is sent with; None when no more go in this round. Looks for the sender once."""
        if not self._checked:
            self._checked = True
            self.blocked = self._why_blocked()
        more = self.blocked is None and self.left > 0 and not self.deadline.passed()
        return self.service.outbox if more else None

    def _why_blocked(self) -> MailferryError | None:
        outbox = self.service.outbox
        if outbox is None:
            return _NO_OUTBOX
        until = self.service.notices.held_until()
        if until and until > self.service.clock():
            return Transient("target", f"Microsoft Graph asks to wait until {until:%Y-%m-%d %H:%M} UTC")
        try:
            outbox.check()
        except (Transient, SenderRefused) as error:
            self._hold(error)
            return error
        return None

    def _send(
        self,
        outbox: Outbox,
        batch: Batch,
        notices: Sequence[Notice],
        to: Sequence[str],
        text: Text,
        known: dict[str, Notice],
        reply: Sequence[str] = (),
    ) -> bool:
        """Send one message; False when no more can be sent now, or somebody else is just sending it, and may give it
        back."""
        service = self.service
        if not service.notices.claim(batch.name, notices):
            return False
        self.left -= 1
        sent, cause, remedy = Sent.SENT, "", ""
        try:
            outbox.send(to, text.subject, text.body, html=text.html, reply=reply)
        except (Throttled, SenderRefused) as error:
            service.notices.withdraw(batch.name, notices)
            self.blocked = error
            self._hold(error)
            return False
        except MessageNotSent as error:
            sent, cause, remedy = Sent.FAILED, error.cause, error.remedy
        except Transient as error:
            self.blocked = error
            sent, cause, remedy = Sent.CLAIMED, error.cause, ASK
        after = [replace(notice, sent=sent, cause=cause, remedy=remedy) for notice in notices]
        service.notices.write(batch.name, after)
        known.update((notice.key, notice) for notice in after)
        if cause:
            log.warning("Batch %s: a message was not sent, or nobody knows: %s", batch.name, cause)
        return self.blocked is None

    def _hold(self, error: MailferryError) -> None:
        log.warning("No more messages in this round: %s %s", error.cause, error.remedy)
        if isinstance(error, Throttled):
            self.service.notices.hold(self.service.clock() + timedelta(seconds=error.delay or _PAUSE))

    def _template(self, kind: Kind) -> Template | TemplateRefused:
        if kind not in self._templates:
            try:
                self._templates[kind] = template(kind, self.service.blobs)
            except TemplateRefused as refused:
                log.warning("%s %s", refused.cause, refused.remedy)
                self._templates[kind] = refused
        return self._templates[kind]

    def _publish(self, batch: Batch, messages: Sequence[UserMessage], known: Mapping[str, Notice]) -> None:
        table = Table(batch, known, self._template, self.blocked, self.service.clock())
        path = f"{batch.name}/notifications.csv"
        self.service.blobs.write(REPORTS, path, lambda: table.pieces(messages), "text/csv; charset=utf-8")

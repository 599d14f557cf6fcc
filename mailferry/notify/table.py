"""notifications.csv: every message of a batch, with whom it goes to, what it says, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailferry.errors import MailferryError, TemplateRefused
from mailferry.notify.due import UserMessage
from mailferry.notify.templates import Template, Text
from mailferry.notify.wanted import Kind, UserMail
from mailferry.report.csv_cells import Cell, csv_pieces
from mailferry.state.batches import Batch
from mailferry.state.notices import Notice, Sent

_COLUMNS = (
    *("Kind", "To", "State", "When", "Subject", "Text", "Why", "WhatToDo"),
    *("EmailAddress", "CsvLine", "Mailbox"),
)
_STATES = {Sent.CLAIMED: "not known", Sent.SENT: "sent", Sent.FAILED: "failed"}
_CUT_OFF = "It was about to be sent when the function was cut off."
#: What helps with a message of which nobody knows whether it has gone.
ASK = "It may have arrived: ask, for it is not sent again."
_NOTHING = Text("", "")


@dataclass(frozen=True, slots=True)
class Table:
    """The table as things are `now`; `blocked` is what keeps messages from being sent."""

    batch: Batch
    known: Mapping[str, Notice]
    template: Callable[[Kind], Template | TemplateRefused]
    blocked: MailferryError | None
    now: datetime

    def pieces(self, messages: Iterable[UserMessage]) -> Iterator[bytes]:
        """The file, some rows at a time: those of users, then the messages to administrators."""
        return csv_pieces(_COLUMNS, self._rows(messages))

    def _rows(self, messages: Iterable[UserMessage]) -> Iterator[Sequence[Cell]]:
        if self.batch.notify.users is not UserMail.OFF:
            yield from map(self._row, messages)
        to = ", ".join(self.batch.notify.addresses)
        digests = (notice for notice in self.known.values() if notice.kind is Kind.FAILED and not notice.mailbox)
        for notice in sorted(digests, key=lambda notice: notice.at):
            yield notice.kind.value, to, _STATES[notice.sent], notice.at, "", "", *_words(notice), "", "", ""

    def _row(self, message: UserMessage) -> Sequence[Cell]:
        line, made, notice = message.line, self.template(message.notice.kind), self.known.get(message.notice.key)
        text = _NOTHING if isinstance(made, TemplateRefused) else made.text(message.values)
        state, why, remedy = self._state(message, notice, made)
        return (
            message.notice.kind.value,
            ", ".join(message.to),
            state,
            notice.at if notice else message.due,
            text.subject,
            text.body,
            why,
            remedy,
            line.address,
            line.row,
            line.mailbox,
        )

    def _state(
        self, message: UserMessage, notice: Notice | None, made: Template | TemplateRefused
    ) -> tuple[str, str, str]:
        if notice:
            return _STATES[notice.sent], *_words(notice)
        if isinstance(made, TemplateRefused):
            return "not sent", made.cause, made.remedy
        if message.due > self.now:
            return "planned", "", ""
        if self.batch.notify.users is UserMail.DRY_RUN:
            return "would be sent", "", ""
        return "waiting", *((self.blocked.cause, self.blocked.remedy) if self.blocked else ("", ""))


def _words(notice: Notice) -> tuple[str, str]:
    cut_off = notice.sent is Sent.CLAIMED and not notice.cause
    return (_CUT_OFF, ASK) if cut_off else (notice.cause, notice.remedy)

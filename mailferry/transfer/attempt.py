"""One message and the form in which it is offered to the target: as it is, then as the repair ladder has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from mailferry.imap.dates import date_time, date_time_at
from mailferry.imap.identity import header_fields, header_in, instant_of_header
from mailferry.imap.values import Message
from mailferry.transfer.belt import Parcel
from mailferry.transfer.repair import Repair, last_forms, repairs

#: A connection that breaks while a message is on its way alone counts so much against it: cut without a word, which is
#: most likely the network; or by the server's own doing, its BYE or its silence.
STRIKE_OF_CUT = 1
STRIKE_OF_SERVER = 3
#: From so many on the message is held to be the cause; then it is changed, and so many more later wrapped.
STRIKES = 10
STRIKES_MORE = 3

_ABOUT_SIZE = re.compile(r"\[(TOOBIG|LIMIT)\]|too (large|big)|(maximum|message) size", re.IGNORECASE)


class Attempt:
    """Offered with the `flags` that the target takes, in forms of at most `largest` bytes with lines of at most
    `line_bytes` octets (0: any).

    `reason` says why the message does not go over as it is, empty while it may; `changes` what is changed in `message`.
    `words` are the target's when it refused a form last, `for_size` whether they speak of its size. `sent`: when a form
    was sent last, by `time.monotonic()`. A `brief` attempt leaves out the forms between the message as it is and the
    last one.
    """

    def __init__(
        self, parcel: Parcel, flags: tuple[str, ...], largest: int, line_bytes: int, *, brief: bool = False
    ) -> None:
        self.parcel = parcel
        self.message = self._original = replace(parcel.message, flags=flags, internaldate=_received(parcel.message))
        self.changes = ""
        self.reason = ""
        self.words = ""
        self.sent = 0.0
        self._brief = brief
        self._largest = largest
        self._line_bytes = line_bytes or None
        self._rungs: Iterator[Repair] | None = None

    def refused(self, reason: str) -> bool:
        """The target declined this form; whether there is another one to try."""
        self.words = reason
        if self._rungs is None:
            self.reason = f"The target refused the message: {reason}"
            self._rungs = self._forms(reason)
        return not self.for_size and self._climb()

    @property
    def for_size(self) -> bool:
        """Whether the last form was refused in words that speak of its size; none of the others is smaller."""
        return _ABOUT_SIZE.search(self.words) is not None

    def broke(self, strikes: int) -> bool:
        """Connections broke with this message on its way alone; whether there is a form to try.

        Which form comes next depends on `strikes` alone, so that it can be told in another process.
        """
        if strikes < STRIKES:
            return True
        self.reason = "The target closed the connection again and again when this message was sent to it alone."
        forms = last_forms(self._original, self.reason, self._line_bytes)
        self._rungs = islice(forms, (strikes - STRIKES) // STRIKES_MORE, None)
        return self._climb()

    def _forms(self, reason: str) -> Iterator[Repair]:
        if self._brief:
            return islice(last_forms(self._original, reason, self._line_bytes), 1, None)
        return repairs(self._original, reason, self._line_bytes)

    def _climb(self) -> bool:
        rung = next((rung for rung in self._rungs or () if len(rung.message.body) <= self._largest), None)
        if rung:
            self.message, self.changes = rung.message, rung.changes
        return rung is not None


def _received(message: Message) -> str:
    """The date of receipt; where the source tells none that can be, the message's own `Date`: without one the target
    would call it received on the day of the migration."""
    if date_time(message.internaldate):
        return message.internaldate
    instant = instant_of_header(header_fields(header_in(message.body)).get("date", ""))
    return "" if instant is None else date_time_at(instant)

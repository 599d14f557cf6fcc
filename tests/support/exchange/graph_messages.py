"""What Graph says of the messages in a mailbox (`message resource type`)."""

from __future__ import annotations

from email.parser import BytesHeaderParser

from tests.support.exchange.directory import Json
from tests.support.exchange.mailbox import Arrival, Mailbox


def messages_of(mailbox: Mailbox, message_id: str) -> list[Json]:
    """The messages with this Message-ID, the angle brackets included."""
    parser = BytesHeaderParser()
    return [shown(mailbox, one) for one in mailbox.arrived if parser.parsebytes(one.body)["Message-ID"] == message_id]


def message_of(mailbox: Mailbox, key: str) -> Arrival | None:
    """The message with this id."""
    return next((one for one in mailbox.arrived if _id(one) == key), None)


def shown(mailbox: Mailbox, message: Arrival) -> Json:
    """As Graph shows it."""
    categories = mailbox.categories.get((message.uidvalidity, message.uid), ())
    return {"id": _id(message), "categories": list(categories)}


def _id(message: Arrival) -> str:
    return f"AAMkAD{message.uidvalidity}-{message.uid}="

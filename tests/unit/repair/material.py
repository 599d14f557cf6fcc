"""What messages are made of in these tests, and what came of them."""

from __future__ import annotations

import email
import email.message
import email.policy
import re
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from itertools import cycle

from hypothesis import strategies as st

from mailferry.imap.body import Body
from mailferry.imap.dates import instant_of
from mailferry.imap.identity import added_id, identity_of
from mailferry.imap.values import Message
from mailferry.transfer.folding import folded
from mailferry.transfer.header_repairs import (
    encoded,
    on_header,
    receipts_quieted,
    well_formed,
    with_message_id,
)
from mailferry.transfer.line_repairs import Step, with_crlf, with_last_line_end, without_nul
from mailferry.transfer.repair import Repair, repairs

QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n"
GENERIC = "Command Argument Error. 11"
DATE = "01-Jan-2020 00:00:00 +0000"
LONGEST = 100

STEPS: dict[str, Step] = {
    "NUL": without_nul,
    "line ends": with_crlf,
    "last line": with_last_line_end,
    "form": on_header(well_formed),
    "receipts": on_header(receipts_quieted),
    "Message-ID": on_header(with_message_id("digest@mailferry.invalid")),
    "encoded": on_header(encoded),
    "folded": folded(LONGEST),
}

#: What messages are made of, so that random ones have headers, and faults in them.
PARTS = [
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b'"', b"\\", b"<", b">", b",", b"(", b"."),
    *(b"Subject: ", b"From: ", b"To:", b"X-Spam: ", b"From someone at noon\r\n", b"Content-Type: text/plain; name="),
    *(
        b"Message-ID: ",
        b"<a@b>",
        b"message-id:\r\n",
        b"Disposition-Notification-To: me@example.org\r\n",
        b"charset=gbk",
    ),
    *(
        b"a@example.org",
        b"words",
        b"x" * 50,
        b"x" * 150,
        "ä€".encode(),
        "ü".encode("latin-1"),
        b"\x81",
        b"\x01",
        b"\x0c",
        b"\x7f",
    ),
    *(b"=?utf-8?q?=C3=A4?=", b"=?x?q??=", "漢字".encode() * 9, "漢字".encode("gbk")),
    *(b"=?TELETEX?Q?Gr=C8ue?=", b"=?utf-7?q?+2AA-?=", "=?ü?q?a?=".encode(), b"=?", b"?="),
    *(b"Message-ID: <\xfc@b>", b"Message-ID: <" + b"i" * 300 + b"@b>", b"In-Reply-To: ", b"Cc: ", b"References: "),
    *(b"Date: ", b"Wed, 29 Feb 2012 23:59:59 ", b"Wed, 32 Feb 2012 25:61:61 ", b"+0100", b"-2400", b"9999"),
    *(b"\xef\xbb\xbf", b" goes on\r\n", b"M" * 90 + b":", b"=3D" * 40, b"=" * 120),
    *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"--b\r\n", b"--b--\r\n"),
    *(b"Content-Transfer-Encoding: quoted-printable\r\n", b"X-Message-ID: <c@d>\r\n"),
    b"Message-ID: <" + added_id(bytes(16), bytes(8)).encode() + b">\r\n",
]
MAIL = st.one_of(st.lists(st.sampled_from(PARTS), max_size=40).map(b"".join), st.binary(max_size=200))
SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=8)


def message(body: bytes, flags: tuple[str, ...] = ()) -> Message:
    return Message(1, flags, DATE, Body(body))


def key(message: Message) -> bytes:
    """As the server's answer to FETCH of its header fields gives it."""
    header = re.split(rb"(?:\A|\n)\r?\n", bytes(message.body), maxsplit=1)[0]
    return identity_of(header, len(message.body), instant_of(message.internaldate)).key


def chopped(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


def after(step: Step, data: bytes) -> bytes:
    return b"".join(step(iter([data])))


def climb(
    body: bytes, reason: str = GENERIC, line_bytes: int | None = 10_000, flags: tuple[str, ...] = ()
) -> list[Repair]:
    return list(repairs(message(body, flags), reason, line_bytes))


def attachment(data: bytes) -> bytes:
    (attached,) = email.message_from_bytes(data, policy=email.policy.SMTP).iter_attachments()
    assert attached.get_filename() == "message.eml"
    assert attached.get_content_type() == "application/octet-stream"
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def parsed(data: bytes) -> email.message.Message:
    return email.message_from_bytes(data)


def note(repair: Repair) -> EmailMessage:
    parsed = email.message_from_bytes(bytes(repair.message.body), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed

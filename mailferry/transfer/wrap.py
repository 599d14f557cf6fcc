"""The last resort for a refused message: whole and unchanged, as an attachment of a note that no server minds."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from email.header import Header
from email.message import MIMEPart
from email.policy import SMTP
from email.utils import format_datetime, formataddr, formatdate, getaddresses, parsedate_to_datetime

from mailferry.imap.body import Body
from mailferry.imap.dates import instant_of
from mailferry.imap.encoded_words import legible
from mailferry.imap.failures import one_line
from mailferry.imap.identity import DATE_LIMIT, header_fields, header_in, instant_of_header, message_id_of
from mailferry.imap.values import Message

#: Characters of a subject, as many as Exchange keeps, and of a name beside an address.
_SUBJECT_LIMIT, _NAME_LIMIT = 255, 100

#: Nothing that could be taken for an encoded word: its charset may be what the server does not like.
_ADDRESS = re.compile(r"(?!.*=\?)[!#-'*+\--9=?A-Z^-~]{1,64}@[0-9A-Za-z.\-]{1,255}")
_IDENTIFIER = re.compile(r"(?!.*=\?)[!-;=?-~]{1,250}")
_BRACKETED = re.compile(r"<([^<>]*)>")

_NOTE = """\
The original of this message is attached to this note, complete and unchanged.

It was moved here from another mail server. This server does not take the
original as it is:

    {reason}

To read the original, save the attachment "message.eml" and open it with a
mail program. Subject, sender, recipients and date of this note are those of
the original, as far as they can be read.
"""


def wrapped(message: Message, reason: str, message_id: str) -> Body:
    """A `multipart/mixed` message: the note, which gives the `reason`, and the original as `message.eml`.

    The attachment is base64 (RFC 2045 §6.8) of type `application/octet-stream`, as `message/rfc822` must not be
    encoded: decoded, it is the original byte for byte. The whole is 37 % larger than the original. `message_id`
    (without brackets) is for an original whose own can't be repeated.
    """
    boundary = f"mailferry-{message_id.partition('@')[0]}"
    return Body.collected(_pieces(message, one_line(reason), message_id, boundary))


def _pieces(message: Message, reason: str, message_id: str, boundary: str) -> Iterator[bytes]:
    note = MIMEPart(policy=SMTP)
    note.set_content(_NOTE.format(reason=reason or "(no reason was given)"), cte="quoted-printable")
    header = [
        *_header_of(message, message_id),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "",
    ]
    attachment = [
        f"--{boundary}",
        'Content-Type: application/octet-stream; name="message.eml"',
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="message.eml"; size={len(message.body)}',
        "",
        "",
    ]
    yield "\r\n".join(header).encode("ascii") + bytes(note) + "\r\n".join(attachment).encode("ascii")
    yield from _base64(message.body.pieces())
    yield f"--{boundary}--\r\n".encode("ascii")


def _base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """In lines of 76 characters, each of 57 bytes."""
    held = b""
    for piece in pieces:
        held += piece
        whole = len(held) // 57 * 57
        yield base64.encodebytes(held[:whole]).replace(b"\n", b"\r\n")
        held = held[whole:]
    yield base64.encodebytes(held).replace(b"\n", b"\r\n")


def _header_of(message: Message, message_id: str) -> list[str]:
    fields = header_fields(header_in(message.body))
    own_id = message_id_of(fields.get("message-id", ""))
    lines = {
        "Message-ID": f"<{own_id if _IDENTIFIER.fullmatch(own_id) else message_id}>",
        "Date": _date(fields.get("date", ""), message.internaldate),
        "Subject": _words(fields.get("subject", ""), _SUBJECT_LIMIT),
        **{name: _addresses(fields.get(name.lower(), "")) for name in ("From", "To", "Cc")},
        **{name: _identifiers(fields.get(name.lower(), "")) for name in ("In-Reply-To", "References")},
    }
    return [f"{name}: {body}" for name, body in lines.items() if body]


def _date(date: str, internaldate: str) -> str:
    """The original's own date, else the date of its receipt."""
    instant = instant_of_header(date)
    if instant is None:
        instant = instant_of(internaldate)
    else:
        with suppress(ValueError):  # the 30th of February, or a zone of more than a day
            return format_datetime(parsedate_to_datetime(date[:DATE_LIMIT]))
    with suppress(ValueError):  # after the year 9999
        return "" if instant is None else formatdate(instant)
    return ""


def _words(field: str, most: int) -> str:
    return _encoded(one_line(legible(field))[:most])


def _encoded(words: str) -> str:
    return words if _is_plain(words) else Header(words, "utf-8").encode(linesep="\r\n")


def _is_plain(words: str) -> bool:
    return words.isascii() and "=?" not in words


def _addresses(field: str) -> str:
    found: list[tuple[str, str]] = []
    with suppress(RecursionError):  # groups within groups within groups …: no mail program's work
        found = getaddresses([field])
    sane = ((name, address) for name, address in found if _ADDRESS.fullmatch(address))
    return ",\r\n ".join(_address(name, address) for name, address in sane)


def _address(name: str, address: str) -> str:
    words = one_line(legible(name))[:_NAME_LIMIT]
    return formataddr((words, address)) if _is_plain(words) else f"{_encoded(words)} <{address}>"


def _identifiers(field: str) -> str:
    found = ("".join(bracketed.split()) for bracketed in _BRACKETED.findall(field))
    return "\r\n ".join(f"<{identifier}>" for identifier in found if _IDENTIFIER.fullmatch(identifier))

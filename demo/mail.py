"""Makes up mail as it is found in real mailboxes, deterministic by seed."""

from __future__ import annotations

import base64
import datetime as dt
import math
import quopri
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.header import Header
from email.utils import format_datetime

FIRST_DAY = dt.datetime(2009, 1, 5, 8, tzinfo=dt.UTC)
LAST_DAY = dt.datetime(2026, 10, 30, 18, tzinfo=dt.UTC)
#: Minutes east of Greenwich; Kathmandu, Newfoundland and Kiritimati keep parsers honest.
ZONES = (0, 60, 120, -300, -480, 330, 345, -210, 540, 840)

#: Below `/`, in the order they are created. No name holds a dot: on many servers it separates levels.
FOLDERS = (
    "INBOX",
    "Sent",
    "Drafts",
    "Archive/2009",
    "Archive/2019 und älter",
    "Projekte/R&D & Labs",
    "Projekte/R&D & Labs/Angebote (alt)",
    "Входящие/Счета",
    "日本語/請求書",
    "العربية",
    "Ünï cöde ☂",
    "Weird = names; [really], #1 + 'quotes' ~ 100",
)

KEYWORDS = ("$Forwarded", "$Label1", "$MDNSent", "NonJunk", "project-x")

SENDERS = (
    ("Anna Lindström", "anna@example.org"),
    ("Jörg Müßig", "joerg@example.de"),
    ("Ольга Петрова", "olga@example.ru"),
    ("山田 太郎", "taro@example.jp"),
    ("محمد علي", "ali@example.sa"),
    ("O'Brien, Pat", "pat.obrien@example.ie"),
    ("no-reply", "no-reply@shop.example.com"),
)

SUBJECTS = (
    "Re: Meeting on Thursday",
    "Invoice 2019-0042",
    "Übergabe der Schlüssel – bitte bestätigen",
    "Отчёт за третий квартал",
    "会議の議事録をお送りします",
    "شكرا على المساعدة",
    "☂ Rain? Ça dépend…",
    "Fwd: Fwd: Fwd: you have to read this",
    "",
)

TEXTS = (
    "The figures for the third quarter are attached; please have a look before Thursday.",
    "Können wir den Termin um eine Stunde verschieben? Das wäre großartig.",
    "Пожалуйста, подтвердите получение этого письма до конца недели.",
    "添付の資料をご確認いただけますようお願いいたします。",
    "On Monday someone wrote:\n> I never said that.\n> Nor did I.",
    "From here on it gets interesting.\n.\n..and a line that starts with dots",
)


@dataclass(frozen=True, slots=True)
class GeneratedMessage:
    """One message as a server would hold it; `folder` is a Unicode path with `/` between the levels."""

    body: bytes
    flags: tuple[str, ...]
    internaldate: dt.datetime
    folder: str = "INBOX"


def messages(
    seed: int,
    count: int,
    *,
    folders: Sequence[str] = FOLDERS,
    median_bytes: int = 10_000,
    spread: float = 1.0,
    first: dt.datetime = FIRST_DAY,
    last: dt.datetime = LAST_DAY,
    keywords: bool = True,
) -> Iterator[GeneratedMessage]:
    """`count` messages, oldest first, spread over the folders; the same arguments give the same bytes for ever.

    Sizes are log-normal around `median_bytes` with the sigma `spread`. About one message in a hundred is a real
    duplicate of an earlier one (same folder, bytes, flags and date), one in a hundred has an earlier one's Message-ID
    and another text. `keywords` says whether some messages carry flags beyond the system's.
    """
    rng = random.Random(seed)  # noqa: S311 - mail, not secrets
    step = (last - first) / max(count, 1)
    earlier: list[GeneratedMessage] = []
    for number in range(count):
        sent = (first + step * number).replace(microsecond=0)
        message = _one(rng, seed, number, sent, rng.choice(folders), median_bytes, spread)
        if not keywords:
            message = replace(message, flags=tuple(flag for flag in message.flags if flag.startswith("\\")))
        if earlier and rng.random() < 0.02:
            original = rng.choice(earlier)
            message = original if rng.random() < 0.5 else _same_id(original, message)
        earlier.append(message)
        yield message


def oversize(size: int, *, folder: str = "INBOX", seed: int = 1) -> GeneratedMessage:
    """One message with an attachment, at least `size` bytes long."""
    rng = random.Random(seed)  # noqa: S311 - mail, not secrets
    when = dt.datetime(2021, 6, 1, 12, tzinfo=dt.UTC)
    head = _Head(rng, f"<oversize.{seed}@example.org>", when, "The whole holiday, in one message")
    return GeneratedMessage(_with_attachment(rng, head, size), ("\\Seen",), when, folder)


@dataclass(frozen=True, slots=True)
class _Head:
    """What a message says about itself; each kind of message adds its own MIME headers."""

    rng: random.Random
    message_id: str
    sent: dt.datetime
    subject: str

    def lines(self, *more: bytes) -> bytes:
        name, address = self.rng.choice(SENDERS)
        lines = [
            f"Received: from mx.example.net by mail.example.org with ESMTP; {format_datetime(self.sent)}".encode(),
            f"From: {_encoded(name)} <{address}>".encode(),
            b"To: Somebody <somebody@example.org>",
            f"Subject: {_encoded(self.subject)}".encode(),
            f"Date: {format_datetime(self.sent)}".encode(),
        ]
        if self.message_id:
            lines.append(f"Message-ID: {self.message_id}".encode())
        return b"\r\n".join([*lines, b"MIME-Version: 1.0", *more]) + b"\r\n\r\n"


def _one(
    rng: random.Random, seed: int, number: int, sent: dt.datetime, folder: str, median: int, spread: float
) -> GeneratedMessage:
    zone = dt.timezone(dt.timedelta(minutes=rng.choice(ZONES)))
    size = round(rng.lognormvariate(math.log(median), spread))
    message_id = "" if rng.random() < 0.03 else f"<{seed}.{number}.{rng.getrandbits(48):012x}@example.org>"
    head = _Head(rng, message_id, sent.astimezone(zone), rng.choice(SUBJECTS))
    kind = rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    arrived = (sent + dt.timedelta(seconds=rng.randrange(1, 90))).astimezone(zone)
    return GeneratedMessage(kind(rng, head, size), _flags(rng), arrived, folder)


def _same_id(original: GeneratedMessage, message: GeneratedMessage) -> GeneratedMessage:
    """The later message under the earlier one's Message-ID, next to it in its folder."""
    found = _message_id_line(original.body)
    if not found:
        return message
    own = _message_id_line(message.body)
    body = message.body.replace(own, found, 1) if own else found + b"\r\n" + message.body
    return replace(message, body=body, folder=original.folder)


def _message_id_line(body: bytes) -> bytes:
    start = body.find(b"Message-ID: ")
    return body[start : body.index(b">", start) + 1] if start >= 0 else b""


def _flags(rng: random.Random) -> tuple[str, ...]:
    flags = [
        flag for flag, share in (("\\Seen", 0.8), ("\\Answered", 0.2), ("\\Flagged", 0.05)) if rng.random() < share
    ]
    if rng.random() < 0.1:
        flags.append(rng.choice(KEYWORDS))
    return tuple(flags)


def _plain(rng: random.Random, head: _Head, size: int) -> bytes:
    return head.lines(b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit") + _text(rng, size)


def _latin1(rng: random.Random, head: _Head, size: int) -> bytes:
    text = _text(rng, size).decode().encode("iso-8859-1", "replace")
    return head.lines(b"Content-Type: text/plain; charset=iso-8859-1", b"Content-Transfer-Encoding: 8bit") + text


def _html(rng: random.Random, head: _Head, size: int) -> bytes:
    text = _text(rng, max(200, size // 2))
    page = b"<html><body><p>" + text.replace(b"\r\n", b"<br>\r\n") + b"</p></body></html>"
    parts = [
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text,
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + quopri.encodestring(page[: size // 2]).replace(b"\n", b"\r\n"),
    ]
    return _multipart(rng, head, b"alternative", parts)


def _with_attachment(rng: random.Random, head: _Head, size: int) -> bytes:
    content = base64.encodebytes(rng.randbytes(max(100, size * 3 // 4))).replace(b"\n", b"\r\n")
    parts = [
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + _text(rng, 300),
        b'Content-Type: application/pdf; name="=?utf-8?b?0L7RgtGH0ZHRgi5wZGY=?="\r\n'
        b"Content-Disposition: attachment; filename*=utf-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + content,
    ]
    return _multipart(rng, head, b"mixed", parts)


def _forwarded(rng: random.Random, head: _Head, size: int) -> bytes:
    inner = _Head(rng, "<inner@example.org>", head.sent, "The original")
    parts = [
        b"Content-Type: text/plain; charset=us-ascii\r\n\r\nSee below.\r\n",
        b"Content-Type: message/rfc822\r\n\r\n" + _plain(rng, inner, size),
    ]
    return _multipart(rng, head, b"mixed", parts)


def _eight_bit_head(rng: random.Random, head: _Head, size: int) -> bytes:
    raw = "X-Note: Grüße aus München\r\nX-Latin: ".encode() + "Señor Ñandú".encode("iso-8859-1")
    return head.lines(raw, b"Content-Type: text/plain; charset=utf-8") + _text(rng, size)


def _long_lines(rng: random.Random, head: _Head, size: int) -> bytes:
    return head.lines(b"Content-Type: text/plain; charset=utf-8") + _text(rng, size).replace(b"\r\n", b" ") + b"\r\n"


def _bare_line_ends(rng: random.Random, head: _Head, size: int) -> bytes:
    text = _text(rng, size).split(b"\r\n")
    # Dovecot drops a CR at the very end, so what ends in two of them would not survive being put into the source.
    ends = [*rng.choices((b"\r\n", b"\n", b"\r"), (6, 2, 1), k=len(text) - 1), b"\r\n"]
    return head.lines(b"Content-Type: text/plain; charset=utf-8") + b"".join(map(bytes.__add__, text, ends))


def _no_final_line_end(rng: random.Random, head: _Head, size: int) -> bytes:
    return _plain(rng, head, size).rstrip(b"\r\n")


def _nearly_empty(_rng: random.Random, head: _Head, _size: int) -> bytes:
    return head.lines()


Kind = Callable[[random.Random, _Head, int], bytes]

#: Every kind of message with its weight.
KINDS: tuple[tuple[Kind, int], ...] = (
    (_plain, 40),
    (_html, 22),
    (_with_attachment, 14),
    (_latin1, 6),
    (_forwarded, 4),
    (_long_lines, 4),
    (_eight_bit_head, 3),
    (_bare_line_ends, 3),
    (_no_final_line_end, 3),
    (_nearly_empty, 1),
)


def _multipart(rng: random.Random, head: _Head, subtype: bytes, parts: Sequence[bytes]) -> bytes:
    boundary = b"=_%012x" % rng.getrandbits(48)
    top = head.lines(b'Content-Type: multipart/%s; boundary="%s"' % (subtype, boundary))
    inner = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
    return top + b"This is a multi-part message.\r\n" + inner + b"--%s--\r\n" % boundary


def _text(rng: random.Random, size: int) -> bytes:
    """Roughly `size` bytes of prose in several languages, CRLF line ends, the last one included."""
    block = "\n".join(rng.sample(TEXTS, len(TEXTS))).replace("\n", "\r\n").encode() + b"\r\n"
    number = b"No. %06x\r\n" % rng.getrandbits(24)
    text = number + block * max(1, size // len(block))
    return text if size >= len(block) else text[: text.index(b"\r\n", len(number)) + 2]


def _encoded(text: str) -> str:
    """RFC 2047 where it is needed."""
    if not text.isascii():
        return Header(text, "utf-8", maxlinelen=60).encode(linesep="\r\n")
    return f'"{text}"' if "," in text else text

"""How a simulated server behaves, as plain values: what it offers, what it refuses, what makes it hang up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: Nothing but RFC 3501.
BARE = ("IMAP4rev1",)
#: All the extensions the simulator knows.
RICH = (
    *("IMAP4rev1", "AUTH=PLAIN", "AUTH=XOAUTH2", "SASL-IR", "LITERAL+", "ID", "NAMESPACE", "UNSELECT", "UIDPLUS"),
    *("MULTIAPPEND", "CHILDREN", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CONDSTORE", "ESEARCH", "MOVE"),
)

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
#: RFC 7888 §5: the largest literal LITERAL- lets a client send without asking.
LITERAL_MINUS_MOST = 4096


def nothing_refused(body: bytes) -> None:
    """Every message is welcome."""


def as_it_came(body: bytes) -> bytes:
    """Messages are handed out as they were taken."""
    return body


def nothing_kills(body: bytes) -> bool:
    """No message brings the server down."""
    return False


@dataclass(frozen=True)
class Behaviour:
    """One kind of server. The default is a modern, patient one."""

    capabilities: tuple[str, ...] = RICH
    #: First line without its `* `: `OK …`, or `BYE …` for a server that turns everyone away.
    greeting: str = "OK IMAP4rev1 ready."
    #: Name and version in the answer to ID (RFC 2971).
    software: tuple[str, str] = ("imap_sim", "1")
    #: The personal namespace (RFC 2342), `b"INBOX."` for example, and what stands between the parts of a name.
    prefix: bytes = b""
    separator: bytes = b"/"
    #: Whether APPEND is answered with the UIDs (RFC 4315); without, UIDPLUS is a promise that isn't kept.
    appenduid: bool = True
    #: Whether SELECT and STATUS tell UIDNEXT.
    uidnext: bool = True
    #: Whether a command may come while the one before it is being answered (RFC 3501 §5.5).
    pipelining: bool = True
    #: PERMANENTFLAGS; None: not told, and all flags are kept. `\\*` stands for any keyword. Others are dropped.
    permanent_flags: tuple[str, ...] | None = (*SYSTEM_FLAGS, "\\*")
    #: Bytes of the largest message; refused before the upload when the client asks first, in these words.
    append_limit: int | None = None
    too_big: str = "NO [TOOBIG] Maximum size of appendable message has been exceeded"
    #: What the client is told when it may send its literal.
    continuation: str = "Ready for additional command text."
    #: Bytes of the longest line in a message, its end not counted.
    message_line_limit: int | None = None
    #: Bytes of the longest command, literals not counted; the server hangs up at a longer one.
    command_line_limit: int = 65_536
    #: Why a message is refused, beginning with NO or BAD; None when it is not.
    refuses: Callable[[bytes], str | None] = nothing_refused
    #: Whether the server falls over a message: when all of it has come, the connection ends and nothing is stored.
    kills: Callable[[bytes], bool] = nothing_kills
    #: Refused commands (NO or BAD) after which the server closes the connection.
    error_budget: int | None = None
    connections_per_user: int | None = None
    #: What is handed out of a stored message.
    shown: Callable[[bytes], bytes] = as_it_came
    #: The RFC822.SIZE of a stored body, true or not.
    size: Callable[[bytes], int] = len
    #: Seconds before every answer.
    latency: float = 0.0

    def offers(self, capability: str) -> bool:
        """Whether it has announced this capability."""
        return capability in self.capabilities

    def takes_unasked(self, size: int) -> bool:
        """Whether a literal of this many bytes may be sent without waiting for `+` (RFC 7888)."""
        return self.offers("LITERAL+") or (self.offers("LITERAL-") and size <= LITERAL_MINUS_MOST)

    def refuses_size(self, size: int) -> str | None:
        """Why a message of this many bytes is refused, if it is."""
        if self.append_limit is not None and size > self.append_limit:
            return self.too_big
        return None

    def refuses_message(self, body: bytes) -> str | None:
        """Why a message is refused, if it is; begins with NO or BAD."""
        if refusal := self.refuses_size(len(body)):
            return refusal
        if self.message_line_limit is not None and any(
            len(line.rstrip(b"\r")) > self.message_line_limit for line in body.split(b"\n")
        ):
            return "BAD Command Argument Error. 11"
        return self.refuses(body)

    def keeps(self, flags: Iterable[str]) -> tuple[str, ...]:
        """Those of the flags that are kept with a message."""
        if self.permanent_flags is None:
            return tuple(flags)
        permanent = {flag.lower() for flag in self.permanent_flags}
        any_keyword = "\\*" in permanent
        return tuple(flag for flag in flags if flag.lower() in permanent or (any_keyword and not flag.startswith("\\")))

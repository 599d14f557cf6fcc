"""One row of the error tables: what is said where, and what has to come of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailferry.errors import MailferryError


class Where(Enum):
    """What is answered, and by whom. The value is how the page for administrators calls it."""

    TOKEN = "Entra, asked for a token"
    GRAPH_USER = "Microsoft Graph, asked about the user"
    GRAPH_MAILBOX = "Microsoft Graph, asked about the mailbox"
    XOAUTH2 = "Exchange, at the login"
    FIRST = "Exchange, at the first command after the login"
    LIST = "Exchange, at LIST"
    STATUS = "Exchange, at STATUS"
    SELECT = "Exchange, at SELECT"
    CREATE = "Exchange, at CREATE"
    APPEND = "Exchange, at APPEND"
    FETCH = "Exchange, at FETCH"
    BASIC = "the target, at a login with a password"
    GREETING = "the source, instead of a greeting"
    SOURCE_LOGIN = "the source, at the login"
    EXAMINE = "the source, at EXAMINE"
    SOURCE_FETCH = "the source, at FETCH"


@dataclass(frozen=True, slots=True)
class Row:
    """`said` as the server says it, without tags: `NO …` or `BAD …`, a line that begins with `* `, or a stray one; of
    two lines the second follows at once. Graph's is status, code and words, with `Retry-After` in parentheses.

    `kind` is the error that comes of it, None when the work just goes on. `delay` is in seconds. `cause` and `remedy`
    are words that the error must contain. `means` tells an administrator what it means, `mark` where the text is from.
    `wait` is how many seconds the mailbox waits at first where that is not the error's own matter.
    """

    where: Where
    said: str
    mark: str
    means: str
    kind: type[MailferryError] | None = None
    retry: bool = False
    delay: float | None = None
    cause: str = ""
    remedy: str = ""
    wait: float | None = None

    def __str__(self) -> str:
        return f"{self.where.name} {self.said}".replace("\n", " + ") or "an empty line"

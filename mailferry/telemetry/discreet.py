"""What may leave of a text: our own words, and nothing that a server, a CSV or a mailbox has put into them.

Causes quote servers, and servers quote anything: addresses, logins, folders, subjects. Telemetry is read by more people
than reports are, and kept for longer, so it gets the causes without the quotations; the HTTP API has the whole text.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from pathlib import Path

#: What others say comes behind a colon in our sentences.
_THEIRS = re.compile(r": .*", re.DOTALL)
#: Response codes (RFC 3501 §7.1, RFC 5530) say what was meant, and nothing about anybody.
_CODE = re.compile(r"\[[A-Z]{3,24}\]")
#: From the first quotation mark to the last: what is quoted may hold some as well.
_QUOTED = re.compile(r"“.*”|\".*\"|(?<!\w)'.*'(?!\w)", re.DOTALL)
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'“”]+@[^\s<>()\[\],;:\"'“”]+")
_GONE = "…"


def own_words(text: str, private: Iterable[str] = ()) -> str:
    """A sentence without what it quotes and without addresses; `private` are strings that must not be in it either.

    A quotation ends where the text ends; of what it said only a response code is kept.
    """
    code = _CODE.search(text)
    kept = _THEIRS.sub("", text)
    return without_names(f"{kept} {code[0]}" if code and code[0] not in kept else kept, private)


def without_names(text: str, private: Iterable[str] = ()) -> str:
    """A text of ours without what it holds in quotation marks, without addresses, and without the `private` strings."""
    for name in sorted(filter(None, private), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _GONE, text, flags=re.IGNORECASE)
    return _ADDRESS.sub(_GONE, _QUOTED.sub(f"“{_GONE}”", text))


def place_of(error: BaseException) -> str:
    """An error that nobody foresaw: its class and where it was, never what it said."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {Path(place[0].filename).name}, line {place[0].lineno}" if place else ""
    return f"{type(error).__name__}{where}"

"""All of the corpus by name, and that part of it which a real server can be filled with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from imapclient.datetime_util import parse_to_datetime

from demo.mail import KEYWORDS, GeneratedMessage
from mailferry.target.flags import SYSTEM_FLAGS
from tests.support.odd_mail import attachments, headers, identities, kinds, lines, metadata, structures, words
from tests.support.odd_mail.letter import LARGEST, Letter, Odd

#: The modules, each with a part of the cases.
THEMES = (lines, headers, words, identities, metadata, structures, kinds, attachments)
_STORABLE_FLAGS = SYSTEM_FLAGS | {keyword.lower() for keyword in KEYWORDS}
#: Dovecot takes the time of arrival for dates that 32 bits don't hold.
_STORABLE_YEARS = range(1970, 2038)


def _by_name() -> Iterator[tuple[str, Odd]]:
    for theme in THEMES:
        for case in theme.cases():
            yield case.name, case


#: Every case by its name.
CORPUS: Mapping[str, Odd] = MappingProxyType(dict(_by_name()))


def odd_messages() -> dict[str, GeneratedMessage]:
    """Those that any IMAP server takes by APPEND, in INBOX, by name; of several letters with a number behind it."""
    found: dict[str, GeneratedMessage] = {}
    for name, case in CORPUS.items():
        for number, letter in enumerate(case.letters, 1):
            if _storable(letter):
                received = parse_to_datetime(letter.internaldate.encode(), normalise=False)
                message = GeneratedMessage(letter.body, letter.flags, received)
                found[name if len(case.letters) == 1 else f"{name} {number}"] = message
    return found


def _storable(letter: Letter) -> bool:
    as_it_says = letter.dated is None and letter.claims is None and not letter.withheld
    if not (as_it_says and letter.body and len(letter.body) <= LARGEST):
        return False
    year = int(letter.internaldate.split()[0].rpartition("-")[2])
    return year in _STORABLE_YEARS and {flag.lower() for flag in letter.flags} <= _STORABLE_FLAGS

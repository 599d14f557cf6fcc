"""Says whether what arrived in Exchange is the source's mail: each message once, in its folder, with flags and date.

What arrived is what the simulator was given, byte for byte, before Exchange wrote it anew in its own way.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from imapclient.datetime_util import parse_to_datetime

from demo.accounts import MESSAGE_LIMIT, Account
from demo.compare import Contents, Fingerprint, differences
from demo.mail import GeneratedMessage
from tests.support.exchange import Arrival
from tests.support.odd_mail.substance import substance


@dataclass(frozen=True, slots=True)
class Result:
    """One account, source against target: how many messages met which fate.

    Those that were repaired lie in their place and say the same, but not byte for byte.
    """

    account: Account
    source: int
    exact: int
    repaired: int
    too_large: int
    lost: int
    too_many: int


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message at its place: path of the target folder, bytes, flags, seconds since 1970 (None: without a date)."""

    folder: str
    body: bytes
    flags: frozenset[str]
    received: int | None


#: A letter with `substance` in words instead of its bytes.
type _Meaning = tuple[str, str, frozenset[str], int | None]


def judged(account: Account, mail: Iterable[GeneratedMessage], arrived: Iterable[Arrival]) -> Result:
    """Compare what was put into the source with what the target was given. Doubles count as often as they are there."""
    sent = Counter(_sent(account, message) for message in mail)
    given = Counter(map(_given, arrived))
    missing, more = sent - given, given - sent
    too_large = Counter({letter: count for letter, count in missing.items() if len(letter.body) > MESSAGE_LIMIT})
    repaired = _meanings(missing - too_large) & _meanings(more)
    return Result(
        account,
        source=sent.total(),
        exact=(sent & given).total(),
        repaired=repaired.total(),
        too_large=too_large.total(),
        lost=(missing - too_large).total() - repaired.total(),
        too_many=more.total() - repaired.total(),
    )


def untouched(mail: Iterable[GeneratedMessage], source: Contents) -> bool:
    """Whether the source holds what was put into it and nothing else."""
    put: dict[str, Counter[Fingerprint]] = defaultdict(Counter)
    for message in mail:
        digest = hashlib.sha256(message.body).hexdigest()
        put[message.folder][digest, frozenset(message.flags), int(message.internaldate.timestamp())] += 1
    return not differences(put, source)


def _sent(account: Account, message: GeneratedMessage) -> _Letter:
    received = int(message.internaldate.timestamp())
    return _Letter(account.target_folder(message.folder), message.body, frozenset(message.flags), received)


def _given(arrival: Arrival) -> _Letter:
    date = arrival.internaldate
    received = int(parse_to_datetime(date.encode("ascii"), normalise=False).timestamp()) if date else None
    return _Letter(arrival.folder, arrival.body, frozenset(arrival.flags), received)


def _meanings(letters: Counter[_Letter]) -> Counter[_Meaning]:
    """The letters by what their readers get, which a repair doesn't change."""
    found: Counter[_Meaning] = Counter()
    for letter, count in letters.items():
        found[letter.folder, repr(substance(letter.body)), letter.flags, letter.received] += count
    return found

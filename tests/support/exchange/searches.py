"""UID SEARCH, as Exchange answers it: a handful of keys, US-ASCII, and new messages found only after a while."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import takewhile

from tests.support.exchange.session import ExchangeSession
from tests.support.imap_sim.messages import places_of, uid_set
from tests.support.imap_sim.protocol import Arguments, Refused, Violation
from tests.support.imap_sim.session import Answer
from tests.support.imap_sim.store import StoredMessage

type Test = Callable[[StoredMessage], bool]

_SEARCH_UID = re.compile(rb"( UID)(?= )", re.IGNORECASE)
_CHARSET = re.compile(rb" CHARSET ([^ ]+)", re.IGNORECASE)
_FLAGS = {b"SEEN", b"ANSWERED", b"FLAGGED", b"DELETED", b"DRAFT"}


def uid_search(session: ExchangeSession, arguments: Arguments) -> Answer:
    """UID SEARCH. RETURN and parentheses are answered with BAD, whatever the capabilities promise.

    Sources: MailKit issue 2016 (RETURN), Home Assistant pull request 1407 (parentheses), isync (new messages missing).
    """
    charset = arguments.take(_CHARSET)
    if charset and charset.strip(b'"').upper() != b"US-ASCII":
        raise Refused("NO [BADCHARSET (US-ASCII)] The specified charset is not supported.")
    tests: list[Test] = []
    sets: list[list[tuple[bytes, bytes]]] = [[(b"1", b"*")]]
    while arguments.more:
        if arguments.take(_SEARCH_UID):
            sets.append(uid_set(arguments))
        else:
            tests.append(_test(arguments))
    with session.store.lock:
        view = session.selected
        places = set.intersection(*(set(places_of(one, view.uids)) for one in sets))
        messages = [view.folder.messages.get(view.uids[place]) for place in sorted(places)]
        late = _late(session, view.uidvalidity)
    found = [one.uid for one in messages if one and one.uid not in late and all(test(one) for test in tests)]
    return Answer("OK SEARCH completed.", [b"* SEARCH%b\r\n" % b"".join(b" %d" % uid for uid in found)])


def _test(arguments: Arguments) -> Test:
    key = arguments.atom().upper()
    if key == b"ALL":
        return lambda _: True
    if key == b"HEADER":
        name, value = arguments.string(), arguments.string()
        field = re.compile(rb"^" + re.escape(name) + rb":[^\n]*" + re.escape(value), re.IGNORECASE | re.MULTILINE)
        return lambda message: field.search(message.body) is not None
    flag = key.removeprefix(b"UN")
    if flag not in _FLAGS:
        raise Violation(f"SEARCH is not simulated for: {arguments}")
    wanted = f"\\{flag.decode().capitalize()}"
    return lambda message: (wanted in message.flags) is (flag == key)


def _late(session: ExchangeSession, uidvalidity: int) -> set[int]:
    """The UIDs that were given out too short a time ago."""
    since = session.tenant.clock.seconds() - session.switches.search_lag_seconds
    arrived = takewhile(lambda arrival: arrival.at > since, reversed(session.own.arrived))
    return {arrival.uid for arrival in arrived if arrival.uidvalidity == uidvalidity}

"""Commands about messages: FETCH, SEARCH, APPEND."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from tests.support.imap_sim.behaviour import Behaviour
from tests.support.imap_sim.protocol import Arguments, Hangup, Refused, Violation, literal
from tests.support.imap_sim.session import Answer, Session
from tests.support.imap_sim.store import NewMessage, NoFolderError, StoredMessage

#: Makes one data item of a FETCH response, its name included.
type Item = Callable[[Behaviour, StoredMessage], bytes]

_NUMBER = rb"(?:[1-9]\d{0,9}|\*)"
_RANGE = _NUMBER + rb"(?::" + _NUMBER + rb")?"
_SET = re.compile(rb" (" + _RANGE + rb"(?:," + _RANGE + rb")*)(?= |$)")
_NAME = rb"[A-Z0-9.-]+(?:\[[^\]]*\])?(?:<\d+\.\d+>)?"
_ITEM = re.compile(rb" ?(" + _NAME + rb")(?= |$)", re.IGNORECASE)
_ONE_ITEM = re.compile(rb" (" + _NAME + rb")(?= |$)", re.IGNORECASE)
_PARTIAL = re.compile(rb"BODY\.PEEK\[\]<(\d+)\.([1-9]\d*)>")
_HEADER_FIELDS = re.compile(rb"BODY\.PEEK\[HEADER\.FIELDS \(([^()]+)\)\]")
_CHANGED_SINCE = re.compile(rb"CHANGEDSINCE ([1-9]\d*)", re.IGNORECASE)
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.MULTILINE)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_RETURN = re.compile(rb"( RETURN)(?= \()", re.IGNORECASE)
_SEARCH_UID = re.compile(rb"( UID)(?= )", re.IGNORECASE)
_FLAG = re.compile(r"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
_DATE_TIME = re.compile(
    rb' "((?: \d|\d\d)-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} \d\d:\d\d:\d\d [+-]\d{4})"'
)


def uid_fetch(session: Session, arguments: Arguments, more: Mapping[bytes, Item] | None = None) -> Answer:
    """RFC 3501 §6.4.8; never sets \\Seen, because only PEEK is known. With CHANGEDSINCE (RFC 7162 §3.1.4.1).

    `more`: data items that a server has of its own, by name.
    """
    uids = uid_set(arguments)
    items = items_asked(session, arguments, more)
    since = _changed_since(session, arguments, items)
    arguments.end()
    with session.store.lock:
        view = session.selected
        wanted = [(place, view.folder.messages.get(view.uids[place])) for place in places_of(uids, view.uids)]
    found = [(place + 1, message) for place, message in wanted if message and message.modseq > since]
    return Answer("OK FETCH completed.", fetched(session.behaviour, found, list(items.values())))


def items_asked(session: Session, arguments: Arguments, more: Mapping[bytes, Item] | None = None) -> dict[bytes, Item]:
    """What is asked for, in order; the UID first when it isn't (it is always told)."""
    listed = arguments.optional_group()
    if listed is None:
        listed = arguments.take(_ONE_ITEM) or b""
    items: dict[bytes, Item] = {}
    at = 0
    while found := _ITEM.match(listed, at):
        name, at = found[1].upper(), found.end()
        items[name] = more[name] if more and name in more else _item(name)
    if at < len(listed) or not items:
        raise Violation(f"FETCH can't give {listed.decode('latin-1')}")
    if b"MODSEQ" in items:
        session.need_capability("CONDSTORE")
    return items if b"UID" in items else {b"UID": _ITEMS[b"UID"], **items}


def _item(name: bytes) -> Item:
    if part := _PARTIAL.fullmatch(name):
        first, most = int(part[1]), int(part[2])
        return lambda behaviour, message: (
            b"BODY[]<%d> %b" % (first, literal(behaviour.shown(message.body)[first : first + most]))
        )
    if fields := _HEADER_FIELDS.fullmatch(name):
        wanted = frozenset(fields[1].split())
        told = name.replace(b".PEEK", b"") + b" "
        return lambda behaviour, message: told + literal(_header(behaviour.shown(message.body), wanted))
    if name not in _ITEMS:
        raise Violation(f"FETCH can't give {name.decode('latin-1')}")
    return _ITEMS[name]


_ITEMS: Mapping[bytes, Item] = {
    b"UID": lambda _, message: b"UID %d" % message.uid,
    b"FLAGS": lambda _, message: b"FLAGS (%b)" % " ".join(message.flags).encode("ascii"),
    b"INTERNALDATE": lambda _, message: b'INTERNALDATE "%b"' % message.internaldate.encode("ascii"),
    b"RFC822.SIZE": lambda behaviour, message: b"RFC822.SIZE %d" % behaviour.size(message.body),
    b"MODSEQ": lambda _, message: b"MODSEQ (%d)" % message.modseq,
    b"BODY.PEEK[]": lambda behaviour, message: b"BODY[] " + literal(behaviour.shown(message.body)),
}


def _changed_since(session: Session, arguments: Arguments, items: dict[bytes, Item]) -> int:
    """Only what has changed after this MODSEQ is wanted, and the MODSEQ is told then; 0 without the modifier."""
    if (modifier := arguments.optional_group()) is None:
        return 0
    session.need_capability("CONDSTORE")
    found = _CHANGED_SINCE.fullmatch(modifier)
    if not found:
        raise Violation(f"FETCH knows no {modifier.decode('latin-1')}")
    items.setdefault(b"MODSEQ", _ITEMS[b"MODSEQ"])
    return int(found[1])


def fetched(
    behaviour: Behaviour, messages: Iterable[tuple[int, StoredMessage]], items: Sequence[Item]
) -> Iterator[bytes]:
    for number, message in messages:
        data = b" ".join(item(behaviour, message) for item in items)
        yield b"* %d FETCH (%b)\r\n" % (number, data)


def _header(body: bytes, wanted: frozenset[bytes]) -> bytes:
    """The wanted fields as they stand in the message, folds included, and the blank line (RFC 3501 §6.4.5)."""
    header = _BLANK_LINE.split(b"\n" + body, maxsplit=1)[0]
    fields = (field for field in _FIELD.finditer(header) if field[1].upper() in wanted)
    return b"".join((*(field[0].removesuffix(b"\r") + b"\r\n" for field in fields), b"\r\n"))


def uid_search(session: Session, arguments: Arguments) -> Answer:
    """`UID SEARCH [RETURN (…)] ALL` or `… UID set` or both (RFC 3501 §6.4.4; RETURN: RFC 4731)."""
    returned = None
    if arguments.take(_RETURN):
        session.need_capability("ESEARCH")
        returned = arguments.group().upper().split() or [b"ALL"]
        if unknown := [option for option in returned if option not in _RESULTS]:
            raise Violation(f"SEARCH can't return {unknown[0].decode('latin-1')}")
    sets: list[list[tuple[bytes, bytes]]] = []
    while arguments.more or not sets:
        if arguments.take(_SEARCH_UID):
            sets.append(uid_set(arguments))
        elif arguments.atom().upper() == b"ALL":
            sets.append([(b"1", b"*")])
        else:
            raise Violation(f"SEARCH can't look for: {arguments}")
    with session.store.lock:
        view = session.selected
        places = set.intersection(*(set(places_of(one, view.uids)) for one in sets))
        uids = [view.uids[place] for place in sorted(places) if view.uids[place] in view.folder.messages]
    if returned is None:
        return Answer("OK SEARCH completed.", [b"* SEARCH%b\r\n" % b"".join(b" %d" % uid for uid in uids)])
    results = b"".join(_RESULTS[option](uids) for option in returned)
    return Answer("OK SEARCH completed.", [b'* ESEARCH (TAG "%b") UID%b\r\n' % (session.tag, results)])


#: RFC 4731 §3.1; only COUNT is told when nothing was found.
_RESULTS: Mapping[bytes, Callable[[Sequence[int]], bytes]] = {
    b"ALL": lambda uids: b" ALL " + set_of(uids) if uids else b"",
    b"COUNT": lambda uids: b" COUNT %d" % len(uids),
    b"MIN": lambda uids: b" MIN %d" % uids[0] if uids else b"",
    b"MAX": lambda uids: b" MAX %d" % uids[-1] if uids else b"",
}


def append(session: Session, arguments: Arguments) -> Answer:
    """One message, or several at once: then all or none (RFC 3501 §6.3.11, MULTIAPPEND RFC 3502)."""
    name = arguments.string()
    now = datetime.now(UTC)
    received = [read_message(arguments, now)]
    while arguments.more:
        session.need_capability("MULTIAPPEND")
        received.append(read_message(arguments, now))
    behaviour = session.behaviour
    if any(behaviour.kills(message.body) for message in received):
        raise Hangup
    if refusal := next(filter(None, (behaviour.refuses_message(message.body) for message in received)), None):
        raise Refused(refusal)
    kept = [NewMessage(one.body, behaviour.keeps(one.flags), one.internaldate) for one in received]
    try:
        uidvalidity, uids = session.store.append(session.user, name, kept)
    except NoFolderError:
        raise Refused("NO [TRYCREATE] Mailbox doesn't exist.") from None
    if behaviour.offers("UIDPLUS") and behaviour.appenduid:
        return Answer(f"OK [APPENDUID {uidvalidity} {set_of(uids).decode()}] APPEND completed.")
    return Answer("OK APPEND completed.")


def read_message(arguments: Arguments, now: datetime) -> NewMessage:
    """Flags, date and literal of an APPEND; `now` is the date of a message that comes without."""
    flags = (arguments.optional_group() or b"").decode("latin-1").split()
    if wrong := [flag for flag in flags if not _FLAG.fullmatch(flag) or flag.lower() == "\\recent"]:
        raise Violation(f"There is no flag {wrong[0]}")
    date = arguments.take(_DATE_TIME)
    internaldate = date.decode("ascii") if date else f"{now:%d-%b-%Y %H:%M:%S %z}"
    return NewMessage(arguments.literal(), tuple(flags), internaldate)


def uid_set(arguments: Arguments) -> list[tuple[bytes, bytes]]:
    """The ranges of a set, a single number being a range as well (RFC 3501 §9 `sequence-set`)."""
    text = arguments.take(_SET)
    if text is None:
        raise Violation(f"Where is the set of UIDs in: {arguments}")
    ranges = [part.split(b":") for part in text.split(b",")]
    return [(ends[0], ends[-1]) for ends in ranges]


def places_of(ranges: Sequence[tuple[bytes, bytes]], uids: Sequence[int]) -> list[int]:
    """Where the UIDs of a set stand among these ascending ones, each once; `*` is the last of them."""
    last = uids[-1] if uids else 0
    places: set[int] = set()
    for ends in ranges:
        low, high = sorted(last if end == b"*" else int(end) for end in ends)
        places.update(range(bisect_left(uids, low), bisect_right(uids, high)))
    return sorted(places)


def set_of(uids: Sequence[int]) -> bytes:
    """Ascending UIDs as a set."""
    starts = [0, *(place for place, (one, other) in enumerate(pairwise(uids), 1) if other != one + 1)]
    runs = [(uids[start], uids[end - 1]) for start, end in pairwise([*starts, len(uids)])]
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs)

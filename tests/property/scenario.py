"""What can happen to a migration, as plain values that hypothesis makes up and shrinks."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hypothesis import strategies as st

from mailferry.lifecycle.operation_rules import Operation
from mailferry.transfer.capacity import FULL_AFTER
from tests.property.letters import CHANGED, DEADLY, LEFT_OUT, Kind, Letter
from tests.support.imap_sim import RICH, At, Bye, Cut, CutUnanswered, CutWithin, Fault, Stall

FOLDERS = (b"INBOX", b"Alpha", b"Beta")
#: A message alone on a connection that breaks is suspected: a BYE counts as three of the ten strikes after which it is
#: changed. So an innocent one is safe from three of them, whatever else happens.
BYES_MOST = 3
#: Letters that kill the connection take seventeen connections each.
DEADLY_MOST = 1


class Side(StrEnum):
    """An end of the migration."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Break:
    """A server goes wrong at a command."""

    side: Side
    at: At


@dataclass(frozen=True, slots=True)
class Renumber:
    """A folder gets a new UIDVALIDITY at the nth command (with this verb) at its side."""

    side: Side
    folder: bytes
    nth: int
    verb: str | None = None


@dataclass(frozen=True, slots=True)
class Expunge:
    """A message of the source is deleted at the nth command there: the one at this place, counted around."""

    folder: bytes
    place: int
    nth: int


@dataclass(frozen=True, slots=True)
class Arrive:
    """A letter comes into the source at the nth command there."""

    folder: bytes
    letter: Letter
    nth: int


@dataclass(frozen=True, slots=True)
class Kill:
    """The worker that makes the nth call to storage is killed, before or after the call is carried out.

    Its job is delivered again after so many seconds, or never (None): then the watch has to find that out.
    """

    call: int
    after: bool
    back: int | None


@dataclass(frozen=True, slots=True)
class Again:
    """At the nth call to storage the job is delivered again, while its worker stands still: its lease has run out, or
    is good still."""

    call: int
    lease_over: bool


@dataclass(frozen=True, slots=True)
class Operate:
    """At the nth call to storage, before or after it is carried out, a person asks for this operation."""

    call: int
    operation: Operation
    after: bool


@dataclass(frozen=True, slots=True)
class Together:
    """The nth job and the next one (or itself once more, when `same` or when there is none) run at the same time."""

    job: int
    same: bool


@dataclass(frozen=True, slots=True)
class Short:
    """The nth chunk is over when it looks at the clock for the so-manieth time."""

    chunk: int
    looks: int


type Event = Break | Renumber | Expunge | Arrive | Kill | Again | Operate | Together | Short


@dataclass(frozen=True, slots=True)
class Target:
    """What the target is like; `told` is whether it tells the UIDs of what it was given.

    `in_flight` is how many commands are sent ahead where it bears that at all.
    """

    software: str = "Dovecot"
    uidplus: bool = True
    told: bool = True
    literals: str = "LITERAL+"
    multiappend: bool = True
    connections: int = 1
    in_flight: int = 3

    @property
    def pipelines(self) -> bool:
        """Whether it is known to bear commands that are sent ahead."""
        return self.software == "Dovecot" and self.literals == "LITERAL+"

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it announces."""
        missing = {"LITERAL+"} | ({"MULTIAPPEND"} if not self.multiappend else set())
        missing |= set() if self.uidplus else {"UIDPLUS"}
        return (*(capability for capability in RICH if capability not in missing), *filter(None, (self.literals,)))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Letters by folder; what the target holds before; what happens.

    `options` are those of the batch, and `widened` those that it is dropped with again after the first pass.
    """

    letters: tuple[tuple[bytes, Letter], ...]
    there: tuple[tuple[bytes, Letter], ...]
    target: Target
    rich_source: bool
    window_messages: int
    step: int
    events: tuple[Event, ...]
    options: str | None = None
    widened: str = ""

    @property
    def profile(self) -> str:
        """TARGET_PROFILE. With a `smallest_limit` letters that are refused in every form are held back; three in a row
        would be a full mailbox, which waits for ever."""
        refused = sum(letter.kind is Kind.REFUSED_ALWAYS for letter in self.all_letters())
        few = refused < FULL_AFTER and not any(isinstance(event, Renumber) for event in self.events)
        return json.dumps(
            {
                "connections": self.target.connections,
                "in_flight": self.target.in_flight if self.target.pipelines else 1,
                "smallest_limit": 35_000_000 if few else 0,
            }
        )

    def all_letters(self) -> Iterator[Letter]:
        """Every letter that is there or will come."""
        yield from (letter for _, letter in (*self.letters, *self.there))
        yield from (event.letter for event in self.events if isinstance(event, Arrive))


#: A mailbox that is validated again waits for a person, as nobody here is.
_OPERATIONS = tuple(operation for operation in Operation if operation is not Operation.REVALIDATE)
_nth = st.one_of(st.integers(1, 12), st.integers(1, 60))
_calls = st.one_of(st.integers(1, 30), st.integers(1, 90))
_folders = st.sampled_from(FOLDERS)
_SOURCE_VERBS = (None, "UID FETCH", "UID FETCH", "EXAMINE", "LIST", "STATUS", "LOGIN", "LOGOUT")
_TARGET_VERBS = (None, "APPEND", "APPEND", "APPEND", "STATUS", "SELECT", "UID FETCH", "NOOP", "LIST", "CREATE", "LOGIN")

_breaks: st.SearchStrategy[Fault] = st.one_of(
    st.just(Cut()),
    st.just(CutUnanswered()),
    st.builds(CutWithin, st.integers(0, 300)),
    st.just(Bye()),
    st.builds(Stall, st.just(0.01)),
)


def _breaks_at(side: Side, verbs: Sequence[str | None]) -> st.SearchStrategy[Break]:
    return st.builds(Break, st.just(side), st.builds(At, _nth, _breaks, st.sampled_from(verbs)))


_ordinary = [kind for kind in Kind if kind not in LEFT_OUT | CHANGED]
#: Numbers come later: no two letters may have the same.
_letters = st.builds(
    Letter,
    st.just(0),
    st.one_of(st.just(Kind.PLAIN), st.sampled_from(_ordinary), st.sampled_from(list(Kind))),
    st.sampled_from([(), ("\\Seen",), ("\\Flagged", "$Work")]),
    st.booleans(),
)
_events: st.SearchStrategy[Event] = st.one_of(
    _breaks_at(Side.TARGET, _TARGET_VERBS),
    _breaks_at(Side.SOURCE, _SOURCE_VERBS),
    st.builds(Kill, _calls, st.booleans(), st.sampled_from([0, 30, 600, None])),
    st.builds(Again, _calls, st.booleans()),
    st.builds(Operate, _calls, st.sampled_from(_OPERATIONS), st.booleans()),
    st.builds(Together, st.integers(1, 6), st.booleans()),
    st.builds(Short, st.integers(1, 4), st.integers(1, 8)),
    st.builds(Renumber, st.sampled_from(Side), _folders, _nth, st.sampled_from([None, "APPEND", "UID FETCH"])),
    st.builds(Expunge, _folders, st.integers(0, 9), _nth),
    st.builds(Arrive, _folders, _letters, _nth),
)

targets = st.builds(
    Target,
    software=st.sampled_from(["Dovecot", "Some Server", "Microsoft Exchange"]),
    uidplus=st.sampled_from([True, True, False]),
    told=st.sampled_from([True, True, False]),
    literals=st.sampled_from(["LITERAL+", "LITERAL-", ""]),
    multiappend=st.booleans(),
    connections=st.integers(1, 3),
    in_flight=st.sampled_from([3, 200]),
)


@st.composite
def scenarios(draw: st.DrawFn, events: st.SearchStrategy[Event] = _events, most: int = 6) -> Scenario:
    """Anything that may happen, within what is promised."""
    numbered = draw(st.lists(st.tuples(_folders, _letters, st.integers(1, 2)), min_size=1, max_size=12))
    mail: list[tuple[bytes, Letter]] = []
    deadly = 0
    for number, (folder, letter, copies) in enumerate(numbered, 1):
        kind = letter.kind
        if kind in DEADLY:
            deadly += 1
            kind, copies = (kind, 1) if deadly <= DEADLY_MOST else (Kind.PLAIN, copies)
        mail += [(folder, Letter(number, kind, letter.flags, letter.own_date))] * copies
    bulk = draw(st.integers(0, 20))
    mail += [(FOLDERS[0], Letter(number)) for number in range(50, 50 + bulk)]
    carried = [place for place, (_, letter) in enumerate(mail) if letter.kind not in LEFT_OUT | CHANGED]
    places = draw(st.lists(st.sampled_from(carried), unique=True, max_size=3)) if carried else []
    foreign = [(folder, Letter(200 + number)) for number, folder in enumerate(draw(st.lists(_folders, max_size=2)))]
    alike = {folder for folder, letter in (mail[place] for place in places) if letter.kind is Kind.SAME_ID}
    target, rich = draw(targets), draw(st.booleans())
    window, step = draw(st.integers(1, 10)), draw(st.sampled_from([1_000, 4]))
    happens = tuple(_within_promise(draw(st.lists(events, max_size=most)), alike))
    if any(isinstance(event, Operate) and event.operation is Operation.REMOVE for event in happens):
        mail = [(folder, _recognised(letter)) for folder, letter in mail]
        happens = tuple(_recognisable(event) for event in happens)
    there = (*(mail[place] for place in places), *foreign)
    return Scenario(tuple(mail), there, target, rich, window, step, happens)


def _recognised(letter: Letter) -> Letter:
    """A letter whose copy is known again when nothing else is known of it any more."""
    strange = letter.kind in CHANGED | DEADLY | {Kind.SAME_ID}
    return Letter(letter.number, Kind.PLAIN, letter.flags, letter.own_date) if strange else letter


def _recognisable(event: Event) -> Event:
    return Arrive(event.folder, _recognised(event.letter), event.nth) if isinstance(event, Arrive) else event


def _within_promise(events: Sequence[Event], alike: Container[bytes]) -> Iterator[Event]:
    """`alike`: folders of the target that hold a letter whose Message-ID and date other letters have. When its own
    source message is deleted before it is recognised, one of the others is taken for it."""
    byes = 0
    for number, event in enumerate(events):
        match event:
            case Break(side=Side.TARGET, at=At(fault=Bye())):
                byes += 1
                if byes <= BYES_MOST:
                    yield event
            case Arrive(folder, Letter(_, kind, flags, own_date), nth):
                kind = Kind.PLAIN if kind in DEADLY else kind
                yield Arrive(folder, Letter(100 + number, kind, flags, own_date), nth)
            case Expunge(folder) if folder in alike:
                pass
            case _:
                yield event

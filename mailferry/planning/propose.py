"""Which mailboxes belong in one batch, and when each batch starts, as the guide to large migrations advises.

50 to 100 mailboxes a batch, by department or place; the largest apart, so that they hold up nobody; a pilot first; five
to ten batches at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, islice

from mailferry.report.estimates import seconds_together
from mailferry.state.plans import PlanRow

#: Mailboxes of a batch.
FEWEST, MOST = 50, 100
#: Bytes from which on a mailbox is one of the largest.
LARGE = 10 * 1024**3
#: Mailboxes of the pilot, and how many there must be altogether for one.
PILOT, WORTH_A_PILOT = 10, 2 * FEWEST
#: Between the pilot's start and the others', for looking at what came of it.
AFTER_PILOT = timedelta(days=2)
#: Batches that start together.
AT_ONCE = 10

_PILOT_PRIORITY, _PRIORITY, _LARGE_PRIORITY = 1, 5, 9
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Proposed:
    """One batch: which rows of the plan it has, when it starts, and its turn among others. `seconds` by itself."""

    name: str
    group: str
    rows: tuple[PlanRow, ...]
    start: datetime
    priority: int
    seconds: float

    @property
    def messages(self) -> int:
        """Messages of all its mailboxes."""
        return sum(row.messages for row in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes of all its mailboxes."""
        return sum(row.bytes for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Batch:
    group: str
    rows: tuple[PlanRow, ...]
    label: str


def propose(plan: str, rows: Iterable[PlanRow], first: datetime, at_once: int) -> list[Proposed]:
    """Every measured row in exactly one batch, in the order of their starts.

    `first`: when the first batch starts, at the hour at which all do; `at_once`: mailboxes that the source bears.
    """
    measured = [row for row in sorted(rows, key=lambda row: row.line) if row.measured]
    large = [row for row in measured if row.bytes >= LARGE]
    usual = [row for row in measured if row.bytes < LARGE]
    pilot = _pilot(usual) if len(measured) >= WORTH_A_PILOT else []
    chosen = {row.line for row in pilot}
    named = [_Batch("pilot", tuple(pilot), "pilot")] if pilot else []
    begin = first + (AFTER_PILOT if pilot else timedelta())
    others = list(_batches([row for row in usual if row.line not in chosen]))
    starts = list(_starts(others, begin, at_once))
    largest = [_Batch("large", some, "large") for some in batched(sorted(large, key=_by_size), FEWEST, strict=False)]
    timed = [
        *((batch, first, _PILOT_PRIORITY) for batch in named),
        *((batch, start, _PRIORITY) for batch, start in zip(others, starts, strict=True)),
        *((batch, begin, _LARGE_PRIORITY) for batch in largest),
    ]
    timed.sort(key=lambda found: (found[1], found[2]))
    width = len(str(len(timed)))
    return [
        Proposed(
            f"{plan}-{number:0{width}d}-{batch.label}",
            batch.group,
            batch.rows,
            start,
            priority,
            seconds_together([row.seconds for row in batch.rows], at_once),
        )
        for number, (batch, start, priority) in enumerate(timed, 1)
    ]


def _by_size(row: PlanRow) -> tuple[int, int]:
    return -row.bytes, row.line


def _groups(rows: Iterable[PlanRow]) -> dict[str, list[PlanRow]]:
    """Rows by department, in the order of the CSV; the case of a name makes no difference."""
    found: dict[str, list[PlanRow]] = {}
    for row in rows:
        found.setdefault(row.group.casefold(), []).append(row)
    return found


def _pilot(rows: Sequence[PlanRow]) -> list[PlanRow]:
    """Mailboxes of middling size, from every department in turn."""
    middling = [_from_the_middle(sorted(group, key=_by_size)) for group in _groups(rows).values()]
    in_turn = (group[place] for place in range(PILOT) for group in middling if place < len(group))
    return list(islice(in_turn, PILOT))


def _from_the_middle(rows: Sequence[PlanRow]) -> list[PlanRow]:
    return [rows[place] for place in sorted(range(len(rows)), key=lambda place: abs(place - len(rows) // 2))]


def _batches(rows: Sequence[PlanRow]) -> Iterator[_Batch]:
    """Large departments in equal parts; small ones whole, several in a batch where they fit."""
    small: list[list[PlanRow]] = []
    for group in _groups(rows).values():
        if len(group) < FEWEST:
            small.append(group)
            continue
        parts = -(-len(group) // MOST)
        for part in range(parts):
            some = group[part * len(group) // parts : (part + 1) * len(group) // parts]
            yield _Batch(group[0].group, tuple(some), _label(group[0].group))
    yield from (_joined(groups) for groups in _packed(small))


def _packed(groups: Iterable[list[PlanRow]]) -> list[list[list[PlanRow]]]:
    """Groups put together so that none is split and no batch has too many: the largest first, each where it fits."""
    packed: list[list[list[PlanRow]]] = []
    for group in sorted(groups, key=len, reverse=True):
        fits = (bin_ for bin_ in packed if sum(map(len, bin_)) + len(group) <= MOST)
        if (found := next(fits, None)) is None:
            packed.append(found := [])
        found.append(group)
    return packed


def _joined(groups: Sequence[Sequence[PlanRow]]) -> _Batch:
    rows = tuple(row for group in groups for row in group)
    if len(groups) == 1:
        return _Batch(rows[0].group, rows, _label(rows[0].group))
    names = ", ".join(group[0].group or "(none)" for group in groups)
    return _Batch(names, rows, "mixed")


def _label(group: str) -> str:
    """A department as a part of a file name."""
    words = "".join(char if char.isalnum() else " " for char in group.casefold()).split()
    return "-".join(words)[:40] or "all"


def _starts(batches: Sequence[_Batch], begin: datetime, at_once: int) -> Iterator[datetime]:
    """Waves: so many batches as a day carries, at most ten, and the next on the day after they are through."""
    together: list[float] = []
    count = 0
    for batch in batches:
        seconds = [row.seconds for row in batch.rows]
        if count and (count == AT_ONCE or seconds_together(together + seconds, at_once) > _DAY.total_seconds()):
            begin += _DAY * max(1, -(-seconds_together(together, at_once) // _DAY.total_seconds()))
            together, count = [], 0
        together += seconds
        count += 1
        yield begin


def options_of(batch: Proposed, options: Mapping[str, object]) -> dict[str, object]:
    """The options of one batch: the plan's, with its own start and turn."""
    return {**options, "start_after": batch.start.isoformat(timespec="seconds"), "priority": batch.priority}

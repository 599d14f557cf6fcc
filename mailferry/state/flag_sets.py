"""Which messages of a ledger row have which flags, as short text: `\\seen 1:150,160` a line, by place in the row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailferry.state.uids import UidRanges

#: Characters of a column. Flags of a thousand messages stay under it, unless somebody makes them up to be many.
_COLUMN = 32_000

type FlagSets = Mapping[str, UidRanges]


def flag_sets(flags: Iterable[tuple[int, Iterable[str]]]) -> FlagSets:
    """The messages by flag, from UIDs with the flags that each has."""
    found: dict[str, list[int]] = {}
    for uid, names in flags:
        for name in names:
            found.setdefault(name, []).append(uid)
    return {name: UidRanges.of(uids) for name, uids in found.items()}


def flags_by_uid(sets: FlagSets) -> dict[int, frozenset[str]]:
    """The flags by message, of those that have any."""
    found: dict[int, set[str]] = {}
    for name, uids in sets.items():
        for uid in uids.uids():
            found.setdefault(uid, set()).add(name)
    return {uid: frozenset(names) for uid, names in found.items()}


def pack_flags(sets: FlagSets | None, uids: Sequence[int]) -> str | None:
    """The text for a row of these messages; None, which says that nothing is known, also when it is too long.

    Flags hold neither blanks nor line ends.
    """
    if sets is None:
        return None
    places = {uid: place for place, uid in enumerate(uids, 1)}
    lines = (f"{name} {UidRanges.of(places[uid] for uid in sets[name].uids())}" for name in sorted(sets))
    text = "\n".join(lines)
    return text if len(text) <= _COLUMN else None


def unpack_flags(text: str | None, uids: Sequence[int]) -> FlagSets | None:
    """The inverse of `pack_flags`."""
    if text is None:
        return None
    lines = (line.split(" ") for line in text.split("\n") if line)
    return {name: UidRanges.of(uids[place - 1] for place in UidRanges.parse(places).uids()) for name, places in lines}

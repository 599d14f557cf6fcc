"""What the benchmark of the engine writes: its section of docs/performance.md, and the plot beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contest import CEILING, OURS, Row
from benchmarks.incremental import Pass
from benchmarks.markdown import machine, rate, replace_section, table
from benchmarks.memory import Peak
from benchmarks.plot import Bar, Group, bar_chart

BEGIN = "<!-- Written by `make bench` from here -->"
PLOT = "performance.svg"
PLOT_TITLE = "Messages a second by round trip, whole process, logarithmic"
WITHOUT_START = f"{OURS}, without the start of Python"

NOTES = f"""\
Two Dovecots on one machine; a relay delays every byte by half the round trip each way and limits no bandwidth. Seconds
are of the whole process, from its start to its end, so a tool pays for its own start-up. *{CEILING}* is the
ceiling: the same messages sent from memory on one connection without waiting, nothing read from the source, looked at
or written down. The last two columns count the messages whose bytes arrived unchanged, and those that kept flags,
keywords and INTERNALDATE too.

- doveadm writes into the target's own store, past its IMAP server: it may exceed the ceiling, and it can't write to a
  server of others. *Tuned* is with the `imapc` settings that Dovecot recommends for migrations.
- mbsync adds a header, `X-TUID`, to every message.
- offlineimap and imapcopy, and imapsync where it is measured, get fewer messages on a delayed line: they would take
  minutes. imapsync is measured when `IMAPSYNC` names its script; Debian has no package of it."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """A copy to a target that stands one command at a time on so many connections."""

    connections: int
    round_trip: float
    row: Row


@dataclass(slots=True)
class Results:
    """All that was measured; what was left out is empty."""

    speed: dict[float, list[Row]] = field(default_factory=dict)  #: by round trip in seconds
    throttled: Throttled | None = None
    peaks: list[Peak] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of a table of speeds, with the seconds that count for it."""

    name: str
    row: Row
    seconds: float

    @property
    def per_second(self) -> float:
        return self.row.account.filled.messages / self.seconds


def section(results: Results, command: str, versions: Iterable[str]) -> str:
    """Everything as Markdown."""
    parts = [NOTES] if results.speed else []
    parts += [_speed(round_trip, rows) for round_trip, rows in results.speed.items()]
    parts += [_throttled(results.throttled)] if results.throttled else []
    parts += [_cost(results.speed)] if results.speed else []
    parts += [_memory(results.peaks)] if results.peaks else []
    parts += [_incremental(results.passes)] if results.passes else []
    return "\n\n".join([*parts, f"`{command}`, {machine()}; {', '.join(versions)}."])


def write(results: Results, text: str, docs: Path) -> None:
    """Put the text between the markers of performance.md and draw the plot. Raises ValueError without markers."""
    replace_section(docs / "performance.md", BEGIN, f"![{PLOT_TITLE}]({PLOT})\n\n{text}")
    (docs / PLOT).write_text(plot(results), "utf-8")


def plot(results: Results) -> str:
    """The tables of speeds as a picture."""
    return bar_chart(
        PLOT_TITLE,
        [
            Group(
                f"{1000 * round_trip:.0f} ms",
                [
                    Bar(line.name, line.per_second, _kind(line.name))
                    for line in _lines(rows)
                    if line.name != WITHOUT_START
                ],
            )
            for round_trip, rows in results.speed.items()
        ],
    )


def _kind(name: str) -> str:
    return {OURS: "ours", CEILING: "bound"}.get(name, "other")


def _lines(rows: Iterable[Row]) -> list[_Line]:
    """Rows that ran, fastest first. The ceiling has no start-up; ours is there with it and without."""
    lines = []
    for row in rows:
        if row.run is None:
            continue
        if row.contestant == CEILING:
            lines.append(_Line(CEILING, row, row.run.copying))
        else:
            lines.append(_Line(row.contestant, row, row.run.seconds))
        if row.contestant == OURS:
            lines.append(_Line(WITHOUT_START, row, row.run.copying))
    return sorted(lines, key=lambda line: -line.per_second)


def _speed(round_trip: float, rows: Sequence[Row]) -> str:
    lines = _lines(rows)
    ceiling = next((line.per_second for line in lines if line.name == CEILING), None)
    cells = [_speed_cells(line, ceiling) for line in lines]
    cells += [(row.contestant, _count(row), row.failed, "", "", "", "", "") for row in rows if row.run is None]
    heading = f"### {1000 * round_trip:.0f} ms of round trip"
    names = ("", "messages", "seconds", "messages/s", "MB/s", "of the ceiling", "byte for byte", "flags and dates too")
    return f"{heading}\n\n{table(names, cells)}"


def _speed_cells(line: _Line, ceiling: float | None) -> tuple[str, ...]:
    row, run = line.row, line.row.run
    assert run is not None  # noqa: S101 - only rows that ran have lines
    megabytes = row.account.filled.bytes / 1e6
    runs = f" (median of {row.runs})" if row.runs > 1 else ""
    return (
        f"**{line.name}**" if line.name == OURS else line.name,
        _count(row),
        f"{line.seconds:.2f}{runs}",
        rate(line.per_second),
        f"{megabytes / line.seconds:,.1f}",
        _share(line.per_second / ceiling) if ceiling else "",
        f"{run.arrived.exact:,}",
        f"{run.arrived.faithful:,}",
    )


def _throttled(found: Throttled) -> str:
    bound = found.connections / found.round_trip
    rows = [
        (line.name, _count(line.row), f"{line.seconds:.2f}", rate(line.per_second), f"{line.per_second / bound:.2f}")
        for line in _lines([found.row])
    ]
    if found.row.failed:
        rows.append((OURS, _count(found.row), found.row.failed, "", ""))
    limits = f"{found.connections} connections, {1000 * found.round_trip:.0f} ms of round trip"
    bounded = (
        "As Exchange Online wants it: each connection sends a message, without MULTIAPPEND, and waits for the answer. "
        f"Connections / round trip allow {bound:.0f} messages a second."
    )
    names = ("", "messages", "seconds", "messages/s", "of what is allowed")
    return f"### One command in flight, {limits}\n\n{bounded}\n\n{table(names, rows)}"


def _cost(speed: dict[float, list[Row]]) -> str:
    """CPU of each tool's own process; the least delayed table has the least waiting in it."""
    rows = [row for row in speed[min(speed)] if row.run and row.contestant != CEILING]
    cells = [
        (row.contestant, f"{1000 * row.run.cpu_seconds / row.account.filled.messages:.2f} s") for row in rows if row.run
    ]
    return (
        f"### CPU per 1,000 messages\n\nOf the tool's own process, its start included.\n\n{table(('', 'CPU'), cells)}"
    )


def _memory(peaks: Sequence[Peak]) -> str:
    least = peaks[0].mib
    cells = [
        (f"{peak.mailboxes}", f"{peak.message_bytes:,}", f"{peak.mib:.0f} MiB", f"{peak.mib - least:+.0f} MiB")
        for peak in peaks
    ]
    names = ("mailboxes at once", "bytes of the message in each", "peak memory", "over the first row")
    return f"### Memory\n\n{table(names, cells)}"


def _incremental(passes: Sequence[Pass]) -> str:
    cells = [
        (one.name, f"{one.messages:,}", f"{one.seconds:.2f}", _kilobytes(one.bytes), f"{one.connections}")
        for one in passes
    ]
    names = ("pass", "messages in the mailbox", "seconds", "traffic, both servers, both ways", "connections")
    return f"### Incremental\n\n{table(names, cells)}"


def _kilobytes(size: int) -> str:
    return f"{size / 1e3:,.1f} kB" if size < 1e6 else f"{size / 1e6:,.0f} MB"


def _count(row: Row) -> str:
    return f"{row.account.filled.messages:,}"


def _share(part: float) -> str:
    return f"{part:.2f}" if part >= 0.1 else f"{part:.4f}"

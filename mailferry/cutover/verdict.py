"""Whether a domain's migration may be completed, that is, whether its old server may be let go, or why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailferry.cutover.compare import State, Verdict
from mailferry.cutover.expected import Expected
from mailferry.model import COMPLETED, MailboxLine, Status
from mailferry.state.mx_changes import MxChange

_ARRIVED = (Status.SYNCED, *COMPLETED)
#: Addresses that a reason names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not yet, and what to do about it."""

    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Passes:
    """The mailboxes of a domain by what their last pass says.

    `receiving` copied something in their last pass, which was not their first; `quiet` copied nothing in it. Of those
    that had one pass only that is `untold`, since a first pass copies old mail and new alike.
    """

    lines: tuple[MailboxLine, ...]
    unsynced: tuple[MailboxLine, ...]
    receiving: tuple[MailboxLine, ...]
    quiet: tuple[MailboxLine, ...]
    untold: tuple[MailboxLine, ...]

    def before(self, moment: datetime) -> list[MailboxLine]:
        """Those whose last pass had ended by then."""
        return [line for line in self.lines if line.last_synced is None or line.last_synced < moment]


def passes_of(lines: Iterable[MailboxLine]) -> Passes:
    """The mailboxes of a domain, sorted. A line's rate is that of its last pass: above 0 when messages went over."""
    lines = tuple(lines)
    known = [line for line in lines if _has_told(line)]
    return Passes(
        lines,
        unsynced=tuple(line for line in lines if line.status not in _ARRIVED),
        receiving=tuple(line for line in known if line.messages_per_second > 0),
        quiet=tuple(line for line in known if line.messages_per_second <= 0),
        untold=tuple(line for line in lines if not _has_told(line)),
    )


def _has_told(line: MailboxLine) -> bool:
    return line.last_synced is not None and line.passes > 1


def obstacles(mx: Verdict, expected: Expected, change: MxChange, passes: Passes, now: datetime) -> list[Reason]:
    """Everything that speaks against completing; nothing when it is safe."""
    return [*_of_mx(mx, expected), *_of_caches(change, passes, now), *_of_mailboxes(passes)]


def _of_mx(mx: Verdict, expected: Expected) -> Iterator[Reason]:
    if expected.in_tenant is False:
        yield Reason(f"The tenant does not have the domain {expected.domain}.", expected.remedy)
    if mx.state is not State.OK:
        yield Reason(f"MX: {mx.why}", mx.remedy)


def _of_caches(change: MxChange, passes: Passes, now: datetime) -> Iterator[Reason]:
    if change.changed is None or change.cached_until is None:
        return
    if now < change.cached_until:
        ttl = "taken for a day, as it was never seen" if change.old_ttl is None else f"{change.old_ttl:,} seconds"
        yield Reason(
            f"The new MX was first seen {change.changed:%Y-%m-%d %H:%M} UTC; senders may use the old one out of caches "
            f"until {change.cached_until:%Y-%m-%d %H:%M} UTC (its TTL: {ttl}).",
            "Leave the old server and the migration running until then.",
        )
    elif late := passes.before(change.cached_until):
        yield Reason(
            f"{_named(late)}: no pass has ended since the old MX went out of all caches "
            f"({change.cached_until:%Y-%m-%d %H:%M} UTC).",
            "Wait for the next pass (SYNC_SCHEDULE), which fetches what came to the old server last; what is completed "
            "has no next pass before its CSV is dropped again.",
        )


def _of_mailboxes(passes: Passes) -> Iterator[Reason]:
    if not passes.lines:
        yield Reason("No mailbox of this domain is in any batch.", "Drop a CSV with them, or check the spelling.")
    if passes.unsynced:
        counts = Counter(line.status.value for line in passes.unsynced)
        words = ", ".join(f"{count:,} {status}" for status, count in counts.most_common())
        yield Reason(
            f"Not Synced ({words}): {_named(passes.unsynced)}.",
            "Wait for those that are under way; for the others do what their batch says of each.",
        )
    if passes.receiving:
        yield Reason(
            f"The last pass still brought mail: {_named(passes.receiving)}.",
            "Wait for a pass that brings none. If the MX moved long ago, see what delivers there: forwarding, lists, "
            "devices and programs that know the old server by name, mail among its own users.",
        )


def _named(lines: Sequence[MailboxLine]) -> str:
    shown = ", ".join(line.address for line in lines[:_NAMED])
    more = f" and {len(lines) - _NAMED:,} more" if len(lines) > _NAMED else ""
    return f"{len(lines):,} mailbox{'es' if len(lines) > 1 else ''} ({shown}{more})"

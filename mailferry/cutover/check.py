"""Looks at one domain before its cutover: records, mailboxes, and whether its migration may be completed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from mailferry.cutover.compare import State, Verdict, verdicts
from mailferry.cutover.expected import expected_of
from mailferry.cutover.records import RecordReader
from mailferry.cutover.verdict import Passes, obstacles, passes_of
from mailferry.domain_name import domain_name, domain_of
from mailferry.report.status import Json
from mailferry.state.batches import Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.mx_changes import MxChange, MxChanges
from mailferry.target.graph import Graph


@dataclass(frozen=True, slots=True)
class DomainChecks:
    """What `GET /api/domains/{domain}` answers."""

    batches: Batches
    changes: MxChanges
    graph: Graph | None
    reader: RecordReader = field(default_factory=RecordReader)
    clock: Clock = utc_now

    def check(self, text: str) -> Json:
        """The domain as it is now. Raises `DomainRefused`, `DomainMissing` and `DnsFailed`."""
        domain = domain_name(text)
        records = self.reader.read(domain)
        expected = expected_of(domain, self.graph)
        found = verdicts(records, expected)
        mx, others = found[0], found[1:]
        passes = self._passes(domain)
        now = self.clock()
        change = self._change(domain, mx, now) if passes.lines else MxChange()
        against = obstacles(mx, expected, change, passes, now)
        return {
            "domain": domain,
            "asked": now.isoformat(),
            "name_servers": list(records.servers),
            "expected_by": expected.told_by,
            "expected_remedy": expected.remedy,
            "records": [_shown(verdict) for verdict in found],
            "mx_change": {
                "first_seen": _time(change.changed),
                "old_ttl": change.old_ttl,
                "cached_until": _time(change.cached_until),
            },
            "mailboxes": _counted(passes),
            "safe_to_complete": not against,
            "why_not": [asdict(reason) for reason in against],
            "also_to_do": _advice(others),
        }

    def _passes(self, domain: str) -> Passes:
        """The mailboxes whose target address or source login is in the domain."""
        return passes_of(
            line
            for batch in self.batches.all()
            for line in self.batches.lines(batch.name)
            if domain in (domain_of(line.address), domain_of(line.user))
        )

    def _change(self, domain: str, mx: Verdict, now: datetime) -> MxChange:
        """What is known of the MX, this look included. One without an answer or without an MX tells nothing."""
        known = self.changes.get(domain)
        if mx.ttl is None:
            return known
        change = known.seen(moved=mx.state is State.OK, ttl=mx.ttl, now=now)
        if change != known:
            self.changes.write(domain, change)
        return change


def _shown(verdict: Verdict) -> Json:
    return {**asdict(verdict), "state": verdict.state.value, "found": list(verdict.found)}


def _counted(passes: Passes) -> Json:
    return {
        "mailboxes": len(passes.lines),
        "by_status": dict(Counter(line.status.value for line in passes.lines)),
        "still_receiving": len(passes.receiving),
        "not_receiving": len(passes.quiet),
        "receiving_not_known": len(passes.untold),
    }


def _advice(others: Sequence[Verdict]) -> Json:
    """What does not keep the migration from its completion, but mail from arriving well."""
    return [
        {"why": f"{verdict.record} ({verdict.name}): {verdict.why}", "remedy": verdict.remedy}
        for verdict in others
        if verdict.state is not State.OK
    ]


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

"""`summary.json`: the facts of the page for programs; docs/schemas/batch-summary.schema.json is its schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum

from mailferry.model import MailboxLine
from mailferry.report.csv_cells import iso
from mailferry.report.facts import Facts, share
from mailferry.report.timeline import Event
from mailferry.state.progress import Point

#: Mailboxes that need a person, at most; mailboxes.csv has them all.
_ATTENTION = 500


def summary_json(facts: Facts) -> bytes:
    """The facts in UTF-8."""
    document = {
        "batch": facts.batch,
        "made": iso(facts.made),
        "headline": asdict(facts.headline),
        "mailboxes": len(facts.lines),
        "arrived": sum(line.last_synced is not None for line in facts.lines),
        "by_status": _named(facts.statuses),
        "counts": asdict(facts.totals),
        "settled_percent": round(share(facts.totals), 2),
        "rate": asdict(facts.rate) if facts.rate else None,
        "consistency": {**asdict(facts.consistency), "by_score": _named(facts.scores)} if facts.consistency else None,
        "folders": asdict(facts.folders),
        "sizes": [asdict(size) for size in facts.sizes],
        "throttling": {**asdict(facts.throttled), "mailboxes": facts.throttled_mailboxes},
        "skipped": [{"kind": kind.kind.value, "remedy": kind.remedy, "count": kind.count} for kind in facts.kinds],
        "repaired": [{"reason": reason, "count": count} for reason, count in facts.repairs],
        "attention": [_needy(line) for line in facts.helpless[:_ATTENTION]],
        "attention_count": len(facts.helpless),
        "progress": [_point(point) for point in facts.progress],
        "timeline": [_event(event) for event in facts.events],
        "notes": list(facts.notes),
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _named(counted: Sequence[tuple[StrEnum, int]]) -> dict[str, int]:
    return {word.value: count for word, count in counted}


def _needy(line: MailboxLine) -> dict[str, str]:
    return {
        "mailbox": line.mailbox,
        "address": line.address,
        "status": line.status.value,
        "why": line.why,
        "remedy": line.remedy,
        "since": iso(line.since),
    }


def _point(point: Point) -> dict[str, object]:
    return {**asdict(point), "at": iso(point.moment)}


def _event(event: Event) -> dict[str, object]:
    return {
        "first": iso(event.first),
        "last": iso(event.last),
        "status": event.status.value,
        "actor": event.actor,
        "mailboxes": event.mailboxes,
        "cause": event.cause,
    }

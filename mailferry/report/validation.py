"""What the validation of a batch says: its summary, its rows page by page, and its reports.

The summary is reckoned by those who validate and by the watch, and kept, so that a page of 50,000 mailboxes costs what
a page of ten does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from mailferry.model import MailboxLine
from mailferry.report.advice import for_batch
from mailferry.report.estimates import cost_for, seconds_together
from mailferry.report.paging import PAGE, no_token
from mailferry.report.status import Json
from mailferry.report.validation_tables import Finding, finding_of, folders_csv, oversize_csv, rows_csv
from mailferry.state.admission import Admission
from mailferry.state.batches import Batch, Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.storage import Blobs, Content
from mailferry.state.validations import Measured, Summary, Validation, Validations

_NEXT = re.compile("([0-9a-f]{32})?")
#: How old a summary may be while mailboxes are being validated, and how much older for each of them.
_FRESH, _FRESH_EACH = timedelta(seconds=30), timedelta(milliseconds=10)
_CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ValidationReports:
    """Reads what was found and says it. `limit`: bytes of the largest message that goes over."""

    batches: Batches
    validations: Validations
    admission: Admission
    blobs: Blobs
    container: str
    limit: int
    clock: Clock = utc_now

    def begun(self, name: str) -> None:
        """A mailbox of the batch is being validated: from now on there is something to show."""
        if self.validations.summary(name) is None:
            self._reckon(name)

    def moved(self, name: str) -> None:
        """A mailbox of the batch was validated: bring the summary up to date, unless that was done just now."""
        known = self.validations.summary(name)
        if known is None or self.clock() - known.at > _FRESH + known.mailboxes * _FRESH_EACH:
            self._reckon(name)
        else:
            self.validations.write_summary(name, replace(known, moved=self.clock(), published=False))

    def publish(self, name: str) -> None:
        """Write the batch's reports if it was validated, and if they would say anything new."""
        known = self.validations.summary(name)
        summary = self._reckon(name) if known and not known.published else None
        if summary is None:
            return
        lines = sorted(self.batches.lines(name), key=lambda line: line.row)
        found = self.validations.all(name)
        self._write(name, "validation.csv", rows_csv(_findings(lines, found)), _CSV)
        self._write(name, "validation-folders.csv", lambda: folders_csv(self._measured(lines, found)), _CSV)
        self._write(
            name, "validation-oversize.csv", lambda: oversize_csv(self._measured(lines, found), self.limit), _CSV
        )
        data = json.dumps(_shown(name, summary), ensure_ascii=False, indent=2).encode()
        self._write(name, "validation.json", data, "application/json")
        self.validations.mark_published(name, summary)

    def page(self, name: str, after: str = "", most: int = PAGE) -> dict[str, Json] | None:
        """The batch's summary with a page of its rows (those after the mailbox with the id `after`); None when it was
        never validated. Raises RequestRefused."""
        if not _NEXT.fullmatch(after):
            raise no_token()
        summary = self.validations.summary(name)
        if summary is None:
            return None
        lines = self.batches.lines_after(name, after, most + 1)
        page = lines[:most]
        found = self.validations.all(name, [line.mailbox for line in page]) if page else {}
        rows: list[Json] = [_row(finding) for finding in _findings(page, found)]
        return {**_shown(name, summary), "rows": rows, "next": page[-1].mailbox if len(lines) > most else ""}

    def _reckon(self, name: str) -> Summary | None:
        """Reckon the summary anew and keep it."""
        batch = self.batches.get(name)
        if batch is None:
            return None
        lines = list(self.batches.lines(name))
        findings = list(_findings(lines, self.validations.all(name)))
        summary = self._summary(batch, findings)
        self.validations.write_summary(name, summary)
        return summary

    def _summary(self, batch: Batch, findings: Sequence[Finding]) -> Summary:
        ready = [(finding, finding.found) for finding in findings if finding.found]
        failed = sum(finding.ok is False for finding in findings)
        others = (other.name for other in self.batches.all() if other.name != batch.name)
        everywhere = len(findings) + sum(summary.mailboxes for summary in self.validations.summaries(others))
        messages, size = (sum(found.messages for _, found in ready), sum(found.bytes for _, found in ready))
        endpoint = self.admission.endpoint(batch.endpoint)
        ended = [found.at for _, found in ready]
        ended += [finding.line.since for finding in findings if finding.ok is False]
        pending = len(findings) - len(ready) - failed
        return Summary(
            self.clock(),
            validated=None if pending else max(ended, default=None),
            mailboxes=len(findings),
            ready=len(ready),
            failed=failed,
            pending=pending,
            folders=sum(found.folders for _, found in ready),
            messages=messages,
            bytes=size,
            too_large=sum(found.too_large for _, found in ready),
            seconds=seconds_together(
                [finding.seconds or 0.0 for finding, _ in ready], endpoint.max_concurrent if endpoint else 1
            ),
            cost=cost_for(messages, size),
            advice=json.dumps(
                [
                    asdict(advice)
                    for advice in for_batch(
                        batch,
                        len(findings),
                        everywhere,
                        self.limit,
                        [(finding.line.address, found) for finding, found in ready],
                    )
                ],
                ensure_ascii=False,
            ),
        )

    def _measured(
        self, lines: Sequence[MailboxLine], found: Mapping[str, Validation]
    ) -> Iterator[tuple[MailboxLine, Measured]]:
        """The folders of all mailboxes, those of one mailbox in memory."""
        for line in lines:
            if validation := found.get(line.mailbox):
                yield from ((line, one) for one in self.validations.measured(line.mailbox, validation.pass_no))

    def _write(self, batch: str, name: str, data: Content, content_type: str) -> None:
        self.blobs.write(self.container, f"{batch}/{name}", data, content_type)


def _findings(lines: Sequence[MailboxLine], found: Mapping[str, Validation]) -> Iterator[Finding]:
    return (finding_of(line, found.get(line.mailbox)) for line in lines)


def _shown(name: str, summary: Summary) -> dict[str, Json]:
    return {
        "batch": name,
        "validated": summary.validated.isoformat() if summary.validated else None,
        "mailboxes": summary.mailboxes,
        "ready": summary.ready,
        "failed": summary.failed,
        "pending": summary.pending,
        "folders": summary.folders,
        "messages": summary.messages,
        "bytes": summary.bytes,
        "oversize": summary.too_large,
        "seconds": round(summary.seconds) if summary.ready and summary.seconds is not None else None,
        "cost": round(summary.cost, 2) if summary.ready and summary.cost is not None else None,
        "advice": json.loads(summary.advice),
    }


def _row(finding: Finding) -> dict[str, Json]:
    line, found = finding.line, finding.found
    return {
        "mailbox": line.mailbox,
        "address": line.address,
        "user": line.user,
        "ok": finding.ok,
        "why": finding.why,
        "remedy": finding.remedy,
        "folders": found.folders if found else 0,
        "messages": found.messages if found else 0,
        "bytes": found.bytes if found else 0,
        "oversize": found.too_large if found else 0,
        "unselected": found.unselected if found else 0,
        "seconds": None if finding.seconds is None else round(finding.seconds),
    }

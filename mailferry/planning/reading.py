"""Takes a big CSV in: `plans/<name>.csv` of the container `batches`, with options for all its batches beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailferry.errors import BatchRefused
from mailferry.intake.csv_file import CsvFile, Row, read_csv
from mailferry.intake.csv_text import MAX_BYTES
from mailferry.intake.ingest import CONTAINER, PLANS, Intake
from mailferry.intake.json_object import text_of
from mailferry.intake.options import BatchOptions
from mailferry.intake.problems import StructureRefused
from mailferry.model import Problem
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.report.tables import intake_csv
from mailferry.secrets.seal import Seal, new_data_key
from mailferry.state.batches import listed_name
from mailferry.state.jobs import PlanJob, send_plan_job
from mailferry.state.plans import Plan, PlanRow, Plans, Stage
from mailferry.state.storage import Blob, Queues

log = logging.getLogger(__name__)

#: Where plans lie in the container of batches, and their reports in that of reports.
FOLDER = PLANS
#: Longest name of a plan: its batches' names begin with it.
LONGEST_NAME = 100

#: Columns by which mailboxes belong together; the first that a CSV has counts.
_GROUPS = ("department", "location", "office")
_SUFFIX = ".csv"
_CSV = "text/csv; charset=utf-8"


def plan_name(file: str) -> str | None:
    """The plan that a file of the container makes; None when it makes none."""
    name = file.removeprefix(FOLDER)
    return name[: -len(_SUFFIX)] or None if file.startswith(FOLDER) and name.lower().endswith(_SUFFIX) else None


@dataclass(frozen=True, slots=True)
class Reading:
    """Writes a plan's rows down, their passwords sealed. Doing it twice changes no more than doing it once."""

    plans: Plans
    intake: Intake
    queues: Queues

    def take(self, file: str) -> None:
        """Take in the CSV if it is still there. One that can't be used stays, and `intake.csv` says why."""
        name, blobs = plan_name(file), self.intake.blobs
        info = blobs.info(CONTAINER, file)
        if name is None or info is None:
            return
        try:
            check_before_reading(name, info.size)
            blob = blobs.read(CONTAINER, file)
            if blob is None:
                return
            csv = read_csv(blob.data)
            text = self._options_text(name)
            options = self.intake.read(text.encode())
        except BatchRefused as refusal:
            self._refuse(name, info.etag, refusal)
            return
        if self._write(name, blob, csv, options, text):
            blobs.delete(CONTAINER, file, blob.etag)

    def _options_text(self, name: str) -> str:
        """The options beside the CSV, else those of the time before."""
        blobs, kept = self.intake.blobs, f"{FOLDER}{name}/options.json"
        beside = blobs.read(CONTAINER, f"{FOLDER}{name}.json")
        if beside:
            self.intake.read(beside.data)
            blobs.write(REPORTS, kept, beside.data, "application/json")
        found = beside or blobs.read(REPORTS, kept)
        return text_of(found.data) if found else "{}"

    def _refuse(self, name: str, etag: str, refusal: BatchRefused) -> None:
        name = listed_name(name)
        now = self.intake.clock()
        problems = refusal.problems if isinstance(refusal, StructureRefused) else ()
        self._publish(name, problems or [Problem(0, "", refusal.cause, refusal.remedy)])
        refused = Plan(name, now, now, Stage.REFUSED, etag, why=refusal.cause[:2_000], remedy=refusal.remedy)
        # A plan that is under way stays what it is.
        self.plans.put(name, lambda known: refused if known is None or known.stage is Stage.REFUSED else None)
        log.error("The plan %s is refused: %s", name, refusal.cause)

    def _write(self, name: str, blob: Blob, csv: CsvFile, options: BatchOptions, text: str) -> bool:
        """Write everything down and send the first job; False while batches of the plan are being made."""
        intake, now = self.intake, self.intake.clock()
        fresh = Plan(
            name,
            now,
            now,
            Stage.READING,
            blob.etag,
            options.endpoint.id,
            options.login,
            text,
            intake.keys.wrap(new_data_key()),
            rows=len(csv.rows),
            refused_rows=len(csv.refused),
        )
        plan = self.plans.put(name, lambda known: _instead_of(known, fresh))
        if plan is None or plan.source_etag != blob.etag:
            log.warning("The plan %s waits: batches of the one before are being made.", name)
            return False
        if plan.stage is Stage.READING:
            intake.admission.define(options.endpoint)
            self._write_rows(plan, csv.rows)
            self._publish(name, csv.refused)
            plan = self.plans.put(name, lambda known: _measuring(known, blob.etag)) or plan
            send_plan_job(self.queues, PlanJob(name, plan.step))
        return True

    def _write_rows(self, plan: Plan, rows: Sequence[Row]) -> None:
        seal = Seal(self.intake.keys.unwrap(plan.wrapped_key))
        written = [_row(row) for row in rows]
        sealed = (replace(to, sealed=seal.close(row.password, to.key)) for row, to in zip(rows, written, strict=True))
        self.plans.write_rows(plan.name, sealed)
        keep = {row.line for row in rows}
        self.plans.delete_rows(plan.name, [row for row in self.plans.rows(plan.name) if row.line not in keep])

    def _publish(self, name: str, problems: Iterable[Problem]) -> None:
        path, found = f"{FOLDER}{name}/intake.csv", list(problems)
        if found:
            self.intake.blobs.write(REPORTS, path, intake_csv(found), _CSV)
        else:
            self.intake.blobs.delete(REPORTS, path)


def check_before_reading(name: str, size: int) -> None:
    """Raises BatchRefused for a name or a size that no plan has."""
    if len(name) > LONGEST_NAME or "/" in name:
        cause = f"The name of a plan has at most {LONGEST_NAME} characters, and no / in it."
        raise BatchRefused(cause, "Give the file another name.")
    if size > MAX_BYTES:
        raise BatchRefused("The file has more than 10 MB.", "Split it into several plans.")


def _row(row: Row) -> PlanRow:
    named = {name.strip().casefold(): value.strip() for name, value in row.extra}
    group = next((named[column] for column in _GROUPS if column in named), "")
    return PlanRow(row.line, row.address, row.user, row.user_root, group[:200])


def _instead_of(known: Plan | None, fresh: Plan) -> Plan | None:
    """The new plan in the place of the one before; the one before when that is the same, or is being started."""
    if known and (known.stage is Stage.STARTING or known.source_etag == fresh.source_etag):
        return None if known.stage is not Stage.REFUSED else replace(fresh, step=known.step + 1)
    return replace(fresh, step=known.step + 1) if known else fresh


def _measuring(known: Plan | None, etag: str) -> Plan | None:
    if known is None or known.stage is not Stage.READING or known.source_etag != etag:
        return None
    return replace(known, stage=Stage.MEASURING)

"""Makes a plan's batches from its sealed rows, as if each had been dropped as a CSV."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from mailferry.intake.csv_file import CsvFile, Row
from mailferry.intake.ingest import Intake
from mailferry.planning.proposing import options_path
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.secrets.seal import Seal
from mailferry.state.plans import Plan, PlanRow, Plans, Stage
from mailferry.state.storage import Blobs
from mailferry.transfer.deadline import Deadline

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Starting:
    """Starts batches. A row is deleted once its batch has it, so that its password is sealed in one place only."""

    plans: Plans
    intake: Intake
    blobs: Blobs
    seconds: float

    def step(self, plan: Plan) -> Plan:
        """Make as many of the wanted batches as time allows; the plan afterwards.

        Raises BatchRefused, SealBroken, KeyUnavailable, Conflict.
        """
        left: dict[str, list[PlanRow]] = {}
        for row in self.plans.rows(plan.name):
            left.setdefault(row.batch, []).append(row)
        unplanned = left.pop("", [])
        wanted = [batch for batch in sorted(left) if not plan.wanted or batch in plan.wanted]
        seal, deadline = Seal(self.intake.keys.unwrap(plan.wrapped_key)), Deadline(self.seconds)
        while wanted and not deadline.passed():
            batch = wanted.pop(0)
            self._make(plan, batch, left.pop(batch), seal)
        if wanted:
            return plan
        if left:
            return replace(plan, stage=Stage.PROPOSED, wanted=())
        self.plans.delete_rows(plan.name, unplanned)
        return replace(plan, stage=Stage.STARTED, wanted=(), wrapped_key=b"")

    def _make(self, plan: Plan, batch: str, rows: list[PlanRow], seal: Seal) -> None:
        options = self.blobs.read(REPORTS, options_path(plan.name, batch))
        csv = [Row(row.line, row.address, row.user, seal.open(row.sealed, row.key), row.user_root) for row in rows]
        note = f"from the plan {plan.name}"
        self.intake.take_rows(batch, CsvFile(tuple(csv), (), (note,)), options.data if options else b"{}")
        self.plans.delete_rows(plan.name, rows)
        log.info("The plan %s: the batch %s is made, with %s mailboxes.", plan.name, batch, len(rows))

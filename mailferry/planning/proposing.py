"""Writes a proposal down once everything is measured: the rows' batches, and the files for people."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailferry.errors import SettingsError
from mailferry.intake.ingest import Intake
from mailferry.planning.files import batch_csv, batch_options, plan_csv, plan_json
from mailferry.planning.propose import Proposed, propose
from mailferry.planning.reading import FOLDER
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.state.plans import Plan, Plans
from mailferry.state.storage import Blobs

#: When the first batch starts unless the plan's options say: users are told two weeks before, and need a day more.
LEAD = timedelta(days=15)
#: The hour (UTC) at which batches start then.
HOUR = 18

_WRITERS = 8
_CSV = "text/csv; charset=utf-8"
_JSON = "application/json"


def options_path(plan: str, batch: str) -> str:
    """Where the options of a proposed batch lie among the reports."""
    return f"{FOLDER}{plan}/batches/{batch}.json"


@dataclass(frozen=True, slots=True)
class Proposing:
    """Proposes; again with the same rows, it proposes the same."""

    plans: Plans
    intake: Intake
    blobs: Blobs

    def step(self, plan: Plan) -> None:
        """Write the proposal to the rows and to `reports/plans/<plan>/`. Raises SettingsError."""
        endpoint = self.intake.admission.endpoint(plan.endpoint)
        if endpoint is None:
            raise SettingsError(f"The endpoint {plan.endpoint} is not known.", "Drop the plan's CSV again.")
        rows = list(self.plans.rows(plan.name))
        batches = propose(plan.name, rows, self._first(plan), endpoint.max_concurrent)
        names = {row.line: batch.name for batch in batches for row in batch.rows}
        rows = [replace(row, batch=names.get(row.line, "")) for row in rows]
        self.plans.write_rows(plan.name, rows)
        folder = f"{FOLDER}{plan.name}"
        for old in list(self.blobs.list(REPORTS, f"{folder}/batches/")):
            if old.name.rpartition("/")[2].rpartition(".")[0] not in names.values():
                self.blobs.delete(REPORTS, old.name)
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(lambda batch: self._write(plan, batch), batches))
        self.blobs.write(REPORTS, f"{folder}/plan.csv", lambda: plan_csv(rows, batches), _CSV)
        data = json.dumps(plan_json(rows, batches), ensure_ascii=False, indent=2).encode()
        self.blobs.write(REPORTS, f"{folder}/plan.json", data, _JSON)

    def _first(self, plan: Plan) -> datetime:
        start = self.intake.read(plan.options.encode()).schedule.start_after
        return start or (plan.created + LEAD).replace(hour=HOUR, minute=0, second=0, microsecond=0)

    def _write(self, plan: Plan, batch: Proposed) -> None:
        folder = f"{FOLDER}{plan.name}/batches"
        self.blobs.write(REPORTS, f"{folder}/{batch.name}.csv", batch_csv(batch), _CSV)
        self.blobs.write(REPORTS, options_path(plan.name, batch.name), batch_options(batch, plan.options), _JSON)

"""Work on a whole batch that did not fit where it began."""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.intake.ingest import Intake
from mailferry.lifecycle.operations import Operations
from mailferry.state.jobs import BatchJob


@dataclass(frozen=True, slots=True)
class BatchWork:
    """Goes on with it."""

    operations: Operations
    intake: Intake

    def run(self, job: BatchJob) -> None:
        """Go on for as long as a function may; what is left then, the next job does."""
        if job.file:
            self.intake.take(job.file)
        else:
            self.operations.go_on(job.batch)

"""Who takes in a CSV that was dropped: by its folder."""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.intake.ingest import PLANS, Intake
from mailferry.planning.plans import Planning


@dataclass(frozen=True, slots=True)
class Drops:
    """Hands dropped CSVs on."""

    intake: Intake
    planning: Planning

    def take(self, file: str) -> None:
        """Take in the CSV `file` of the container `batches`, if it is still there."""
        if file.startswith(PLANS):
            self.planning.reading.take(file)
        else:
            self.intake.take(file)

"""What was dropped for provisioning, as the HTTP API shows it: how far each file is, and what is with each user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mailferry.intake.ingest import PROVISION
from mailferry.provision.provisioning import STATE, Line, Provisioning, Stage
from mailferry.report.paging import Asked, Columns
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.report.status import Json

_USERS: Columns[Line] = Columns(
    unique=lambda line: f"{line.user.line:07d}",
    orders={
        "row": lambda line: line.user.line,
        "user": lambda line: line.user.upn.casefold(),
        "state": lambda line: line.state.value,
    },
    texts=lambda line: (line.user.upn, line.why),
)


@dataclass(frozen=True, slots=True)
class ProvisionPages:
    """What the HTTP API answers."""

    provisioning: Provisioning

    def all(self) -> Json:
        """Every file that was taken in, without its users."""
        names = [
            blob.name.removeprefix(PROVISION).removesuffix(STATE)
            for blob in self.provisioning.blobs.list(REPORTS, PROVISION)
            if blob.name.endswith(STATE)
        ]
        found = ((name, self.provisioning.state(name)) for name in names)
        return {"provision": [_summary(name, *state) for name, state in found if state]}

    def one(self, name: str, asked: Asked) -> Json:
        """One with a page of its users; None when there is none of this name. Raises RequestRefused."""
        found = self.provisioning.state(name)
        if found is None:
            return None
        page = _USERS.page(found[1], asked)
        return {**_summary(name, *found), "rows": [_row(line) for line in page.rows], "next": page.next}


def _summary(name: str, stage: Stage, lines: Sequence[Line], blocked: str) -> dict[str, Json]:
    """`why` is what keeps all that wait from their turn; empty when nothing does."""
    states = Counter(line.state.value or "waiting" for line in lines)
    return {"name": name, "stage": stage.value, "users": len(lines), "by_state": dict(states), "why": blocked}


def _row(line: Line) -> Json:
    return {
        "line": line.user.line,
        "user": line.user.upn,
        "state": line.state.value or "waiting",
        "licence": line.user.sku,
        "why": line.why,
        "remedy": line.remedy,
    }

"""The alert rules of `infra/queries/alerts.json`, and what Azure Monitor does with them: each row found is an alert."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.kql.workspace import Row, Workspace

QUERIES = Path(__file__).resolve().parents[3] / "infra" / "queries"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `limits` are its thresholds and their defaults."""

    name: str
    description: str
    severity: int
    frequency: timedelta
    window: timedelta
    auto_mitigate: bool
    limits: dict[str, int]
    dimensions: tuple[str, ...]

    @property
    def defaults(self) -> str:
        """The line of the query that says its thresholds; empty when it has none."""
        return " ".join(f"let {name} = {value};" for name, value in sorted(self.limits.items()))

    @property
    def query(self) -> str:
        return (QUERIES / f"{self.name}.kql").read_text()

    def fired(self, workspace: Workspace, now: datetime, **limits: int) -> list[dict[str, object]]:
        """The alerts that an evaluation at `now` fires: their dimensions. Thresholds in `limits` replace defaults."""
        chosen = " ".join(f"let {name} = {value};" for name, value in sorted((self.limits | limits).items()))
        query = self.query.replace(self.defaults, chosen) if self.limits else self.query
        return [{name: row[name] for name in self.dimensions} for row in workspace.query(query, now, self.window)]


def fired(rows: Iterable[Row], now: datetime) -> dict[str, list[dict[str, object]]]:
    """What each rule that fires at `now` says over these rows."""
    with Workspace(rows) as workspace:
        return {name: alerts for name, rule in rules().items() if (alerts := rule.fired(workspace, now))}


def rules() -> dict[str, Rule]:
    """All rules by name."""
    table = json.loads((QUERIES / "alerts.json").read_text())
    return {line["name"]: _rule(line) for line in table}


def _rule(line: dict[str, object]) -> Rule:
    match line:
        case {
            "name": str(name),
            "displayName": str(),
            "description": str(description),
            "severity": int(severity),
            "frequency": str(frequency),
            "window": str(window),
            "autoMitigate": bool(auto_mitigate),
            "limits": dict(limits),
            "dimensions": list(dimensions),
            **rest,
        } if not rest:
            return Rule(
                name,
                description,
                severity,
                _duration(frequency),
                _duration(window),
                auto_mitigate,
                limits,
                tuple(dimensions),
            )
    raise ValueError(f"not an alert rule: {line}")


def _duration(iso: str) -> timedelta:
    """`PT5M`, `PT2H`, `P1D` (ISO 8601)."""
    found = re.fullmatch(r"P(?:(\d+)D|T(\d+)([HM]))", iso)
    if not found:
        raise ValueError(f"not a duration: {iso}")
    days, number, unit = found.groups()
    if days:
        return timedelta(days=int(days))
    return timedelta(hours=int(number)) if unit == "H" else timedelta(minutes=int(number))

"""What can be wrong with a batch's CSV: on one of its lines, or with the file as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from mailferry.errors import BatchRefused


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong on a line, and what to do. `line` 0 is the file as a whole. Never holds a password."""

    line: int
    column: str
    cause: str
    remedy: str


class StructureRefused(BatchRefused):
    """The file as a whole can't be used. `problems` lists all that was found, those of the structure first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first, others = problems[0], len(problems) - 1
        where = f"Line {first.line}: " if first.line else ""
        more = f" ({others} more problem{'s' if others > 1 else ''})" if others else ""
        super().__init__(f"{where}{first.cause}{more}", first.remedy)
        self.problems = tuple(problems)

    @classmethod
    def because(cls, cause: str, remedy: str, line: int = 0) -> Self:
        """The refusal for one problem."""
        return cls([Problem(line, "", cause, remedy)])

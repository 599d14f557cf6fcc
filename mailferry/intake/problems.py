"""When a batch's CSV can't be used as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from mailferry.errors import BatchRefused
from mailferry.model import Problem


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

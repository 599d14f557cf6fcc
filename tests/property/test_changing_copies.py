"""The same at a target without MOVE: an original whose copy is there goes, whatever breaks between COPY and EXPUNGE."""

from __future__ import annotations

import pytest

from tests.property.scenario import Break, Side
from tests.property.test_changing import NO_MOVE, busy, play
from tests.support.imap_sim import At, Cut, CutUnanswered


@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("verb", ["UID COPY", "UID STORE", "UID EXPUNGE"])
@pytest.mark.parametrize("fault", [Cut(), CutUnanswered()], ids=lambda fault: type(fault).__name__)
def test_a_line_that_breaks_at_a_move_in_steps(fault: Cut | CutUnanswered, verb: str, nth: int) -> None:
    play(busy(Break(Side.TARGET, At(nth, fault, verb)), target=NO_MOVE))

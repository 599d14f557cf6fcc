from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mailferry.transfer.bounded_regex import LONGEST_TEXT, MOST_WAYS, why_unsafe


@pytest.mark.parametrize(
    "source",
    [
        "Lists/(.*)",
        "(.*)/(.*)",
        "^(?:INBOX/)?(Sent|Gesendet)( Items)?$",
        r"\d{4}/[^/]+/\w+?",
        "a{3,5}[bc]",
        "(?P<year>20[0-9][0-9])",
        "a" * 5_000,
        "(a|b|c)(d|e)?",
        "",
    ],
)
def test_what_can_not_run_long_is_taken(source: str) -> None:
    assert why_unsafe(source) == ""


@pytest.mark.parametrize(
    "source",
    ["(a+)+", "(a|a)*b", "(.*)(.*)(.*)x", "(?=a)b", r"(a)\1", "(?<!a)b", "(ab){2,}", "(?:x?){30}", "a?" * 30, ".*" * 3],
)
def test_what_could_run_for_ever_is_refused(source: str) -> None:
    assert why_unsafe(source).startswith("too much")


@pytest.mark.parametrize("source", ["(", "[", "*a", "a{2}{3}", "\\", "(?P<1>a)", "(" * 5_000 + ")" * 5_000])
def test_what_is_no_expression_is_refused(source: str) -> None:
    assert why_unsafe(source).startswith("no regular expression: ")


PIECES = st.sampled_from([".*", "a*", "a+?", "[ab]*", "a?", "(a|ab)", "(a|b|)", "(ab)?", "(a*b)?", "a{0,3}", "(a*)*"])


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from(["a", "ab", "aab"]))
def test_whatever_is_taken_comes_to_an_end_on_a_name_that_was_made_to_hold_it_up(source: str, name: str) -> None:
    """What is refused here would take years; the test's own time limit is what would tell."""
    assume(not why_unsafe(source))
    assert re.compile(source, re.IGNORECASE).fullmatch((name * LONGEST_TEXT)[: LONGEST_TEXT - 1] + "!") is None or (
        ".*" in source
    )


def test_the_numbers_belong_together() -> None:
    assert (LONGEST_TEXT + 1) ** 2 <= MOST_WAYS < (LONGEST_TEXT + 1) ** 3

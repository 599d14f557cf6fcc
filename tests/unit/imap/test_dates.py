"""INTERNALDATE as servers write it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.dates import date_time, instant_of


@pytest.mark.parametrize(
    ("text", "instant", "appended"),
    [
        ("05-Jan-2009 23:59:01 +0530", 1231180141, " 5-Jan-2009 23:59:01 +0530"),
        (" 5-Jan-2009 23:59:01 +0530", 1231180141, " 5-Jan-2009 23:59:01 +0530"),
        ("5-Jan-2009 23:59:01 +0530", 1231180141, " 5-Jan-2009 23:59:01 +0530"),
        ("15-jan-2009 00:00:00 -0330", 1231990200, "15-Jan-2009 00:00:00 -0330"),
        ("01-JAN-1970 00:00:00 +0000", 0, " 1-Jan-1970 00:00:00 +0000"),
        ("01-Jan-1970 00:00:00 +0100", -3600, " 1-Jan-1970 00:00:00 +0100"),
        ("31-Dec-2150 10:00:00 +0000", 5711767200, "31-Dec-2150 10:00:00 +0000"),
        ("05-Jan-2009 23:59:01", 1231199941, " 5-Jan-2009 23:59:01 +0000"),
        ("05-Jan-2009 23:59:60 +0000", 1231199999, " 5-Jan-2009 23:59:59 +0000"),
        ("05-Jan-2009 23:59 +0000", 1231199940, " 5-Jan-2009 23:59:00 +0000"),
        ("Mon, 5 Jan 2009 23:59:01 GMT", 1231199941, " 5-Jan-2009 23:59:01 +0000"),
        ("05-Jan-2009 23:59:01 EST", 1231217941, " 5-Jan-2009 23:59:01 -0500"),
        ("05-Jan-2009 23:59:01 +9900", 1231199941, " 5-Jan-2009 23:59:01 +0000"),
        ("29-Feb-2008 12:00:00 +1400", 1204236000, "29-Feb-2008 12:00:00 +1400"),
    ],
)
def test_dates_are_understood_and_their_zone_is_kept(text: str, instant: int, appended: str) -> None:
    assert instant_of(text) == instant
    assert date_time(text) == appended


@pytest.mark.parametrize(
    "text",
    ["", "NIL", "00-Jan-0000 00:00:00 +0000", "30-Dec-1899 00:00:00 +0000", "29-Feb-2009 12:00:00 +0000",
     "05-Foo-2009 12:00:00 +0000", "32-Jan-2009 12:00:00 +0000", "05-Jan-2009 25:00:00 +0000", "(Invalid)",
     "٥-Jan-2009 1:1:1"],
)  # fmt: skip
def test_what_is_no_real_date_is_none(text: str) -> None:
    assert instant_of(text) is None
    assert date_time(text) is None


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text: str) -> None:
    appended = date_time(text)
    assert (appended is None) == (instant_of(text) is None)


@given(st.datetimes(), st.integers(-840, 840))
def test_what_is_appended_is_valid_and_the_same_instant(clock: object, zone: int) -> None:
    sign = "-" if zone < 0 else "+"
    text = f"{clock:%d-%b-%Y %H:%M:%S} {sign}{abs(zone) // 60:02d}{abs(zone) % 60:02d}"
    appended = date_time(text)
    if appended is not None:
        assert re.fullmatch(r"[ \d]\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [+-]\d{4}", appended)
        assert instant_of(appended) == instant_of(text)

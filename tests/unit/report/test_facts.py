"""What the page and the JSON tell beside the tables: charts, sizes, throttling, repairs, time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mailferry.model import Counts, Item, ItemKind, MailboxLine, Status, Throttled
from mailferry.report.charts import nice_top, rates_of, short
from mailferry.report.facts import Facts, FolderTally, FolderTotals, facts_of, point_of
from mailferry.report.summary import summary_html
from mailferry.report.summary_json import summary_json
from mailferry.report.words import duration, percent, until
from mailferry.state.folders import Folder
from mailferry.state.progress import Point
from tests.unit.report.test_report import ITEM, LINE, NOON, Text
from tests.unit.report.test_timeline import change

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[3] / "docs/schemas/batch-summary.schema.json").read_text())
)
EVIL = "<script>alert(1)</script>\"'><svg onload=alert(1)>"
DONE = replace(LINE, last_synced=NOON, passes=1)
GIGABYTE = 1 << 30


def points(*settled: int, apart: int = 3600) -> list[Point]:
    start = int(NOON.timestamp())
    return [Point(start + apart * n, 10, 1, 1_000, count, count * 100) for n, count in enumerate(settled)]


def full() -> Facts:
    lines = [
        replace(DONE, throttled=Throttled(1, 60.0, 3, 7_200.0)),
        replace(LINE, status=Status.FAILED, why=EVIL, remedy="Ask."),
        replace(LINE, status=Status.SYNCING, messages_per_second=2.0, passes=1),
    ]
    items = [(LINE, ITEM), (LINE, replace(ITEM, kind=ItemKind.REPAIRED, reason=EVIL))]
    return facts_of(
        EVIL,
        NOON,
        lines,
        items,
        folders=FolderTotals(5, 4, 1, 1, 90, 100),
        progress=points(0, 500, 900),
        changes=[change(0, Status.STOPPED, EVIL, EVIL), change(9, Status.SYNCED, "Done.")],
        notes=[EVIL],
    )


@pytest.mark.parametrize("facts", [full(), facts_of("empty", NOON, [], []), facts_of("one", NOON, [LINE], [])])
def test_the_json_is_as_its_schema_says(facts: Facts) -> None:
    SCHEMA.validate(json.loads(summary_json(facts)))


def test_the_json_says_what_the_page_says() -> None:
    found = json.loads(summary_json(full()))
    assert found["counts"]["messages"] == 30
    assert found["by_status"] == {"Syncing": 1, "Synced": 1, "Failed": 1}
    assert found["throttling"] == {
        "source": 1,
        "source_seconds": 60.0,
        "target": 3,
        "target_seconds": 7_200.0,
        "mailboxes": 1,
    }
    assert (found["attention_count"], found["attention"][0]["remedy"]) == (1, "Ask.")
    assert [(point["at"], point["settled"]) for point in found["progress"]][1] == ("2026-11-23T13:00:05Z", 500)
    assert [event["status"] for event in found["timeline"]] == ["Stopped", "Synced"]
    text = Text(summary_html(full()).decode()).text
    for words in ("1× 1 min", "3× 2 h 00 min", "1 are refused by the target", "Source holds: 90", "Target holds: 100"):
        assert words in text, words


def test_nothing_of_others_becomes_markup_in_a_chart_or_the_time_line() -> None:
    html = summary_html(full()).decode()
    assert "<script" not in html
    assert "onload=alert(1)>" not in html
    assert Text(html).text.count(EVIL) >= 6


class Tags(HTMLParser):
    """Collects a page's tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    html = summary_html(full()).decode()
    found = Tags(html)
    assert not {"script", "link", "img", "iframe", "object", "a", "use", "image", "foreignobject"} & found.tags
    assert not [name for name in found.attributes if name.startswith("on") or name in ("style", "src", "href")]
    assert not re.search(r"url\(|@import", html)


def test_every_chart_has_a_name_for_those_who_do_not_see_it() -> None:
    html = summary_html(full()).decode()
    for svg in re.findall(r"<svg [^>]*>", html):
        assert 'role="img" aria-label="' in svg or 'aria-hidden="true"' in svg or "preserveAspectRatio" in svg


def test_a_batch_without_points_has_no_chart_of_time() -> None:
    for noted in ([], points(0), [replace(point, messages=0) for point in points(0, 0)]):
        text = Text(summary_html(facts_of("b", NOON, [LINE], [], progress=noted)).decode()).text
        assert "Rate" not in text
        assert "Mailboxes by status" in text


def test_rates_are_what_lies_between_points_even_when_there_are_few() -> None:
    assert rates_of(points(0, 1_000)) == pytest.approx([1_000.0] * 4)
    assert rates_of(points(0, 100, 100, 400)) == pytest.approx([100.0] * 4 + [0.0] * 4 + [300.0] * 4)


@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=150), st.integers(1, 100_000))
def test_rates_add_up_to_what_was_settled(steps: list[int], apart: int) -> None:
    settled, reached = [], 0
    for step in steps:
        reached += step
        settled.append(reached)
    noted = points(*settled, apart=apart)
    rates = rates_of(noted)
    hours = (noted[-1].at - noted[0].at) / 3600
    assert len(rates) <= 60
    assert sum(rates) * hours / len(rates) == pytest.approx(settled[-1] - settled[0], abs=0.01)


@given(st.floats(0, 1e15))
def test_a_scale_holds_its_figures_without_much_room_above(most: float) -> None:
    top = nice_top(most)
    assert top >= most
    assert most <= 1 or top < 2 * most
    assert len(short(top)) <= 8


def test_folders_are_added_up_while_they_pass_by() -> None:
    there = Folder("a", b"A", "A", ("A",), "", 0, source_messages=3, target_messages=5)
    unknown = replace(there, source_messages=None, excluded=True)
    tally = FolderTally()
    for _ in range(2):
        passed = list(
            tally.counted(
                [
                    (LINE, there),
                    (LINE, unknown),
                    (LINE, replace(there, refused=True)),
                    (LINE, replace(there, gone=True)),
                ]
            )
        )
    assert len(passed) == 4
    assert tally.totals == FolderTotals(4, 2, 1, 1, 6, 10)


def test_sizes_are_counted_in_classes_without_mailboxes_that_have_not_begun() -> None:
    def with_bytes(size: int) -> MailboxLine:
        return replace(DONE, counts=Counts(bytes=size))

    sizes = facts_of("b", NOON, [with_bytes(n) for n in (0, GIGABYTE - 1, GIGABYTE, 6 * GIGABYTE)] + [LINE], []).sizes
    assert [(size.mailboxes, size.limit) for size in sizes] == [
        (1, 100 << 20),
        (1, GIGABYTE),
        (1, 5 * GIGABYTE),
        (1, 20 * GIGABYTE),
    ]
    huge = facts_of("b", NOON, [with_bytes(500 * GIGABYTE)], [])
    assert huge.sizes[-1].limit is None
    assert "from 100 GB" in Text(summary_html(huge).decode()).text


def test_the_batch_has_the_score_of_all_its_messages_together() -> None:
    good = replace(DONE, counts=Counts(messages=100_000, copied=100_000))
    poor = replace(DONE, counts=Counts(messages=100, copied=80, skipped=20))
    facts = facts_of("b", NOON, [good, poor, LINE], [])
    assert facts.consistency is not None
    assert facts.consistency.score == "Good"
    assert facts.consistency.why == "Of 100,100 messages: 20 skipped."
    assert facts_of("b", NOON, [LINE], []).consistency is None


def test_repairs_are_counted_by_what_was_changed() -> None:
    repaired = [(LINE, Item("INBOX", n, ItemKind.REPAIRED, f"repair {n % 2}", "", "", "", 1)) for n in range(5)]
    assert facts_of("b", NOON, [LINE], repaired).repairs == [("repair 0", 3), ("repair 1", 2)]


def test_a_point_is_what_the_mailboxes_show_together() -> None:
    assert point_of(NOON, [DONE, LINE]) == Point(int(NOON.timestamp()), 2, 1, 20, 20, 3_145_728)


def test_those_who_need_a_person_stand_first_among_all_mailboxes() -> None:
    lines = [
        replace(LINE, row=2, address="waits@example.com", status=Status.QUEUED),
        replace(LINE, row=3, address="works@example.com", status=Status.SYNCING),
        replace(DONE, row=4, address="doubtful@example.com", counts=Counts(messages=10, copied=5, skipped=5)),
        replace(LINE, row=5, address="failed@example.com", status=Status.FAILED),
    ]
    text = Text(summary_html(facts_of("b", NOON, lines, [])).decode()).text.partition("All mailboxes")[2]
    order = [text.index(name) for name in ("failed@", "doubtful@", "works@", "waits@")]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3_540, "59 min"), (7_500, "2 h 05 min"), (270_000, "3 d 3 h")],
)
def test_lengths_of_time_are_told_in_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_share_is_not_rounded_to_all_or_nothing() -> None:
    assert [percent(share) for share in (0, 0.2, 99.99, 100)] == ["0 %", "under 1 %", "99 %", "100 %"]


def test_the_end_of_a_time_has_no_date_on_the_same_day() -> None:
    assert until(NOON + timedelta(hours=1), NOON) == "13:00 UTC"
    assert until(NOON + timedelta(days=1), NOON) == "2026-11-24 12:00 UTC"

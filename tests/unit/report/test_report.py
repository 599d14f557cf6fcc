from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.model import Counts, Item, ItemKind, MailboxLine, Problem, Status
from mailferry.report.csv_cells import csv_pieces, guarded, human_bytes
from mailferry.report.facts import MAX_ITEMS, facts_of
from mailferry.report.summary import MAX_MAILBOXES, summary_html
from mailferry.report.tables import ITEM_TABLES, folders_csv, intake_csv, items_csv, mailboxes_csv
from mailferry.state.folders import Folder

NOON = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
LINE = MailboxLine(
    batch="berlin",
    mailbox="f00",
    row=2,
    address="anna@example.com",
    user="anna",
    status=Status.SYNCED,
    why="Everything is there.",
    remedy="",
    since=NOON,
    updated=NOON.astimezone(timezone(timedelta(hours=2))),
    counts=Counts(messages=10, copied=7, adopted=1, skipped=2, repaired=1, bytes=1_572_864),
    messages_per_second=1.23456,
)
ITEM = Item(
    "INBOX",
    7,
    ItemKind.TOO_LARGE,
    "52 MB; 35 MB are taken.",
    "Raise the limit.",
    "Plans",
    "2019-03-02",
    54_525_952,
)


def table(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def page(lines: list[MailboxLine], skipped: list[tuple[MailboxLine, Item]] | None = None) -> str:
    return summary_html(facts_of("berlin", NOON, lines, skipped or [])).decode()


class Text(HTMLParser):
    """Collects a page's text and tags, the style left out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.rows = "", [""], 0
        self.feed(html)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.rows += tag == "tr"

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_mailbox_table_has_exact_numbers_and_utc_times() -> None:
    (row,) = table(mailboxes_csv([LINE]))
    assert row["EmailAddress"] == "anna@example.com"
    assert row["Status"] == "Synced"
    assert (row["Bytes"], row["Size"], row["MessagesPerSecond"]) == ("1572864", "1.5 MB", "1.23")
    assert row["Since"] == row["Updated"] == "2026-11-23T12:00:05Z"
    assert row["LastSynced"] == ""
    assert (row["Messages"], row["Copied"], row["Adopted"], row["Skipped"]) == ("10", "7", "1", "2")


def test_lines_end_as_windows_expects() -> None:
    data = mailboxes_csv([LINE, LINE])
    assert data.count(b"\n") == data.count(b"\r\n") == 3


def test_every_kind_of_item_is_in_one_table() -> None:
    items = [(LINE, replace(ITEM, kind=kind)) for kind in ItemKind]
    found = {name: [row["Kind"] for row in table(items_csv(name, items))] for name in ITEM_TABLES}
    assert found == {
        "skipped.csv": ["TooLarge", "Refused", "Unreadable"],
        "repaired.csv": ["Repaired"],
        "copied-again.csv": ["CopiedAgain"],
    }
    assert [item.kind for _, item in items if item.skipped] == found["skipped.csv"]


def test_the_mailbox_table_tells_the_score_with_its_reason_once_there_is_one() -> None:
    counts = replace(LINE.counts, copied_again=3, missing=1, unchecked=4)
    waiting, done = table(mailboxes_csv([LINE, replace(LINE, last_synced=NOON, counts=counts)]))
    assert waiting["DataConsistencyScore"] == waiting["DataConsistencyWhy"] == waiting["DataConsistencyWhatToDo"] == ""
    assert done["DataConsistencyScore"] == "Investigate"
    assert done["DataConsistencyWhy"].startswith("Of 10 messages: 1 missing from the target")
    assert "skipped.csv" in done["DataConsistencyWhatToDo"]
    assert (done["CopiedAgain"], done["Missing"], done["Unchecked"]) == ("3", "1", "4")


def test_the_folder_table_has_no_target_for_what_is_left_out_unless_mail_is_there() -> None:
    there = Folder("a", b"Sent", "Sent", ("Sent Items",), "It is marked.", 0, counts=Counts(messages=3, copied=3))
    left = replace(there, path="Junk", excluded=True, counts=Counts())
    late = replace(there, path="Late", excluded=True)
    rows = table(b"".join(folders_csv([(LINE, there), (LINE, left), (LINE, late)])))
    assert [(row["SourceFolder"], row["TargetFolder"], row["LeftOut"], row["Messages"]) for row in rows] == [
        ("Sent", "Sent Items", "", "3"),
        ("Junk", "", "yes", "0"),
        ("Late", "Sent Items", "yes", "3"),
    ]


def test_a_table_of_many_rows_comes_in_pieces_that_make_one_file() -> None:
    rows = [(number, "x") for number in range(2_500)]
    pieces = list(csv_pieces(("A", "B"), rows))
    assert len(pieces) == 4
    assert table(b"".join(pieces)) == [{"A": str(number), "B": text} for number, text in rows]


def test_a_problem_of_the_whole_file_has_no_line() -> None:
    problems = [
        Problem(0, "", "The file is empty.", "Fill it."),
        Problem(3, "Password", "Password is empty.", "Fill it."),
    ]
    assert [(row["Line"], row["Column"]) for row in table(intake_csv(problems))] == [("", ""), ("3", "Password")]


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/c calc'!A1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t1",
        "\r=1",
        "\n1",
        "  =1",
        "\u00a0=1",
        "＝1",
        "＋1",
        "－1",
        "＠1",
        "﹦1",
        "﹣1",
        "\u200b＋1",
        "\r\n\t=1",
        "\ufeff=1",
    ],
)
def test_a_subject_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    (row,) = table(items_csv("skipped.csv", [(LINE, replace(ITEM, subject=text))]))
    assert row["Subject"].startswith("'")
    assert row["Subject"].replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("text", ["", "Plans", "a=b", "a - b", "1-2", "anna@example.com", "'=1", "Grüße; bis bald"])
def test_any_other_text_is_left_alone(text: str) -> None:
    assert guarded(text) == text


def test_a_formula_behind_a_semicolon_is_guarded_where_excel_would_cut() -> None:
    assert guarded("Re: x; =cmd|'/c calc'!A1") == "Re: x;' =cmd|'/c calc'!A1"


@given(st.text(st.sampled_from(" =+-@\t\r\n;,\"'ax＝\u200b\x00\ud800"), max_size=12))
def test_no_cell_begins_like_a_formula_whatever_separates_cells(subject: str) -> None:
    data = items_csv("skipped.csv", [(LINE, replace(ITEM, subject=subject))]).decode("utf-8-sig")
    assert len(table(data.encode("utf-8-sig"))) == 1
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(data, newline=""), delimiter=separator):
            for cell in row:
                assert cell.strip(' \t\r\n\u200b"')[:1] not in tuple("=+-@＝"), cell


def test_our_own_negative_numbers_stay_numbers() -> None:
    (row,) = table(mailboxes_csv([replace(LINE, messages_per_second=-1.0)]))
    assert row["MessagesPerSecond"] == "-1.0"


def test_a_subject_with_half_a_character_does_not_break_a_report() -> None:
    item = replace(ITEM, subject="a\ud800\x00b", folder="\udcff")
    assert table(items_csv("skipped.csv", [(LINE, item)]))[0]["Subject"] == "a?\ufffdb"
    assert "a?" in page([LINE], [(LINE, item)])


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 kB"),
        (1024**2 - 1, "1.0 MB"),
        (5 * 1024**3, "5.0 GB"),
        (2**52, "4,096.0 TB"),
    ],
)
def test_sizes_are_told_in_steps_of_1024(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("statuses", "headline"),
    [
        ([], "This batch has no mailboxes."),
        ([Status.SYNCED], "The mailbox is synced. 2 messages are not in the target: see below."),
        ([Status.SYNCED, Status.INCREMENTAL_SYNCING], "All 2 mailboxes are synced. 4 messages"),
        ([Status.SYNCED, Status.QUEUED, Status.SYNCING], "1 of 3 mailboxes synced; no errors so far."),
        ([Status.FAILED, Status.SYNCED], "1 of 2 mailboxes needs your attention."),
        (
            [Status.FAILED, Status.INCREMENTAL_FAILED, Status.SYNCING],
            "2 of 3 mailboxes need your attention; 1 still to come.",
        ),
    ],
)
def test_the_headline_says_how_the_batch_stands(statuses: list[Status], headline: str) -> None:
    assert headline in Text(page([replace(LINE, status=status) for status in statuses])).text


def test_a_batch_without_losses_says_so() -> None:
    assert "Every message is there." in page([replace(LINE, counts=Counts(messages=1, copied=1))])


def test_mailboxes_that_need_a_person_come_first_with_cause_remedy_and_time() -> None:
    broken = replace(LINE, status=Status.FAILED, why="The password is refused.", remedy="Ask Anna.")
    text = Text(page([LINE, broken])).text
    assert text.index("The password is refused.") < text.index("All mailboxes")
    assert "Ask Anna." in text
    assert "2026-11-23 12:00 UTC" in text


def test_totals_and_the_present_rate_are_summed_over_mailboxes() -> None:
    busy = replace(LINE, status=Status.SYNCING, messages_per_second=1000.5, bytes_per_second=2048.0)
    text = Text(page([busy, busy, replace(LINE, counts=Counts(messages=1_000_000))])).text
    assert "1,000,020" in text
    assert "2,001.0/s" in text
    assert "4.0 kB/s" in text


def test_nothing_that_came_by_mail_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"
    line = replace(LINE, address=evil, user=evil, why=evil, remedy=evil, status=Status.FAILED)
    item = Item(evil, 1, ItemKind.REFUSED, evil, evil, evil, evil, 1)
    found = Text(summary_html(facts_of(evil, NOON, [line], [(line, item)], notes=[evil])).decode())
    assert not {"script", "img"} & set(found.tags)
    assert found.text.count(evil) >= 9


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    html = page([LINE], [(LINE, ITEM)])
    assert "default-src 'none'" in html
    assert not {"script", "link", "img", "iframe"} & set(Text(html).tags)
    assert "http://" not in html
    assert "https://" not in html


def test_skipped_items_are_grouped_by_kind_and_remedy_the_most_frequent_first() -> None:
    refused = replace(ITEM, kind=ItemKind.REFUSED, remedy="Open it.", uid=9)
    text = Text(page([LINE], [(LINE, ITEM), (LINE, refused), (LINE, refused)])).text
    assert (
        text.index("Refused: 2") < text.index("Open it.") < text.index("Too large: 1") < text.index("Raise the limit.")
    )


def test_mailboxes_that_lack_messages_are_shown_with_why_and_what_to_do() -> None:
    synced = replace(LINE, last_synced=NOON, counts=Counts(messages=5_000, copied=5_000))
    missing = replace(synced, address="bob@example.com", counts=Counts(messages=5_000, copied=5_000, missing=2))
    poor = replace(synced, counts=Counts(messages=5_000, copied=4_900, skipped=100))
    text = Text(page([LINE, synced, missing, poor])).text
    assert "Perfect 1" in text
    assert "Investigate 1" in text
    assert "Poor 1" in text
    assert "2 mailboxes: messages are missing" in text
    assert (
        text.index("Of 5,000 messages: 2 missing")
        < text.index("had gone from the target both times")
        < text.index("All mailboxes")
    )
    assert "102 messages are not in the target" in Text(page([missing, poor])).text
    assert "Consistency to look into" not in Text(page([LINE, synced])).text


def test_long_lists_are_cut_and_say_so() -> None:
    lines = [replace(LINE, row=row) for row in range(2, MAX_MAILBOXES + 503)]
    skipped = [(LINE, replace(ITEM, uid=uid)) for uid in range(MAX_ITEMS + 20)]
    found = Text(page(lines, skipped))
    assert found.rows == 2 + MAX_MAILBOXES + MAX_ITEMS
    assert "500 of 1,001 are shown, those first that need a person; all are in mailboxes.csv." in found.text
    assert "20 more of this kind are in skipped.csv." in found.text


def test_repaired_items_are_no_losses() -> None:
    assert "not carried" not in page([LINE], [(LINE, replace(ITEM, kind=ItemKind.REPAIRED))])

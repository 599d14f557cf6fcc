"""What a validation advises, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailferry.report.advice import for_batch, for_mailbox, hidden, too_large
from mailferry.selection import Selection
from mailferry.source.introduction import EXCHANGE, GOOGLE, software_of
from mailferry.state.batches import Batch
from mailferry.state.validations import Validation

NOW = datetime(2026, 11, 23, tzinfo=UTC)
GB = 1 << 30
BATCH = Batch("batch", NOW)
PLAIN = Validation("id", NOW, 1, folders=3, messages=100, bytes=GB)


def advised(*found: Validation, mailboxes: int = 10, everywhere: int = 10, batch: Batch = BATCH) -> dict[str, str]:
    """Cause and remedy of each advice by what it is about."""
    named = [(f"user{number}@x.y", one) for number, one in enumerate(found)]
    advice = for_batch(batch, mailboxes, everywhere, 150 << 20, named)
    assert all(one.cause and one.remedy for one in advice)
    return {one.about: f"{one.cause} {one.remedy}" for one in advice}


def test_of_a_batch_that_is_as_it_should_be_nothing_is_said() -> None:
    assert advised(*[PLAIN] * 10) == {}
    assert (too_large(PLAIN), for_mailbox(PLAIN)) == ("", "")


@pytest.mark.parametrize(("mailboxes", "words"), [(100, None), (101, "50 to 100"), (2_001, "no more than 2,000")])
def test_how_many_mailboxes_a_batch_should_have(mailboxes: int, words: str | None) -> None:
    said = advised(mailboxes=mailboxes).get("Size of the batch")
    assert (said is None) == (words is None)
    assert words is None or words in (said or "")


def test_how_many_mailboxes_a_migration_should_have() -> None:
    assert "More than 50,000 mailboxes" not in advised(everywhere=50_000)
    assert "50,001 mailboxes" in advised(everywhere=50_001)["More than 50,000 mailboxes"]


@pytest.mark.parametrize(
    ("size", "room", "words"),
    [
        (50 * GB, 0, ""),
        (51 * GB, 0, "Plan 1 (50 GB) can't hold; its licence is not known"),
        (101 * GB, 0, "neither Plan 1 (50 GB) nor Plan 2 (100 GB) holds"),
        (51 * GB, 50 * GB, "51.0 GB, but its licence holds 50.0 GB"),
        (51 * GB, 100 * GB, ""),
        (3 * GB, 2 * GB, "its licence holds 2.0 GB"),
    ],
)
def test_what_a_licence_does_not_hold_is_said(size: int, room: int, words: str) -> None:
    found = replace(PLAIN, bytes=size, room=room)
    assert words in too_large(found)
    assert bool(too_large(found)) == bool(words)
    assert ("Licences" in advised(found, PLAIN)) == bool(words)
    assert ("archive" in for_mailbox(found)) == bool(words)


def test_large_mailboxes_deserve_a_batch_of_their_own_unless_they_have_it() -> None:
    large = replace(PLAIN, bytes=10 * GB)
    assert "user1@x.y has 10 GB or more" in advised(PLAIN, large)["Large mailboxes"]
    assert "a batch of its own: remove it" in for_mailbox(large)  # an address belongs to one batch
    assert "remove them (operation remove), and once gone drop them" in advised(PLAIN, large)["Large mailboxes"]
    assert "Large mailboxes" not in advised(large)
    many = advised(PLAIN, *[large] * 9)["Large mailboxes"]
    assert "user1@x.y, user2@x.y, user3@x.y, user4@x.y, user5@x.y and 4 more have" in many


def test_messages_that_are_too_large_are_counted_over_all_mailboxes() -> None:
    found = replace(PLAIN, too_large=2)
    assert "4 messages are larger than 150.0 MB" in advised(found, found)["Messages that are too large"]
    assert "validation-oversize.csv" in for_mailbox(found)


def test_options_that_choose_messages_are_named() -> None:
    batch = replace(BATCH, selection=Selection(largest=5))
    assert "largest_message 5 bytes" in advised(PLAIN, batch=batch)["Messages that are left out"]


@pytest.mark.parametrize(
    ("software", "about", "words"),
    [
        (EXCHANGE, "The source is Exchange", "cutover (2003 and later, up to 2,000 mailboxes)"),
        (GOOGLE, "The source is Google", "2,500 MB a day"),
    ],
)
def test_other_ways_for_other_sources(software: str, about: str, words: str) -> None:
    assert words in advised(PLAIN, replace(PLAIN, software=software))[about]


@pytest.mark.parametrize(
    ("greeting", "capabilities", "identification", "software"),
    [
        ("* OK The Microsoft Exchange IMAP4 service is ready.", (), "", EXCHANGE),
        ("* OK Gimap ready for requests from 1.2.3.4 x", (), "", GOOGLE),
        ("* OK ready", ("IMAP4REV1", "X-GM-EXT-1"), "", GOOGLE),
        ("* OK [CAPABILITY IMAP4rev1] Dovecot (Debian) ready.", (), "", "Dovecot"),
        ("* OK mail.x.y ready", (), "Dovecot", "Dovecot"),
        ("* OK mail.x.y Zimbra IMAP4rev1 server ready", (), "", "Zimbra"),
        ("* OK mail.x.y Cyrus IMAP 3.6 server ready", (), "", "Cyrus"),
        ("* OK Courier-IMAP ready.", (), "", "Courier"),
        ("* OK IMAP4 service ready", (), "", ""),
    ],
)
def test_a_server_is_known_by_what_it_says(
    greeting: str, capabilities: tuple[str, ...], identification: str, software: str
) -> None:
    assert software_of(greeting, capabilities, identification) == software


def test_a_target_without_room_is_told_with_what_helps_there() -> None:
    found = replace(PLAIN, bytes=3 * GB, free=2 * GB)
    assert too_large(found) == "It has 3.0 GB, but the target mailbox has room for 2.0 GB."
    assert for_mailbox(found).startswith("Raise the quota of the target mailbox")
    assert too_large(replace(PLAIN, bytes=3 * GB, free=4 * GB)) == ""


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (replace(PLAIN, used=5 * GB), True),
        (replace(PLAIN, used=GB + (50 << 20)), False),  # too little to speak of
        (replace(PLAIN, bytes=50 * GB, used=55 * GB), False),  # too small a part
        (replace(PLAIN, used=GB // 2), False),
        (replace(PLAIN, used=5 * GB, left_out=1), False),  # not everything was measured
        (replace(PLAIN, used=5 * GB, unselected=1), False),
        (PLAIN, False),
    ],
)
def test_a_source_that_counts_more_than_its_folders_hold_is_told(found: Validation, *, told: bool) -> None:
    assert bool(hidden(found)) is told
    assert ("hidden from IMAP" in for_mailbox(found)) is told
    assert not told or "counts 5.0 GB towards its quota, but the folders that it lists hold 1.0 GB" in hidden(found)

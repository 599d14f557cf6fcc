"""Validation counts what would really go over: options that choose messages, patterns that fit nothing, quotas."""

from __future__ import annotations

import json

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Status
from tests.support.imap_sim import Behaviour, Store
from tests.support.imap_sim.behaviour import RICH
from tests.support.validation import ANN, place, store, table

SIZED = (*RICH, "STATUS=SIZE")
OLD, NEW = "01-Jun-2014 12:00:00 +0000", "01-Jun-2020 12:00:00 +0000"


def dated() -> Store:
    """Three old messages and two new ones in INBOX, one of which is large; one old in Old."""
    found = Store()
    for number, date in enumerate((OLD, OLD, OLD, NEW, NEW)):
        body = b"Message-ID: <%d@x>\r\n\r\n" % number + b"x" * (5_000 if number == 4 else 100)
        found.add(ANN, b"INBOX", body, internaldate=date)
    found.add(ANN, b"Old", b"Message-ID: <old@x>\r\n\r\nold", internaldate=OLD)
    return found


@pytest.mark.parametrize("capabilities", [RICH, SIZED], ids=["sizes of messages", "STATUS=SIZE"])
@pytest.mark.parametrize(
    ("options", "messages", "unselected"),
    [
        ({"messages_after": "2015-01-01"}, 2, 4),
        ({"messages_before": "2015-01-01"}, 4, 2),
        ({"largest_message": 1_000}, 5, 1),
        ({"messages_after": "2015-01-01", "largest_message": 1_000}, 1, 5),
        ({"largest_message": 1_000_000}, 6, 0),
    ],
)
def test_what_the_options_leave_out_is_not_counted_and_as_much_goes_over(
    capabilities: tuple[str, ...], options: dict[str, object], messages: int, unselected: int
) -> None:
    with place(dated(), Behaviour(capabilities=capabilities)) as here:
        here.drop(options=json.dumps({**options, "validate": True}))
        row = here.row()
        assert (row["messages"], row["unselected"]) == (messages, unselected)
        (advice,) = [one for one in here.page()["advice"] if one["about"] == "Messages that are left out"]
        assert f": {unselected} are left out" in advice["cause"]
        folders = table(here.engine, "validation-folders.csv")
        assert sum(int(folder["MessagesLeftOut"]) for folder in folders) == unselected
        here.ask(Operation.START)
        counts = here.engine.line("batch").counts
        assert (counts.copied, counts.unselected) == (messages, unselected)
        assert row["bytes"] == counts.bytes


def test_a_pattern_that_fits_no_folder_is_told_with_the_one_that_was_meant() -> None:
    options = {
        "exclude_folders": ["Projcts/*", "Lists/*", "\\Junk"],
        "include_folders": ["INBOX", "Projects", "Nowhere"],
    }
    with place(store(INBOX=1, Projects=2)) as here:
        here.drop(options=json.dumps({**options, "validate": True}))
        row = here.row()
        assert "No folder fits “Projcts/*” (exclude_folders); was “Projects” meant?" in row["why"]
        assert "No folder fits “Nowhere” (include_folders)." in row["why"]
        assert "Lists" not in row["why"]  # it may be for others of the batch
        assert "Correct the pattern" in row["remedy"]
        told = [one for one in here.page()["advice"] if one["about"] == "Patterns that fit no folder"]
        words = ("Projcts", "Lists", "Nowhere", "Junk")
        named = [next(word for word in words if word in one["cause"]) for one in told]
        assert named == ["Lists", "Projcts", "Nowhere"]
        here.ask(Operation.START)
        line = here.engine.line("batch")
        assert line.status is Status.SYNCED
        assert "No folder fits “Projcts/*” (exclude_folders); was “Projects” meant?" in line.why


def test_a_pattern_that_fits_a_folder_of_any_mailbox_is_no_advice_about_the_batch() -> None:
    source = store(INBOX=1)
    source.add("bob@example.test", b"Lists", b"Message-ID: <1@x>\r\n\r\nhello\r\n")
    with place(source) as here:
        here.drop(ANN, "bob@example.test", options='{"exclude_folders": ["Lists"], "validate": true}')
        assert "Patterns that fit no folder" not in [one["about"] for one in here.page()["advice"]]

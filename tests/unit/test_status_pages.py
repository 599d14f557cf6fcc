"""What the HTTP API lists: pages of mailboxes, of folders and of problems, as the rows are at that moment."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mailferry.errors import RequestRefused
from mailferry.model import Status
from mailferry.report.paging import Asked, asked_of
from mailferry.report.status import StatusPages
from mailferry.state.batches import Batches
from mailferry.state.folders import Folders
from mailferry.state.ledger import Ledger
from mailferry.state.mailboxes import Mailboxes
from mailferry.state.storage import Storage
from tests.support.dashboard import company


def pages(storage: Storage) -> StatusPages:
    return StatusPages(Batches(storage), Folders(storage), Ledger(storage), Mailboxes(storage))


def shown(found: object) -> dict[str, Any]:
    return cast("dict[str, Any]", found)


def test_a_page_has_its_mailboxes_and_the_totals_of_all(storage: Storage) -> None:
    company.batch(storage, "pages", company.lines("pages", synced=3, failed=2, stopped=1))
    status = pages(storage)
    found = shown(status.one("pages", asked_of({"most": "2", "status": "failed,Stopped", "sort": "-address"})))
    assert (found["matches"], found["first"], len(found["mailboxes"])) == (3, 0, 2)
    assert found["by_status"] == {"Synced": 3, "Failed": 2, "Stopped": 1}
    assert found["by_held"] == {"paused": 1}
    rest = shown(status.one("pages", Asked(2, found["next"], "-address", frozenset({"Failed", "Stopped"}))))
    addresses = [box["address"] for box in (*found["mailboxes"], *rest["mailboxes"])]
    assert addresses == sorted(addresses, reverse=True)
    assert (len(addresses), rest["next"]) == (3, None)


def test_what_is_written_by_anybody_is_on_the_next_page(storage: Storage) -> None:
    lines = company.lines("moving", queued=2)
    company.batch(storage, "moving", lines)
    status = pages(storage)
    assert shown(status.one("moving"))["by_status"] == {"Queued": 2}
    Batches(storage).write_lines([company.line("moving", 0, Status.SYNCED)])  # as another process does
    assert shown(status.one("moving"))["by_status"] == {"Queued": 1, "Synced": 1}
    listed = shown(status.all())["batches"]
    assert [batch["by_status"] for batch in listed if batch["batch"] == "moving"] == [{"Queued": 1, "Synced": 1}]


def test_a_status_that_there_is_not_is_refused_with_those_there_are(storage: Storage) -> None:
    company.batch(storage, "asked", company.lines("asked", queued=1))
    with pytest.raises(RequestRefused, match="no status 'Sunk'") as refused:
        pages(storage).one("asked", Asked(status=frozenset({"Sunk"})))
    assert "Synced" in refused.value.remedy


def test_folders_and_problems_of_a_mailbox_come_in_pages(storage: Storage) -> None:
    line = company.line("deep", 1, Status.SYNCED)
    company.batch(storage, "deep", [line])
    folders = [company.folder(f"F{number}", number) for number in range(5)]
    company.real(storage, line, folders, [company.item(uid, f"Subject {uid}") for uid in range(1, 6)])
    status = pages(storage)
    folders_next, items_next = "", ""
    paths: list[str] = []
    uids: list[int] = []
    for _ in range(3):
        found = shown(status.mailbox("deep", line.mailbox, Asked(2, folders_next), items_next))
        paths += [folder["source"] for folder in found["folders"]]
        uids += [item["uid"] for item in found["items"]]
        folders_next, items_next = found["folders_next"], found["items_next"]
    assert paths == ["F0", "F1", "F2", "F3", "F4"]
    assert uids == [1, 2, 3, 4, 5]
    assert [folders_next, items_next] == [None, None]
    assert found["folders_matches"] == 5


@pytest.mark.parametrize("mailbox", ["", "x", "../batches", "a" * 31, "A" * 32, "0" * 32, "a|b/c?d#e"])
def test_a_mailbox_that_there_is_not_is_none(storage: Storage, mailbox: str) -> None:
    company.batch(storage, f"none-{len(mailbox)}", [])
    assert pages(storage).mailbox(f"none-{len(mailbox)}", mailbox) is None


@pytest.mark.parametrize(
    ("mailboxes", "word"),
    [
        ({"failed": 1, "stopped": 2}, "Stopped"),  # validated only: what was never synced is not SyncedWithErrors
        ({"failed": 2}, "Failed"),
        ({"failed": 1, "removing": 1}, "Failed"),
        ({"failed": 1, "stopped": 1, "synced": 1}, "SyncedWithErrors"),
        ({"incremental_failed": 1, "stopped": 1}, "SyncedWithErrors"),
        ({"failed": 1, "completed": 1}, "SyncedWithErrors"),
        ({"failed": 1, "queued": 1}, "Queued"),
    ],
)
def test_a_batch_has_synced_with_errors_only_when_something_was_synced(
    storage: Storage, mailboxes: dict[str, int], word: str
) -> None:
    name = "said-" + "-".join(mailboxes)
    company.batch(storage, name, company.lines(name, **mailboxes))
    assert shown(pages(storage).one(name))["status"] == word

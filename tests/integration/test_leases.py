"""A folder has one writer, also when two processes fight for it over real storage."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from devhost.azurite import Azurite
from mailferry.errors import Conflict, LeaseLost
from mailferry.model import Counts
from mailferry.state.azure import azure_storage
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Entry, Ledger
from mailferry.state.memory import memory_storage
from mailferry.state.storage import Storage
from mailferry.state.uids import UidPair, UidRanges
from tests.support.engine import Time
from tests.support.host import ROOT

TURNS = 25

# Takes the lease, adds one, gives it back, so many times.
_WORKER = """
import sys
from dataclasses import replace
from mailferry.model import Counts
from mailferry.state.azure import azure_storage
from mailferry.state.folders import Folders
connection, mailbox, owner, turns = sys.argv[1:]
folders = Folders(azure_storage({"MigrationStorage": connection}))
done = 0
while done < int(turns):
    claim = folders.claim(mailbox, folders.all(mailbox), owner, 30)
    if claim is None:
        continue
    if claim.folder.lease_owner != owner:
        sys.exit("claimed for somebody else")
    claim.write(replace(claim.folder, counts=claim.folder.counts + Counts(copied=1)))
    claim.release()
    done += 1
"""


def a_folder() -> Folder:
    return Folder("f", b"INBOX", "INBOX", ("INBOX",), "", 0, epoch_no=1, uidvalidity=7, todo=UidRanges.of(range(1, 9)))


def write_folder(storage: Storage, time: Time | None = None) -> tuple[Folders, str]:
    folders, mailbox = Folders(storage, time or Time()), uuid.uuid4().hex
    folders.write(mailbox, [(a_folder(), None)])
    return folders, mailbox


def test_two_processes_never_write_at_once(azurite: Azurite) -> None:
    folders, mailbox = write_folder(azure_storage({"MigrationStorage": azurite.connection_string}))
    command = [sys.executable, "-c", _WORKER, azurite.connection_string, mailbox]
    workers = [subprocess.Popen([*command, owner, str(TURNS)], cwd=ROOT) for owner in ("one", "two")]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    (found,) = folders.all(mailbox)
    assert found.folder.counts.copied == 2 * TURNS
    assert found.folder.fence >= 2 * TURNS
    assert found.folder.lease_owner == ""


@pytest.fixture(params=["memory", "azurite"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "memory":
        return memory_storage()
    return azure_storage({"MigrationStorage": request.getfixturevalue("azurite").connection_string})


def test_of_two_who_read_the_same_row_one_gets_the_lease(storage: Storage) -> None:
    folders, mailbox = write_folder(storage)
    seen = folders.all(mailbox)
    assert folders.claim(mailbox, seen, "one", 30)
    assert folders.claim(mailbox, seen, "two", 30) is None


def test_a_worker_whose_lease_was_taken_over_can_write_nothing(storage: Storage) -> None:
    time = Time()
    folders, mailbox = write_folder(storage, time)
    old = folders.claim(mailbox, folders.all(mailbox), "old", 30)
    assert old
    time.move_to(time() + timedelta(seconds=31))
    new = folders.claim(mailbox, folders.all(mailbox), "new", 30)
    assert new
    assert new.folder.fence == old.folder.fence + 1
    entry = Entry(copied=(UidPair(8, 100),))
    with pytest.raises(LeaseLost):
        old.record(replace(old.folder, todo=UidRanges.of(range(1, 8))), entry)
    with pytest.raises(LeaseLost):
        old.write(old.folder)
    with pytest.raises(LeaseLost):
        old.finish(old.folder)
    with pytest.raises(LeaseLost):
        old.hold(10)
    old.release()
    (found,) = folders.all(mailbox)
    assert found.folder.lease_owner == "new"
    assert list(Ledger(storage).entries(mailbox, "f", new.folder.epoch)) == []


def test_the_checkpoint_and_its_ledger_row_are_written_together_or_not_at_all(storage: Storage) -> None:
    folders, mailbox = write_folder(storage)
    claim = folders.claim(mailbox, folders.all(mailbox), "one", 30)
    assert claim
    entry = Entry(copied=(UidPair(7, 100), UidPair(8, 101)), bytes=10)
    claim.record(replace(claim.folder, counts=Counts(copied=2)), entry)
    # The same UIDs once more: the ledger's key is taken, so the checkpoint is not written either.
    with pytest.raises(LeaseLost):
        claim.record(replace(claim.folder, counts=Counts(copied=4)), entry)
    (found,) = folders.all(mailbox)
    assert found.folder.counts.copied == 2
    assert [e.copied for e in Ledger(storage).entries(mailbox, "f", claim.folder.epoch)] == [entry.copied]


def test_the_last_checkpoint_gives_the_folder_back(storage: Storage) -> None:
    folders, mailbox = write_folder(storage)
    claim = folders.claim(mailbox, folders.all(mailbox), "one", 30)
    assert claim
    claim.finish(replace(claim.folder, todo=UidRanges(), seconds=1.5))
    claim.release()  # nothing is left to give back
    (found,) = folders.all(mailbox)
    assert (found.folder.todo, found.folder.seconds) == (UidRanges(), 1.5)
    assert (found.folder.lease_owner, found.folder.lease_until) == ("", None)
    assert folders.claim(mailbox, [found], "two", 30)


def test_a_checkpoint_renews_the_lease_for_as_long_as_it_is_asked_to() -> None:
    time = Time()
    folders, mailbox = write_folder(memory_storage(), time)
    claim = folders.claim(mailbox, folders.all(mailbox), "one", 60)
    assert claim
    time.move_to(time() + timedelta(seconds=50))
    claim.write(claim.folder)
    assert 50 < claim.remaining() <= 60
    claim.write(claim.folder, seconds=300)
    assert claim.remaining() >= 300


def test_holding_renews_only_when_too_little_is_left() -> None:
    time = Time()
    folders, mailbox = write_folder(memory_storage(), time)
    claim = folders.claim(mailbox, folders.all(mailbox), "one", 60)
    assert claim
    until = claim.folder.lease_until
    assert claim.hold(20) >= 20
    assert claim.folder.lease_until == until
    time.move_to(time() + timedelta(seconds=50))
    assert claim.hold(20) >= 20
    assert claim.folder.lease_until != until
    assert claim.hold(300) >= 300


def test_planning_over_somebody_elses_plan_is_a_conflict(storage: Storage) -> None:
    folders, mailbox = write_folder(storage)
    (seen,) = folders.all(mailbox)
    folders.write(mailbox, [(replace(seen.folder, order=5), seen.etag)])
    with pytest.raises(Conflict):
        folders.write(mailbox, [(replace(seen.folder, order=6), seen.etag)])
    with pytest.raises(Conflict):
        folders.write(mailbox, [(a_folder(), None)])


def test_a_large_mailbox_has_its_folders_planned_in_several_transactions(storage: Storage) -> None:
    folders, mailbox = Folders(storage), uuid.uuid4().hex
    plan = [(replace(a_folder(), key=f"f{n:03d}", order=n), None) for n in range(250)]
    folders.write(mailbox, plan)
    assert [v.folder.order for v in folders.all(mailbox)] == list(range(250))

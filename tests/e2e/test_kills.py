"""Workers killed again and again at random moments, with real processes, servers and storage: nothing lost or doubled.

The moments are random by a seed, which a failure names; `KILLS` and `KILL_SEED` in the environment choose others.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from devhost.azurite import Azurite
from mailferry.model import MailboxLine, Status
from mailferry.state.azure import azure_storage
from mailferry.state.batches import Batches
from mailferry.state.mailboxes import Mailboxes
from mailferry.state.records import to_values
from mailferry.state.storage import Storage
from tests.support.compare import differences
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, settings_for
from tests.support.faulty_relay import Relay
from tests.support.kill_worker import EVENTS, WITHOUT_APPENDUID
from tests.support.killer import Kill, Killer, Workers
from tests.support.ledger_check import folders_of, ledger_differences, ledger_of
from tests.support.mail import fill_user, mail_of, messages, odd_messages
from tests.support.migration import login

KILLS = int(os.environ.get("KILLS") or 200)
SEED = int(os.environ.get("KILL_SEED") or random.randrange(1_000_000))

BATCH = "pilot"
FOLDERS = ("INBOX", "日本語/請求書")
MAILBOXES = 10
#: Processes at work at once; each does one job of a kind at a time.
WORKERS = 4
#: Messages of a mailbox at first, those that come once it is Synced, and those that come at any time.
AT_FIRST, MORE, TRICKLE = 600, 200, 10
#: Seconds each way to the target, so that much is on its way when a worker dies.
LATENCY = 0.025
#: A dead worker's folder is free soon; small windows, and one mailbox always waits for a slot.
QUICK = {
    "LEASE_SECONDS": "2",
    "RETRY_SECONDS": "1",
    "STALLED_SECONDS": "10",
    "WINDOW_MESSAGES": "10",
    "SOURCE_MAX_CONCURRENT": f"{MAILBOXES - 1}",
}
LOOK_SECONDS = 1.0
#: Looks between two rounds of the watch.
WATCH_EVERY = 5
#: Seconds in which all kills must be dealt and all be Synced.
PATIENCE = 480.0


class Migration:
    """A batch of mailboxes on its way between two servers, whose mail does not run out."""

    def __init__(self, source: Dovecot, target: Dovecot, storage: Storage, name: str, chance: random.Random) -> None:
        self._source = source
        self._target = target
        self._storage = storage
        self._chance = chance
        self._looks = 0
        self.users = [f"{number}-{name}" for number in range(MAILBOXES)]
        self.filled: Counter[str] = Counter()

    def begin(self) -> None:
        """Fill the source and drop the CSV."""
        for user in self.users:
            self._fill(user, AT_FIRST)
        odd = odd_messages()
        fill_user(self._source, self.users[0], odd.values())
        self.filled[self.users[0]] += len(odd)
        self._storage.blobs.write("batches", f"{BATCH}.csv", csv_of(*self.users).encode(), "text/csv")
        self._storage.queues.send(EVENTS, f"intake {BATCH}.csv")

    def look(self, *, more: bool) -> bool:
        """Do what timers do and, with `more`, what happens to people: they get mail. Whether all is settled."""
        self._looks += 1
        lines = self.lines()
        failed = [f"{user}: {line.why}" for user, line in lines.items() if "Failed" in line.status]
        assert not failed, f"kills must not fail a mailbox: {failed}"
        synced = [user for user, line in lines.items() if line.status is Status.SYNCED]
        settled = [user for user in synced if lines[user].counts.messages >= self.filled[user]]
        if more:
            self._fill(self._chance.choice(self.users), TRICKLE)
            for user in settled:
                self._fill(user, MORE)
        if more or len(settled) < len(synced):
            self._storage.queues.send(EVENTS, "sync")
        if self._looks % WATCH_EVERY == 0:
            self._storage.queues.send(EVENTS, "watch")
        return len(settled) == len(self.users)

    def lines(self) -> dict[str, MailboxLine]:
        """The mailboxes by login."""
        return {line.user: line for line in Batches(self._storage).lines(BATCH)}

    def wrong(self) -> Iterator[tuple[str, list[str]]]:
        """The id of every mailbox that is not as it should be, and what is wrong, one sentence each."""
        for user, line in self.lines().items():
            found = differences(mail_of(self._source, user), mail_of(self._target, user))
            with login(self._source, user) as source, login(self._target, user) as target:
                found += ledger_differences(self._storage, line.mailbox, source, target)
            counts = line.counts
            if (counts.messages, counts.copied, counts.copied_again) != (self.filled[user], self.filled[user], 0):
                found.append(f"{self.filled[user]} messages were put into the source, but {counts}")
            if line.status is not Status.SYNCED:
                found.append(f"{line.status} since {line.since}: {line.why}")
            if found:
                yield line.mailbox, [f"{user}: {sentence}" for sentence in found]

    def _fill(self, user: str, count: int) -> None:
        seed = self.filled.total()
        fill_user(self._source, user, messages(seed, count, folders=FOLDERS, median_bytes=500))
        self.filled[user] += count


@pytest.mark.timeout(PATIENCE + 300)
@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        pytest.param(KILLS, {}, id="APPENDUID"),
        pytest.param(KILLS // 4, {WITHOUT_APPENDUID: "1"}, id="no APPENDUID"),
    ],
)
def test_however_often_workers_are_killed_everything_arrives_once(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path, wanted: int, more: dict[str, str]
) -> None:
    log = tmp_path / "workers.log"
    chance = random.Random(SEED)
    with Azurite() as azurite, Relay((target_server.host, target_server.port), latency=LATENCY) as relay:
        settings = settings_for((source_server.host, source_server.port), (relay.host, relay.port), **QUICK, **more)
        settings["MigrationStorage"] = azurite.connection_string
        storage = azure_storage(settings)
        migration = Migration(source_server, target_server, storage, user, chance)
        migration.begin()
        began = time.monotonic()
        with Workers(settings, log) as workers:
            killer = Killer(workers, storage, chance, at_once=WORKERS, wanted=wanted)
            try:
                while (
                    not (migration.look(more=not killer.done) and killer.done) and time.monotonic() < began + PATIENCE
                ):
                    killer.run(LOOK_SECONDS)
                    assert not killer.crashes
            finally:
                seconds = time.monotonic() - began
                print(f"KILL_SEED={SEED}: {len(killer.kills)} kills: {killer.tally()}")
                print(f"{migration.filled.total()} messages, {seconds:.0f} s. The workers' last words:")
                print(log.read_text()[-4_000:])
        wrong = dict(migration.wrong())
        for mailbox in wrong:
            print(_evidence(storage, mailbox, killer.kills))
        assert not wrong, "\n".join(sentence for found in wrong.values() for sentence in found)
        assert killer.done


def _evidence(storage: Storage, mailbox: str, kills: Sequence[Kill]) -> str:
    """All that the state knows of a mailbox, and the kills that hit it."""
    texts = [f"Mailbox {mailbox}: {Mailboxes(storage).get(mailbox)}"]
    for folder in folders_of(storage, mailbox):
        texts += [f"{folder.path}: {to_values(folder)}", ledger_of(storage, mailbox, folder)]
    return "\n".join([*texts, *(str(kill) for kill in kills if kill.mailbox == mailbox)])

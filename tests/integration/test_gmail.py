"""From Gmail every message goes over once, into the folder of the label that ranks first; its others are listed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from itertools import count

import pytest

from mailferry.homes import Homes
from mailferry.imap.values import FolderStatus
from mailferry.model import Status
from mailferry.settings import read_settings
from mailferry.state.homes import HomeStore
from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS
from mailferry.state.mailboxes import Mailboxes
from tests.property.workers import Killed, Worker
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.gmail.languages import ENGLISH, GERMAN, Language
from tests.support.gmail.world import BATCH, USER, World, world
from tests.support.imap_sim import At, Cut, Faults
from tests.support.mail import mail_of


def labels_of(found: World) -> list[tuple[str, str, str]]:
    """Subject, folder and label of each row of labels.csv."""
    rows = csv.DictReader(io.StringIO(found.engine.report(BATCH, "labels.csv")))
    return sorted((row["Subject"], row["Folder"], row["Label"]) for row in rows)


@pytest.mark.parametrize("language", [ENGLISH, GERMAN], ids=["English", "German"])
def test_each_message_goes_over_once_into_the_folder_its_labels_rank_first(language: Language) -> None:
    with world(language) as found:
        found.store.open_account(USER, "Work", "Work/Big & Small", "Ärger", '(odd) "label"')
        found.put("draft", "\\Draft", "\\Important", "Work")
        found.put("inbox", "\\Inbox", "Work", "\\Important")
        found.put("to myself", "\\Sent", "\\Inbox")
        found.put("sent", "\\Sent", "Work")
        found.put("nested", "Work", "Work/Big & Small")
        found.put("two labels", "Ärger", "Work")
        found.put("odd", '(odd) "label"')
        found.put("starred", "\\Starred", flags=("\\Flagged", "\\Seen"))
        found.put("archived")
        found.store.throw(USER, found.put("spam", "\\Inbox"), spam=True)
        found.store.throw(USER, found.put("thrown away", "Work"))
        found.drop()
        line = found.run()
        assert found.there() == {
            "INBOX": ["inbox", "to myself"],
            "Drafts": ["draft"],
            "Sent": ["sent"],
            "Work/Big &- Small": ["nested"],
            "Work": ["two labels"],
            '(odd) "label"': ["odd"],
            "Archive": ["archived", "starred"],
            "Junk": ["spam"],
            "Trash": ["thrown away"],
        }
        assert (line.counts.messages, line.counts.copied, line.counts.missing) == (11, 11, 0)
        (starred,) = [one for one in found.target.messages(USER, b"Archive") if b"starred" in one.body]
        assert set(starred.flags) == {"\\Flagged", "\\Seen"}
        assert labels_of(found) == [
            ("draft", "Drafts", "Work"),
            ("inbox", "INBOX", "Work"),
            ("nested", "Work/Big & Small", "Work"),
            ("sent", "Sent", "Work"),
            ("to myself", "INBOX", "Sent"),
            ("two labels", "Work", "Ärger"),
        ]
        assert b"\xc4rger" not in b"".join(found.target.names(USER))


@pytest.mark.parametrize("language", [ENGLISH, GERMAN], ids=["English", "German"])
def test_chats_which_all_mail_lacks_go_over_and_a_label_beside_them_stays_a_label(language: Language) -> None:
    with world(language) as found:
        label = f"{language.top.decode()}/mine"
        found.store.open_account(USER, label, "Work")
        found.put("labelled", label)
        found.put("work", "Work", label)
        found.store.chat(USER, b"Subject: said\r\nMessage-ID: <1@chat>\r\n\r\nHi\r\n")
        found.drop()
        assert found.run().counts.copied == 3
        top = language.top.decode()
        assert found.there() == {f"{top}/Chats": ["said"], f"{top}/mine": ["labelled", "work"]}
        assert labels_of(found) == [("work", label, "Work")]
        found.store.chat(USER, b"Subject: said later\r\nMessage-ID: <2@chat>\r\n\r\nHi\r\n")
        assert found.next_pass().counts.copied == 4
        assert found.there()[f"{top}/Chats"] == ["said", "said later"]


def test_a_label_that_changes_between_passes_copies_nothing_again() -> None:
    with world() as found:
        found.store.open_account(USER, "Work")
        one, two = found.put("one", "\\Inbox"), found.put("two", "Work")
        found.drop()
        found.run()
        found.store.label(USER, one, ["Work"])
        found.store.label(USER, two, ["\\Inbox", "Work"])
        found.put("three", "Work")
        line = found.next_pass()
        assert found.there() == {"INBOX": ["one"], "Work": ["three", "two"]}
        assert line.counts.copied == 3


def test_flags_follow_in_the_next_pass(target_server: Dovecot, user: str) -> None:
    with world() as found:
        store = found.store
        store.open_account(user, "Work")
        one = store.put(user, b"Subject: one\r\n\r\n", ["\\Inbox"])
        store.put(user, b"Subject: two\r\n\r\n", ["Work"])
        there = (target_server.host, target_server.port)
        engine = Engine(settings_for((found.gmail.host, found.gmail.port), there), found.engine.time)
        engine.drop(BATCH, csv_of(user))
        engine.run()
        name = ENGLISH.all_mail.name
        store.set_flags(user, name, one.places[name], ["\\Seen", "\\Answered"])
        engine.services.sync.run()
        engine.run()
        assert engine.line(BATCH).counts.flags_updated == 1
        flags = {folder: [flags for _, flags, _ in mail] for folder, mail in mail_of(target_server, user).items()}
        assert flags["INBOX"] == [frozenset({"\\Seen", "\\Answered"})]
        assert flags["Work"] == [frozenset()]


def test_a_label_that_changes_while_the_pass_runs_neither_loses_nor_doubles() -> None:
    with world(settings={"WINDOW_MESSAGES": "2", "CHUNK_SECONDS": "1"}) as found:
        found.store.open_account(USER, "Work")
        inbox = [found.put(f"inbox {number}", "\\Inbox") for number in range(6)]
        work = [found.put(f"work {number}", "Work") for number in range(6)]
        found.drop()
        found.engine.step()  # the plan
        for message in inbox:
            found.store.label(USER, message, ["Work"])
        for message in work:
            found.store.label(USER, message, [])
        found.run()
        assert {name: len(subjects) for name, subjects in found.there().items()} == {"INBOX": 6, "Work": 6}


def test_an_account_in_another_language_keeps_its_homes() -> None:
    with world() as found:
        found.store.open_account(USER)
        found.put("one", "\\Inbox")
        found.put("sent", "\\Sent")
        found.drop()
        found.run()
        for old, new in zip(ENGLISH.folders, GERMAN.folders, strict=True):
            found.store.rename(USER, old.name, new.name)
        found.store.language = GERMAN
        for message in found.store._of[USER]:
            message.places = {_renamed(name): uid for name, uid in message.places.items()}
        found.put("two", "\\Sent")
        line = found.next_pass()
        assert found.there() == {"INBOX": ["one"], "Sent": ["sent", "two"]}
        assert line.counts.copied == 3


def _renamed(name: bytes) -> bytes:
    names = {old.name: new.name for old, new in zip(ENGLISH.folders, GERMAN.folders, strict=True)}
    return names.get(name, name)


def test_options_and_rules_apply_to_the_folders_of_labels() -> None:
    with world() as found:
        found.store.open_account(USER, "Lists", "Work", "Clients/Contoso")
        found.put("both", "Lists", "Work")
        found.put("list", "Lists")
        found.put("list in the inbox", "Lists", "\\Inbox")
        found.put("contoso", "Clients/Contoso")
        found.put("archived")
        found.drop(
            json.dumps(
                {
                    "exclude_folders": ["Lists", "\\Archive"],
                    "folders": [{"from": "Clients/*", "to": "Customers/*"}],
                }
            )
        )
        found.run()
        assert found.there() == {
            "INBOX": ["list in the inbox"],
            "Work": ["both"],
            "Customers/Contoso": ["contoso"],
        }


def test_what_is_included_is_a_home_even_where_a_better_label_is_not() -> None:
    with world() as found:
        found.store.open_account(USER, "Work")
        found.put("both", "Work", "\\Inbox")
        found.put("inbox", "\\Inbox")
        found.drop(json.dumps({"include_folders": ["Work"]}))
        found.run()
        assert found.there() == {"Work": ["both"]}


def test_an_account_that_hides_all_mail_fails_with_what_to_do() -> None:
    with world() as found:
        found.store.open_account(USER, all_mail=False)
        found.drop()
        found.engine.run()
        line = found.engine.line(BATCH)
        assert line.status is Status.FAILED
        assert "All Mail" in line.why
        assert "Show in IMAP" in line.remedy


def test_labels_that_are_hidden_from_imap_have_their_folders_too() -> None:
    with world() as found:
        found.store.open_account(USER)
        message = found.put("hidden")
        message.labels = ("Clients/Caf\u00e9", "\\Muted")  # no folder shows it
        found.drop()
        found.run()
        assert found.there() == {"Clients/Caf&AOk-": ["hidden"]}


def test_an_unchanged_account_is_not_read_again() -> None:
    with world() as found:
        found.store.open_account(USER, "Work")
        for number in range(5):
            found.put(f"{number}", "Work" if number % 2 else "\\Inbox")
        found.drop()
        found.run()
        before = len(found.gmail.commands)
        found.next_pass()
        verbs = {heard.verb for heard in found.gmail.commands[before:]}
        assert not verbs & {"UID FETCH", "EXAMINE", "UID SEARCH"}


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6])
def test_cut_connections_neither_lose_nor_double_a_message(nth: int) -> None:
    with world(faults=Faults(At(nth, Cut(), verb="UID FETCH")), settings={"RETRY_SECONDS": "0.1"}) as found:
        found.store.open_account(USER, "Work")
        for number in range(30):
            found.put(f"{number:02d}", *(("Work", "\\Inbox") if number % 3 else ("Work",)))
        found.drop()
        found.run()
        assert found.gmail.faults.happened
        assert {name: len(subjects) for name, subjects in found.there().items()} == {"INBOX": 20, "Work": 10}
        assert len(labels_of(found)) == 20


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("every", [11, 17, 23, 37])
def test_killed_workers_neither_lose_nor_double_a_message(every: int, after: bool) -> None:
    calls = count(1)

    def on_call(worker: Worker, what: str, carry_out: Callable[[], object]) -> object:
        del what
        number = next(calls)
        kills = number % every == 0 and number < 8 * every
        if kills and not after:
            worker.die()
        result = carry_out()
        if kills:
            worker.die()
        return result

    with world(settings={"WINDOW_MESSAGES": "3", "LEASE_SECONDS": "5"}) as found:
        found.store.open_account(USER, "Work")
        for number in range(24):
            found.put(f"{number:02d}", *(("Work", "\\Inbox") if number % 3 else ("Work",)))
        found.drop()
        engine, died = found.engine, 0
        settings = read_settings(engine.settings)
        while (due := engine.queues.next_due()) is not None:
            engine.time.move_to(due)
            queue = next(name for name in (MAILBOX_JOBS, FOLDER_JOBS) if _is_due(engine, name))
            body = engine.queues.take(queue)
            assert body
            try:
                Worker(0, (queue, body), settings, engine.storage, engine.time, on_call).run()
            except Killed:
                died += 1
                engine.queues.send(queue, body)
        found.run()
        engine.services.plans.passes.reports.publish(BATCH)
        assert died
        assert {name: len(subjects) for name, subjects in found.there().items()} == {"INBOX": 16, "Work": 8}
        assert len(labels_of(found)) == 16


def _is_due(engine: Engine, queue: str) -> bool:
    return any(sent.due <= engine.time() for sent in engine.queues.messages.get(queue, ()))


def test_uids_of_a_new_life_are_recognised_and_not_copied_again() -> None:
    with world() as found:
        found.store.open_account(USER, "Work")
        found.put("one", "\\Inbox")
        found.put("two", "Work")
        found.drop()
        found.run()
        name = ENGLISH.all_mail.name
        found.store.new_uidvalidity(USER, name)
        for message in found.store._of[USER]:
            (uid,) = (one.uid for one in found.store.messages(USER, name) if one.body == message.body)
            message.places[name] = uid
        found.put("three", "Work")
        line = found.next_pass()
        assert found.there() == {"INBOX": ["one"], "Work": ["three", "two"]}
        assert line.counts.adopted == 2


def test_the_plan_of_a_large_account_goes_on_where_its_time_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailferry.transfer.gmail_labels._STRETCH", 10)
    monkeypatch.setattr("mailferry.state.homes._MOST", 7)
    with world() as found:
        found.store.open_account(USER, "Work")
        for number in range(45):
            found.put(f"{number}", "Work" if number % 2 else "\\Inbox")
        limits = found.engine.services.plans.passes.limits
        object.__setattr__(limits, "chunk_seconds", 0.0)
        found.drop()
        steps = 0
        while not any(found.there()):
            assert found.engine.step()
            steps += 1
            assert steps < 50
            object.__setattr__(limits, "chunk_seconds", 0.0 if steps < 3 else 60.0)
        found.run()
        mailbox = Mailboxes(found.engine.storage).get(found.engine.line(BATCH).mailbox)
        assert mailbox
        homes = HomeStore(found.engine.storage).read(mailbox)
        assert homes.status(b"Work") == FolderStatus(homes.uidvalidity, 45, 22)
        assert {name: len(subjects) for name, subjects in found.there().items()} == {"INBOX": 23, "Work": 22}


def test_homes_are_found_by_label_and_range() -> None:
    homes = Homes(b"All", 7)
    homes.add([(2, b"a"), (3, b"b"), (9, b"a"), (11, b"a")])
    assert list(homes.members(b"a", 1, 10)) == [2, 9]
    assert list(homes.members(b"a", 10, 99)) == [11]
    assert not homes.members(b"c", 1, 99)
    assert homes.status(b"c") == FolderStatus(7, 1, 0)


@pytest.mark.parametrize("gap", [1, 40], ids=["dense", "sparse"])
def test_what_was_deleted_meanwhile_is_neither_copied_nor_missed(gap: int) -> None:
    with world() as found:
        found.store.open_account(USER, "Work")
        messages = []
        for number in range(6):
            messages.append(found.put(f"{number}", "Work"))
            for other in range(gap - 1):
                found.put(f"other {number} {other}", "\\Inbox")
        found.drop()
        found.engine.step()
        found.store.throw(USER, messages[2])
        found.run()
        line = found.next_pass()
        assert found.there()["Work"] == ["0", "1", "3", "4", "5"]
        assert found.there()["Trash"] == ["2"]
        assert line.counts.missing == 0


def test_labels_of_mail_that_stays_behind_are_not_listed() -> None:
    with world() as found:
        found.store.open_account(USER, "A", "B")
        found.put("stays", "A", "B")
        found.put("goes", "\\Inbox", "A")
        found.drop(json.dumps({"include_folders": ["INBOX"]}))
        found.run()
        assert labels_of(found) == [("goes", "INBOX", "A")]

"""Mailboxes that are validated again, started, stopped in the middle, or removed."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.model import Endpoint, Status
from mailferry.state.admission import Admission
from mailferry.state.jobs import MailboxJob
from mailferry.state.mailboxes import Held, Mailboxes, mailbox_id
from mailferry.state.validations import Validations
from tests.support.validation import ANN, mail, place, store, table


def test_validated_twice_says_what_is_there_now() -> None:
    source = store(INBOX=3)
    with place(source) as here:
        here.drop()
        source.add(ANN, b"INBOX", mail(9))
        source.create(ANN, b"New")
        assert here.ask(Operation.REVALIDATE).changed == 1
        assert (here.row()["messages"], here.row()["folders"]) == (4, 2)
        source.rename(ANN, b"New", b"Newer")
        here.drop()  # dropped again with the option is validated again, too
        assert [row["SourceFolder"] for row in table(here.engine, "validation-folders.csv")] == ["INBOX", "Newer"]
        assert here.engine.line("batch").passes == 3
        assert here.untouched


def test_a_revalidation_that_fails_takes_back_what_was_said() -> None:
    with place(store(INBOX=3), RETRY_ATTEMPTS="0") as here:
        here.drop()
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        Mailboxes(here.engine.storage).change(
            mailbox_id(ANN), lambda found: replace(found, endpoint=f"127.0.0.1:{port}")
        )
        Admission(here.engine.storage).define(Endpoint("127.0.0.1", port))
        here.ask(Operation.REVALIDATE)
        assert (here.row()["ok"], here.page()["ready"], here.page()["failed"]) == (False, 0, 1)
        assert "refuses connections" in here.row()["why"]


def test_nothing_is_copied_before_start_and_everything_once_after() -> None:
    with place(store(INBOX=3, Sent=4)) as here:
        here.drop()
        here.engine.services.sync.run()
        here.engine.services.watch.run()
        here.engine.run()
        assert here.untouched
        assert here.ask(Operation.START).changed == 1
        line = here.engine.line("batch")
        assert (line.status, line.counts.copied) == (Status.SYNCED, 7)
        assert (here.row()["ok"], here.row()["messages"]) == (True, 7)
        here.engine.services.sync.run()
        here.engine.run()
        assert here.engine.line("batch").counts.copied == 7
        assert len(here.target.store.messages(ANN, b"INBOX")) == 3


@pytest.mark.parametrize("options", ["{}", '{"validate": false}'])
def test_a_csv_dropped_again_without_the_option_starts(options: str) -> None:
    with place(store(INBOX=3)) as here:
        here.drop()
        here.drop(options=options)
        assert (here.engine.line("batch").status, here.engine.line("batch").counts.copied) == (Status.SYNCED, 3)


def test_what_is_copied_already_stays_in_sync_when_its_csv_is_dropped_with_the_option() -> None:
    with place(store(INBOX=3)) as here:
        here.drop(options="{}")
        here.drop()
        assert here.engine.line("batch").status is Status.SYNCED
        assert here.engine.services.validation.page("batch") is None
        here.engine.services.sync.run()
        here.engine.run()
        assert here.engine.line("batch").status is Status.SYNCED


def test_one_that_is_started_while_it_is_validated_is_copied_in_the_same_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with place(store(INBOX=3)) as here:
        validated = type(here.engine.services.plans.passes).validated

        def started_meanwhile(self: Any, mailbox: Any, why: str) -> bool:
            if Mailboxes(here.engine.storage).get(mailbox.id).validate:  # type: ignore[union-attr]
                done = here.engine.services.operations.run("batch", Operation.START, "anna")
                assert done.changed == 1
            return bool(validated(self, mailbox, why))

        monkeypatch.setattr(type(here.engine.services.plans.passes), "validated", started_meanwhile)
        here.drop()
        line = here.engine.line("batch")
        assert (line.status, line.passes, line.counts.copied) == (Status.SYNCED, 1, 3)
        assert list(Admission(here.engine.storage).slots(Admission(here.engine.storage).endpoints()[0].id)) == []


def test_two_workers_with_the_same_job_find_the_same_and_finish_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with place(store(INBOX=3, Old=2)) as here:
        write = Validations.write_measured
        others: list[str] = []

        def beside(self: Validations, mailbox: str, folders: Any) -> None:
            if not others:
                others.append(mailbox)
                here.engine.services.plans.run(MailboxJob(mailbox, 1))  # as far as the end
            write(self, mailbox, folders)

        monkeypatch.setattr(Validations, "write_measured", beside)
        here.drop()
        assert others == [mailbox_id(ANN)]
        assert (here.row()["ok"], here.row()["messages"], here.row()["folders"]) == (True, 5, 2)
        history = Mailboxes(here.engine.storage).history(mailbox_id(ANN))
        assert [change.status for change in history] == [Status.QUEUED, Status.VALIDATING, Status.STOPPED]
        assert here.ask(Operation.START).changed == 1
        assert here.engine.line("batch").counts.copied == 5


def test_one_that_is_paused_while_it_is_validated_is_validated_when_it_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with place(store(INBOX=3)) as here:
        write = type(here.engine.services.plans.measures.validations).write
        paused: list[Done] = []

        def paused_meanwhile(self: Any, batch: str, validation: Any) -> None:
            if not paused:
                paused.append(here.engine.services.operations.run("batch", Operation.PAUSE, "anna"))
            write(self, batch, validation)

        monkeypatch.setattr(type(here.engine.services.plans.measures.validations), "write", paused_meanwhile)
        here.drop()
        assert Mailboxes(here.engine.storage).get(mailbox_id(ANN)).held is Held.PAUSED  # type: ignore[union-attr]
        assert here.ask(Operation.START).unchanged == {"paused: resume it first": 1}
        here.ask(Operation.RESUME)
        assert "Validated" in here.engine.line("batch").why
        assert here.untouched


def test_a_batch_that_is_removed_leaves_no_finding_behind() -> None:
    with place(store(INBOX=3)) as here:
        here.drop()
        here.ask(Operation.REMOVE)
        for _ in range(2):
            here.engine.time.move_to(here.engine.time() + timedelta(hours=1))
            here.engine.services.watch.run()
        assert here.engine.services.validation.page("batch") is None
        validations = Validations(here.engine.storage)
        assert (validations.all("batch"), validations.measured(mailbox_id(ANN), 1)) == ({}, [])

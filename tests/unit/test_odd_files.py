"""Files that no one should drop, but somebody will: each has one clear answer, and keeps no other from its turn."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mailferry.intake.ingest import NO_BATCHES
from mailferry.model import Status
from mailferry.state.batches import Batches
from mailferry.state.definitions import Definitions
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from tests.support.engine import Engine, csv_of, settings_for

NOWHERE = ("127.0.0.1", 1)
HALF = '{"operation": "pause", "mailboxes": ["\\ud800"]}'


@pytest.fixture
def engine() -> Engine:
    return Engine(settings_for(NOWHERE, NOWHERE))


def put(engine: Engine, name: str, data: str | bytes) -> None:
    content = data.encode() if isinstance(data, str) else data
    engine.storage.blobs.write("batches", name, content, "application/octet-stream")


def left(engine: Engine) -> list[str]:
    return [blob.name for blob in engine.storage.blobs.list("batches")]


def answer(engine: Engine, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.report(*path.rsplit("/", 1)))
    return found


@pytest.mark.parametrize("data", [HALF, '{"operation": "pause", "\\ud800": 1}', '{"operation": "\\ud800"}'])
def test_a_command_with_half_a_character_is_answered_and_taken_away(engine: Engine, data: str) -> None:
    engine.drop("berlin", csv_of("anna@example.com"))
    put(engine, "berlin.command.json", data)
    put(engine, "plans/city.command.json", data)
    put(engine, "provision/new.command.json", data)
    engine.services.watch.run()
    assert left(engine) == []
    for path in ("berlin/command.json", "plans/city/command.json", "provision/new/command.json"):
        assert "half a character" in answer(engine, path)["error"]
        assert answer(engine, path)["remedy"]


def test_the_ending_of_a_command_and_of_options_may_be_written_in_capitals(engine: Engine) -> None:
    put(engine, "Berlin.JSON", '{"validate": true}')
    engine.drop("Berlin", csv_of("anna@example.com"))
    validated = Mailboxes(engine.storage).get(mailbox_id("anna@example.com"))
    assert validated is not None
    assert validated.validate
    put(engine, "Berlin.Command.JSON", '{"operation": "pause"}')
    engine.services.watch.run()
    assert answer(engine, "Berlin/command.json")["changed"] == 1
    assert left(engine) == ["Berlin.JSON"]


def test_of_two_files_of_options_the_one_that_was_dropped_last_counts(engine: Engine) -> None:
    for file, priority in (("berlin.JSON", 2), ("berlin.json", 3), ("berlin.Json", 4)):
        put(engine, file, f'{{"priority": {priority}}}')
        engine.time.move_to(engine.time() + timedelta(seconds=1))
    engine.drop("berlin", csv_of("anna@example.com"))
    found = Batches(engine.storage).get("berlin")
    assert found is not None
    assert found.priority == 4


@pytest.mark.parametrize("mailboxes", ["null", "[]", '"anna@example.com"', "{}", "[null]"])
def test_a_command_whose_mailboxes_are_none_is_not_for_all(engine: Engine, mailboxes: str) -> None:
    engine.drop("berlin", csv_of("anna@example.com"))
    put(engine, "berlin.command.json", f'{{"operation": "remove", "mailboxes": {mailboxes}}}')
    engine.services.watch.run()
    assert "$.mailboxes" in answer(engine, "berlin/command.json")["error"]
    assert engine.line("berlin").status is Status.QUEUED


def test_endpoints_that_nobody_can_use_are_answered_in_few_words_and_keep_no_other_from_its_turn(
    engine: Engine,
) -> None:
    put(engine, "endpoints/half.json", '{"host": "\\ud800"}')
    put(engine, "endpoints/keys.json", json.dumps({f"key {number}": 1 for number in range(900)}))
    put(engine, "endpoints/legacy.json", '{"host": "127.0.0.1", "port": 1, "security": "none"}')
    engine.services.watch.run()
    assert "half a character" in answer(engine, "endpoints/half.json")["why"]
    assert answer(engine, "endpoints/keys.json")["why"].endswith("And 881 more.")
    assert "refuses connections" in answer(engine, "endpoints/legacy.json")["why"]
    assert all(definition.etag for definition in Definitions(engine.storage).all())


@pytest.mark.parametrize("folder", NO_BATCHES)
def test_no_batch_has_the_name_of_a_folder_for_other_things(engine: Engine, folder: str) -> None:
    name = folder.rstrip("/")
    engine.drop(name, csv_of("anna@example.com"))
    batch = Batches(engine.storage).get(name)
    assert batch is not None
    assert "kept for other things" in batch.refused
    assert engine.lines(name) == {}


def test_a_csv_among_the_templates_is_neither_a_batch_nor_kept(engine: Engine) -> None:
    put(engine, "templates/berlin.csv", csv_of("anna@example.com", password="s3cret"))
    engine.services.drops.take("templates/berlin.csv")
    engine.services.watch.run()
    assert list(Batches(engine.storage).all()) == []
    assert left(engine) == []
    refused = answer(engine, "templates/berlin.csv.refused.json")
    assert "no template" in refused["error"]
    assert "before, synced, completed, failed" in refused["remedy"]
    reports = list(engine.storage.blobs.list("reports"))
    found = [engine.storage.blobs.read("reports", blob.name) for blob in reports]
    assert not any(blob and b"s3cret" in blob.data for blob in found)


def test_a_plans_options_may_be_saved_as_powershell_does(engine: Engine) -> None:
    put(engine, "plans/city.json", '{"priority": 3}'.encode("utf-16"))
    put(engine, "plans/city.csv", csv_of("anna@example.com"))
    engine.services.drops.take("plans/city.csv")
    found: Any = engine.services.planning.one("city")
    assert (found["stage"], found["mailboxes"]) == ("Measuring", 1)


def test_what_is_neither_users_nor_a_command_is_said_to_be_neither(engine: Engine) -> None:
    put(engine, "provision/users.xlsx", b"PK")
    put(engine, "provision/new.command.json", b" " * (10 * 1024 * 1024 + 1))
    engine.services.watch.run()
    assert left(engine) == []
    assert "neither a CSV nor a command" in engine.report("provision/users.xlsx", "intake.csv")
    assert "at most" in engine.report("provision/new", "intake.csv")


def test_a_part_of_the_watch_that_fails_keeps_no_other_from_its_work(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    engine.drop("berlin", csv_of("anna@example.com"))
    monkeypatch.setattr("mailferry.provision.provisioning.Provisioning.look_after", broken)
    monkeypatch.setattr("mailferry.notify.rounds.Round.look_after", broken)
    put(engine, "endpoints/legacy.json", '{"host": "127.0.0.1", "port": 1, "security": "none"}')
    put(engine, "berlin.command.json", '{"operation": "remove"}')
    with pytest.raises(RuntimeError, match="broken"):
        engine.services.watch.run()
    assert [definition.file for definition in Definitions(engine.storage).all()] == ["legacy.json"]
    batch = Batches(engine.storage).get("berlin")
    assert batch is not None
    assert batch.removed

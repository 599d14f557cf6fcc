"""Files `endpoints/<name>.json`: taken in, tried, answered, used by name; and what a change in mid-migration does."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailferry.imap.values import BY_PASSWORD, LoginKind, LoginWay
from mailferry.model import Endpoint, Status
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import Behaviour, SimServer, Store

USER = "a@x.y"


@pytest.fixture
def engine() -> Engine:
    return Engine(settings_for(("imap.default.example", 993), ("target.example.com", 993)))


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is looked up, and nothing outside is connected to."""

    def unknown(host: str, *_: object, **__: object) -> list[Any]:
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, _[0]))]

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


def put(engine: Engine, definition: object, name: str = "legacy.json") -> None:
    data = definition.encode() if isinstance(definition, str) else json.dumps(definition).encode()
    engine.storage.blobs.write("batches", f"endpoints/{name}", data, "application/json")


def answer(engine: Engine, name: str = "legacy") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.report("endpoints", f"{name}.json"))
    return found


def endpoint_of(engine: Engine, batch: str = "batch") -> Endpoint | None:
    found = Batches(engine.storage).get(batch)
    return Admission(engine.storage).endpoint(found.endpoint) if found else None


def mailbox_way(engine: Engine) -> LoginWay | None:
    found = Mailboxes(engine.storage).get(mailbox_id(USER))
    return found.way if found else None


def test_a_batch_takes_an_endpoint_by_its_name_and_its_login_with_it(engine: Engine) -> None:
    login = {"kind": "master", "user": "admin"}
    put(engine, {"host": "imap.old.example", "port": 143, "security": "starttls", "max_concurrent": 3, "login": login})
    engine.drop("batch", csv_of(USER), '{"endpoint": "legacy"}')
    found = endpoint_of(engine)
    assert found
    assert (found.host, found.port, found.security, found.max_concurrent) == ("imap.old.example", 143, "starttls", 3)
    assert mailbox_way(engine) == LoginWay(LoginKind.MASTER, "admin")


def test_what_a_definition_leaves_out_does_not_come_from_the_default_endpoint(engine: Engine) -> None:
    engine.restart(SOURCE_PORT="1143", SOURCE_SECURITY="none", SOURCE_CERTIFICATE="ignore")
    put(engine, {"host": "imap.old.example"})
    engine.drop("batch", csv_of(USER), '{"endpoint": "legacy"}')
    assert endpoint_of(engine) == Endpoint("imap.old.example")


def test_only_the_login_is_the_batchs_own(engine: Engine) -> None:
    put(engine, {"host": "imap.old.example", "login": {"kind": "kerio"}})
    engine.drop("batch", csv_of(USER), '{"endpoint": {"name": "legacy", "login": {"kind": "password"}}}')
    assert mailbox_way(engine) == BY_PASSWORD
    engine.drop("other", csv_of("b@x.y"), '{"endpoint": {"name": "legacy", "port": 143}}')
    assert "$.endpoint.port is for the endpoint's own file" in engine.report("other", "intake.csv")


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (None, "$.endpoint is 'legacy': there is no endpoints/legacy.json"),
        (
            {"host": "a.b", "port": 70000},
            "$.endpoint is 'legacy': endpoints/legacy.json can't be used. $.port is 70000",
        ),
        ({"host": "a.b", "hots": 1}, "$.hots is unknown; did you mean host?"),
        ({}, "$.host is missing"),
        ("[]", "$ is []"),
        ("{", "The endpoint file is not JSON"),
    ],
)
def test_a_missing_or_wrong_definition_refuses_the_batch_which_stays_for_correction(
    engine: Engine, definition: object, words: str
) -> None:
    if definition is not None:
        put(engine, definition)
    engine.drop("batch", csv_of(USER), '{"endpoint": "legacy"}')
    assert words in engine.report("batch", "intake.csv").replace('""', '"')
    assert engine.lines("batch") == {}
    put(engine, {"host": "imap.old.example"})
    engine.services.intake.take("batch.csv")
    assert list(engine.lines("batch")) == [USER]


def test_a_definition_is_known_after_storage_has_deleted_its_file(engine: Engine) -> None:
    put(engine, {"host": "imap.old.example"})
    engine.services.watch.run()
    engine.storage.blobs.delete("batches", "endpoints/legacy.json")
    engine.services.watch.run()
    engine.drop("batch", csv_of(USER), '{"endpoint": "legacy"}')
    assert endpoint_of(engine) == Endpoint("imap.old.example")


def test_a_wrong_definition_says_so_and_the_one_before_holds_for_who_runs(engine: Engine) -> None:
    put(engine, {"host": "imap.old.example", "max_concurrent": 3})
    engine.drop("batch", csv_of(USER), '{"endpoint": "legacy"}')
    put(engine, {"host": "imap.old.example", "max_concurrent": 0})
    engine.services.watch.run()
    assert (answer(engine)["ok"], "$.max_concurrent is 0" in answer(engine)["why"]) == (False, True)
    assert answer(engine)["remedy"]
    assert endpoint_of(engine) == Endpoint("imap.old.example", max_concurrent=3)


def test_what_is_under_endpoints_is_never_a_batch(engine: Engine) -> None:
    put(engine, csv_of(USER), "oops.csv")
    engine.services.intake.take("endpoints/oops.csv")
    engine.time.move_to(engine.time() + timedelta(hours=1))
    engine.services.watch.run()
    assert list(Batches(engine.storage).all()) == []
    assert "is no definition of an endpoint" in answer(engine, "oops.csv")["why"]
    engine.drop("endpoints", csv_of(USER))
    assert "No batch can have the name endpoints" in engine.report("endpoints", "intake.csv")
    assert engine.lines("endpoints") == {}


@pytest.mark.parametrize("file", ["sub/legacy.json", "né.json", ".json"])
def test_a_name_that_no_batch_could_say_is_refused(engine: Engine, file: str) -> None:
    put(engine, {"host": "a.b"}, file)
    engine.services.watch.run()
    assert "The file's name is not" in answer(engine, file.removesuffix(".json"))["why"]


def test_more_mailboxes_at_once_are_admitted_when_the_file_says_so_in_mid_migration(engine: Engine) -> None:
    put(engine, {"host": "imap.old.example", "max_concurrent": 1})
    engine.drop("batch", csv_of(USER, "b@x.y", "c@x.y"), '{"endpoint": "legacy"}')
    admission = Admission(engine.storage)
    assert len(list(admission.slots("imap.old.example:993"))) == 1
    put(engine, {"host": "imap.old.example", "max_concurrent": 2, "certificate": "ignore"})
    engine.services.watch.run()
    engine.services.watch.run()
    assert len(list(admission.slots("imap.old.example:993"))) == 2
    found = endpoint_of(engine)
    assert found
    assert not found.check_certificate


def test_another_host_in_mid_migration_waits_for_the_csv_and_loses_nothing(engine: Engine) -> None:
    put(engine, {"host": "imap.old.example"})
    engine.drop("batch", csv_of(USER, "b@x.y"), '{"endpoint": "legacy"}')
    mailboxes = Mailboxes(engine.storage)
    mailboxes.change(mailbox_id(USER), lambda found: replace(found, status=Status.SYNCING, pass_no=1))
    put(engine, {"host": "imap.new.example"})
    engine.services.watch.run()
    assert answer(engine)["elsewhere"] == ["batch"]
    assert "until their CSVs are dropped again" in str(answer(engine)["remedy"])
    assert endpoint_of(engine) == Endpoint("imap.old.example")
    engine.drop("batch", csv_of(USER, "b@x.y"))
    assert "just being copied from another source mailbox" in engine.report("batch", "intake.csv")
    boxes = [mailboxes.get(mailbox_id(address)) for address in (USER, "b@x.y")]
    assert [box.endpoint for box in boxes if box] == ["imap.old.example:993", "imap.new.example:993"]
    passes, admission = engine.services.chunks.passes, Admission(engine.storage)
    assert boxes[0]
    passes.finish(boxes[0])
    engine.services.sync.run()  # its next pass takes a place of the server that it is copied from
    assert [slot.mailbox for slot in admission.slots("imap.old.example:993") if slot.pass_no == 2] == [mailbox_id(USER)]


def test_the_answer_says_what_the_server_is_and_can_do(engine: Engine) -> None:
    with SimServer(Store()) as server:
        put(engine, {"host": server.host, "port": server.port, "security": "none"})
        engine.services.watch.run()
        said = answer(engine)
        assert (said["endpoint"], said["ok"], said["addresses"]) == ("legacy", True, ["127.0.0.1"])
        assert "IMAP4REV1" in said["capabilities"]
        assert said["certificate"] == "none: the connection is not protected"
        engine.storage.blobs.delete("reports", "endpoints/legacy.json")
        engine.services.watch.run()
        assert engine.storage.blobs.info("reports", "endpoints/legacy.json") is None  # tried once a version


def test_the_answer_says_which_software_it_is_and_what_is_done_otherwise_for_it(engine: Engine) -> None:
    with SimServer(Store(), Behaviour(greeting="OK Courier-IMAP ready.")) as server:
        definition = {"host": server.host, "port": server.port, "security": "none", "quirks": {"compress": False}}
        put(engine, definition)
        engine.services.watch.run()
        assert answer(engine)["software"] == "Courier"
        assert answer(engine)["quirks"] == {"select": True, "compress": False}


def test_the_answer_says_why_a_server_can_not_be_reached(engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    put(engine, {"host": "127.0.0.1", "port": port})
    put(engine, {"host": "imap.gone.example"}, "gone.json")
    engine.services.watch.run()
    assert (answer(engine)["ok"], "refuses connections" in answer(engine)["why"]) == (False, True)
    assert (answer(engine, "gone")["addresses"], answer(engine, "gone")["ok"]) == ([], False)
    assert answer(engine, "gone")["remedy"]


def test_a_round_tries_only_so_many_and_the_next_goes_on(engine: Engine) -> None:
    for number in range(10):
        put(engine, {"host": "imap.gone.example"}, f"e{number}.json")
    rounds = []
    for _ in range(2):
        engine.services.watch.run()
        rounds.append(len(list(engine.storage.blobs.list("reports", "endpoints/"))))
    assert rounds == [8, 10]


def test_a_file_that_storage_fails_for_is_dealt_with_by_the_next_round(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first.json", "second.json"):
        put(engine, {"host": "imap.gone.example"}, name)
    read = type(engine.storage.blobs).read

    def fails(self: Any, container: str, name: str) -> Any:
        if name == "endpoints/first.json":
            raise ConnectionError
        return read(self, container, name)

    with monkeypatch.context() as patched:
        patched.setattr(type(engine.storage.blobs), "read", fails)
        engine.services.watch.run()
    assert answer(engine, "second")["endpoint"] == "second"
    assert engine.storage.blobs.info("reports", "endpoints/first.json") is None
    engine.services.watch.run()
    assert answer(engine, "first")["endpoint"] == "first"

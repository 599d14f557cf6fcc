"""Users and licences from a CSV: a dry run changes nothing, going does each thing once, passwords are nobody's."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest

from mailferry.provision.directory import Directory
from mailferry.provision.provisioning import Provisioning
from mailferry.state.memory import memory_storage
from mailferry.target.graph import Graph
from tests.support.engine import Engine, settings_for
from tests.support.graph_stub import Reply, Tokens, refusal
from tests.support.tenant_stub import SKU, TenantStub

HEADER = "UserPrincipalName,GivenName,Surname,DisplayName,UsageLocation,Licence\n"


def rows(*names: str, sku: str = "SPE_E3", domain: str = "contoso.com") -> str:
    return "".join(f"{name}@{domain},{name},Smith,{name} Smith,de,{sku}\n" for name in names)


class World:
    def __init__(self, stub: TenantStub, graph: Graph) -> None:
        self.stub = stub
        self.storage = memory_storage()
        self.service = Provisioning(Directory(graph), self.storage.blobs)

    def drop(self, text: str | bytes, name: str = "new.csv") -> None:
        data = text.encode() if isinstance(text, str) else text
        self.storage.blobs.write("batches", f"provision/{name}", data, "text/csv")
        self.round()

    def round(self) -> None:
        self.service.look_after()

    def go(self) -> None:
        self.drop('{"operation": "go"}', "new.command.json")

    def report(self, name: str) -> str:
        blob = self.storage.blobs.read("reports", f"provision/new/{name}")
        assert blob is not None
        return blob.data.decode("utf-8-sig")

    @property
    def table(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.report("provision.csv"))))

    @property
    def states(self) -> list[str]:
        return [row["State"] for row in self.table]

    def posts(self, path: str) -> int:
        return sum(found.endswith(path) for found, _ in self.stub.posted)


@pytest.fixture
def world() -> Iterator[World]:
    with TenantStub() as stub, Graph(Tokens(), base_url=stub.url, timeout=5.0, wait=lambda _: None) as graph:
        yield World(stub, graph)


def user(location: str = "DE", *skus: str) -> dict[str, object]:
    return {
        "id": f"id-{location or 'nowhere'}",
        "usageLocation": location,
        "assignedLicenses": [{"skuId": sku} for sku in skus],
    }


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(world: World) -> None:
    world.stub.users = {"ben@contoso.com": user("DE", SKU), "carla@contoso.com": user("FR")}
    world.drop(HEADER + rows("anna", "ben", "carla") + rows("dora", sku="NOPE") + rows("emil", sku="ExchangeDeskless"))
    assert world.states == ["would be made", "there already", "would get the licence", "would fail", "would fail"]
    assert "no subscription NOPE" in world.table[3]["Why"]
    assert "SPE_E3" in world.table[3]["WhatToDo"]
    assert "No licence EXCHANGEDESKLESS is left" in world.table[4]["Why"]
    assert world.stub.posted == []
    world.round()
    assert world.stub.posted == []
    assert list(world.storage.blobs.list("batches")) == []


def test_going_makes_who_is_missing_with_location_and_licence_and_leaves_others_as_they_are(world: World) -> None:
    world.stub.users = {"ben@contoso.com": user("FR", SKU), "carla@contoso.com": user("")}
    world.drop(HEADER + rows("anna", "ben", "carla"))
    world.go()
    assert world.states == ["made", "there already", "licence assigned"]
    assert world.stub.users["ben@contoso.com"]["usageLocation"] == "FR"
    assert world.stub.users["carla@contoso.com"]["usageLocation"] == "DE"
    assert world.stub.users["anna@contoso.com"]["assignedLicenses"] == [{"skuId": SKU}]
    (made,) = [body for path, body in world.stub.posted if path == "/users"]
    assert (made["displayName"], made["mailNickname"], made["usageLocation"]) == ("anna Smith", "anna", "DE")
    assert (made["givenName"], made["surname"], made["accountEnabled"]) == ("anna", "Smith", True)


def test_doing_it_again_does_nothing_more(world: World) -> None:
    for _ in range(2):
        world.drop(HEADER + rows("anna", "ben"))
        world.go()
        world.go()
    assert world.states == ["there already", "there already"]
    assert (world.posts("/users"), world.posts("/assignLicense")) == (2, 2)


def test_passwords_are_random_must_be_changed_and_are_written_nowhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.drop(HEADER + rows("anna", "ben"))
    world.go()
    profiles = [body["passwordProfile"] for path, body in world.stub.posted if path == "/users"]
    words = {profile["password"] for profile in profiles}
    assert len(words) == 2
    assert all(profile["forceChangePasswordNextSignIn"] and len(profile["password"]) > 40 for profile in profiles)
    kept = repr(vars(world.storage.blobs)) + caplog.text
    assert not any(word in kept for word in words)


def test_licences_that_run_out_are_said_row_by_row_and_nobody_is_made_without(world: World) -> None:
    world.stub.free = 2
    world.drop(HEADER + rows("anna", "ben", "carla"))
    assert world.states == ["would be made", "would be made", "would fail"]
    world.go()
    assert sorted(world.states) == ["failed", "made", "made"]
    assert len(world.stub.users) == 2
    (failed,) = [row for row in world.table if row["State"] == "failed"]
    assert "No licence SPE_E3 is left" in failed["Why"]
    assert "Buy licences" in failed["WhatToDo"]
    world.stub.free = 1
    world.go()
    assert sorted(world.states) == ["made", "made", "made"]


def test_throttled_the_rest_waits_and_goes_on_in_the_next_round(world: World) -> None:
    world.drop(HEADER + rows(*"abcdefgh"))
    world.stub.on("/users", refusal(429, "TooManyRequests", Retry_After="60"))
    world.go()
    assert "waiting" in world.states
    assert "come back later" in next(row["Why"] for row in world.table if row["State"] == "waiting")
    del world.stub.replies["/users"]
    world.round()
    assert world.states == ["made"] * 8


def test_cut_off_between_user_and_licence_the_next_round_assigns_it(world: World) -> None:
    world.drop(HEADER + rows("anna"))
    world.stub.on("/users/id-0/assignLicense", refusal(404, "Request_ResourceNotFound"))
    world.go()
    assert world.states == ["waiting"]
    assert "made just now" in world.table[0]["Why"]
    del world.stub.replies["/users/id-0/assignLicense"]
    world.round()
    assert world.states == ["licence assigned"]
    assert world.posts("/users") == 1


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        ("/subscribedSkus", refusal(403, "Authorization_RequestDenied", "Insufficient privileges.")),
        ("/users", refusal(403, "Authorization_RequestDenied", "Insufficient privileges.")),
    ],
)
def test_a_permission_that_is_missing_stops_all_and_is_named(world: World, path: str, reply: Reply) -> None:
    world.drop(HEADER + rows("anna", "ben"))
    world.stub.on(path, reply)
    world.go()
    assert world.states == ["waiting", "waiting"]
    assert "User.ReadWrite.All" in world.table[0]["Why"]
    del world.stub.replies[path]
    world.round()
    assert world.states == ["made", "made"]


def test_a_domain_of_others_fails_its_row_only(world: World) -> None:
    world.drop(HEADER + rows("anna", domain="example.org") + rows("ben"))
    world.go()
    assert world.states == ["failed", "made"]
    assert "verified in the tenant" in world.table[0]["WhatToDo"]


def test_nothing_goes_without_a_dry_run_and_a_command_must_make_sense(world: World) -> None:
    world.go()
    assert "no dry run" in json.loads(world.report("command.json"))["error"]
    world.drop(HEADER + rows("anna"))
    world.drop('{"operation": "start"}', "new.command.json")
    assert "$.operation" in json.loads(world.report("command.json"))["error"]
    assert world.stub.posted == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("UserPrincipalName,DisplayName,UsageLocation\na@b.de,A,DE\n", "Licence is missing"),
        (HEADER + 'a@b.de,"x\n', "quotes"),
        (HEADER + "anna,A,B,C,DE,SPE_E3\n", "user principal name"),
        (HEADER + rows("anna", "Anna"), "there twice"),
        (HEADER + "a@b.de,A,B,,DE,SPE_E3\n", "DisplayName"),
        (HEADER + "a@b.de,A,B,C,Germany,SPE_E3\n", "no country"),
        (HEADER + "a@b.de,A,B,C,DE,E3;\n", "skuPartNumber"),
        (HEADER + "a@b.de,A\n", "2 cells"),
    ],
)
def test_rows_that_can_not_be_used_are_listed_with_a_remedy(world: World, text: str, words: str) -> None:
    world.drop(text)
    listed = list(csv.DictReader(io.StringIO(world.report("intake.csv"))))
    assert words in listed[0]["Problem"]
    assert listed[0]["WhatToDo"]


def test_a_state_that_nobody_can_read_keeps_no_other_file_waiting(world: World) -> None:
    world.storage.blobs.write("reports", "provision/broken/state.json", b"{", "application/json")
    world.drop(HEADER + rows("anna"))
    assert world.states == ["would be made"]


def test_semicolons_and_american_spelling_will_do(world: World) -> None:
    world.drop("userprincipalname;Display Name;Usage Location;License\nanna@contoso.com;Anna;DE;SPE_E3\n")
    assert world.states == ["would be made"]


def test_it_is_never_mistaken_for_a_batch_and_without_exchange_online_it_says_so() -> None:
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993)))
    engine.storage.blobs.write("batches", "provision/new.csv", (HEADER + rows("anna")).encode(), "text/csv")
    engine.services.drops.take("provision/new.csv")
    engine.services.watch.run()
    assert list(engine.services.status.batches.all()) == []
    assert "TARGET_AUTH" in engine.report("provision/new", "provision.csv")

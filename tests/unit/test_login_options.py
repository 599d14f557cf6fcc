from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mailferry.errors import BatchRefused
from mailferry.imap.values import BY_PASSWORD, LoginKind, LoginWay
from mailferry.intake.endpoint_options import read_endpoint
from mailferry.intake.options import read_options
from mailferry.model import Status
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from tests.support.engine import Engine, settings_for


def read(login: object) -> LoginWay:
    return read_options(json.dumps({"endpoint": {"host": "h.example", "login": login}}).encode(), None).login


def cause(login: object) -> str:
    with pytest.raises(BatchRefused) as caught:
        read(login)
    return caught.value.cause


@pytest.mark.parametrize(
    ("login", "way"),
    [
        ({"kind": "password"}, BY_PASSWORD),
        ({"kind": "master", "user": " admin "}, LoginWay(LoginKind.MASTER, "admin", "*")),
        ({"kind": "Master", "user": "admin", "separator": "%"}, LoginWay(LoginKind.MASTER, "admin", "%")),
        ({"kind": "sasl-plain", "user": "cyrus"}, LoginWay(LoginKind.SASL_PLAIN, "cyrus")),
        ({"kind": "proxyauth", "user": "ServiceAdmin"}, LoginWay(LoginKind.PROXYAUTH, "ServiceAdmin")),
        ({"kind": "kerio"}, LoginWay(LoginKind.KERIO)),
        ({"kind": "google-service-account"}, LoginWay(LoginKind.GOOGLE)),
    ],
)
def test_every_kind_of_login_can_be_said(login: object, way: LoginWay) -> None:
    assert read(login) == way


def test_without_a_login_everybody_has_a_password() -> None:
    assert read_options(b'{"endpoint": {"host": "h.example"}}', None).login == BY_PASSWORD


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("master", '$.endpoint.login is "master"; allowed is an object like'),
        (None, "$.endpoint.login is null"),
        ({}, '$.endpoint.login.kind is null; allowed is "password" or "master"'),
        ({"kind": "oauth"}, '$.endpoint.login.kind is "oauth"'),
        ({"kind": "master"}, "$.endpoint.login.user is missing: the administrator's name, for master."),
        ({"kind": "sasl-plain", "user": " "}, '$.endpoint.login.user is " "; allowed is the administrator\'s name'),
        ({"kind": "sasl-plain", "user": "a\0b"}, "$.endpoint.login.user is "),
        ({"kind": "proxyauth", "user": 7}, "$.endpoint.login.user is 7"),
        ({"kind": "kerio", "user": "a"}, "$.endpoint.login.user has no meaning for the kind kerio"),
        ({"kind": "password", "user": "a"}, "$.endpoint.login.user has no meaning for the kind password"),
        ({"kind": "master", "user": "a", "separator": ""}, '$.endpoint.login.separator is ""'),
        ({"kind": "kerio", "separator": "*"}, "$.endpoint.login.separator has no meaning for the kind kerio"),
        ({"kind": "kerio", "admin": "a"}, "$.endpoint.login.admin is unknown"),
    ],
)
def test_a_login_that_makes_no_sense_is_refused_by_its_path(login: object, words: str) -> None:
    assert cause(login).startswith(words)


def test_a_password_in_the_options_is_refused_with_its_right_place_and_never_shown_or_kept() -> None:
    engine = Engine(settings_for(("127.0.0.1", 1), ("127.0.0.1", 1)))
    login = {"kind": "master", "user": "admin", "password": "hunter2"}
    engine.drop("b", "EmailAddress,UserName,Password\na@x.y,a,pw\n", json.dumps({"endpoint": {"login": login}}))
    told = engine.report("b", "intake.csv")
    assert "$.endpoint.login.password must not be in this file" in told
    assert "hunter2" not in told
    assert engine.storage.blobs.read("reports", "b/options.json") is None


def test_the_login_goes_with_the_password_of_the_row_and_not_with_the_server() -> None:
    engine = Engine(settings_for(("127.0.0.1", 1), ("127.0.0.1", 1)))
    head = "EmailAddress,UserName,Password\n"
    engine.drop("own", head + "a@x.y,a,pw\n")
    master = {"endpoint": {"login": {"kind": "master", "user": "admin"}}}
    engine.drop("all", head + "b@x.y,b,adminpw\n", json.dumps(master))
    ways = [found.way for name in ("a@x.y", "b@x.y") if (found := Mailboxes(engine.storage).get(mailbox_id(name)))]
    assert ways == [BY_PASSWORD, LoginWay(LoginKind.MASTER, "admin")]
    engine.drop("all", head + "b@x.y,b,her-own\n", "{}")
    again = Mailboxes(engine.storage).get(mailbox_id("b@x.y"))
    assert again is not None
    assert again.way == BY_PASSWORD


GOOGLE = json.dumps({"endpoint": {"login": {"kind": "google-service-account"}}})


def test_where_nobody_has_a_password_the_csv_needs_none() -> None:
    engine = Engine(settings_for(("localhost", 1), ("localhost", 1)))
    engine.drop("none", "EmailAddress,UserName\na@x.y,a@x.z\n", GOOGLE)
    engine.drop("empty", "EmailAddress,UserName,Password\nb@x.y,b@x.z,\n", GOOGLE)
    for address in ("a@x.y", "b@x.y"):
        found = Mailboxes(engine.storage).get(mailbox_id(address))
        assert found is not None
        assert (found.way.kind, found.shredded) == (LoginKind.GOOGLE, False)


def test_where_there_is_no_service_account_the_mailbox_says_what_to_set() -> None:
    engine = Engine(settings_for(("localhost", 1), ("localhost", 1)))
    engine.drop("none", "EmailAddress,UserName\na@x.y,a@x.z\n", GOOGLE)
    engine.run()
    line = engine.line("none")
    assert line.status is Status.FAILED
    assert "GOOGLE_SERVICE_ACCOUNT is not set" in line.why
    assert "JSON key" in line.remedy


def test_the_examples_of_the_documentation_are_taken_and_every_kind_is_in_it() -> None:
    page = (Path(__file__).parents[2] / "docs/sources.md").read_text("utf-8")
    found = [example.encode() for example in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    (legacy,) = [read_endpoint("legacy", example) for example in found if "host" in json.loads(example)]
    examples = [
        read_options(example, None, named={"legacy": legacy}.__getitem__).login
        for example in found
        if "endpoint" in json.loads(example)
    ]
    kinds = set(LoginKind) - {LoginKind.PASSWORD}
    assert {way.kind for way in examples} >= kinds
    assert all(f"| `{kind}`" in page for kind in LoginKind)

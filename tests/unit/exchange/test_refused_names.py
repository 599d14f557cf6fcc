"""Folders that Exchange refuses, though by all that is known it could hold them: they alone go elsewhere, or stay."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from imapclient.imap_utf7 import encode

from mailferry.model import Status
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import GENERIC, ExchangeOnline, Mailbox, Switches, Tenant
from tests.support.imap_sim import SimServer, Store
from tests.unit.exchange.raw import ANN

LONG = "Quarterly figures 2020 of the north"
FOLDERS = "tests.support.exchange.folders"


def source_of(*paths: str) -> Store:
    """One message in each folder; its subject is the folder's place in this list."""
    store = Store()
    for number, path in enumerate(paths):
        store.add(ANN, encode(path), b"Message-ID: <%d@x>\r\nSubject: %d\r\n\r\nhello\r\n" % (number, number))
    return store


@contextmanager
def moving(
    source: Store, online: ExchangeOnline, monkeypatch: pytest.MonkeyPatch, options: str | None = None
) -> Iterator[Engine]:
    """The engine after the first pass."""
    for name, value in online.environment().items():
        monkeypatch.setenv(name, value)
    with SimServer(source) as server:
        engine = Engine({**settings_for((server.host, server.port), ("", 0)), **online.settings()})
        engine.drop("batch", csv_of(ANN), options)
        engine.run()
        yield engine


def again(engine: Engine) -> None:
    engine.services.sync.run()
    engine.run()


def plan_of(engine: Engine) -> dict[str, dict[str, Any]]:
    page = cast("dict[str, Any]", engine.services.status.mailbox("batch", engine.line("batch").mailbox))
    return {folder["source"]: folder for folder in page["folders"]}


def targets_of(engine: Engine) -> dict[str, str]:
    return {source: folder["target"] for source, folder in plan_of(engine).items()}


def rows_of(engine: Engine) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(engine.report("batch", "folders.csv"), newline=""))
    return {row["SourceFolder"]: row for row in rows}


def places(ann: Mailbox) -> list[str]:
    """Where the messages of `source_of` have arrived, in its order."""
    subjects = [int(arrival.body.partition(b"Subject: ")[2].partition(b"\r")[0]) for arrival in ann.arrived]
    assert sorted(subjects) == sorted(set(subjects)), "nothing twice"
    return [arrival.folder for _, arrival in sorted(zip(subjects, ann.arrived, strict=True), key=lambda one: one[0])]


@pytest.mark.parametrize("refused", ["BAD Command Argument Error. 12", GENERIC])
def test_a_name_that_is_too_long_after_all_becomes_a_plain_one(
    tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    source = source_of("INBOX", LONG, f"{LONG}/Deep", f"Work/{LONG}", f"Work/{LONG}er", "Quarterly figure", "Other")
    switches = Switches(name_units=20, create_refused=refused)
    with ExchangeOnline(tenant, switches) as online, moving(source, online, monkeypatch) as engine:
        plan = plan_of(engine)
        source.add(ANN, encode(f"{LONG}/New"), b"Message-ID: <7@x>\r\nSubject: 7\r\n\r\nhello\r\n")
        again(engine)
    assert engine.line("batch").status is Status.SYNCED
    assert places(ann) == [
        "INBOX",
        "Quarterly figure (2)",
        "Quarterly figure (2)/Deep",
        "Work/Quarterly figure",
        "Work/Quarterly figure (2)",
        "Quarterly figure",
        "Other",
        "Quarterly figure (2)/New",
    ]
    reason = refused.partition(" ")[2]
    why = f"It goes to “Work/Quarterly figure”, because the target refused “Work/{LONG}” ({reason})."
    assert plan[f"Work/{LONG}"]["why"] == rows_of(engine)[f"Work/{LONG}"]["Why"] == why
    assert plan[f"{LONG}/Deep"]["why"].endswith(f"because the target refused “{LONG}” ({reason}).")


def test_what_follows_a_refused_folder_meets_no_other(
    tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sub = LONG[:16], "sub " + 12 * "x"
    below = [sub, f"sub !{20 * 'x'}", f"{sub}{20 * 'x'}"]  # one comes before the folder of that name, one after it
    source = source_of(*(f"{LONG}/{name}" for name in below), f"{plain}/{sub}")
    with ExchangeOnline(tenant, Switches(name_units=20)) as online, moving(source, online, monkeypatch) as engine:
        assert engine.line("batch").status is Status.SYNCED
    moved = f"{plain} (2)"
    assert places(ann) == [f"{moved}/{sub}", f"{moved}/{sub} (2)", f"{moved}/{sub} (3)", f"{plain}/{sub}"]


def test_a_folder_of_the_plain_name_that_was_there_before_is_left_alone(
    tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.put(ANN, "QUARTERLY figure", b"Subject: hers\r\n\r\n")
    with (
        ExchangeOnline(tenant, Switches(name_units=20)) as online,
        moving(source_of(LONG), online, monkeypatch) as engine,
    ):
        assert engine.line("batch").status is Status.SYNCED
    assert places(ann) == ["Quarterly figure (2)"]


def test_many_refused_names_do_not_use_up_what_the_connection_bears(
    tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number:02} {LONG}" for number in range(60)]
    source = source_of("INBOX", *(f"Work/{name}" for name in names))
    with (
        ExchangeOnline(tenant, Switches(name_units=20)) as online,
        moving(source, online, monkeypatch) as engine,
    ):
        assert engine.line("batch").status is Status.SYNCED
    assert places(ann) == ["INBOX", *(f"Work/{name[:16].strip()}" for name in names)]
    assert len([name for name in tenant.folders(ANN) if name.startswith("Work/")]) == 60


def test_a_full_folder_and_a_folder_too_deep_send_elsewhere_what_they_can_not_hold(
    tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = len([name for name in tenant.folders(ANN) if "/" not in name]) + 3
    monkeypatch.setattr(f"{FOLDERS}.CHILDREN", most)
    monkeypatch.setattr(f"{FOLDERS}.LEVELS", 3)
    many = [f"Lists/{number:02}" for number in range(most + 5)]
    source = source_of("a/b/c/d", *many, "Lists/00/x")
    with ExchangeOnline(tenant) as online, moving(source, online, monkeypatch) as engine:
        assert engine.line("batch").status is Status.SYNCED
    full = [f"More folders/{number:02}" for number in range(most, most + 5)]
    assert places(ann) == ["a/More folders/d", *many[:most], *full, "Lists/00/x"]


@pytest.mark.parametrize("name", ["Clutter", "清理"])
def test_a_reserved_name_that_nobody_knew_gets_a_number(
    tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(f"{FOLDERS}.RESERVED", frozenset({name.casefold()}))
    source = source_of("INBOX", name, f"{name}/Old")
    with ExchangeOnline(tenant) as online, moving(source, online, monkeypatch) as engine:
        assert "Folder name is reserved" in plan_of(engine)[name]["why"]
    assert places(ann) == ["INBOX", f"{name} (2)", f"{name} (2)/Old"]


def test_a_folder_refused_by_every_name_stays_behind_alone_until_it_can_go(
    tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of("INBOX", "Work", "Work/Old", "Sent")
    with ExchangeOnline(tenant) as online, monkeypatch.context() as refusing:
        refusing.setattr(f"{FOLDERS}.LEVELS", 0)
        with moving(source, online, monkeypatch) as engine:
            line = engine.line("batch")
            assert line.status is Status.INCREMENTAL_FAILED
            assert line.why.startswith("Not carried: “Work”, “Work/Old” with 2 messages, because the target creates no")
            assert "exclude_folders" in line.remedy
            assert places(ann) == ["INBOX", "Sent Items"]
            row = rows_of(engine)["Work/Old"]
            assert (row["LeftOut"], row["TargetFolder"], row["Messages"]) == ("yes", "", "1")
            assert "Command Argument Error. 12. Rename the folder" in row["Why"]
            assert plan_of(engine)["Work"]["left_out"]
            source.add(ANN, b"INBOX", b"Message-ID: <4@x>\r\nSubject: 4\r\n\r\nhello\r\n")
            again(engine)
            assert engine.line("batch").status is Status.INCREMENTAL_FAILED
            assert len(ann.arrived) == 3, "the others stay in sync"
            refusing.undo()
            again(engine)
    assert engine.line("batch").status is Status.SYNCED
    assert places(ann) == ["INBOX", "Work", "Work/Old", "Sent Items", "INBOX"]
    assert {folder["why"] for folder in plan_of(engine).values()} >= {"It keeps its name."}

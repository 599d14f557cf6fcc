"""The folder plan of a mailbox: made by the administrator's rules, shown before anything is copied, and kept."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, cast

import pytest

from mailferry.model import Status
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.mail import fill_user, mail_of
from tests.support.migration import simple

OPTIONS = {
    "exclude_folders": ["Junk"],
    "folders": [
        {"from": "Lists/*", "to": "Lists", "merge": True},
        {"from": "Old", "to": None},
        {"from": r"(\d+)-(.+)", "to": r"\2/\1", "regex": True},
    ],
}


@pytest.fixture
def engine(source_server: Dovecot, target_server: Dovecot) -> Engine:
    return engine_between(source_server, target_server)


def plan_of(engine: Engine) -> dict[str, dict[str, Any]]:
    page = cast("dict[str, Any]", engine.services.status.mailbox("batch", engine.line("batch").mailbox))
    return {folder["source"]: folder for folder in page["folders"]}


def test_the_plan_is_shown_before_anything_is_copied_and_then_carried_out(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    names = ["INBOX", "Lists/a", "Lists/b", "Old", "Old/er", "2019-Bills", "Junk"]
    fill_user(source_server, user, [simple(number, name) for number, name in enumerate(names)])
    engine.drop("batch", csv_of(user), json.dumps(OPTIONS))
    while engine.line("batch").status is not Status.SYNCING:
        assert engine.step()
    plan = plan_of(engine)
    assert {name: folder["target"] for name, folder in plan.items() if not folder["left_out"]} == {
        "INBOX": "INBOX",
        "Lists/a": "Lists",
        "Lists/b": "Lists",
        "2019-Bills": "Bills/2019",
    }
    assert {name: folder["why"] for name, folder in plan.items() if folder["left_out"]} == {
        "Old": "The rule folders[1] leaves it out.",
        "Old/er": "The rule folders[1] leaves it out.",
        "Junk": "It is excluded by “Junk”.",
    }
    assert plan["Lists/a"]["why"].endswith("It shares that folder with “Lists/b”.")
    assert not any(mail_of(target_server, user).values())
    engine.run()
    arrived = {name: len(mail) for name, mail in mail_of(target_server, user).items() if mail}
    assert arrived == {"INBOX": 1, "Lists": 2, "Bills/2019": 1}


def test_a_mailbox_of_which_the_options_leave_out_all_does_not_look_like_an_empty_one(
    engine: Engine, source_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, [simple(1), simple(2, "Lists")])
    engine.drop("batch", csv_of(user), json.dumps({"include_folders": ["List"]}))
    engine.run()
    why = "All its folders are left out, as folders.csv says of each. 0 messages are in the target."
    assert engine.line("batch").status is Status.SYNCED
    assert engine.line("batch").why.startswith(why)


def test_the_report_has_every_folder_with_its_target_and_why(engine: Engine, source_server: Dovecot, user: str) -> None:
    fill_user(source_server, user, [simple(1), simple(2, "Lists/a"), simple(3, "Lists/a"), simple(4, "Old")])
    engine.drop("batch", csv_of(user) + f"nobody@x.y,nobody-{user},wrong\n", json.dumps(OPTIONS))
    engine.run()
    rows = list(csv.DictReader(io.StringIO(engine.report("batch", "folders.csv"), newline="")))
    assert {row["EmailAddress"] for row in rows} == {user}
    found = {row["SourceFolder"]: (row["TargetFolder"], row["LeftOut"], row["Messages"]) for row in rows}
    assert found.items() >= {("INBOX", ("INBOX", "", "1")), ("Lists/a", ("Lists", "", "2")), ("Old", ("", "yes", "0"))}
    assert all(row["Why"] for row in rows)


def test_rules_that_change_move_nothing_that_has_begun(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, [simple(1, "Work"), simple(2, "Old")])
    engine.drop("batch", csv_of(user), json.dumps(OPTIONS))
    engine.run()
    assert plan_of(engine)["Old"]["left_out"]
    rules = [{"from": "Work", "to": "New work"}, {"from": "Old", "to": "New old"}]
    engine.drop("batch", csv_of(user), json.dumps({"folders": rules}))
    fill_user(source_server, user, [simple(3, "Work")])
    engine.services.sync.run()
    engine.run()
    arrived = {name: len(mail) for name, mail in mail_of(target_server, user).items() if mail}
    assert arrived == {"Work": 2, "New old": 1}
    why = plan_of(engine)["Work"]["why"]
    assert why == "It keeps the target of the earlier passes; the rule folders[0] came after them."
    engine.services.sync.run()
    engine.run()
    assert plan_of(engine)["Old"]["why"] == ("The rule folders[1] sends it to “New old”.")

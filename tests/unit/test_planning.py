"""A plan from its CSV to its batches: measured in steps, proposed once, started on request, passwords sealed."""

from __future__ import annotations

import csv
import io
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailferry.errors import Busy, KeyUnavailable, LoginRefused, PlanRefused
from mailferry.model import Status
from mailferry.planning.measuring import AT_ONCE, PAUSE, TRIES
from mailferry.planning.plans import KEPT_DAYS, PlanOperation
from mailferry.state.batches import Batches
from mailferry.state.jobs import PLAN_JOBS, read_plan_job
from mailferry.state.plans import Plans, Stage
from tests.support.planning import SECRET, World, big_csv


@pytest.fixture
def world() -> World:
    return World()


def test_a_big_csv_is_measured_and_batches_are_proposed_and_none_is_started(world: World) -> None:
    world.drop(start_after="2027-01-10T20:00:00-05:00", include_folders=["INBOX"])
    assert world.engine.storage.blobs.info("batches", "plans/city.csv") is None
    assert SECRET not in world.everything()
    world.run()
    assert (world.stage(), len(world.asked)) == (Stage.PROPOSED, 150)
    found = world.json()
    assert [batch["batch"] for batch in found["batches"]] == ["city-1-pilot", "city-2-it", "city-3-sales"]
    assert [batch["start_after"] for batch in found["batches"]] == ["2027-01-11T01:00:00Z"] + [
        "2027-01-13T01:00:00Z"
    ] * 2
    assert (found["measured"], found["messages"], found["failed"]) == (150, 150_000, 0)
    table = list(csv.DictReader(io.StringIO(world.report("plan.csv"))))
    assert len(table) == 150
    assert table[0]["Start"]
    assert float(table[0]["EstimatedHours"]) > 0.2
    assert world.json("batches/city-2-it.json") == {
        "start_after": "2027-01-12T20:00:00-05:00",
        "include_folders": ["INBOX"],
        "priority": 5,
    }
    assert world.report("batches/city-2-it.csv").startswith("EmailAddress,UserName,UserRoot,Password\r\nu")
    assert list(Batches(world.engine.storage).all()) == []
    assert SECRET not in world.everything()


def test_without_a_date_the_first_batch_leaves_time_to_tell_users(world: World) -> None:
    world.drop()
    world.run()
    first = datetime.fromisoformat(world.json()["batches"][0]["start_after"])
    assert timedelta(days=14) < first - world.engine.time() < timedelta(days=17)


def test_started_the_batches_are_there_with_their_passwords_and_the_plan_has_none_any_more(world: World) -> None:
    world.drop(start_after="2027-01-10T20:00:00Z", notify={"users": "dry-run"})
    world.run()
    world.put("plans/city.command.json", '{"operation": "start"}')
    world.watch()
    assert world.json("command.json")["stage"] == "Starting"
    assert world.engine.storage.blobs.info("batches", "plans/city.command.json") is None
    world.run()
    assert (world.stage(), world.rows) == (Stage.STARTED, [])
    plan = Plans(world.engine.storage).get("city")
    assert plan
    assert plan.wrapped_key == b""
    batches = {batch.name: batch for batch in Batches(world.engine.storage).all()}
    assert list(batches) == ["city-1-pilot", "city-2-it", "city-3-sales"]
    assert batches["city-1-pilot"].priority == 1
    assert batches["city-3-sales"].start_after == datetime(2027, 1, 12, 20, tzinfo=UTC)
    assert sum(len(world.engine.lines(name)) for name in batches) == 150
    mailbox = world.engine.services.plans.passes.mailboxes.get(
        next(iter(world.engine.lines("city-2-it").values())).mailbox
    )
    assert mailbox
    assert world.engine.services.plans.sessions._password(mailbox) == SECRET
    assert {line.status for line in world.engine.lines("city-2-it").values()} == {Status.QUEUED}
    assert SECRET not in world.everything()


def test_the_pilot_alone_can_be_started_and_the_others_later(world: World) -> None:
    world.drop()
    world.run()
    for _ in range(2):  # asking twice is asking once
        world.planning.operate("city", PlanOperation.START, ["city-1-pilot"])
    world.run()
    assert world.stage() is Stage.PROPOSED
    assert [batch.name for batch in Batches(world.engine.storage).all()] == ["city-1-pilot"]
    shown: Any = world.planning.one("city")
    assert [batch["started"] for batch in shown["batches"]] == [True, False, False]
    world.planning.operate("city", PlanOperation.START)
    world.run()
    assert world.stage() is Stage.STARTED
    assert world.planning.operate("city", PlanOperation.START).stage is Stage.STARTED
    assert len(list(Batches(world.engine.storage).all())) == 3


def test_other_batches_than_those_that_are_being_made_are_not_silently_left_out(world: World) -> None:
    world.drop()
    world.run()
    world.planning.operate("city", PlanOperation.START, ["city-1-pilot"])
    for others in ((), ["city-2-sales"]):
        with pytest.raises(PlanRefused) as refused:
            world.planning.operate("city", PlanOperation.START, others)
        assert "city-1-pilot" in refused.value.cause
        assert "when it is Proposed" in refused.value.remedy


def test_discarded_nothing_is_left_of_the_passwords(world: World) -> None:
    world.drop()
    world.run()
    world.put("plans/city.command.json", '{"operation": "discard"}')
    world.watch()
    plan = Plans(world.engine.storage).get("city")
    assert plan
    assert (plan.stage, plan.wrapped_key, world.rows) == (Stage.DISCARDED, b"", [])
    with pytest.raises(PlanRefused, match="Discarded"):
        world.planning.operate("city", PlanOperation.START)


def test_a_plan_that_nobody_starts_is_discarded_after_a_month(world: World) -> None:
    world.drop()
    world.run()
    world.watch(days=KEPT_DAYS - 1)
    assert world.stage() is Stage.PROPOSED
    world.watch(days=2)
    assert (world.stage(), world.rows) == (Stage.DISCARDED, [])


def test_a_plan_whose_csv_went_away_while_it_was_read_is_discarded_too(world: World) -> None:
    world.drop()
    Plans(world.engine.storage).put("city", lambda plan: replace(plan, stage=Stage.READING) if plan else None)
    world.watch(days=KEPT_DAYS + 1)
    assert (world.stage(), world.rows) == (Stage.DISCARDED, [])
    assert SECRET not in world.everything()


def test_rows_that_cannot_log_in_are_in_no_batch_and_say_why(world: World) -> None:
    world.fails["u3@old.example"] = LoginRefused("source", "The password is wrong.", "Correct it.")
    world.drop()
    world.run()
    (row,) = [row for row in csv.DictReader(io.StringIO(world.report("plan.csv"))) if row["UserName"][:3] == "u3@"]
    assert (row["Batch"], row["Why"], row["WhatToDo"]) == ("", "The password is wrong.", "Correct it.")
    assert world.asked.count("u3@old.example") == 1
    assert world.json()["failed"] == 1


def test_a_server_that_is_busy_is_asked_again_later_and_not_for_ever(world: World) -> None:
    world.fails["u3@old.example"] = Busy("source", "Come back later.")
    world.drop()
    begun = world.engine.time()
    world.run()
    assert world.asked.count("u3@old.example") == TRIES
    assert world.asked.count("u4@old.example") == 1
    assert world.engine.time() - begun >= timedelta(seconds=PAUSE * (TRIES - 1))
    assert world.json()["failed"] == 1


def test_a_step_is_bounded_and_the_next_goes_on_where_it_was(world: World) -> None:
    world.drop()
    world.engine.restart(CHUNK_SECONDS="1")
    over = threading.Event()

    def slow() -> None:
        over.wait(1.1)

    world.during = slow
    body = world.engine.queues.take(PLAN_JOBS)
    world.planning.step(read_plan_job(body or ""))
    first = len(world.asked)
    assert 1 <= first <= AT_ONCE
    over.set()
    world.run()
    assert sorted(world.asked) == sorted(set(world.asked))
    assert (world.stage(), len(world.asked)) == (Stage.PROPOSED, 150)


def test_a_step_that_is_killed_is_repeated_by_its_redelivery(world: World) -> None:
    world.drop()
    job = world.jobs()[0]

    def killed() -> None:
        if len(world.asked) > 50:
            raise SystemExit

    world.during = killed
    with pytest.raises(SystemExit):
        world.planning.step(job)
    world.during = lambda: None
    known = sum(row.measured for row in world.rows)
    world.asked.clear()
    world.planning.step(job)
    assert len(world.asked) == 150 - known
    world.run()
    assert world.stage() is Stage.PROPOSED


def test_a_step_that_is_done_twice_at_once_proposes_once(world: World) -> None:
    world.drop()
    job = world.jobs()[0]
    once = [True]

    def meanwhile() -> None:
        if len(world.asked) == 1 and once.pop():
            world.planning.step(job)
            world.run()

    world.during = meanwhile
    world.planning.step(job)
    world.run()
    assert world.stage() is Stage.PROPOSED
    assert {row.batch for row in world.rows} == {batch["batch"] for batch in world.json()["batches"]}


def test_a_start_that_is_cut_off_goes_on_without_doubling(world: World) -> None:
    world.drop()
    world.run()
    world.planning.operate("city", PlanOperation.START)
    (job,) = world.jobs()
    planning = world.planning
    deleted = planning.starting.plans.delete_rows

    def cut_off(name: str, rows: object) -> None:
        raise ConnectionError("cut off")

    planning.starting.plans.delete_rows = cut_off  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        planning.step(job)
    planning.starting.plans.delete_rows = deleted  # type: ignore[method-assign]
    world.run()
    assert world.stage() is Stage.STARTED
    names = [batch.name for batch in Batches(world.engine.storage).all()]
    assert sum(len(world.engine.lines(name)) for name in names) == 150


def test_a_job_that_was_lost_is_sent_again_by_the_watch(world: World) -> None:
    world.drop()
    world.engine.queues.messages.clear()
    world.watch(seconds=300)
    assert world.jobs() == []
    world.watch(seconds=900)
    assert len(world.jobs()) == 1
    world.run()
    assert world.stage() is Stage.PROPOSED


def test_a_csv_that_no_event_told_of_is_found_by_the_watch_and_never_becomes_a_batch(world: World) -> None:
    world.put("plans/city.csv", big_csv())
    world.engine.services.watch.run()
    assert list(Plans(world.engine.storage).all()) == []
    world.engine.time.move_to(world.engine.time() + timedelta(seconds=130))
    world.engine.services.watch.run()
    assert world.stage() is Stage.MEASURING
    assert list(Batches(world.engine.storage).all()) == []
    world.engine.services.intake.take("plans/city.csv")
    world.put("plans/city.command.json", '{"operation": "start"}')
    world.engine.services.watch.run()
    assert list(Batches(world.engine.storage).all()) == []


@pytest.mark.parametrize(
    ("csv", "options", "words"),
    [
        ("EmailAddress,UserName\na@b.c,a\n", None, "Password"),
        ("", None, "empty"),
        (big_csv(3), '{"start_afterr": 1}', "start_after"),
        (big_csv(3), '{"start_after": "soon"}', "$.start_after"),
    ],
)
def test_a_csv_that_can_not_be_used_stays_and_is_not_tried_again_as_it_is(
    world: World, csv: str, options: str | None, words: str
) -> None:
    if options:
        world.put("plans/city.json", options)
    world.drop(csv)
    assert world.stage() is Stage.REFUSED
    assert words in world.report("intake.csv")
    assert world.engine.storage.blobs.info("batches", "plans/city.csv")
    world.watch(seconds=200)
    assert world.jobs() == []
    world.put("plans/city.json", "{}")
    world.drop(big_csv(3))
    world.run()
    assert world.stage() is Stage.PROPOSED


def test_dropped_again_the_new_csv_takes_the_place_of_the_one_before(world: World) -> None:
    world.drop()
    (old,) = world.jobs()
    world.drop(big_csv(60))
    world.planning.step(old)
    assert world.asked == []
    world.run()
    assert len(world.rows) == 60
    assert [batch["mailboxes"] for batch in world.json()["batches"]] == [60]
    blobs = world.engine.storage.blobs
    assert len(list(blobs.list("reports", "plans/city/batches/"))) == 2


def test_a_location_will_do_and_a_department_goes_before_it(world: World) -> None:
    world.drop(
        "EmailAddress,UserName,Password,LOCATION,department\na@b.de,a,x,Rome,Law\nb@b.de,b,x,Rome,\n".replace(
            "x", SECRET
        )
    )
    assert [row.group for row in world.rows] == ["Law", ""]
    world.drop(big_csv(2, "EmailAddress,UserName,Password,Location"))
    assert [row.group for row in world.rows] == ["IT", "Sales"]


def test_a_key_that_is_not_served_lets_the_plan_wait_and_say_why(world: World) -> None:
    world.drop()
    planning = world.planning

    class Down:
        def newest(self) -> str:
            return ""

        def wrap(self, data_key: bytes) -> bytes:
            return data_key

        def unwrap(self, _: bytes) -> bytes:
            raise KeyUnavailable("Key Vault is down.", "Wait.")

    down = replace(planning, measuring=replace(planning.measuring, keys=Down()))
    down.step(read_plan_job(world.engine.queues.take(PLAN_JOBS) or ""))
    shown: Any = world.planning.one("city")
    assert (shown["stage"], shown["why"]) == ("Measuring", "Key Vault is down.")
    world.run()
    shown = world.planning.one("city")
    assert (shown["stage"], shown["why"]) == ("Proposed", "")


def test_options_that_no_longer_hold_stop_the_start_and_say_why(world: World) -> None:
    world.drop()
    world.run()
    world.engine.storage.blobs.write("reports", "plans/city/batches/city-1-pilot.json", b'{"priority": 0}', "x")
    world.planning.operate("city", PlanOperation.START)
    world.run()
    shown: Any = world.planning.one("city")
    assert (shown["stage"], "$.priority" in shown["why"]) == ("Proposed", True)


def test_batches_that_would_be_completed_at_once_are_not_made(world: World) -> None:
    start, complete = (world.engine.time() + timedelta(days=days) for days in (1, 3))
    world.drop(big_csv(3), start_after=f"{start:%Y-%m-%dT%H:%MZ}", complete_after=f"{complete:%Y-%m-%dT%H:%MZ}")
    world.run()
    world.engine.time.move_to(complete)
    world.planning.operate("city", PlanOperation.START)
    world.run()
    shown: Any = world.planning.one("city")
    assert (shown["stage"], "which is in the past" in shown["why"]) == ("Proposed", True)
    assert list(Batches(world.engine.storage).all()) == []


def test_a_mailbox_that_nobody_foresaw_keeps_the_plan_from_no_other(world: World) -> None:
    world.fails["u1@old.example"] = ZeroDivisionError(SECRET)
    world.drop(big_csv(3))
    world.run()
    assert world.stage() is Stage.PROPOSED
    (failed,) = (row for row in csv.DictReader(io.StringIO(world.report("plan.csv"))) if row["Why"])
    assert "ZeroDivisionError" in failed["Why"]
    assert SECRET not in str(failed)

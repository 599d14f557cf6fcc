"""Messages to users and administrators: who gets which, when, at most once; a dry run sends nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mailferry.model import Status
from mailferry.notify.rounds import MOST, Notifications
from mailferry.state.batches import Batches
from mailferry.state.notices import Notices
from mailferry.target.graph import Graph
from mailferry.target.outbox import Outbox
from tests.support.engine import Engine, settings_for
from tests.support.graph_stub import NOT_FOUND, GraphStub, Json, Reply, Tokens, refusal

SENDER = "migration@contoso.com"
SENDING = f"/users/{SENDER}/sendMail"
CSV = (
    "EmailAddress,UserName,Password\nanna@contoso.com,anna@old.example,pw\nben@contoso.com,ben,pw\n"
    "=cmd@contoso.com,Carla@Contoso.com,pw\n"
)


class World:
    """An engine whose watch sends through a Graph of the test's."""

    def __init__(self, stub: GraphStub, graph: Graph) -> None:
        self.engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993)))
        self.stub = stub
        self.stub.on(f"/users/{SENDER}", Reply(200, {"id": "1"}))
        self.stub.on(SENDING, Reply(202, b""))
        self.outbox: Outbox | None = Outbox(graph, SENDER)

    def drop(self, csv: str = CSV, **options: object) -> None:
        self.engine.drop("sales", csv, json.dumps(options))

    def round(self) -> None:
        """What the watch does about messages."""
        engine = self.engine
        notices, batches = Notices(engine.storage), Batches(engine.storage)
        made = Notifications(notices, engine.storage.blobs, self.outbox, engine.time).round()
        for batch in list(batches.all()):
            made.look_after(batch, list(batches.lines(batch.name)))

    def later(self, **time: float) -> None:
        self.engine.time.move_to(self.engine.time() + timedelta(**time))

    def becomes(self, status: Status, *addresses: str) -> None:
        now, lines = self.engine.time(), self.engine.lines("sales")
        for line in (lines[address] for address in addresses or lines):
            synced = now if status is Status.SYNCED else line.last_synced
            new = replace(
                line, status=status, since=now, updated=now, last_synced=synced, why="Why.", remedy="Mend it."
            )
            Batches(self.engine.storage).write_lines([new])

    @property
    def sent(self) -> list[Json]:
        return [body["message"] for _, body in self.stub.posted]

    @property
    def to(self) -> list[list[str]]:
        return [[it["emailAddress"]["address"] for it in message["toRecipients"]] for message in self.sent]

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.engine.report("sales", "notifications.csv"))))

    def states(self) -> list[str]:
        return [row["State"] for row in self.rows]


@pytest.fixture
def world() -> Iterator[World]:
    with GraphStub() as stub, Graph(Tokens(), base_url=stub.url, timeout=5.0) as graph:
        yield World(stub, graph)


def in_days(world: World, days: float) -> str:
    return (world.engine.time() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_nobody_is_told_anything_who_does_not_ask_for_it(world: World) -> None:
    world.drop(start_after=in_days(world, 3))
    world.round()
    assert world.stub.requests == []
    assert world.engine.storage.blobs.info("reports", "sales/notifications.csv") is None


def test_a_dry_run_is_what_you_get_and_lists_all_that_would_be_sent(world: World) -> None:
    world.drop(start_after=in_days(world, 3), notify={"addresses": ["it@contoso.com"]})
    world.round()
    assert world.stub.requests == []
    assert world.states() == ["would be sent"] * 3
    first, second, third = world.rows
    assert first["To"] == "anna@contoso.com, anna@old.example"
    assert second["To"] == "ben@contoso.com"  # ben is a login and no address
    assert third["To"] == "'=cmd@contoso.com, Carla@Contoso.com"  # no formula
    assert "anna@old.example to the new mailbox anna@contoso.com" in first["Text"]
    assert "Questions: it@contoso.com" in first["Text"]


def test_users_are_told_two_weeks_before_their_batch_starts_and_once(world: World) -> None:
    world.drop(start_after=in_days(world, 20), notify={"users": "send"})
    world.round()
    assert (world.sent, world.states()) == ([], ["planned"] * 3)
    world.later(days=6, minutes=1)
    for _ in range(3):
        world.round()
    assert world.to == [
        ["anna@contoso.com", "anna@old.example"],
        ["ben@contoso.com"],
        ["=cmd@contoso.com", "Carla@Contoso.com"],
    ]
    assert world.states() == ["sent"] * 3
    world.later(days=15)  # it has begun
    world.round()
    assert len(world.sent) == 3


def test_users_are_told_the_day_that_it_is_where_the_start_was_set(world: World) -> None:
    day = (world.engine.time() + timedelta(days=5)).date()
    for evening_in_the_west in ("20:00:00-05:00", "23:30:00-01:00"):
        world.drop(start_after=f"{day}T{evening_in_the_west}", notify={"users": "dry-run"})
        world.round()
        assert f"this begins on {day}." in world.rows[0]["Text"]
        assert f"{day + timedelta(days=1)}" in next(iter(world.engine.lines("sales").values())).why  # in UTC


def test_users_hear_of_another_day_too_but_not_of_another_hour(world: World) -> None:
    start = world.engine.time().replace(hour=1, minute=0, second=0) + timedelta(days=5)
    for moment in (start, start + timedelta(hours=3), start + timedelta(days=2)):
        world.drop(start_after=moment.strftime("%Y-%m-%dT%H:%M:%SZ"), notify={"users": "send"})
        world.round()
    assert [message["subject"][-10:] for message in world.sent] == [
        f"{day:%Y-%m-%d}" for day in (start, start + timedelta(days=2)) for _ in range(3)
    ]


def test_a_user_whose_mail_is_all_there_is_told_so_once(world: World) -> None:
    world.drop(notify={"users": "send", "addresses": ["it@contoso.com"]})
    world.becomes(Status.SYNCED, "ben@contoso.com")
    for _ in range(3):
        world.round()
        world.becomes(Status.SYNCED, "ben@contoso.com")  # after every incremental pass
    assert world.to == [["ben@contoso.com"]]
    (message,) = world.sent
    assert message["body"]["contentType"] == "Text"
    assert message["replyTo"] == [{"emailAddress": {"address": "it@contoso.com"}}]
    assert world.stub.posted[0][0] == SENDING


def test_a_user_whose_mailbox_has_moved_for_good_is_told_that_once(world: World) -> None:
    world.drop(notify={"users": "send"})
    world.becomes(Status.SYNCED, "ben@contoso.com")
    world.round()
    world.becomes(Status.COMPLETED_WITH_WARNINGS, "ben@contoso.com")
    for _ in range(2):
        world.round()
    assert [message["subject"] for message in world.sent] == [
        "Your mail is in the new mailbox",
        "Your mailbox has moved to Microsoft 365",
    ]


def test_nobody_is_written_to_about_a_mailbox_that_is_being_removed(world: World) -> None:
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.becomes(Status.REMOVING)
    world.round()
    assert (world.sent, world.rows) == ([], [])


def test_administrators_get_one_message_about_all_that_has_failed_and_one_an_hour(world: World) -> None:
    world.drop(notify={"addresses": ["it@contoso.com", "boss@contoso.com"], "users": "off"})
    start = world.engine.time().replace(minute=0, second=1) + timedelta(hours=1)
    world.engine.time.move_to(start)
    world.becomes(Status.FAILED, "anna@contoso.com")
    world.becomes(Status.FAILED, "ben@contoso.com")
    world.round()
    (message,) = world.sent
    assert world.to == [["it@contoso.com", "boss@contoso.com"]]
    assert message["subject"] == "Mailferry: failed mailboxes of the batch sales: 2"
    assert "- anna@contoso.com: Why. Mend it.\n- ben@contoso.com" in message["body"]["content"]
    world.becomes(Status.FAILED, "=cmd@contoso.com")
    world.later(minutes=30)
    world.round()
    assert len(world.sent) == 1
    world.later(minutes=40)
    world.round()
    world.round()
    assert [message["subject"][-1] for message in world.sent] == ["2", "1"]
    assert "- =cmd@contoso.com" in world.sent[1]["body"]["content"]
    assert "Failed now in all: 3" in world.sent[1]["body"]["content"]
    assert world.states() == ["sent", "sent"]


def test_a_mailbox_that_fails_again_after_a_retry_is_news(world: World) -> None:
    world.drop(notify={"addresses": ["it@contoso.com"]})
    for _ in range(2):
        world.becomes(Status.FAILED, "anna@contoso.com")
        world.round()
        world.later(hours=2)
    assert len(world.sent) == 2


def test_a_thousand_failures_are_one_message_that_lists_fifty(world: World) -> None:
    users = "".join(f"u{n}@contoso.com,u{n},pw\n" for n in range(1_000))
    world.drop(f"EmailAddress,UserName,Password\n{users}", notify={"addresses": ["it@contoso.com"]})
    world.becomes(Status.FAILED)
    world.round()
    world.later(hours=2)
    world.round()
    (message,) = world.sent
    assert message["body"]["content"].count("\n- ") == 50
    assert "and 950 more" in message["body"]["content"]


def test_a_round_sends_so_many_and_the_next_goes_on(world: World) -> None:
    users = "".join(f"u{n}@contoso.com,u{n},pw\n" for n in range(MOST + 3))
    world.drop(f"EmailAddress,UserName,Password\n{users}", start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    assert (len(world.sent), world.states().count("waiting")) == (MOST, 3)
    world.round()
    assert len({tuple(to) for to in world.to}) == len(world.sent) == MOST + 3


def test_throttled_the_rest_waits_for_as_long_as_graph_says_and_nothing_is_lost(world: World) -> None:
    throttled = refusal(429, "ApplicationThrottled", Retry_After="900")
    world.stub.on(SENDING, Reply(202, b""), throttled, Reply(202, b""))
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    assert world.states() == ["sent", "waiting", "waiting"]
    assert "come back later" in world.rows[1]["Why"]
    asked = len(world.stub.requests)
    world.later(seconds=300)
    world.round()
    assert len(world.stub.requests) == asked
    world.later(seconds=700)
    world.round()
    assert world.states() == ["sent"] * 3
    assert [to[0] for to in world.to] == ["anna@contoso.com", "ben@contoso.com", "ben@contoso.com", "=cmd@contoso.com"]


def test_a_message_of_which_no_answer_came_is_not_sent_again(world: World) -> None:
    world.stub.on(SENDING, refusal(504, "GatewayTimeout"), Reply(202, b""))
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    assert world.states() == ["not known", "waiting", "waiting"]
    world.round()
    world.round()
    assert [to[0] for to in world.to] == ["anna@contoso.com", "ben@contoso.com", "=cmd@contoso.com"]
    assert "ask" in world.rows[0]["WhatToDo"]


def test_whoever_is_cut_off_after_the_claim_loses_one_message_and_doubles_none(world: World) -> None:
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})

    class CutOff(Outbox):
        def send(self, *_: object, **__: object) -> None:
            raise SystemExit

    assert world.outbox
    whole, world.outbox = world.outbox, CutOff(world.outbox.graph, SENDER)
    with pytest.raises(SystemExit):
        world.round()
    world.outbox = whole
    world.round()
    assert [to[0] for to in world.to] == ["ben@contoso.com", "=cmd@contoso.com"]
    assert world.states() == ["not known", "sent", "sent"]
    assert "cut off" in world.rows[0]["Why"]


def test_two_rounds_at_once_send_each_message_once(world: World) -> None:
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    assert world.outbox

    class Meanwhile(Outbox):
        def send(_, *args: object, **more: object) -> None:  # noqa: N805
            world.outbox = whole
            world.round()
            whole.send(*args, **more)  # type: ignore[arg-type]

    whole, world.outbox = world.outbox, Meanwhile(world.outbox.graph, SENDER)
    world.round()
    assert sorted(to[0] for to in world.to) == ["=cmd@contoso.com", "anna@contoso.com", "ben@contoso.com"]


def test_what_somebody_else_was_about_to_send_and_gave_back_is_sent_in_the_next_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    with monkeypatch.context() as patched:
        patched.setattr(Notices, "claim", lambda *_: False)
        world.round()
    world.round()
    assert world.states() == ["sent"] * 3


@pytest.mark.parametrize(
    ("path", "reply", "cause", "remedy"),
    [
        (SENDING, refusal(403, "ErrorAccessDenied"), "may not send mail as", "Mail.Send"),
        (f"/users/{SENDER}", NOT_FOUND, "has no mailbox", "NOTIFY_FROM"),
        (SENDING, refusal(404, "MailboxNotEnabledForRESTAPI"), "has no mailbox", "NOTIFY_FROM"),
        (SENDING, refusal(400, "ErrorExceededMessageLimit"), "send nothing more", "10,000 recipients"),
    ],
)
def test_a_sender_that_is_refused_stops_the_round_says_why_and_goes_on_when_it_is_mended(
    world: World, path: str, reply: Reply, cause: str, remedy: str
) -> None:
    world.stub.on(path, reply)
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    assert len(world.sent) <= 1
    assert world.states() == ["waiting"] * 3
    assert cause in world.rows[0]["Why"]
    assert remedy in world.rows[0]["WhatToDo"]
    world.stub.on(path, Reply(202, b""))
    world.round()
    assert world.states() == ["sent"] * 3


def test_a_message_that_is_refused_is_failed_and_the_others_go(world: World) -> None:
    world.stub.on(
        SENDING, refusal(400, "ErrorInvalidRecipients", "At least one recipient isn't valid."), Reply(202, b"")
    )
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    world.round()
    assert world.states() == ["failed", "sent", "sent"]
    assert "isn't valid" in world.rows[0]["Why"]


def test_without_a_sender_the_report_says_what_to_set(world: World) -> None:
    world.outbox = None
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    assert world.states() == ["waiting"] * 3
    assert "NOTIFY_FROM" in world.rows[0]["WhatToDo"]


def test_an_unreachable_graph_costs_no_message(world: World) -> None:
    world.outbox = Outbox(Graph(Tokens(), base_url="http://127.0.0.1:9/v1.0"), SENDER)
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    assert world.states() == ["waiting"] * 3
    assert "can't be reached" in world.rows[0]["Why"]


def test_an_administrators_template_takes_the_place_of_ours_and_html_is_escaped(world: World) -> None:
    page = b"Subject: Hallo {address}\n\n<style>p {color: red}</style><p>{address} &amp; {source}</p>"
    world.engine.storage.blobs.write("batches", "templates/before.html", page, "text/html")
    row = "a&b@contoso.com,<i>@old.example,pw\n"
    world.drop(f"EmailAddress,UserName,Password\n{row}", start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    (message,) = world.sent
    assert message["subject"] == "Hallo a&b@contoso.com"
    body = "<style>p {color: red}</style><p>a&amp;b@contoso.com &amp; &lt;i&gt;@old.example</p>"
    assert message["body"] == {"contentType": "HTML", "content": body}


def test_a_template_that_is_wrong_holds_its_messages_back_until_it_is_mended(world: World) -> None:
    world.engine.storage.blobs.write("batches", "templates/before.txt", b"Subject: x\n\n{adress}", "text/plain")
    world.drop(start_after=in_days(world, 3), notify={"users": "send"})
    world.round()
    assert (world.sent, world.states()) == ([], ["not sent"] * 3)
    assert "Did you mean {address}?" in world.rows[0]["WhatToDo"]
    world.engine.storage.blobs.write("batches", "templates/before.txt", b"Subject: x\n\n{address}", "text/plain")
    world.round()
    assert world.states() == ["sent"] * 3


def test_an_empty_template_brings_ours_back(world: World) -> None:
    world.drop(start_after=in_days(world, 3), notify={"users": "dry-run"})
    for data, subject in ((b"Subject: Mine\n\nx", "Mine"), (b"y" * 100_001, "Mine"), (b" \n", "Your mailbox moves")):
        world.engine.storage.blobs.write("batches", "templates/before.txt", data, "text/plain")
        world.round()
        assert world.rows[0]["Subject"].startswith(subject)
        assert list(world.engine.storage.blobs.list("batches", "templates/")) == []


def test_the_watch_looks_after_messages_and_a_failure_of_theirs_is_its_own(world: World) -> None:
    world.drop(start_after=in_days(world, 3), notify={"users": "dry-run"})
    world.engine.services.watch.run()
    assert world.states() == ["would be sent"] * 3

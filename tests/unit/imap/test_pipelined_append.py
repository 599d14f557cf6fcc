"""Several APPENDs on their way, and several messages in one: what becomes of each, whatever comes back and when."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import permutations

import pytest

from mailferry.errors import ConnectionLost, FolderGone, MailferryError, MessageRefused, ProtocolError
from mailferry.imap.body import Body
from mailferry.imap.values import FolderStatus, Login, Message, Security, Server
from mailferry.target.flags import SYSTEM_FLAGS
from mailferry.target.mailbox import Appending, OpenFolder, TargetMailbox
from mailferry.target.profile import NO_OVERRIDES, Overrides
from tests.support.imap_sim import RICH, At, Behaviour, Bye, Cut, CutUnanswered, Fault, Faults, SimServer, Store
from tests.unit.imap.scripted import CUT, LOGIN, Answer, ScriptedServer

ANN = "ann@example.test"
OPENED = OpenFolder(FolderStatus(14, 100, 3), SYSTEM_FLAGS, any_keyword=True)
CAPABILITIES = b"IMAP4rev1 LITERAL+ UIDPLUS MULTIAPPEND"
ASKING = tuple(capability for capability in RICH if capability != "LITERAL+")
POISON = b"Subject: poison\r\n\r\n"


def mail(body: bytes, flags: tuple[str, ...] = ()) -> Message:
    return Message(1, flags, "", Body(body))


def numbered(count: int) -> list[bytes]:
    return [b"Subject: %d\r\n\r\n" % number for number in range(count)]


def refusing_poison(body: bytes) -> str | None:
    return "NO I don't like it" if body == POISON else None


def target_at(server: SimServer, overrides: Overrides = NO_OVERRIDES) -> TargetMailbox:
    where = Server("target", server.host, server.port, Security.NONE, timeout=5.0)
    return TargetMailbox.open(where, Login(ANN, "pw"), overrides)


def scripted(answer: Answer) -> ScriptedServer:
    """Answers every APPEND so; the login has the tag MF1."""
    return ScriptedServer({rb"APPEND": answer}, side="target", capabilities=CAPABILITIES)


def bodies_in(store: Store) -> list[bytes]:
    return [message.body for message in store.messages(ANN, b"INBOX")]


def started(target: TargetMailbox, bodies: Sequence[bytes]) -> list[Appending]:
    opened = target.select(b"INBOX")
    return [target.start_append(b"INBOX", [mail(body)], opened) for body in bodies]


def wait_for_an_answer(target: TargetMailbox, appending: Appending) -> None:
    while not target.answered(appending):
        pass


def test_appends_go_out_before_anything_is_answered_and_their_answers_can_be_waited_for() -> None:
    gate, store, faults = threading.Event(), Store(), Faults()
    faults.before_command(1, gate.wait, verb="APPEND")
    with SimServer(store, faults=faults) as server, target_at(server) as target:
        on_their_way = started(target, numbered(100))
        assert not target.answered(on_their_way[0])
        assert bodies_in(store) == []
        gate.set()
        wait_for_an_answer(target, on_their_way[0])
        assert [target.finish_append(one) for one in on_their_way] == [(uid,) for uid in range(1, 101)]
        assert not target.answered(on_their_way[-1])
    assert bodies_in(store) == numbered(100)


@pytest.mark.parametrize("capabilities", [RICH, ASKING], ids=["LITERAL+", "asking first"])
def test_a_refusal_in_the_middle_harms_no_other(capabilities: tuple[str, ...]) -> None:
    store = Store()
    bodies = [*numbered(5), POISON, *numbered(4), POISON]
    with (
        SimServer(store, Behaviour(capabilities, refuses=refusing_poison)) as server,
        target_at(server) as target,
    ):
        results = [target.finish_append(one) for one in started(target, bodies)]
        assert [str(result) for result in results if isinstance(result, MailferryError)] == [
            "The target refused the message: I don't like it"
        ] * 2
        assert [isinstance(result, MessageRefused) for result in results] == [body == POISON for body in bodies]
        assert [result for result in results if isinstance(result, tuple)] == [(uid,) for uid in range(1, 10)]
        assert server.violations == []
    assert bodies_in(store) == [*numbered(5), *numbered(4)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("heard", list(permutations(range(3))))
def test_each_answer_finds_its_command_in_whatever_order(order: tuple[int, ...], heard: tuple[int, ...]) -> None:
    # RFC 3501 §5.5 lets a server answer in another order than it was asked.
    completions = [b"MF2 OK [APPENDUID 14 5] .\r\n", b"MF3 NO [TRYCREATE] .\r\n", b"MF4 OK [APPENDUID 14 7] .\r\n"]
    between = [
        b"* 4 EXISTS\r\n",
        b"* OK still here\r\n* 2 FETCH (FLAGS (\\Seen))\r\n",
        b"* 3 EXPUNGE\r\n* 1 RECENT\r\n",
    ]
    answer = b"".join(between[place] + completions[which] for place, which in enumerate(order))
    with scripted([b"", b"", answer]) as server, TargetMailbox.open(server.server, LOGIN) as target:
        on_their_way = [target.start_append(b"x", [mail(b"%d" % number)], OPENED) for number in range(3)]
        results = {which: target.finish_append(on_their_way[which]) for which in heard}
    assert (results[0], results[2]) == ((5,), (7,))
    assert isinstance(results[1], FolderGone)


def test_what_has_come_and_was_not_read_yet_can_be_seen() -> None:
    answer = b"MF2 OK .\r\nMF3 OK .\r\n" + CUT
    with scripted([b"", answer]) as server, TargetMailbox.open(server.server, LOGIN) as target:
        first, second = (target.start_append(b"x", [mail(b"x")], OPENED) for _ in range(2))
        assert target.finish_append(first) == (None,)
        assert target.answered(second)
        assert target.finish_append(second) == (None,)
        with pytest.raises(ConnectionLost, match="was cut"):
            wait_for_an_answer(target, second)


@pytest.mark.parametrize(
    ("fault", "stored", "words"),
    [(Cut(), 1, "was cut"), (CutUnanswered(), 2, "was cut"), (Bye("Enough."), 1, "ended the session: Enough")],
)
def test_what_was_on_its_way_when_the_connection_ended_is_in_doubt(fault: Fault, stored: int, words: str) -> None:
    store = Store()
    with SimServer(store, faults=Faults(At(2, fault, "APPEND"))) as server, target_at(server) as target:
        gate = threading.Event()
        server.faults.before_command(1, gate.wait, verb="APPEND")
        on_their_way = started(target, numbered(4))
        gate.set()
        assert target.finish_append(on_their_way[0]) == (1,)
        with pytest.raises(ConnectionLost, match=words):
            target.finish_append(on_their_way[1])
        for one in on_their_way[2:]:
            with pytest.raises(ConnectionLost):
                target.finish_append(one)
        with pytest.raises(ConnectionLost):
            target.start_append(b"INBOX", [mail(b"x")], OPENED)
    assert bodies_in(store) == numbered(stored)


def test_the_end_of_a_command_nobody_gave_is_no_answer() -> None:
    with scripted(b"MF9 OK done\r\n") as server, TargetMailbox.open(server.server, LOGIN) as target:
        appending = target.start_append(b"x", [mail(b"x")], OPENED)
        with pytest.raises(ProtocolError, match="a command we never gave"):
            target.finish_append(appending)


def test_several_messages_go_in_one_command_each_with_its_flags_and_date() -> None:
    messages = [
        Message(1, ("\\Seen", "$Label1"), "5-Jan-2009 10:00:00 +0530", Body(b"one\r\n")),
        Message(2, (), "", Body()),
        Message(3, ("\\Recent", "not legal"), "15-Jan-2009 10:00:00 +0530", Body(b"three\n")),
    ]
    answer = b"<tag> OK [APPENDUID 14 5:7] .\r\n"
    with scripted(answer) as server, TargetMailbox.open(server.server, LOGIN) as target:
        assert target.finish_append(target.start_append(b"x", messages, OPENED)) == (5, 6, 7)
    assert [command for command in server.commands if command.startswith(b"APPEND")] == [
        b'APPEND "x" (\\Seen $Label1) " 5-Jan-2009 10:00:00 +0530" {5+}\r\none\r\n {0+}\r\n'
        b' "15-Jan-2009 10:00:00 +0530" {6+}\r\nthree\n'
    ]


@pytest.mark.parametrize(
    ("code", "uids"),
    [
        (b"[APPENDUID 14 5:7]", (5, 6, 7)),
        (b"[APPENDUID 14 5,7:8]", (5, 7, 8)),
        (b"[APPENDUID 14 5:6,9]", (5, 6, 9)),
        (b"[APPENDUID 14 5,7,9]", (5, 7, 9)),
        (b"[APPENDUID 14 7:5]", (5, 6, 7)),  # RFC 4315 §3: the same as 5:7
        (b"[APPENDUID 14 5:6]", None),
        (b"[APPENDUID 14 5:8]", None),
        (b"[APPENDUID 14 5]", None),
        (b"[APPENDUID 14 5:4294967295]", None),
        (b"[APPENDUID 14 0:2]", None),
        (b"[APPENDUID 14 5:*]", None),
        (b"[APPENDUID 14 5,,6,7]", None),
        (b"[APPENDUID 14 5,5,6]", None),
        (b"[APPENDUID 14 8,5,7]", None),
        (b"[APPENDUID 14 4294967294:4294967296]", None),
        (b"[APPENDUID 99 5:7]", None),
        (b"[APPENDUID 5:7 14]", None),
        (b"", None),
    ],
)
def test_a_set_of_uids_counts_only_when_it_names_every_message(code: bytes, uids: tuple[int, ...] | None) -> None:
    answer = b"<tag> OK " + code + b" done\r\n"
    with scripted(answer) as server, TargetMailbox.open(server.server, LOGIN) as target:
        appending = target.start_append(b"x", [mail(b"x")] * 3, OPENED)
        assert target.finish_append(appending) == (uids or (None, None, None))


def test_a_refused_multiappend_stores_nothing_and_the_next_one_everything() -> None:
    store = Store()
    groups = [numbered(3), [*numbered(2), POISON, *numbered(2)], numbered(2)]
    with SimServer(store, Behaviour(refuses=refusing_poison)) as server, target_at(server) as target:
        opened = target.select(b"INBOX")
        on_their_way = [target.start_append(b"INBOX", list(map(mail, group)), opened) for group in groups]
        first, second, third = (target.finish_append(one) for one in on_their_way)
        assert (first, third) == ((1, 2, 3), (4, 5))
        assert isinstance(second, MessageRefused)
    assert bodies_in(store) == [*numbered(3), *numbered(2)]
    assert server.verbs().count("APPEND") == 3


@pytest.mark.parametrize("overrides", [NO_OVERRIDES, {"literal_bytes": 100}], ids=["no LITERAL+", "by profile"])
def test_a_message_refused_before_its_upload_takes_its_multiappend_along(overrides: Overrides) -> None:
    store = Store()
    capabilities = RICH if overrides else ASKING
    large = b"z" * 2_000
    with (
        SimServer(store, Behaviour(capabilities, append_limit=1_000)) as server,
        target_at(server, overrides) as target,
    ):
        opened = target.select(b"INBOX")
        ahead = target.start_append(b"INBOX", [mail(b"ahead")], opened)
        refused = target.start_append(b"INBOX", [mail(b"small"), mail(large), mail(b"small")], opened)
        after = target.start_append(b"INBOX", [mail(b"after")], opened)
        result = target.finish_append(refused)
        assert isinstance(result, MessageRefused)
        assert "Maximum size" in result.reason
        assert (target.finish_append(ahead), target.finish_append(after)) == ((1,), (2,))
        assert server.violations == []
    assert bodies_in(store) == [b"ahead", b"after"]
    assert not any("{2000}" in heard.arguments for heard in server.commands)

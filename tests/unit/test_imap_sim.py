"""The simulated IMAP server is as exact as a real one."""

from __future__ import annotations

import re

import pytest

from mailferry.errors import Busy
from tests.support.compare import differences, mailbox_of
from tests.support.imap_sim import (
    BARE,
    RICH,
    Behaviour,
    SimServer,
    Store,
    contents,
)
from tests.support.imap_sim.clients import ANN, BODY, DATE, Raw, filled, source_at, target_at, without
from tests.support.imap_sim.commands import COMMANDS
from tests.support.imap_sim.protocol import Arguments
from tests.support.imap_sim.session import Answer, Command, Session, State


@pytest.mark.parametrize("capabilities", [BARE, RICH], ids=["bare", "rich"])
def test_a_mailbox_is_read_as_it_is_stored(capabilities: tuple[str, ...]) -> None:
    store = Store()
    store.create(ANN, b"INBOX.Sent", b"\\Sent")
    uid = store.add(ANN, b"INBOX.Sent", BODY, ["\\Seen", "$Label1"], " 5-Jan-2009 10:00:00 +0530")
    behaviour = Behaviour(capabilities=capabilities, prefix=b"INBOX.", separator=b".", size=lambda body: len(body) + 7)
    with SimServer(store, behaviour) as server, source_at(server) as source:
        assert [(folder.path, "\\sent" in folder.attributes) for folder in source.folders()] == [
            (("INBOX",), False),
            (("Sent",), True),
        ]
        status = source.status(b"INBOX.Sent")
        assert source.examine(b"INBOX.Sent").uidnext == status.uidnext == uid + 1
        assert [one.size for one in source.sizes(1, 9)] == [len(BODY) + 7]
        (message,) = source.messages([uid, uid + 1])
        assert (bytes(message.body), message.flags) == (BODY, ("\\Seen", "$Label1"))
        assert message.internaldate == " 5-Jan-2009 10:00:00 +0530"
        assert source.headline(uid).subject == "a b"
    assert server.violations == []


@pytest.mark.parametrize("separator", ["/", "."])
def test_what_is_stored_is_compared_as_if_it_had_been_read(separator: str) -> None:
    store = filled(2)
    store.add(ANN, b"Gr&APYA3w-e" + separator.encode() + b"x", BODY, ["\\Seen"], DATE.strip('"'))
    behaviour = Behaviour(separator=separator.encode())
    with SimServer(store, behaviour) as server:
        read = mailbox_of(server.host, server.port, ANN, "pw")
    assert contents(store, ANN, behaviour) == read
    assert set(read) == {"INBOX", "Größe/x"}
    store.set_flags(ANN, b"INBOX", 1, ["\\Seen"])
    assert len(differences(contents(store, ANN, behaviour), read)) == 2


def test_sets_and_stars_are_understood_in_fetch_and_search() -> None:
    store = filled(6)
    store.expunge(ANN, b"INBOX", 3)
    with SimServer(store) as server, Raw(server) as raw:
        assert raw.ask(b"EXAMINE INBOX")[-1].startswith(b"OK [READ-ONLY]")
        assert raw.ask(b"UID FETCH 99:*,2 (UID)")[:-1] == [b"* 2 FETCH (UID 2)", b"* 5 FETCH (UID 6)"]
        assert raw.ask(b"UID FETCH 1 FLAGS")[0] == b"* 1 FETCH (UID 1 FLAGS ())"
        assert raw.ask(b"UID SEARCH UID 2:*")[0] == b"* SEARCH 2 4 5 6"
        assert raw.ask(b"UID SEARCH RETURN (COUNT ALL) UID 1:9")[0] == b'* ESEARCH (TAG "t") UID COUNT 5 ALL 1:2,4:6'
        assert raw.ask(b"UID FETCH 1:* (UID) (CHANGEDSINCE 6)")[:-1] == [b"* 5 FETCH (UID 6 MODSEQ (7))"]


def test_one_list_tells_all_statuses_and_what_the_behaviour_keeps_to_itself_is_left_out() -> None:
    with SimServer(filled(2), Behaviour(uidnext=False)) as server, Raw(server) as raw:
        told = raw.ask(b'LIST "" % RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))')
        assert told[1] == b'* STATUS "INBOX" (MESSAGES 2 UIDVALIDITY 1001 HIGHESTMODSEQ 3)'
        assert not any(b"UIDNEXT" in line for line in raw.ask(b"SELECT INBOX"))


def test_what_another_session_does_is_told_with_the_next_answer() -> None:
    store = filled(3)
    with SimServer(store) as server, Raw(server) as raw:
        raw.ask(b"SELECT INBOX")
        store.expunge(ANN, b"INBOX", 1, 3)
        store.add(ANN, b"INBOX", BODY)
        assert raw.ask(b"NOOP")[:-1] == [b"* 3 EXPUNGE", b"* 1 EXPUNGE", b"* 2 EXISTS"]
        assert raw.ask(b"NOOP")[:-1] == []


def test_messages_are_appended_in_every_form() -> None:
    with SimServer(Store()) as server, Raw(server) as raw:
        size = b"%d" % len(BODY)
        assert raw.ask(b"APPEND INBOX (\\Seen $X) %b {%b}" % (DATE.encode(), size)) == [
            b"+ Ready for additional command text."
        ]
        raw.say(BODY + b"\r\n")
        assert raw.line() == b"t OK [APPENDUID 1001 1] APPEND completed."
        two = b"APPEND {5+}\r\ninbox {%b+}\r\n%b (\\Draft) {0+}\r\n" % (size, BODY)
        assert raw.ask(two) == [b"OK [APPENDUID 1001 2:3] APPEND completed."]
        first, second, third = server.store.messages(ANN, b"INBOX")
        assert (first.body, first.flags, f'"{first.internaldate}"') == (BODY, ("\\Seen", "$X"), DATE)
        assert (second.body, second.flags, third.body, third.flags) == (BODY, (), b"", ("\\Draft",))
        assert raw.ask(b"APPEND Nowhere {1+}\r\nx") == [b"NO [TRYCREATE] Mailbox doesn't exist."]
        assert server.commands[-1].arguments == "Nowhere {1}"
    assert server.violations == []


@pytest.mark.parametrize(
    ("command", "capabilities"),
    [
        (b"APPEND INBOX {1+}\r\nx junk", RICH),
        (b"APPEND INBOX {1+}\r\nx {1+}\r\ny", without("MULTIAPPEND")),
        (b"APPEND INBOX (\\Recent) {1+}\r\nx", RICH),
        (b'APPEND INBOX "5-Jan-2009 10:00:00 +0530" {1+}\r\nx', RICH),
        (b"UID SEARCH RETURN (ALL) ALL", without("ESEARCH")),
        (b'LIST "" * RETURN (SPECIAL-USE)', BARE),
        (b"STATUS INBOX (HIGHESTMODSEQ)", BARE),
        (b"UID FETCH 1 (UID)", RICH),
        (b"FROB", RICH),
    ],
)
def test_what_no_client_may_do_is_refused_and_written_down(command: bytes, capabilities: tuple[str, ...]) -> None:
    with SimServer(Store(), Behaviour(capabilities=capabilities)) as server, Raw(server) as raw:
        assert raw.ask(command)[-1].startswith(b"BAD")
        assert raw.ask(b"NOOP")[-1].startswith(b"OK")
    assert len(server.violations) == 1
    assert server.store.messages(ANN, b"INBOX") == []


def test_commands_before_the_login_are_refused() -> None:
    with SimServer(Store()) as server, Raw(server, logged_in=False) as raw:
        assert raw.ask(b"SELECT INBOX") == [b"BAD Log in first"]
        assert raw.ask(b"AUTHENTICATE PLAIN") == [b"+ "]
        raw.say(b"AGFubgBwdw==\r\n")
        assert raw.line().startswith(b"t OK")
        assert raw.ask(b"SELECT INBOX")[-1].startswith(b"OK")


@pytest.mark.parametrize(
    ("capabilities", "size", "taken"),
    [
        (without("LITERAL+"), 1, False),
        ((*without("LITERAL+"), "LITERAL-"), 4096, True),
        ((*without("LITERAL+"), "LITERAL-"), 4097, False),
    ],
)
def test_a_literal_nobody_asked_for_ends_the_connection(capabilities: tuple[str, ...], size: int, taken: bool) -> None:
    with SimServer(Store(), Behaviour(capabilities=capabilities)) as server, Raw(server) as raw:
        answer = raw.ask(b"APPEND INBOX {%d+}\r\n%b" % (size, b"x" * size))
    assert answer[0].startswith(b"OK" if taken else b"* BYE")
    assert len(server.violations) == (not taken)


def test_a_message_over_the_limit_is_refused_before_its_upload() -> None:
    with SimServer(Store(), Behaviour(append_limit=10)) as server, Raw(server) as raw:
        assert raw.ask(b"APPEND INBOX {11}")[0].startswith(b"NO [TOOBIG]")
        assert raw.ask(b"APPEND INBOX {11+}\r\nxxxxxxxxxxx")[0].startswith(b"NO [TOOBIG]")
        assert raw.ask(b"APPEND INBOX {10+}\r\nxxxxxxxxxx")[0].startswith(b"OK")
        assert server.verbs(1)[-3:] == ["APPEND"] * 3


def test_poison_is_refused_kills_and_takes_its_whole_multiappend_along() -> None:
    behaviour = Behaviour(
        refuses=lambda body: "BAD Command Argument Error. 11" if b"poison" in body else None,
        kills=lambda body: b"bomb" in body,
        message_line_limit=20,
        permanent_flags=("\\Seen",),
    )
    with SimServer(Store(), behaviour) as server, Raw(server) as raw:
        assert raw.ask(b"APPEND INBOX {4+}\r\ngood {6+}\r\npoison") == [b"BAD Command Argument Error. 11"]
        assert raw.ask(b"APPEND INBOX {23+}\r\n" + b"x" * 21 + b"\r\n") == [b"BAD Command Argument Error. 11"]
        assert raw.ask(b"APPEND INBOX (\\Seen \\Draft $X) {22+}\r\n" + b"x" * 20 + b"\r\n")[0].startswith(b"OK")
        assert raw.ask(b"APPEND INBOX {4+}\r\ngood {4+}\r\nbomb") == [b""]
    assert [(len(one.body), one.flags) for one in server.store.messages(ANN, b"INBOX")] == [(22, ("\\Seen",))]
    assert server.violations == []


def test_a_command_sent_ahead_is_caught_where_none_may_be() -> None:
    for pipelining in (True, False):
        with SimServer(Store(), Behaviour(pipelining=pipelining)) as server, Raw(server) as raw:
            raw.say(b"a APPEND INBOX {1+}\r\nx\r\nb APPEND INBOX {1+}\r\ny\r\n")
            assert raw.line().startswith(b"a OK")
            assert raw.line().startswith(b"b OK" if pipelining else b"b BAD")
            assert raw.ask(b"NOOP")[-1].startswith(b"OK")
        assert len(server.store.messages(ANN, b"INBOX")) == 1 + pipelining
        assert len(server.violations) == (not pipelining)


def test_a_used_up_error_budget_closes_the_connection() -> None:
    with SimServer(Store(), Behaviour(error_budget=2)) as server, Raw(server) as raw:
        assert raw.ask(b"SELECT Nowhere")[-1].startswith(b"NO")
        assert raw.ask(b"SELECT Nowhere")[-1].startswith(b"NO")
        assert raw.line() == b"* BYE Connection closed. 14"
        assert raw.line() == b""


def test_only_so_many_connections_of_one_user_get_in() -> None:
    with SimServer(Store(), Behaviour(connections_per_user=1)) as server:
        with source_at(server), pytest.raises(Busy):
            source_at(server)
        with source_at(server):  # the first has logged out
            pass


def test_appenduid_may_be_missing() -> None:
    with SimServer(Store(), Behaviour(appenduid=False)) as server, Raw(server) as raw:
        assert raw.ask(b"APPEND INBOX {1+}\r\nx") == [b"OK APPEND completed."]


def test_folders_are_made_with_those_above_them() -> None:
    with SimServer(Store()) as server:
        with target_at(server) as target:
            name = target.ensure(("Projekte", "Größe"))
            assert target.select(name).any_keyword
        assert server.store.names(ANN) == [b"INBOX", b"Projekte", b"Projekte/Gr&APYA3w-e"]
        with Raw(server) as raw:
            assert raw.ask(b"CREATE Projekte")[-1].startswith(b"NO [ALREADYEXISTS]")


def test_another_kind_of_server_has_a_table_of_its_own() -> None:
    def lsub(session: Session, arguments: Arguments) -> Answer:
        return Answer("OK LSUB completed.", [b"* LSUB () NIL %b\r\n" % name for name in session.store.names(ANN)])

    table = {**COMMANDS, "LSUB": Command(lsub, State.LOGGED_IN)}
    with SimServer(Store(), table=table) as server, Raw(server) as raw:
        assert raw.ask(b'LSUB "" *') == [b"* LSUB () NIL INBOX", b"OK LSUB completed."]


def test_a_changed_flag_shows_in_the_modseq_and_nowhere_else() -> None:
    store = filled(1)
    with SimServer(store) as server, Raw(server) as raw:
        (before, _) = raw.ask(b"STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)")
        store.set_flags(ANN, b"INBOX", 1, ["\\Seen"])
        (after, _) = raw.ask(b"STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)")
    assert re.sub(rb"\d+\)$", b"", before) == re.sub(rb"\d+\)$", b"", after)
    assert before != after

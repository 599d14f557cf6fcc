"""The source as it should be, as it often is, and as an attacker would like it."""

from __future__ import annotations

import pytest

from mailferry.errors import Busy, ConnectionCut, ConnectionLost, FolderGone, MailferryError, Permanent, ProtocolError
from mailferry.imap.body import Body
from mailferry.imap.values import FolderStatus, Message, MessageSize
from mailferry.source.headline import Headline
from mailferry.source.mailbox import SourceMailbox
from tests.unit.imap.scripted import CUT, HANG, LOGIN, Answer, ScriptedServer

OK = b"<tag> OK done\r\n"
LOGIN_AND_OUT = {b"CAPABILITY", b"LOGIN", b"NAMESPACE", b"LOGOUT"}
READS_ONLY = {*LOGIN_AND_OUT, b"ID", b"LIST", b"STATUS", b"EXAMINE", b"UID SEARCH", b"UID FETCH"}


EXISTS = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n"


def open_to(scripted: ScriptedServer) -> SourceMailbox:
    return SourceMailbox.open(scripted.server, LOGIN)


def fetch(answer: Answer) -> ScriptedServer:
    return ScriptedServer({rb"UID FETCH": answer})


def uids_of(scripted: ScriptedServer, uids: list[int]) -> list[int]:
    with scripted, open_to(scripted) as source:
        return [message.uid for message in source.messages(uids)]


def test_nothing_that_could_change_the_source_is_ever_sent() -> None:
    script = {
        rb"STATUS": b'* STATUS "INBOX" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\n' + OK,
        rb"UID FETCH": b"* 1 FETCH (UID 1 RFC822.SIZE 3 FLAGS () BODY[] {1}\r\nx BODY[HEADER.FIELDS (X)] NIL)\r\n" + OK,
    }
    offered = b"IMAP4rev1 ID NAMESPACE ESEARCH"
    with ScriptedServer(script, capabilities=offered) as scripted, open_to(scripted) as source:
        source.folders()
        source.status(b"INBOX")
        source.examine(b"INBOX")
        list(source.uids(1, 9))
        source.sizes(1, 9)
        source.identities([1])
        assert len(list(source.messages([1]))) == 1
        source.headline(1)
    assert set(scripted.verbs) == READS_ONLY
    assert all(b"PEEK" in command for command in scripted.commands if b"BODY" in command)
    assert all(len(command) < 8000 for command in scripted.commands)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (
            {rb"EXAMINE": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [uidnext 10] x\r\n" + OK},
            FolderStatus(7, 10, 3),
        ),
        ({rb"EXAMINE": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n" + OK}, FolderStatus(7, 1, 0)),
        (
            {
                rb"EXAMINE": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n" + OK,
                rb"UID FETCH \*": b"* 3 FETCH (UID 41)\r\n" + OK,
            },
            FolderStatus(7, 42, 3),
        ),
        ({rb"EXAMINE": b"* 2 EXISTS\r\n<tag> OK [UIDVALIDITY 7] [UIDNEXT 4] x\r\n"}, FolderStatus(7, 4, 2)),
        ({rb"EXAMINE": OK}, FolderStatus(0, 1, 0)),
    ],
)
def test_examine_always_knows_the_next_uid(script: dict[bytes, Answer], status: FolderStatus) -> None:
    with ScriptedServer(script) as scripted, open_to(scripted) as source:
        assert source.examine(b"INBOX") == status


def test_a_folder_whose_next_uid_nobody_tells_is_not_taken_for_empty() -> None:
    script = {rb"EXAMINE": b"* 3 EXISTS\r\n" + OK, rb"UID FETCH": b"<tag> NO no\r\n"}
    with ScriptedServer(script) as scripted, open_to(scripted) as source, pytest.raises(Permanent):
        source.examine(b"INBOX")


def test_a_folder_that_is_gone_is_said_to_be() -> None:
    scripted = ScriptedServer({rb"EXAMINE": b"<tag> NO [NONEXISTENT] no\r\n"})
    with scripted, open_to(scripted) as source, pytest.raises(FolderGone):
        source.examine(b"x")


def test_sizes_are_ascending_once_and_inside_the_range() -> None:
    answer = (
        b"* 3 FETCH (RFC822.SIZE 30 UID 9)\r\n* 1 FETCH (UID 5 RFC822.SIZE 10)\r\n* 7 FETCH (FLAGS (\\Seen))\r\n"
        b"* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n* 8 EXISTS\r\n* 9 FETCH (UID 4 RFC822.SIZE 1)\r\n"
        b"* 9 FETCH (UID 11 RFC822.SIZE 1)\r\n* 2 FETCH (UID 6 RFC822.SIZE NIL)\r\n" + OK
    )
    with fetch(answer) as scripted, open_to(scripted) as source:
        assert source.sizes(5, 10) == [MessageSize(5, 10), MessageSize(6, 0), MessageSize(9, 30)]
        assert source.sizes(5, 4) == []
    assert scripted.verbs.count(b"UID FETCH") == 1


def test_a_size_the_server_cannot_tell_does_not_hide_the_messages() -> None:
    script: dict[bytes, Answer] = {
        rb"UID FETCH \S+ \(UID RFC822": b"* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n<tag> NO broken message\r\n",
        rb"UID FETCH \S+ \(UID\)": b"* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n" + OK,
    }
    with ScriptedServer(script) as scripted, open_to(scripted) as source:
        assert [found.uid for found in source.sizes(1, 2)] == [1, 2]


def test_messages_arrive_byte_for_byte_with_whatever_stands_in_between() -> None:
    body = b"a: b\r\n\r\nbare \r and \n and \0 and \xff\r\nMF3 OK done\r\n* 9 EXISTS\r\n)"
    answer = (
        b"* 4 EXISTS\r\n+ idling\r\n\r\n"
        + b'* 2 fetch (BODY[] {%d}\r\n%b uid 8 Flags (\\Seen $Label1) INTERNALDATE " 5-Jan-2009 10:00:00 +0530")\r\n'
        % (len(body), body)
        + b"* 1 EXPUNGE\r\n* OK [ALERT] hello\r\n* 3 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (UID 9 FLAGS (\\Deleted))\r\n"
        + b'* 3 FETCH (UID 9 BODY[] "a\\"b" FLAGS () INTERNALDATE NIL)\r\n'
        + b"* 3 FETCH (UID 9 BODY[] {3}\r\nnew)\r\n* 4 FETCH (UID 99 BODY[] {1}\r\nx)\r\n"
        + OK
    )
    with fetch(answer) as scripted, open_to(scripted) as source:
        assert list(source.messages([8, 9])) == [
            Message(8, ("\\Seen", "$Label1"), " 5-Jan-2009 10:00:00 +0530", Body(body)),
            Message(9, (), "", Body(b'a"b')),
        ]


def test_messages_without_a_body_are_left_out_but_empty_ones_are_not() -> None:
    answer = b"* 1 FETCH (UID 1 BODY[] NIL)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3 BODY[] {0}\r\n)\r\n" + OK
    assert uids_of(fetch(answer), [1, 2, 3]) == [3]


def test_one_broken_message_does_not_hide_the_others() -> None:
    answer: list[bytes] = [
        b"* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n<tag> NO Some messages could not be FETCHed\r\n",
        b"<tag> BAD Command Error. 10\r\n",
        b"* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\n" + OK,
    ]
    scripted = fetch(answer)
    assert uids_of(scripted, [1, 2, 3]) == [1, 3]
    asked = [command.split()[2] for command in scripted.commands if command.startswith(b"UID FETCH")]
    assert asked == [b"1:3", b"2", b"3"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<tag> NO Request is throttled. Suggested Backoff Time: 1000 milliseconds\r\n", Busy),
        (b"* BYE Session invalidated - AccessTokenExpired\r\n<cut>", ConnectionLost),
        (b"* 1 FETCH (UID 1 BODY[] {100}\r\nonly this" + CUT, ConnectionCut),
        (b"* 1 FETCH (UID 1 BODY[] {100}\r\nonly this" + HANG, ConnectionLost),
        (b"* 1 FETCH (UID 1 BODY[] {2}\r\nmore than two)\r\n" + OK, ProtocolError),
        (b"* 1 FETCH (UID 1 BODY[] {999999999999}\r\n" + HANG, ProtocolError),
        (b"* 1 FETCH (UID 1 BODY[] " + b"x" * 2_000_000 + HANG, ProtocolError),
        (b"* 1 FETCH UID 1\r\n" + OK, ProtocolError),
        (b"From: somebody\r\n" + OK, ProtocolError),
        (b"XX9 OK who?\r\n" + OK, ProtocolError),
        (HANG, ConnectionLost),
    ],
)
def test_lies_and_silence_end_in_a_typed_error_and_a_closed_connection(
    answer: bytes, kind: type[MailferryError]
) -> None:
    timeout = 1 if answer.endswith(HANG) and kind is ConnectionLost else 10
    with ScriptedServer({rb"UID FETCH": answer}, timeout=timeout) as scripted, open_to(scripted) as source:
        with pytest.raises(kind) as caught:
            list(source.messages([1, 2]))
        assert type(caught.value) is kind
        assert "From" not in str(caught.value)
        if kind is not Busy:
            with pytest.raises(ConnectionLost):
                source.sizes(1, 2)


def test_stopping_early_closes_the_connection() -> None:
    answer = b"* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n" + OK
    with fetch(answer) as scripted, open_to(scripted) as source:
        for message in source.messages([1, 2]):
            assert message.uid == 1
            break
        with pytest.raises(ConnectionLost):
            source.sizes(1, 2)


def test_many_uids_are_asked_for_in_commands_of_bounded_length() -> None:
    scripted = fetch(OK)
    assert uids_of(scripted, list(range(1, 20_000, 2))) == []
    commands = [command for command in scripted.commands if command.startswith(b"UID FETCH")]
    assert len(commands) > 1
    assert max(map(len, commands)) < 8000


def test_identities_come_from_headers_whatever_the_section_is_called() -> None:
    answer = (
        b'* 1 FETCH (UID 1 RFC822.SIZE 10 INTERNALDATE " 5-Jan-2009 10:00:00 +0000" '
        b'BODY[HEADER.FIELDS ("MESSAGE-ID" "DATE")] {21}\r\nMessage-ID: <a@b>\r\n\r\n)\r\n'
        b"* 2 FETCH (BODY[HEADER.FIELDS (Message-ID)] NIL UID 2)\r\n* 3 FETCH (UID 3 FLAGS ())\r\n" + OK
    )
    with fetch(answer) as scripted, open_to(scripted) as source:
        found = source.identities([1, 2, 3, 4])
    assert set(found) == {1, 2}
    assert (found[1].size, found[1].received) == (10, 1231149600)


@pytest.mark.parametrize(
    ("answer", "headline"),
    [
        (
            b"* 1 FETCH (UID 1 RFC822.SIZE 9 BODY[HEADER.FIELDS (SUBJECT DATE)] {40}\r\n"
            b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n)\r\n" + OK,
            Headline("Grüße", "", 9),
        ),
        (OK, Headline("", "", 0)),
        (b"<tag> NO broken\r\n", Headline("", "", 0)),
    ],
)
def test_a_headline_is_readable_or_empty(answer: bytes, headline: Headline) -> None:
    with fetch(answer) as scripted, open_to(scripted) as source:
        assert source.headline(1) == headline

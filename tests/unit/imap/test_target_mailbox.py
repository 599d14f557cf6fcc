"""APPEND and its answers, folders and their names, on targets good and bad."""

from __future__ import annotations

import pytest

from mailferry.errors import (
    Busy,
    ConnectionCut,
    ConnectionLost,
    FolderGone,
    MailboxFull,
    MailferryError,
    MessageRefused,
    NameRefused,
    NameTaken,
    Permanent,
)
from mailferry.imap.body import Body
from mailferry.imap.complaints import AFTER_BACKOFF
from mailferry.imap.values import FolderStatus, Message
from mailferry.target.flags import FLAGS_LIMIT, SYSTEM_FLAGS, acceptable_flags
from mailferry.target.mailbox import OpenFolder, TargetMailbox
from tests.support.append import append
from tests.unit.imap.scripted import CUT, HANG, LOGIN, Answer, ScriptedServer

OK = b"<tag> OK done\r\n"
BODY = b"Subject: x\r\n\r\nbare \r, bare \n, no end"
MESSAGE = Message(1, ("\\Seen", "\\Recent", "$Label1"), "5-Jan-2009 10:00:00 +0530", Body(BODY))
OPENED = OpenFolder(FolderStatus(14, 100, 3), SYSTEM_FLAGS, any_keyword=True)
EXCHANGE = b"* OK The Microsoft Exchange IMAP4 service is ready. [TQBX]\r\n"


def open_to(scripted: ScriptedServer) -> TargetMailbox:
    return TargetMailbox.open(scripted.server, LOGIN)


def appending(answer: Answer, **options: bytes | float) -> ScriptedServer:
    return ScriptedServer({rb"APPEND": answer}, side="target", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("capabilities", "brace"),
    [(b"IMAP4rev1", b"{36}"), (b"IMAP4rev1 LITERAL+", b"{36+}"), (b"IMAP4rev1 LITERAL-", b"{36+}")],
)
def test_a_message_goes_over_byte_for_byte_with_flags_and_date(capabilities: bytes, brace: bytes) -> None:
    with (
        appending(b"<tag> OK [APPENDUID 14 3687] .\r\n", capabilities=capabilities) as scripted,
        open_to(scripted) as target,
    ):
        assert append(target, b"Sent Items", MESSAGE, OPENED) == 3687
    expected = b'APPEND "Sent Items" (\\Seen $Label1) " 5-Jan-2009 10:00:00 +0530" ' + brace + b"\r\n" + BODY
    assert expected in scripted.commands


def test_without_flags_and_date_nothing_stands_in_for_them() -> None:
    with appending(OK) as scripted, open_to(scripted) as target:
        assert append(target, b"x", Message(1, (), "00-Jan-0000 00:00:00 +0000", Body()), OPENED) is None
    assert b'APPEND "x" {0}\r\n' in scripted.commands


@pytest.mark.parametrize(
    ("answer", "uid"),
    [
        (b"<tag> OK [APPENDUID 14 5] done\r\n", 5),
        (b"<tag> OK [appenduid  14  5] done\r\n", 5),
        (b"* OK [APPENDUID 14 5] early\r\n* 4 EXISTS\r\n" + OK, 5),
        (b"<tag> OK [APPENDUID 5 14] swapped\r\n", 5),
        (b"<tag> OK [APPENDUID 99 5] another folder\r\n", None),
        (b"<tag> OK [APPENDUID 14 0] none\r\n", None),
        (b"<tag> OK [APPENDUID 14] odd\r\n", None),
        (b"<tag> OK [APPENDUID x y] odd\r\n", None),
        (b"* 4 EXISTS\r\n+ stray\r\n\r\n<tag> OK\r\n", None),
    ],
)
def test_the_uid_is_taken_where_it_comes_and_done_without_where_not(answer: bytes, uid: int | None) -> None:
    with appending(answer) as scripted, open_to(scripted) as target:
        assert append(target, b"x", MESSAGE, OPENED) == uid


@pytest.mark.parametrize(
    ("answer", "kind", "delay"),
    [
        (b"<tag> BAD Command Argument Error. 11\r\n", MessageRefused, None),
        (b"<tag> NO\r\n", MessageRefused, None),
        (b"<tag> NO [TRYCREATE] no such mailbox\r\n", FolderGone, None),
        (b"<tag> NO [OVERQUOTA] full\r\n", MailboxFull, 1800.0),
        (b"<tag> NO Request is throttled. Suggested Backoff Time: 2500 milliseconds\r\n", Busy, 2.5 + AFTER_BACKOFF),
        (b"<tag> BAD Request is throttled. Suggested Backoff Time: 2500 milliseconds\r\n", Busy, 2.5 + AFTER_BACKOFF),
        (b"<tag> NO Server Unavailable. 15\r\n", Busy, None),
        (
            b"* BYE Request is throttled. Suggested Backoff Time: 2500 milliseconds\r\n" + CUT,
            ConnectionLost,
            2.5 + AFTER_BACKOFF,
        ),
        (CUT, ConnectionCut, None),
        (HANG, ConnectionLost, None),
    ],
)
def test_what_the_target_answers_to_a_message(answer: bytes, kind: type[MailferryError], delay: float | None) -> None:
    with appending(answer, timeout=1 if answer == HANG else 10) as scripted, open_to(scripted) as target:
        with pytest.raises(kind) as caught:
            append(target, b"x", MESSAGE, OPENED)
        assert type(caught.value) is kind
        assert caught.value.delay == delay
        if kind is MessageRefused:
            assert target.folders()


def test_a_refusal_before_the_upload_costs_no_upload() -> None:
    scripted = appending(OK, agreement=b"<tag> NO Maximum size of appendable message has been exceeded\r\n")
    with scripted, open_to(scripted) as target, pytest.raises(MessageRefused, match="Maximum size"):
        append(target, b"x", MESSAGE, OPENED)
    assert not any(BODY in command for command in scripted.commands)


def test_the_deadline_holds_for_the_whole_append() -> None:
    # The server hangs up long before its own time is over.
    scripted = appending(HANG, timeout=30.0)
    with scripted, open_to(scripted) as target, pytest.raises(ConnectionLost, match=r"did not answer within 0\.2 s"):
        append(target, b"x", MESSAGE, OPENED, seconds=0.2)


def test_the_deadline_holds_for_the_whole_upload() -> None:
    large = Message(1, (), "", Body(bytes(40_000_000)))  # more than both ends' buffers take
    with (
        appending(HANG, timeout=30.0, capabilities=b"IMAP4rev1 LITERAL+") as scripted,
        TargetMailbox.open(scripted.server, LOGIN, {"literal_bytes": 1 << 30}) as target,
    ):
        target.start_append(b"x", [MESSAGE], OPENED)  # the last thing the server reads
        with pytest.raises(ConnectionLost, match=r"did not answer within 0\.2 s"):
            target.start_append(b"x", [large], OPENED, seconds=0.2)


def test_a_keyword_the_target_dislikes_is_for_the_repair_ladder() -> None:
    with appending(b"<tag> NO Keyword name too long\r\n") as scripted, open_to(scripted) as target:
        with pytest.raises(MessageRefused) as caught:
            append(target, b"x", MESSAGE, OPENED)
        assert caught.value.reason == "Keyword name too long"
    assert scripted.verbs.count(b"APPEND") == 1


def test_a_large_body_is_read_from_its_file_as_often_as_it_is_sent() -> None:
    whole = bytes(range(256)) * 8_192
    body = Body.collected([whole[:1_000_000], whole[1_000_000:]])
    assert body.held == 0
    with appending([b"<tag> NO not now\r\n", OK]) as scripted, open_to(scripted) as target:
        with pytest.raises(MessageRefused):
            append(target, b"x", Message(1, (), "", body), OPENED)
        append(target, b"x", Message(1, (), "", body), OPENED)
    sent = b'APPEND "x" {%d}\r\n%b' % (len(whole), whole)
    assert [command == sent for command in scripted.commands if command.startswith(b"APPEND")] == [True, True]


def test_exchange_gets_no_mdnsent() -> None:
    opened = OpenFolder(OPENED.status, SYSTEM_FLAGS | {"$mdnsent"}, any_keyword=False)
    message = Message(1, ("\\Seen", "$MDNSent"), "", Body(b"x"))
    with appending(OK, greeting=EXCHANGE) as scripted, open_to(scripted) as target:
        assert target.is_exchange
        append(target, b"x", message, opened)
    assert b'APPEND "x" (\\Seen) {1}\r\nx' in scripted.commands


@pytest.mark.parametrize(
    ("flags", "permanent", "any_keyword", "kept"),
    [
        (("\\Seen", "\\SEEN", "\\Recent"), SYSTEM_FLAGS, True, ("\\Seen",)),
        (("\\Flagged", "\\Seen"), {"\\seen"}, False, ("\\Seen",)),
        (("\\FORWARDED", "\\X-Has-Attach", "\\*", "\\"), {"\\forwarded", "\\*"}, True, ()),
        (("$Forwarded", "Junk"), {"$forwarded"}, False, ("$Forwarded",)),
        (("a b", "a(b", "a{b", 'a"b', "a]b", "a%b", "a*b", "ä", "", "a\x07b", "ok", "a\\b"), set(), True, ("ok",)),
        (("\\Seen",), set(), True, ()),
        (tuple(f"k{i:04d}" for i in range(5000)), set(), True, tuple(f"k{i:04d}" for i in range(FLAGS_LIMIT // 6))),
    ],
)
def test_only_flags_the_target_takes_are_sent(
    flags: tuple[str, ...], permanent: set[str], any_keyword: bool, kept: tuple[str, ...]
) -> None:
    assert acceptable_flags(flags, frozenset(permanent), any_keyword=any_keyword) == kept


@pytest.mark.parametrize(
    ("line", "opened"),
    [
        (
            b"* OK [PERMANENTFLAGS (\\Seen \\Draft $MDNSent)] .\r\n",
            (frozenset({"\\seen", "\\draft", "$mdnsent"}), False),
        ),
        (b"* OK [PERMANENTFLAGS (\\SEEN \\*)] .\r\n", (frozenset({"\\seen"}), True)),
        (b"* OK [PERMANENTFLAGS ()] .\r\n", (frozenset(), False)),
        (b"", (SYSTEM_FLAGS, True)),
    ],
)
def test_select_tells_which_flags_are_kept(line: bytes, opened: tuple[frozenset[str], bool]) -> None:
    answer = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 14] .\r\n* OK [UIDNEXT 100] .\r\n" + line + OK
    with ScriptedServer({rb"SELECT": answer}) as scripted, open_to(scripted) as target:
        assert target.select(b"x") == OpenFolder(FolderStatus(14, 100, 3), *opened)


def test_selecting_a_missing_folder_says_so() -> None:
    scripted = ScriptedServer({rb"SELECT": b"<tag> NO INBOX doesn't exist.\r\n"})
    with scripted, open_to(scripted) as target, pytest.raises(FolderGone):
        target.select(b"INBOX")


@pytest.mark.parametrize(
    ("capabilities", "limit"),
    [(b"IMAP4rev1", None), (b"IMAP4rev1 APPENDLIMIT=35651584", 35_651_584), (b"IMAP4rev1 APPENDLIMIT", None)],
)
def test_the_append_limit_is_known_where_it_is_told(capabilities: bytes, limit: int | None) -> None:
    with ScriptedServer(capabilities=capabilities) as scripted, open_to(scripted) as target:
        assert target.append_limit == limit


@pytest.mark.parametrize(("capabilities", "told"), [(b"IMAP4rev1", False), (b"IMAP4rev1 UIDPLUS", True)])
def test_whether_uids_will_be_told_is_known_before(capabilities: bytes, told: bool) -> None:
    with ScriptedServer(capabilities=capabilities) as scripted, open_to(scripted) as target:
        assert target.tells_uids is told


def test_uids_come_as_ascending_ranges_and_never_from_a_search_index() -> None:
    script = {
        rb"UID FETCH 3:12 \(UID\)": b"* 6 FETCH (UID 12)\r\n* 2 FETCH (UID 4)\r\n* 1 FETCH (UID 2)\r\n"
        b"* 9 FETCH (UID 13)\r\n* 3 FETCH (UID 5)\r\n* 3 FETCH (FLAGS ())\r\n* 5 FETCH (UID 11)\r\n" + OK,
        rb"UID FETCH 20:30 ": b"* 9 FETCH (UID 13)\r\n" + OK,
        rb"UID FETCH 40:41 ": b"<tag> NO I would rather not\r\n",
    }
    with ScriptedServer(script, capabilities=b"IMAP4rev1 ESEARCH") as scripted, open_to(scripted) as target:
        assert list(target.uids(3, 12)) == [(4, 5), (11, 12)]
        assert list(target.uids(20, 30)) == []
        assert list(target.uids(5, 4)) == []
        with pytest.raises(Permanent, match="refused to list its messages: I would rather not"):
            list(target.uids(40, 41))
    assert not any(b"SEARCH" in command for command in scripted.commands)


def test_identities_come_ascending_from_the_first_uid_on() -> None:
    header = b"BODY[HEADER.FIELDS (X)] {19}\r\nMessage-ID: <a@b>\r\n"
    script = {
        rb"UID FETCH 10:\* \(UID\)": b"* 3 FETCH (UID 9)\r\n* 5 FETCH (UID 12)\r\n* 4 FETCH (UID 10)\r\n" + OK,
        rb"UID FETCH 10,12 ": b"* 5 FETCH (UID 12 " + header + b")\r\n* 4 FETCH (UID 10 " + header + b")\r\n" + OK,
        rb"UID FETCH 10:11 \(UID\)": b"* 4 FETCH (UID 10)\r\n" + OK,
        rb"UID FETCH 10 ": b"* 4 FETCH (UID 10 " + header + b")\r\n" + OK,
    }
    with ScriptedServer(script) as scripted, open_to(scripted) as target:
        assert [uid for uid, _ in target.identities(10)] == [10, 12]
        assert [uid for uid, _ in target.identities(10, 11)] == [10]
        assert list(target.identities(10, 9)) == []
    assert not any(b"SEARCH" in command for command in scripted.commands)


def test_a_folder_is_made_once_and_subscribed_to() -> None:
    with ScriptedServer({rb"CREATE|SUBSCRIBE": OK}) as scripted, open_to(scripted) as target:
        assert target.ensure(("Ä", "b")) == b"&AMQ-/b"
        assert target.ensure(("Ä", "b")) == b"&AMQ-/b"
        assert target.ensure(("Inbox",)) == b"INBOX"
    made = [command for command in scripted.commands if command.startswith((b"CREATE", b"SUBSCRIBE"))]
    assert made == [b'CREATE "&AMQ-/b"', b'SUBSCRIBE "&AMQ-/b"']


@pytest.mark.parametrize("answer", [b"<tag> NO Mailbox already exists.\r\n", b"<tag> NO [ALREADYEXISTS] yes\r\n"])
def test_a_folder_that_exists_already_is_a_success(answer: bytes) -> None:
    script = {
        rb'LIST "" "sent items"': b'* LIST () "/" "sent items"\r\n' + OK,
        rb'LIST "" "other"': b'* LIST () "/" other\r\n' + OK,
        rb"CREATE": answer,
        rb"SUBSCRIBE": b"<tag> BAD Command Argument Error. 12\r\n",
    }
    with ScriptedServer(script) as scripted, open_to(scripted) as target:
        assert target.ensure(("sent items",)) == b"sent items"
        assert target.ensure(("other",)) == b"other"
    assert scripted.verbs.count(b"SUBSCRIBE") == 1


@pytest.mark.parametrize("listed", [b"", b'* LIST () "/" Foo\r\n', b'* LIST (\\Noselect) "/" foo\r\n'])
def test_a_folder_that_exists_in_another_spelling_is_another_folder(listed: bytes) -> None:
    script = {rb"CREATE": b"<tag> NO Mailbox already exists.\r\n", rb'LIST "" "foo"': listed + OK}
    with ScriptedServer(script) as scripted, open_to(scripted) as target, pytest.raises(NameTaken):
        target.ensure(("foo",))


def test_parents_are_made_where_the_server_does_not_make_them() -> None:
    script: dict[bytes, Answer] = {
        rb'CREATE "a/b/c"': [b"<tag> NO parent missing\r\n", OK],
        rb"CREATE|SUBSCRIBE": OK,
        rb'LIST "" "a/b/c"': OK,
    }
    with ScriptedServer(script) as scripted, open_to(scripted) as target:
        assert target.ensure(("a", "b", "c")) == b"a/b/c"
    made = [command for command in scripted.commands if command.startswith(b"CREATE")]
    assert made == [b'CREATE "a/b/c"', b'CREATE "a"', b'CREATE "a/b"', b'CREATE "a/b/c"']


def test_a_name_the_target_refuses_is_for_a_person_to_change() -> None:
    script = {rb"CREATE": b"<tag> NO Folder name is reserved\r\n", rb'LIST "" "Files"': OK}
    scripted = ScriptedServer(script)
    with scripted, open_to(scripted) as target, pytest.raises(NameRefused, match="Folder name is reserved") as caught:
        target.ensure(("Files",))
    assert "'Files'" in caught.value.cause
    assert "Rename" in caught.value.remedy


def test_of_a_path_the_first_folder_that_is_refused_is_named_and_none_below_it_tried() -> None:
    script = {
        rb'LIST "" "a"': b'* LIST () "/" a\r\n' + OK,
        rb'LIST "" "a/': OK,
        rb'CREATE "a/b"$': OK,
        rb"CREATE": b"<tag> BAD Command Argument Error. 12\r\n",
    }
    with ScriptedServer(script) as scripted, open_to(scripted) as target, pytest.raises(NameRefused) as caught:
        target.ensure(("a", "b", "c", "d"))
    assert caught.value.path == ("a", "b", "c")
    assert caught.value.reason == "Command Argument Error. 12"
    made = [command for command in scripted.commands if command.startswith(b"CREATE")]
    assert made == [b'CREATE "a/b/c/d"', b'CREATE "a/b"', b'CREATE "a/b/c"']


def test_a_throttled_create_is_not_taken_for_a_bad_name() -> None:
    script = {rb"CREATE": b"<tag> NO Request is throttled. Suggested Backoff Time: 9000 milliseconds\r\n", rb"LIST": OK}
    with ScriptedServer(script) as scripted, open_to(scripted) as target, pytest.raises(Busy):
        target.ensure(("x",))

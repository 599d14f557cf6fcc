"""Writing to a real server, a Dovecot laid out as Exchange Online is, and reading back what arrived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailferry.errors import FolderGone
from mailferry.imap.body import SPOOL_OVER, Body
from mailferry.imap.dates import instant_of
from mailferry.imap.values import Login, Message, Security, Server
from mailferry.source.mailbox import SourceMailbox
from mailferry.target.mailbox import TargetMailbox
from mailferry.target.profile import Profile
from tests.integration.test_source import ODD_MESSAGES
from tests.support.append import append
from tests.support.dovecot import Dovecot
from tests.support.source import PLAIN, server_of

DATE = "05-Jan-2009 10:00:00 +0530"


def login(dovecot: Dovecot, user: str) -> Login:
    return Login(user, dovecot.users_password)


@pytest.fixture
def target(target_server: Dovecot, user: str) -> Iterator[TargetMailbox]:
    with TargetMailbox.open(server_of(target_server), login(target_server, user)) as mailbox:
        yield mailbox


@pytest.fixture
def written(target_server: Dovecot, user: str) -> Iterator[SourceMailbox]:
    """The same mailbox, read by somebody else."""
    with SourceMailbox.open(server_of(target_server), login(target_server, user)) as mailbox:
        yield mailbox


def test_folders_show_what_they_are_for(target: TargetMailbox) -> None:
    attributes = {folder.path: folder.attributes for folder in target.folders()}
    assert "\\sent" in attributes[("Sent",)]
    assert "\\trash" in attributes[("Trash",)]
    assert target.separator == "/"
    assert not target.is_exchange


@pytest.mark.parametrize("body", ODD_MESSAGES.values(), ids=ODD_MESSAGES.keys())
def test_a_message_arrives_byte_for_byte_with_flags_and_date(
    target: TargetMailbox, written: SourceMailbox, body: bytes
) -> None:
    opened = target.select(b"INBOX")
    flags = ("\\Seen", "\\Flagged", "$Forwarded", "\\Recent", "\\Bogus", "not legal", "Größe")
    uid = append(target, b"INBOX", Message(9, flags, DATE, Body(body)), opened)
    assert uid == opened.status.uidnext
    written.examine(b"INBOX")
    (message,) = written.messages([uid])
    assert message.body == body
    assert set(message.flags) - {"\\Recent"} == {"\\Seen", "\\Flagged", "$Forwarded"}
    assert instant_of(message.internaldate) == instant_of(DATE)


@pytest.mark.parametrize("date", ["", "00-Jan-0000 00:00:00 +0000", "garbage"])
def test_a_date_that_is_none_costs_only_the_date(target: TargetMailbox, date: str) -> None:
    opened = target.select(b"INBOX")
    assert append(target, b"INBOX", Message(1, (), date, Body(b"Subject: x\r\n\r\n")), opened)


@pytest.mark.parametrize(
    "date", [" 5-Jan-2009 10:00:00 -0330", "01-Jan-1970 00:00:01 +0000", "29-Feb-2024 10:00:00 +1200"]
)
def test_dates_keep_their_instant(target: TargetMailbox, written: SourceMailbox, date: str) -> None:
    uid = append(target, b"INBOX", Message(1, (), date, Body(b"Subject: x\r\n\r\n")), target.select(b"INBOX"))
    written.examine(b"INBOX")
    (message,) = written.messages([uid or 0])
    assert instant_of(message.internaldate) == instant_of(date)


def large_body(size: int) -> Body:
    """About so many bytes of all values a Dovecot keeps (no NUL, no bare LF), read in pieces as from a wire."""
    line = bytes(byte for byte in range(1, 256) if byte != 10) + b"\r\n"
    whole = b"Subject: large\r\n\r\n" + line * (size // len(line))
    return Body.collected(whole[start : start + 100_000] for start in range(0, len(whole), 100_000))


@pytest.mark.parametrize("size", [4_096, 8_192, SPOOL_OVER - 1_000, SPOOL_OVER + 1_000, 20_000_000])
def test_messages_of_any_size_go_over_from_memory_or_from_a_file(
    target: TargetMailbox, written: SourceMailbox, size: int
) -> None:
    body = large_body(size)
    assert (body.held == 0) is (size > SPOOL_OVER)
    uid = append(target, b"INBOX", Message(1, (), DATE, body), target.select(b"INBOX"), seconds=60)
    written.examine(b"INBOX")
    assert [message.body == body for message in written.messages([uid or 0])] == [True]


def test_a_dovecot_is_known_as_one_that_bears_commands_ahead(target: TargetMailbox) -> None:
    assert target.profile == Profile(
        "Dovecot", connections=1, connections_most=1, in_flight=200, messages_per_append=20
    )
    assert target.tells_uids


def test_several_messages_of_one_append_arrive_byte_for_byte_in_their_order(
    target: TargetMailbox, written: SourceMailbox
) -> None:
    opened = target.select(b"INBOX")
    bodies = [Body(body) for body in ODD_MESSAGES.values()] + [large_body(2_000_000)]
    flags = [("\\Seen", "$Label1"), (), ("\\Flagged",)]
    messages = [Message(1, flags[place % 3], DATE if place % 2 else "", body) for place, body in enumerate(bodies)]
    uids = target.finish_append(target.start_append(b"INBOX", messages, opened))
    assert uids == tuple(range(opened.status.uidnext, opened.status.uidnext + len(messages)))
    written.examine(b"INBOX")
    arrived = {message.uid: message for message in written.messages(list(range(1, len(messages) + 1)))}
    for place, sent in enumerate(messages):
        found = arrived[opened.status.uidnext + place]
        assert found.body == sent.body
        assert set(found.flags) - {"\\Recent"} == set(sent.flags)
        assert not sent.internaldate or instant_of(found.internaldate) == instant_of(DATE)


def test_commands_sent_ahead_are_answered_each_for_itself(target: TargetMailbox, written: SourceMailbox) -> None:
    opened = target.select(b"INBOX")
    bodies = {number: PLAIN % (number, number) for number in range(1, 151)}
    lost = {40, 41, 150}
    started = {
        number: target.start_append(
            b"nowhere" if number in lost else b"INBOX", [Message(number, (), DATE, Body(body))], opened
        )
        for number, body in bodies.items()
    }
    results = {number: target.finish_append(appending) for number, appending in started.items()}
    assert {number for number, result in results.items() if isinstance(result, FolderGone)} == lost
    uids = {result[0]: number for number, result in results.items() if isinstance(result, tuple)}
    written.examine(b"INBOX")
    arrived = {uids[message.uid]: message.body for message in written.messages(list(range(1, 151)))}
    assert arrived == {number: body for number, body in bodies.items() if number not in lost}


def test_folders_are_made_with_their_parents_and_making_them_again_is_fine(target: TargetMailbox) -> None:
    path = ("Projekte Ä&B", 'it\'s "2024"', "日本語 😀")
    name = target.ensure(path)
    assert target.ensure(path) == name
    opened = target.select(name)
    assert opened.any_keyword
    assert "\\seen" in opened.permanent_flags
    assert target.status(name).messages == 0
    assert path in {folder.path for folder in target.folders()}
    assert target.ensure(path[:1]) == target.name_of(path[:1])
    assert target.select(target.name_of(path[:1])).status.messages == 0


def test_a_folder_another_session_made_is_found(target: TargetMailbox, target_server: Dovecot, user: str) -> None:
    target.folders()
    with TargetMailbox.open(server_of(target_server), login(target_server, user)) as other:
        name = other.ensure(("Both",))
    assert target.ensure(("Both",)) == name


def test_folders_below_a_prefix_are_named_accordingly(source_server: Dovecot, user: str) -> None:
    with TargetMailbox.open(server_of(source_server), login(source_server, user)) as target:
        assert target.separator == "."
        assert target.ensure(("Büro", "2024")) == b"INBOX.B&APw-ro.2024"
        assert target.ensure(("inbox",)) == b"INBOX"
        assert ("Büro", "2024") in {folder.path for folder in target.folders()}


def test_a_missing_folder_is_gone_for_every_command(target: TargetMailbox) -> None:
    opened = target.select(b"INBOX")
    with pytest.raises(FolderGone):
        append(target, b"nowhere", Message(1, (), DATE, Body(b"x")), opened)
    with pytest.raises(FolderGone):
        target.select(b"nowhere")
    with pytest.raises(FolderGone):
        target.status(b"nowhere")
    assert append(target, b"INBOX", Message(1, (), DATE, Body(b"Subject: x\r\n\r\n")), opened) == opened.status.uidnext


def test_identities_are_those_of_the_source(target: TargetMailbox, written: SourceMailbox) -> None:
    opened = target.select(b"INBOX")
    bodies = [PLAIN % (number, number) for number in range(1200)] + list(ODD_MESSAGES.values())
    uids = [append(target, b"INBOX", Message(1, (), DATE, Body(body)), opened) for body in bodies]
    found = list(target.identities(1))
    assert [uid for uid, _ in found] == uids
    written.examine(b"INBOX")
    assert dict(found) == written.identities([uid for uid in uids if uid])
    assert [uid for uid, _ in target.identities(1000, 1004)] == [1000, 1001, 1002, 1003, 1004]
    assert list(target.identities(len(bodies) + 1)) == []


def test_identities_include_what_another_session_has_just_added(
    target: TargetMailbox, target_server: Dovecot, user: str
) -> None:
    opened = target.select(b"INBOX")
    with TargetMailbox.open(server_of(target_server), login(target_server, user)) as other:
        append(other, b"INBOX", Message(1, (), DATE, Body(PLAIN % (1, 1))), opened)
    assert [uid for uid, _ in target.identities(opened.status.uidnext)] == [opened.status.uidnext]


def test_a_tls_session_carries_large_messages_both_ways(user: str) -> None:
    with Dovecot(tls=True) as dovecot:
        server = Server("target", dovecot.host, dovecot.tls_port, Security.SSL, check_certificate=False, timeout=10)
        body = large_body(4_500_000)
        with TargetMailbox.open(server, Login(user, "pw")) as target:
            uid = append(target, b"INBOX", Message(1, (), DATE, body), target.select(b"INBOX"))
        with SourceMailbox.open(server, Login(user, "pw")) as source:
            source.examine(b"INBOX")
            assert [message.body == body for message in source.messages([uid or 0])] == [True]

"""Which UIDs a folder holds: by ESEARCH, by FETCH, and whatever a server answers."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from itertools import pairwise

import pytest

from mailferry.errors import Busy, ConnectionLost, MailferryError, Permanent, ProtocolError
from mailferry.imap import listing
from mailferry.source.mailbox import SourceMailbox
from tests.unit.imap.scripted import LOGIN, Answer, ScriptedServer

OK = b"<tag> OK done\r\n"
BAD = b"<tag> BAD what?\r\n"
ESEARCH = b"IMAP4rev1 ESEARCH"
FETCHED = b"* 1 FETCH (UID 5)\r\n* 2 FETCH (UID 6)\r\n* 3 FETCH (UID 9)\r\n" + OK


def open_to(scripted: ScriptedServer) -> SourceMailbox:
    return SourceMailbox.open(scripted.server, LOGIN)


def uids_of(scripted: ScriptedServer, first: int = 5, last: int = 20) -> list[tuple[int, int]]:
    with scripted, open_to(scripted) as source:
        return list(source.uids(first, last))


def asked(scripted: ScriptedServer) -> list[bytes]:
    return [command for command in scripted.commands if command.startswith(b"UID")]


def found(text: bytes) -> bytes:
    return b'* ESEARCH (TAG "<tag>") ' + text + b"\r\n" + OK


@pytest.mark.parametrize(
    "answer",
    [
        found(b"UID COUNT 4 ALL 5:7,9"),
        found(b"UID ALL 9,7:6,5 COUNT 4"),
        b"* esearch (tag <tag>) uid all 5:7,9 count 4 modseq 17\r\n" + OK,
        b"* ESEARCH UID COUNT 4 ALL 5:7,9\r\n" + OK,
        b'* 3 EXPUNGE\r\n* ESEARCH (TAG "other") UID COUNT 1 ALL 17\r\n' + found(b"UID COUNT 4 ALL 5:7,9"),
    ],
)
def test_esearch_answers_in_one_line_of_ranges(answer: bytes) -> None:
    scripted = ScriptedServer({rb"UID SEARCH": answer}, capabilities=ESEARCH)
    assert uids_of(scripted) == [(5, 7), (9, 9)]
    assert asked(scripted) == [b"UID SEARCH RETURN (COUNT ALL) UID 5:20"]


@pytest.mark.parametrize(
    "answer",
    [
        BAD,
        OK,
        b"* SEARCH 5 6\r\n" + OK,
        found(b""),
        found(b"UID"),  # iCloud says so of any folder
        found(b"UID COUNT 0"),
        found(b"COUNT 2 ALL 1:2"),  # sequence numbers
        found(b"UID ALL 5:6"),
        found(b"UID COUNT 7 ALL 5:6"),
        found(b"UID COUNT 2 ALL 4:5"),
        found(b"UID COUNT 2 ALL 20:21"),
        found(b"UID COUNT 2 ALL 5:*"),
        found(b"UID COUNT 2 ALL ,"),
        found(b"UID COUNT x ALL 5:6"),
        found(b"UID COUNT 2 ALL {2}\r\n56"),
    ],
)
def test_what_esearch_does_not_prove_is_fetched(answer: bytes) -> None:
    scripted = ScriptedServer({rb"UID SEARCH": answer, rb"UID FETCH": FETCHED}, capabilities=ESEARCH)
    assert uids_of(scripted) == [(5, 6), (9, 9)]
    assert asked(scripted)[1:] == [b"UID FETCH 5:20 (UID)"]


def test_without_esearch_nothing_is_searched_for() -> None:
    answer = (
        b"* 4 FETCH (UID 9)\r\n* 2 FETCH (UID 6 FLAGS ())\r\n* 1 FETCH (UID 5)\r\n* 9 FETCH (FLAGS (\\Seen))\r\n"
        b"* 2 FETCH (UID 6)\r\n* 7 FETCH (UID 21)\r\n* 1 FETCH (UID 4)\r\n* 3 FETCH (UID 7)\r\n" + OK
    )
    scripted = ScriptedServer({rb"UID FETCH": answer})
    assert uids_of(scripted) == [(5, 7), (9, 9)]
    assert asked(scripted) == [b"UID FETCH 5:20 (UID)"]


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1", ESEARCH])
def test_an_empty_range_is_not_asked_for(capabilities: bytes) -> None:
    scripted = ScriptedServer(capabilities=capabilities)
    assert uids_of(scripted, 6, 5) == []
    assert asked(scripted) == []


class Folder(ScriptedServer):
    """A server whose folder holds the UIDs that `holds` says."""

    def __init__(self, holds: Callable[[int], bool], capabilities: bytes) -> None:
        super().__init__(capabilities=capabilities)
        self._holds = holds

    def _answer(self, connection: socket.socket, command: bytes) -> bool:
        tag, _, rest = command.partition(b" ")
        if not rest.startswith(b"UID"):
            return super()._answer(connection, command)
        self.commands.append(rest)
        first, last = map(int, re.findall(rb"(\d+):(\d+)", rest)[0])
        uids = [uid for uid in range(first, last + 1) if self._holds(uid)]
        said = b"".join(b"* 1 FETCH (UID %d)\r\n" % uid for uid in uids)
        if b"SEARCH" in rest:
            data = b" ALL " + b",".join(b"%d" % uid for uid in uids) if b"ALL" in rest and uids else b""
            said = b'* ESEARCH (TAG "%b") UID COUNT %d%b\r\n' % (tag, len(uids), data)
        connection.sendall(said + tag + b" OK done\r\n")
        return True


HOLDINGS: dict[str, Callable[[int], bool]] = {
    "every": lambda _: True,
    "every other": lambda uid: uid % 2 == 0,
    "none": lambda _: False,
    "a few": lambda uid: uid in (1, 2, 3777, 10_000),
    "the last": lambda uid: uid > 9_000,
}


@pytest.mark.parametrize("holds", HOLDINGS.values(), ids=HOLDINGS.keys())
@pytest.mark.parametrize("capabilities", [b"IMAP4rev1", ESEARCH])
def test_a_large_folder_is_listed_in_answers_of_bounded_length(
    monkeypatch: pytest.MonkeyPatch, holds: Callable[[int], bool], capabilities: bytes
) -> None:
    monkeypatch.setattr(listing, "STRETCH", 100)
    monkeypatch.setattr(listing, "MESSAGES_MOST", 50)
    scripted = Folder(holds, capabilities)
    ranges = uids_of(scripted, 1, 10_000)
    assert [uid for first, last in ranges for uid in range(first, last + 1)] == list(filter(holds, range(1, 10_001)))
    assert all(second[0] > first[1] + 1 for first, second in pairwise(ranges))
    asked_for_all = [command for command in scripted.commands if b"ALL" in command]
    for command in asked_for_all:
        first, last = map(int, command.rpartition(b" ")[2].split(b":"))
        assert sum(map(holds, range(first, last + 1))) <= 50 or last - first < 100
    assert len(asked(scripted)) < 320


def test_few_messages_among_four_billion_uids_take_few_commands() -> None:
    scripted = ScriptedServer({rb"UID FETCH": OK})
    assert uids_of(scripted, 1, 2**32 - 2) == []
    assert len(asked(scripted)) < 20
    answers = [found(b"UID COUNT 3"), found(b"UID COUNT 3 ALL 1,2,4000000000")]
    scripted = ScriptedServer({rb"UID SEARCH": answers}, capabilities=ESEARCH)
    assert uids_of(scripted, 1, 2**32 - 2) == [(1, 2), (4_000_000_000, 4_000_000_000)]


def test_a_count_no_folder_has_is_no_count() -> None:
    script: dict[bytes, Answer] = {rb"UID SEARCH": found(b"UID COUNT 99999999999999999"), rb"UID FETCH": OK}
    scripted = ScriptedServer(script, capabilities=ESEARCH)
    assert uids_of(scripted, 1, 200_000) == []
    assert [command.split()[1] for command in asked(scripted)] == [b"SEARCH", b"FETCH", b"FETCH"]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ({rb"UID SEARCH": b"<tag> NO Request is throttled. Suggested Backoff Time: 9 milliseconds\r\n"}, Busy),
        ({rb"UID SEARCH": b"* BYE gone\r\n<cut>"}, ConnectionLost),
        ({rb"UID SEARCH": b"* ESEARCH UID ALL " + b"1," * 600_000 + b"1\r\n" + OK}, ProtocolError),
        ({rb"UID SEARCH": BAD, rb"UID FETCH": b"<tag> NO broken\r\n"}, Permanent),
        ({rb"UID SEARCH": BAD, rb"UID FETCH": b"* 1 FETCH UID 1\r\n" + OK}, ProtocolError),
    ],
)
def test_refusals_and_lies_end_in_a_typed_error(script: dict[bytes, Answer], kind: type[MailferryError]) -> None:
    with pytest.raises(kind) as caught:
        uids_of(ScriptedServer(script, capabilities=ESEARCH))
    assert type(caught.value) is kind


def test_other_commands_may_be_given_between_two_ranges() -> None:
    with ScriptedServer({rb"UID FETCH": FETCHED}) as scripted, open_to(scripted) as source:
        for _ in source.uids(5, 20):
            source.examine(b"INBOX")
    assert asked(scripted) == [b"UID FETCH 5:20 (UID)"]

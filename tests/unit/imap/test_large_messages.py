"""Messages larger than memory should hold go through files, of which nothing is left."""

from __future__ import annotations

import gc
import hashlib
import tracemalloc
from pathlib import Path
from typing import cast

import pytest

from mailferry.errors import ConnectionLost
from mailferry.imap.body import PIECE, SPOOL_OVER, Body
from mailferry.imap.connection import Connection
from mailferry.imap.fetch import header_of
from mailferry.imap.response import fetch_items, list_entry, read_response
from mailferry.imap.session import Session
from mailferry.imap.values import Server
from mailferry.imap.wire import HELD_LIMIT
from mailferry.source.mailbox import SourceMailbox
from tests.unit.imap.far_end import FarEnd, Kind, doing, ends

SERVER = Server("source", "imap.example", timeout=10)
BLOCK = bytes(range(256)) * 1024
MB = 1 << 20


def spool_files() -> int:
    """How many files without a name this process has open."""
    links = (entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return sum(str(link).endswith(" (deleted)") for link in links)


def stream(far: FarEnd, blocks: int) -> None:
    """Answer one UID FETCH with a message of that many `BLOCK`s, none of it held."""
    while b"\n" not in far.receive(1):
        pass
    far.send(b"* 1 FETCH (FLAGS (\\Seen) BODY[] {%d}\r\n" % (blocks * len(BLOCK)))
    for _ in range(blocks):
        far.send(BLOCK)
    far.send(b" UID 1)\r\nMF1 OK done\r\n")


def peak_of_reading(kind: Kind, blocks: int, certificates: Path) -> int:
    """Bytes of memory at the most while a message is fetched and read twice."""
    expected = hashlib.sha256()
    for _ in range(blocks):
        expected.update(BLOCK)
    with ends(kind, SERVER, certificates) as (far, wire), doing(lambda: stream(far, blocks)):
        gc.collect()
        tracemalloc.start()
        try:
            source = SourceMailbox(cast(Connection, Session(SERVER, wire, frozenset())))
            for message in source.messages([1]):
                assert len(message.body) == blocks * len(BLOCK)
                for _ in range(2):
                    digest = hashlib.sha256()
                    for piece in message.body.pieces():
                        digest.update(piece)
                    assert digest.digest() == expected.digest()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("kind", Kind)
def test_150_megabytes_cost_hardly_more_memory_than_a_small_message(kind: Kind, certificates: Path) -> None:
    small = peak_of_reading(kind, 1, certificates)
    large = peak_of_reading(kind, 600, certificates)
    assert large - small < 8 * MB


@pytest.mark.parametrize("size", [0, 1, SPOOL_OVER, SPOOL_OVER + 1, 3 * SPOOL_OVER + 5])
def test_a_body_is_its_bytes_wherever_they_are(size: int) -> None:
    data = (BLOCK * (size // len(BLOCK) + 1))[:size]
    body = Body.collected(data[start : start + PIECE] for start in range(0, size, PIECE))
    for _ in range(2):
        assert (len(body), bytes(body), b"".join(body.pieces())) == (size, data, data)
        assert body.head(1000) == data[:1000]
    assert body == data
    assert body == Body(data)
    assert body != data + b"x"
    assert body.held == (size if size <= SPOOL_OVER else 0)
    body.close()
    assert (len(body), bytes(body), list(body.pieces()), body.head(5)) == (0, b"", [b""], b"")


def test_a_body_nobody_closes_leaves_no_file() -> None:
    before = spool_files()
    body = Body.collected([bytes(SPOOL_OVER), b"x"])
    assert spool_files() == before + 1
    del body
    assert spool_files() == before


def test_a_message_cut_off_in_the_middle_leaves_no_file(certificates: Path) -> None:
    before = spool_files()
    with ends(Kind.PLAIN, SERVER, certificates) as (far, wire):

        def cut() -> None:
            far.send(b"* 1 FETCH (BODY[] {%d}\r\n" % (10 * MB) + BLOCK * 8)
            far.socket.close()

        with doing(cut), pytest.raises(ConnectionLost, match="was cut"):
            read_response(wire)
    gc.collect()
    assert spool_files() == before


def literal(data: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(data), data)


def test_a_large_literal_stands_in_its_place_among_others(certificates: Path) -> None:
    large = BLOCK * 5
    said = b"* 1 FETCH (A %b BODY[] %b B %b UID 5)\r\n" % (literal(b"(a"), literal(large), literal(b"\r\n"))
    with ends(Kind.PLAIN, SERVER, certificates) as (far, wire), doing(lambda: far.send(said)):
        items = fetch_items(read_response(wire), SERVER)
    assert isinstance(items[b"BODY[]"], Body)
    assert items == {b"A": b"(a", b"BODY[]": large, b"B": b"\r\n", b"UID": b"5"}


def test_a_header_without_end_is_read_in_part(certificates: Path) -> None:
    header = b"Subject: hello\r\n" + BLOCK * 5
    said = b"* 1 FETCH (BODY[HEADER] %b)\r\n" % literal(header)
    with ends(Kind.PLAIN, SERVER, certificates) as (far, wire), doing(lambda: far.send(said)):
        items = fetch_items(read_response(wire), SERVER)
    assert header_of(items) == header[:SPOOL_OVER]


def test_a_folder_name_of_megabytes_is_none(certificates: Path) -> None:
    said = b'* LIST () "/" %b\r\n' % literal(b"x" * (SPOOL_OVER + 1))
    with ends(Kind.PLAIN, SERVER, certificates) as (far, wire), doing(lambda: far.send(said)):
        assert list_entry(read_response(wire)) is None


def test_the_literals_of_one_response_are_bounded_in_memory_and_on_disk(certificates: Path) -> None:
    held, spooled = b"m" * SPOOL_OVER, b"f" * (SPOOL_OVER + 1)
    said = [b"* 1 FETCH (", *(b"M%d %b " % (n, literal(held)) for n in range(20))]
    said += [*(b"F%d %b " % (n, literal(spooled)) for n in range(20)), b"UID 5)\r\n"]
    with ends(Kind.PLAIN, SERVER, certificates) as (far, wire), doing(lambda: far.send(b"".join(said))):
        items = fetch_items(read_response(wire), SERVER)
    in_memory = [value for name, value in items.items() if name.startswith(b"M")]
    in_files = [value for name, value in items.items() if name.startswith(b"F")]
    assert [value is not None for value in in_memory] == [True] * 15 + [False] * 5
    assert [value is not None for value in in_files] == [True] * 15 + [False] * 5
    assert sum(len(value) for value in (*in_memory, *in_files) if isinstance(value, bytes | Body)) <= 2 * HELD_LIMIT
    assert items[b"UID"] == b"5"

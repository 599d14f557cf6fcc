"""Deflated connections (RFC 4978): when they pay, how they begin, and what a hostile one can do."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailferry.errors import ConnectionLost, MailferryError, ProtocolError
from mailferry.imap.compress import ENOUGH, RAMP, Deflate, Pace
from mailferry.imap.values import Server
from mailferry.imap.wire import PIECE, Wire
from mailferry.source.mailbox import SourceMailbox
from tests.unit.imap.far_end import FarEnd, Kind, ends
from tests.unit.imap.scripted import LOGIN, ScriptedServer

SERVER = Server("source", "imap.example", timeout=2)
OFFERING = b"IMAP4rev1 COMPRESS=DEFLATE"
MB = 1_000_000


def pace_of(received: int, *, waited: float, elapsed: float, piece: int = 50_000) -> Pace:
    """A line on which `received` bytes came after the ramp, at an even pace."""
    pace = Pace()
    pace.count(RAMP, 60, 60)
    share = piece / received
    for _ in range(received // piece):
        pace.count(piece, waited * share, elapsed * share)
    return pace


@pytest.mark.parametrize(
    ("pace", "slow"),
    [
        (Pace(), False),
        (pace_of(1 * MB, waited=10, elapsed=10), False),  # too little to tell
        (pace_of(4 * MB, waited=40, elapsed=41), True),  # 100 kB/s
        (pace_of(40 * MB, waited=12, elapsed=14), True),  # 3.3 MB/s
        (pace_of(40 * MB, waited=8, elapsed=9), False),  # 5 MB/s
        (pace_of(400 * MB, waited=4, elapsed=5), False),  # 1 Gbit/s
        (pace_of(40 * MB, waited=40, elapsed=100), False),  # we ourselves are slower
        (pace_of(40 * MB, waited=0, elapsed=100), False),
    ],
)
def test_a_line_is_slow_when_it_holds_us_up(pace: Pace, slow: bool) -> None:
    assert pace.slow is slow


def test_how_a_connection_starts_says_nothing_about_its_line() -> None:
    pace = Pace()
    for received in range(0, RAMP + 2 * ENOUGH, PIECE):
        seconds = 1.0 if received < RAMP else 0.001
        pace.count(PIECE, seconds, seconds)
    assert pace.received == 2 * ENOUGH
    assert not pace.slow


def test_fast_literals_count_and_waiting_for_their_command_does_not() -> None:
    body = bytes(ENOUGH + RAMP + 100_000)
    answer = b"* 1 FETCH (UID 1 FLAGS () BODY[] {%d}\r\n%b)\r\n<tag> OK done\r\n" % (len(body), body)
    scripted = ScriptedServer({rb"UID FETCH": answer}, capabilities=OFFERING)
    with scripted, SourceMailbox.open(scripted.server, LOGIN) as source:
        for _ in range(2):
            (message,) = source.messages([1])
            assert len(message.body) == len(body)
        assert source._connection.wire.pace.received >= ENOUGH
    assert b"COMPRESS" not in scripted.verbs


@pytest.mark.parametrize("refusal", [b"<tag> NO [COMPRESSIONACTIVE] already\r\n", b"<tag> BAD what?\r\n"])
def test_over_a_slow_line_it_is_asked_for_once_and_done_without_when_refused(refusal: bytes) -> None:
    script = {rb"COMPRESS DEFLATE": refusal, rb"UID FETCH": b"* 1 FETCH (UID 1 BODY[] {1}\r\nx)\r\n<tag> OK done\r\n"}
    scripted = ScriptedServer(script, capabilities=OFFERING)
    with scripted, SourceMailbox.open(scripted.server, LOGIN) as source:
        source._connection.wire.pace = pace_of(4 * MB, waited=40, elapsed=40)
        assert [message.uid for _ in range(3) for message in source.messages([1])] == [1, 1, 1]
    assert [verb for verb in scripted.verbs if verb in (b"COMPRESS", b"UID FETCH")] == [
        b"COMPRESS",
        *[b"UID FETCH"] * 3,
    ]


def test_a_server_that_does_not_offer_it_is_not_asked() -> None:
    scripted = ScriptedServer({rb"UID FETCH": b"<tag> OK done\r\n"})
    with scripted, SourceMailbox.open(scripted.server, LOGIN) as source:
        source._connection.wire.pace = pace_of(4 * MB, waited=40, elapsed=40)
        assert list(source.messages([1])) == []
    assert b"COMPRESS" not in scripted.verbs


@pytest.fixture
def deflated(certificates: Path) -> Iterator[tuple[FarEnd, Wire]]:
    with ends(Kind.DEFLATE, SERVER, certificates) as both:
        yield both


def test_what_comes_with_the_agreement_is_deflated_already(certificates: Path) -> None:
    packed = zlib.compressobj(wbits=-15)
    first = packed.compress(b"* 1 EXISTS\r\n") + packed.flush(zlib.Z_SYNC_FLUSH)
    with ends(Kind.PLAIN, SERVER, certificates) as (far, wire):
        far.send(b"MF1 OK DEFLATE active\r\n" + first)
        assert wire.line() == b"MF1 OK DEFLATE active"
        wire.compress()
        assert wire.line() == b"* 1 EXISTS"
        far.send(packed.compress(b"{5}\r\nhello)\r\n") + packed.flush(zlib.Z_SYNC_FLUSH))
        assert (wire.line(), wire.literal(5), wire.line()) == (b"{5}", b"hello", b")")


def test_commands_are_deflated_and_can_be_read_at_once(deflated: tuple[FarEnd, Wire]) -> None:
    far, wire = deflated
    wire.send(b"MF1 NOOP\r\n")
    assert far.receive(10) == b"MF1 NOOP\r\n"
    wire.send(b"MF2 ", b"x" * 600_000, b"\r\n")
    assert far.receive(600_006) == b"MF2 " + b"x" * 600_000 + b"\r\n"


@pytest.mark.parametrize("sent", [b"* 1 EXISTS\r\n", b"\xff" * 100, b"\x07"])
def test_what_is_no_deflate_stream_is_a_protocol_error(deflated: tuple[FarEnd, Wire], sent: bytes) -> None:
    far, wire = deflated
    far.socket.sendall(sent)
    with pytest.raises(ProtocolError, match="a broken deflate stream"):
        wire.line()
    assert wire.closed


def test_a_stream_that_ends_is_read_to_its_end_and_then_broken(deflated: tuple[FarEnd, Wire]) -> None:
    far, wire = deflated
    packed = zlib.compressobj(wbits=-15)
    far.socket.sendall(packed.compress(b"one\r\n") + packed.flush(zlib.Z_FINISH) + b"two\r\n")
    assert wire.line() == b"one"
    with pytest.raises(ProtocolError, match="a broken deflate stream"):
        wire.line()


def test_a_cut_in_mid_stream_is_a_lost_connection(deflated: tuple[FarEnd, Wire]) -> None:
    far, wire = deflated
    packed = zlib.compressobj(wbits=-15)
    far.socket.sendall((packed.compress(random.Random(5).randbytes(5000)) + packed.flush())[:2000])
    far.socket.close()
    with pytest.raises(ConnectionLost, match="was cut"):
        wire.literal(5000)


def test_a_stream_without_a_word_in_it_ends_at_the_deadline(deflated: tuple[FarEnd, Wire]) -> None:
    far, wire = deflated
    far.socket.settimeout(0.1)
    empty = zlib.compressobj(wbits=-15).flush(zlib.Z_SYNC_FLUSH) * 10_000
    with suppress(TimeoutError):
        far.socket.sendall(empty)
    with pytest.raises(ConnectionLost, match=r"did not answer within 0.2 s"), wire.within(0.2):
        wire.line()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=2000), max_size=20), st.integers(1, 300), st.integers(1, 700))
def test_everything_comes_out_however_it_is_cut(pieces: list[bytes], cut: int, most: int) -> None:
    near, far = Deflate(b""), Deflate(b"")
    stream = b"".join(far.deflated(piece) for piece in pieces)
    found = bytearray()
    for start in range(0, len(stream), cut):
        data = near.inflated(most, stream[start : start + cut])
        while data:
            assert len(data) <= most
            found += data
            data = near.inflated(most)
    assert found == b"".join(pieces)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_inflated_or_refused(certificates: Path, arrived: bytes) -> None:
    with ends(Kind.DEFLATE, SERVER, certificates) as (far, wire):
        far.socket.sendall(arrived)
        far.socket.close()
        try:
            while True:
                wire.line()
        except MailferryError:
            assert wire.closed

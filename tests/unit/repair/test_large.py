"""Large messages and hostile ones cost little memory and time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from mailferry.imap.body import Body
from mailferry.imap.values import Message
from mailferry.transfer.repair import everything
from mailferry.transfer.wrap import wrapped
from tests.unit.repair.material import (
    DATE,
    climb,
)


def pieces_of(size: int) -> Iterator[bytes]:
    yield b"Subject: \xfc\nReturn-Receipt-To: x\n\n"
    line = b"0123456789" * 7 + b"\0\n"
    for _ in range(size // 250_000):
        yield line * 2_500 + b"z" * 70_000


@pytest.mark.parametrize("last", [False, True], ids=["repaired", "wrapped"])
def test_a_large_message_is_repaired_in_little_memory(*, last: bool) -> None:
    large = Message(1, ("junk",), DATE, Body.collected(pieces_of(50_000_000)))
    tracemalloc.start()
    try:
        repaired = wrapped(large, "no", "digest@mailferry.invalid") if last else everything(large, 10_000).message.body
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(repaired) > len(large.body)
    assert peak < 12_000_000


@pytest.mark.parametrize(
    "part",
    [
        b"\r",
        b'"',
        b"\\",
        b'"\\',
        b"(",
        b" ",
        b"a:",
        b"=?utf-8?q?",
        b"=?utf-8?q?a?= ",
        b"\r\r\n ",
        b"x\n",
        b"\xfc,",
        b"<",
    ],
)
def test_a_hostile_header_costs_little_time(part: bytes) -> None:
    *_, last = climb(b"From: \xfc" + part * (100_000 // len(part)) + b"\r\n\r\n")
    assert "attachment" in last.changes

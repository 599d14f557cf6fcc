"""A message's bytes in memory or in a file: collecting them, handing them on, giving them back."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

from mailferry.errors import ConnectionLost, NoRoom
from mailferry.imap.body import PIECE, SPOOL_OVER, Body

MB = 1 << 20


def spooled(size: int = SPOOL_OVER + 1) -> Body:
    return Body.collected(iter([bytes(size)]))


@pytest.mark.parametrize("pieces", [[], [b""], [b"", b"a", b""], [b"a"] * 5])
def test_pieces_of_any_size_make_one_body(pieces: list[bytes]) -> None:
    body = Body.collected(pieces)
    assert body == b"".join(pieces)
    assert len(body) == len(b"".join(pieces))


def test_a_body_compares_with_bytes_and_bodies_only() -> None:
    assert Body(b"x") == Body(b"x") == b"x"
    assert Body(b"x") != Body(b"y")
    assert Body(b"x") != "x"
    assert Body() == b""


def test_a_body_in_a_file_comes_in_pieces_of_bounded_size() -> None:
    body = spooled(3 * PIECE + SPOOL_OVER + 5)
    sizes = [len(piece) for piece in body.pieces()]
    assert max(sizes) == PIECE
    assert sum(sizes) == len(body)


def test_a_reader_that_gave_up_in_the_middle_does_not_disturb_the_next() -> None:
    body = Body.collected([b"a" * PIECE, b"b" * SPOOL_OVER])
    assert next(iter(body.pieces())) == b"a" * PIECE
    assert body.head(3) == b"aaa"
    assert bytes(body) == b"a" * PIECE + b"b" * SPOOL_OVER


def test_collecting_holds_no_more_than_it_says() -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(50 * MB // PIECE):
            yield bytes(PIECE)

    tracemalloc.start()
    try:
        body = Body.collected(pieces())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(body) == 50 * MB
    assert peak < 4 * SPOOL_OVER


def test_pieces_are_taken_as_they_come_and_an_error_among_them_is_passed_on() -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(SPOOL_OVER + 1)
        raise ConnectionLost("source", "gone")

    with pytest.raises(ConnectionLost, match="gone"):
        Body.collected(pieces())


def test_closing_gives_the_file_back_and_may_be_done_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[IO[bytes]] = []
    plain = tempfile.TemporaryFile

    def noted(**options: Any) -> IO[bytes]:
        made.append(plain(dir=tmp_path, **options))
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    body = spooled()
    (file,) = made
    assert list(tmp_path.iterdir()) == []  # it has no name
    assert not file.closed
    body.close()
    body.close()
    assert file.closed
    assert (len(body), bytes(body)) == (0, b"")


def test_a_full_disk_is_an_error_that_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: str) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(NoRoom, match="No space left on device") as raised:
        Body.collected([b"x" * SPOOL_OVER, b"x"])
    assert raised.value.retry

"""The bytes of one message: in memory while they are few, in an unnamed temporary file when they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO

from mailferry.errors import NoRoom

#: Bytes of a message that are held in memory; a larger one goes to a file that has no name and ends with the `Body`.
SPOOL_OVER = 1 << 20
#: Bytes handed on at once.
PIECE = 256 * 1024


class Body:
    """A message's bytes, readable as often as wanted, by one reader at a time. `len()` gives their number."""

    __slots__ = ("_data", "_file", "_size")

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self._file: IO[bytes] | None = None
        self._size = len(data)

    @classmethod
    def collected(cls, pieces: Iterable[bytes]) -> Body:
        """The pieces in their order; at most `SPOOL_OVER` and one piece of them in memory at any time.

        Raises `NoRoom` when the disk is full.
        """
        held = bytearray()
        whole = iter(pieces)
        for piece in whole:
            held += piece
            if len(held) > SPOOL_OVER:
                return cls._spooled(bytes(held), whole)
        return cls(bytes(held))

    @classmethod
    def _spooled(cls, first: bytes, rest: Iterable[bytes]) -> Body:
        body = cls()
        try:
            body._file = tempfile.TemporaryFile(prefix="mailferry-")  # noqa: SIM115 -- lives as long as the body
        except OSError as error:
            raise _no_room(error) from error
        body._append(first)
        for piece in rest:
            body._append(piece)
        return body

    def _append(self, piece: bytes) -> None:
        try:
            self._size += self._file.write(piece) if self._file else 0
        except OSError as error:
            raise _no_room(error) from error

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return self._data if self._file is None else b"".join(self.pieces())

    def __eq__(self, other: object) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, Body | bytes) else NotImplemented

    def __del__(self) -> None:
        self.close()

    @property
    def held(self) -> int:
        """How many of the bytes are in memory."""
        return len(self._data)

    def pieces(self) -> Iterator[bytes]:
        """All bytes from the beginning, at most `PIECE` at once unless they are in memory anyway."""
        if self._file is None:
            yield self._data
            return
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece

    def head(self, most: int) -> bytes:
        """The first bytes, at most `most`."""
        if self._file is None:
            return self._data[:most]
        self._file.seek(0)
        return self._file.read(most)

    def close(self) -> None:
        """Give the file back before its time; the body is empty then."""
        if self._file is not None:
            with suppress(OSError):  # what the disk had no room for is not wanted any more
                self._file.close()
            self._file = None
        self._data, self._size = b"", 0


def _no_room(error: OSError) -> NoRoom:
    return NoRoom(
        f"A large message could not be kept in {tempfile.gettempdir()} on its way: {error.strerror}.",
        "It is tried again. If it happens often, lower the number of jobs an instance runs at once (host.json).",
    )

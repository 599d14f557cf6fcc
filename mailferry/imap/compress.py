"""COMPRESS=DEFLATE (RFC 4978): the two streams of a compressed connection, and when compressing pays."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

#: Bytes a connection begins with that say nothing about its line: TCP is still finding out how fast it may send.
RAMP = 1 << 20
#: Bytes after these that say enough.
ENOUGH = 2 << 20
#: Bytes a second under which a line is slow. Faster ones are not worth the server's CPU: it deflates some 40 MB a
#: second on one core, which 20 mailboxes at once may have to share.
SLOW = 4_000_000


@dataclass(slots=True)
class Pace:
    """How fast literals arrive once they have begun to: the wait for an answer is round trips and thinking."""

    received: int = 0
    waited: float = 0.0
    elapsed: float = 0.0
    _ramp: int = RAMP

    def count(self, received: int, waited: float, elapsed: float) -> None:
        """More bytes of a literal: seconds waited for them, and seconds since the bytes before them."""
        if self._ramp > 0:
            self._ramp -= received
            return
        self.received += received
        self.waited += waited
        self.elapsed += elapsed

    @property
    def slow(self) -> bool:
        """Whether the line holds us up, so that fewer bytes on it are worth the work of deflating them.

        So it is when, over `ENOUGH` bytes, most of the time went by waiting for the next ones, and less than `SLOW` a
        second came meanwhile. Loopback and LAN are far above that. So is a long but wide line, as round trips between
        command and answer don't count, nor does the time in which a server looks for the next message. Where our own
        side is the slow one (the target, for one), the time goes by elsewhere.
        """
        return self.received >= ENOUGH and self.waited > self.elapsed / 2 and self.received < SLOW * self.waited


class Deflate:
    """The state of both directions. `arrived`: what has come since the server agreed, deflated already."""

    def __init__(self, arrived: bytes) -> None:
        self._out = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._in = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        self._tail = arrived

    def deflated(self, data: bytes | bytearray | memoryview) -> bytes:
        """What to send for `data`, flushed so that the server can read all of it."""
        return self._out.compress(data) + self._out.flush(zlib.Z_SYNC_FLUSH)

    def inflated(self, most: int, arrived: bytes = b"") -> bytes:
        """At most `most` of the bytes that were meant, `arrived` added; empty when only more from the server helps.

        Raises `zlib.error` when it is no deflate stream, or one that has ended.
        """
        data = self._in.decompress(self._tail + arrived, most)
        self._tail = self._in.unconsumed_tail
        if self._in.eof and not data:
            raise zlib.error("the stream has ended")
        return data

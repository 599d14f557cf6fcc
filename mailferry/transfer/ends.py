"""The sessions of one job: one that reads the source, and as many as it takes that write to the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from mailferry.errors import ServerError
from mailferry.source.mailbox import SourceMailbox
from mailferry.target.mailbox import TargetMailbox


def side_by_side[A, B](one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """Both results, each waited for while the other is; of two errors the first one's is raised."""
    with ThreadPoolExecutor(1, "aside") as aside:
        coming = aside.submit(other)
        return one(), coming.result()


class Targets:
    """Connections to the target mailbox by number. Number 0 is there from the start, others open when asked for."""

    def __init__(self, first: TargetMailbox, connect: Callable[[], TargetMailbox]) -> None:
        self._connect = connect
        self._open = {0: first}
        self._refused = Counter[int]()
        #: Whether the server had no place for one more.
        self.full = False
        self._lock = Lock()
        self._interrupted = False

    def __len__(self) -> int:
        return len(self._open)

    def get(self, number: int) -> TargetMailbox:
        """The connection with this number. Raises what opening one raises."""
        found = self._open.get(number)
        return found or self._opened(number)

    def note_refusal(self, number: int) -> None:
        """The server has refused a message on this connection."""
        self._refused[number] += 1

    def refused(self, number: int) -> int:
        """How many messages were refused on this connection."""
        return self._refused[number]

    def renew(self, number: int) -> TargetMailbox:
        """A fresh connection in the place of this one, which is logged out."""
        self._open[number].close()
        self._refused[number] = 0
        return self._opened(number)

    def interrupt(self) -> None:
        """End whatever other threads do on these connections; they are of no use afterwards."""
        with self._lock:
            self._interrupted = True
            for mailbox in self._open.values():
                mailbox.interrupt()

    def close(self) -> None:
        """Log out from all."""
        for mailbox in self._open.values():
            mailbox.close()

    def _opened(self, number: int) -> TargetMailbox:
        try:
            mailbox = self._connect()
        except ServerError:
            self.full = True
            raise
        with self._lock:
            self._open[number] = mailbox
            if self._interrupted:
                mailbox.interrupt()
        return mailbox


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of one mailbox."""

    source: SourceMailbox
    targets: Targets

    @property
    def target(self) -> TargetMailbox:
        """The connection for everything but appending side by side."""
        return self.targets.get(0)

    def interrupt(self) -> None:
        """End whatever other threads do on these sessions; they are of no use afterwards."""
        self.source.interrupt()
        self.targets.interrupt()

    def close(self) -> None:
        """Log out everywhere."""
        self.source.close()
        self.targets.close()

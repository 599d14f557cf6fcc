"""Where each message of a Gmail account is at home: the one label in whose folder it goes over."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence

from mailferry.imap.values import FolderStatus


class Homes:
    """The homes of all messages that All Mail has shown so far, under one UIDVALIDITY. Six bytes a message.

    `all_mail` is that folder's name; UIDs below `known_next` have their home, once and for all.
    """

    def __init__(self, all_mail: bytes = b"", uidvalidity: int = 0, known_next: int = 1) -> None:
        self.all_mail = all_mail
        self.uidvalidity = uidvalidity
        self.known_next = known_next
        self._labels: dict[bytes, int] = {}
        self._uids = array("I")
        self._homes = array("H")
        self._statuses: dict[bytes, FolderStatus] = {}

    @property
    def labels(self) -> Collection[bytes]:
        """Every label that is a home."""
        return self._labels.keys()

    def add(self, homes: Iterable[tuple[int, bytes]]) -> None:
        """Messages with their homes, by ascending UIDs above all that are known."""
        self._statuses = {}
        for uid, label in homes:
            self._uids.append(uid)
            self._homes.append(self._labels.setdefault(label, len(self._labels)))

    def members(self, label: bytes, first: int, last: int) -> Sequence[int]:
        """The UIDs from `first` to `last` that are at home in this label, ascending."""
        home = self._labels.get(label)
        low, high = bisect_left(self._uids, first), bisect_right(self._uids, last)
        return array("I", (self._uids[at] for at in range(low, high) if self._homes[at] == home))

    def statuses(self) -> Mapping[bytes, FolderStatus]:
        """What STATUS of each label's folder would tell. Its UIDNEXT follows its own last message, so that it moves
        only when there is a new one."""
        if not self._statuses:
            counts, last = [0] * len(self._labels), [0] * len(self._labels)
            for uid, home in zip(self._uids, self._homes, strict=True):
                counts[home] += 1
                last[home] = uid
            labels = self._labels.items()
            self._statuses = {name: FolderStatus(self.uidvalidity, last[at] + 1, counts[at]) for name, at in labels}
        return self._statuses

    def status(self, label: bytes) -> FolderStatus:
        """The same of one label; an empty folder for one that is nobody's home."""
        return self.statuses().get(label, FolderStatus(self.uidvalidity, 1, 0))

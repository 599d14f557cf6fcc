"""`labels.csv`: the labels that Gmail's messages have besides the one in whose folder they went over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from mailferry.report.csv_cells import Cell, csv_pieces
from mailferry.state.mailboxes import Mailbox
from mailferry.state.storage import Blobs

CONTAINER = "reports"
_CSV, _JSON = "text/csv; charset=utf-8", "application/json"
_COLUMNS = (
    "EmailAddress",
    "Folder",
    "Label",
    "Subject",
    "Date",
    "Bytes",
    "MessageId",
    "UserName",
    "CsvLine",
    "Mailbox",
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message that goes over in the folder of the label `home`, and its other labels, as a person reads them.

    `own` are those of `labels` that the user has made.
    """

    home: str
    labels: Sequence[str]
    own: Sequence[str]
    subject: str
    date: str
    size: int
    message_id: str


@dataclass(frozen=True, slots=True)
class LabelLists:
    """Writes the list in parts, as messages are given their folders; state has no row for a single message."""

    blobs: Blobs

    def write(self, mailbox: Mailbox, uidvalidity: int, first: int, labelled: Iterable[Labelled]) -> None:
        """The part that begins at UID `first`; writing it once more replaces it."""
        name = f"{_parts_of(mailbox)}{uidvalidity:010d}-{first:010d}.json"
        whose = {"address": mailbox.address, "user": mailbox.user, "row": mailbox.row, "mailbox": mailbox.id}
        part = {**whose, "messages": [asdict(one) for one in labelled]}
        self.blobs.write(CONTAINER, name, json.dumps(part, ensure_ascii=False).encode("utf-8", "replace"), _JSON)

    def parts(self, mailbox: Mailbox) -> list[str]:
        """The names of the mailbox's parts, in the order of their messages."""
        return [part.name for part in self.blobs.list(CONTAINER, _parts_of(mailbox))]

    def read(self, part: str) -> list[Labelled]:
        """The messages of a part; none when it is gone."""
        return [Labelled(**message) for message in self._part(part).get("messages", ())]

    def drop(self, mailbox: Mailbox) -> None:
        """Forget the mailbox's parts: its messages begin anew."""
        for part in self.parts(mailbox):
            self.blobs.delete(CONTAINER, part)

    def publish(self, batch: str) -> None:
        """Write `labels.csv` of all the batch's parts, unless it is newer than the newest of them."""
        parts = list(self.blobs.list(CONTAINER, f"{batch}/labels/"))
        written = self.blobs.info(CONTAINER, f"{batch}/labels.csv")
        if parts and (written is None or written.modified <= max(part.modified for part in parts)):
            names = [part.name for part in parts]
            self.blobs.write(CONTAINER, f"{batch}/labels.csv", lambda: self._whole(names), _CSV)

    def _whole(self, names: Sequence[str]) -> Iterator[bytes]:
        return csv_pieces(_COLUMNS, chain.from_iterable(map(self._rows, names)))

    def _rows(self, name: str) -> Iterator[tuple[Cell, ...]]:
        part = self._part(name)
        for message in part.get("messages", ()):
            one = Labelled(**message)
            what = one.subject, one.date, one.size, one.message_id
            whose = part["user"], part["row"], part["mailbox"]
            yield from ((part["address"], one.home, label, *what, *whose) for label in one.labels)

    def _part(self, name: str) -> Mapping[str, Any]:
        found = self.blobs.read(CONTAINER, name)
        part: Mapping[str, Any] = json.loads(found.data) if found else {}
        return part


def _parts_of(mailbox: Mailbox) -> str:
    return f"{mailbox.batch}/labels/{mailbox.id}-"

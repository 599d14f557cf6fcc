"""`labels.csv`: the labels that Gmail's messages have besides the one in whose folder they went over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailferry.report.csv_cells import csv_pieces, csv_rows
from mailferry.source.gmail import Title
from mailferry.state.mailboxes import Mailbox
from mailferry.state.storage import Blobs

CONTAINER = "reports"
_CSV = "text/csv; charset=utf-8"
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
    """A message that went over in the folder of the label `home`, and one more of its labels."""

    home: str
    label: str
    title: Title


@dataclass(frozen=True, slots=True)
class LabelLists:
    """Writes the list in parts, as messages are given their folders; state has no row for a single message."""

    blobs: Blobs

    def write(self, mailbox: Mailbox, uidvalidity: int, first: int, labelled: Iterable[Labelled]) -> None:
        """The part that begins at UID `first`; writing it once more replaces it."""
        name = f"{_parts_of(mailbox)}{uidvalidity:010d}-{first:010d}.csv"
        rows = (
            (
                mailbox.address,
                one.home,
                one.label,
                one.title.headline.subject,
                one.title.headline.date,
                one.title.headline.size,
                one.title.message_id,
                mailbox.user,
                mailbox.row,
                mailbox.id,
            )
            for one in labelled
        )
        self.blobs.write(CONTAINER, name, b"".join(csv_rows(rows)), _CSV)

    def drop(self, mailbox: Mailbox) -> None:
        """Forget the mailbox's parts: its messages begin anew."""
        for part in self.blobs.list(CONTAINER, _parts_of(mailbox)):
            self.blobs.delete(CONTAINER, part.name)

    def publish(self, batch: str) -> None:
        """Write `labels.csv` of all the batch's parts, unless it is newer than the newest of them."""
        parts = list(self.blobs.list(CONTAINER, f"{batch}/labels/"))
        written = self.blobs.info(CONTAINER, f"{batch}/labels.csv")
        if parts and (written is None or written.modified <= max(part.modified for part in parts)):
            names = [part.name for part in parts]
            self.blobs.write(CONTAINER, f"{batch}/labels.csv", lambda: self._whole(names), _CSV)

    def _whole(self, names: Iterable[str]) -> Iterator[bytes]:
        yield from csv_pieces(_COLUMNS, ())
        for name in names:
            part = self.blobs.read(CONTAINER, name)
            if part:
                yield part.data


def _parts_of(mailbox: Mailbox) -> str:
    return f"{mailbox.batch}/labels/{mailbox.id}-"

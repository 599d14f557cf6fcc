"""Gives every message of a Gmail account the one folder in which it goes over, before a pass is planned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mailferry.errors import Permanent
from mailferry.homes import Homes
from mailferry.imap.values import FolderStatus, ListedFolder
from mailferry.report.labels import Labelled, LabelLists
from mailferry.source.gmail import GmailMailbox, Title
from mailferry.source.labels import (
    NOT_IN_ALL,
    all_mail,
    folder_of,
    label_folders,
    label_of,
    may_be_apart,
    ranked,
    readable,
)
from mailferry.state.homes import HomeStore
from mailferry.state.mailboxes import Mailbox
from mailferry.transfer.deadline import Deadline

#: UIDs that are asked for at once: at first and where messages are dense, and where they are sparse.
_STRETCH, _LONGEST_STRETCH = 5_000, 20_000

_HIDDEN = (
    "In Gmail's settings under Labels, tick Show in IMAP for All Mail (the owner, or an administrator for all), then "
    "retry. Without All Mail a message would go over once for every label it has."
)

#: The names of those of these folders that go over.
type Wanted = Callable[[Sequence[ListedFolder]], Collection[bytes]]


@dataclass(frozen=True, slots=True)
class GmailLabels:
    """Turns a Gmail account into folders."""

    store: HomeStore
    lists: LabelLists

    def folders(
        self,
        mailbox: Mailbox,
        source: GmailMailbox,
        listed: Sequence[ListedFolder],
        wanted: Wanted,
        deadline: Deadline,
    ) -> Sequence[ListedFolder] | None:
        """The account's folders with their statuses; None when time was up before every new message had its home.

        What was given by then stays: the next call goes on behind it. Raises `Permanent` without All Mail, and
        Conflict when somebody else plans the mailbox.
        """
        store = all_mail(listed)
        if store is None:
            raise Permanent("source", "The account shows no folder All Mail over IMAP", _HIDDEN)
        status = store.status or source.status(store.name)
        if not (status.uidvalidity and status.uidnext):
            status = source.examine(store.name)
        homes = self._homes(mailbox, store.name, status)
        listed = [_marked(folder, store, source) for folder in listed]
        if homes.known_next < status.uidnext:
            source.examine(store.name)
            rank = _Rank(listed, wanted)
            while homes.known_next < status.uidnext:
                self._give(mailbox, source, homes, rank, status.uidnext)
                if deadline.passed():
                    return None
        statuses = homes.statuses()
        empty = FolderStatus(homes.uidvalidity, 1, 0)
        return [  # any change in All Mail may be one of a label's messages
            folder
            if label is None
            else replace(folder, status=replace(statuses.get(label, empty), modseq=status.modseq))
            for folder in label_folders(listed, homes.labels)
            for label in [label_of(folder.name)]
        ]

    def _homes(self, mailbox: Mailbox, name: bytes, status: FolderStatus) -> Homes:
        """What is known of homes; a new beginning when the UIDs are new ones."""
        homes = self.store.read(mailbox)
        if homes.uidvalidity != status.uidvalidity:
            self.lists.drop(mailbox)
            homes = Homes(name, status.uidvalidity)
        if homes.all_mail != name:  # the owner has chosen another language
            homes.all_mail = name
            self.store.write(mailbox, homes, homes.known_next, ())
        return homes

    def _give(self, mailbox: Mailbox, source: GmailMailbox, homes: Homes, rank: _Rank, uidnext: int) -> None:
        """Homes for the next stretch of messages: listed in the report first, then written down for good."""
        first = homes.known_next
        found: Mapping[int, Sequence[bytes]] = {}
        width = _STRETCH
        last = first - 1
        while len(found) < _STRETCH and last + 1 < uidnext:
            end = min(last + width, uidnext - 1)
            found = {**found, **source.labels(last + 1, end)}
            last, width = end, min(width * 2, _LONGEST_STRETCH)
        given = [(uid, rank.home(labels)) for uid, labels in found.items()]
        going = [(uid, home) for uid, home in given if rank.goes(home)]
        others = {uid: rest for uid, home in going if (rest := [label for label in found[uid] if label != home])}
        if others:
            titles = source.titles(list(others))
            at_home = dict(given)
            self.lists.write(
                mailbox,
                homes.uidvalidity,
                first,
                (_labelled(at_home[uid], rest, titles[uid]) for uid, rest in others.items() if uid in titles),
            )
        self.store.write(mailbox, homes, last + 1, given)


def _marked(folder: ListedFolder, store: ListedFolder, source: GmailMailbox) -> ListedFolder:
    """The folder, told from a label when its messages are in no other: what people have said in chats."""
    if not (may_be_apart(folder, store) and source.holds_apart(folder.name, store.name)):
        return folder
    return replace(folder, attributes=folder.attributes | {NOT_IN_ALL})


def _labelled(home: bytes, others: Sequence[bytes], title: Title) -> Labelled:
    own = [readable(label) for label in others if not label.startswith(b"\\")]
    words = title.headline
    labels = [readable(label) for label in others]
    return Labelled(readable(home), labels, own, words.subject, words.date, words.size, title.message_id)


class _Rank:
    """Which of a message's labels is its home: the best whose folder goes over, by the batch's options."""

    def __init__(self, listed: Sequence[ListedFolder], wanted: Wanted) -> None:
        self._listed = listed
        self._wanted = wanted
        self._seen: set[bytes] = set()
        self._going: Collection[bytes] = ()

    def home(self, labels: Iterable[bytes]) -> bytes:
        """The home of a message with these labels. One whose folders all stay behind stays with the best of them."""
        candidates = ranked(labels)
        if not self._seen.issuperset(candidates):
            self._seen.update(candidates)
            self._going = self._wanted(label_folders(self._listed, self._seen))
        return next(filter(self.goes, candidates), candidates[0])

    def goes(self, home: bytes) -> bool:
        """Whether the folder of this home, which was given before, goes over."""
        return folder_of(home) in self._going

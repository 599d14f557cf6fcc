"""Gmail's labels as Outlook categories, for batches that want them: at the end of a pass, as far as time goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import batched

from mailferry.report.labels import LabelLists
from mailferry.state.batches import Batches
from mailferry.state.mailboxes import TABLE, Mailbox, Mailboxes
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Tables, Upsert
from mailferry.target.categories import AT_ONCE, Categories, Wish

log = logging.getLogger(__name__)

_KEY = "categories"
DENIED = (
    "Labels did not become categories, for which the app needs the permission Mail.ReadWrite; labels.csv lists them."
)


@dataclass(frozen=True, slots=True)
class _Written:
    """How far they are: the part of the list that was begun last, and how many of its messages are done."""

    part: str = ""
    messages: int = 0


@dataclass(frozen=True, slots=True)
class LabelCategories:
    """Writes categories. `categories` is None where there is no Graph to write them."""

    lists: LabelLists
    batches: Batches
    mailboxes: Mailboxes
    tables: Tables
    categories: Categories | None

    def write(self, mailbox: Mailbox, stop: Callable[[], bool]) -> bool:
        """Write what is not written yet of messages that are in the target; False when it was time to stop.

        Done twice it changes nothing: a category that is there is not written. Raises `Transient` errors of Graph.
        """
        batch = self.batches.get(mailbox.batch)
        if self.categories is None or batch is None or not batch.label_categories:
            return True
        row = self.tables.get(TABLE, mailbox.id, _KEY)
        done = from_values(_Written, row.values) if row else _Written()
        for part in self.lists.parts(mailbox):
            if part < done.part:
                continue
            skipped = done.messages if part == done.part else 0
            labelled = [one for one in self.lists.read(part) if one.own]
            for some in batched(labelled[skipped:], AT_ONCE, strict=False):
                wishes = [Wish(one.message_id, one.own) for one in some]
                if not self.categories.add(mailbox.login or mailbox.address, wishes):
                    self._tell(mailbox, denied=True)
                    return True
                skipped += len(some)
                self.tables.commit(TABLE, mailbox.id, [Upsert(_KEY, to_values(_Written(part, skipped)))])
                if stop():
                    return False
        self._tell(mailbox, denied=False)
        return True

    def _tell(self, mailbox: Mailbox, *, denied: bool) -> None:
        """The mailbox's note says whether it was denied."""
        if denied == (DENIED in mailbox.note):
            return
        others = mailbox.note.replace(DENIED, "").strip()
        note = f"{others} {DENIED}".strip() if denied else others
        self.mailboxes.change(mailbox.id, lambda found: replace(found, note=note))
        log.warning("Mailbox %s: %s", mailbox.id, DENIED if denied else "Categories are written again.")

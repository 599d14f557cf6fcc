"""What folders both ends of a mailbox have, and where each of the source's goes by the batch's options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from mailferry.imap.values import ListedFolder
from mailferry.source.gmail import GmailMailbox
from mailferry.state.batches import Batch
from mailferry.state.folders import Folder
from mailferry.state.mailboxes import Mailbox
from mailferry.transfer.deadline import Deadline
from mailferry.transfer.ends import Ends, side_by_side
from mailferry.transfer.folder_map import NO_WISHES, Mapping, Wishes, map_folders
from mailferry.transfer.folder_misfits import Misfit, misfits
from mailferry.transfer.folder_rules import from_text
from mailferry.transfer.gmail_labels import GmailLabels
from mailferry.transfer.name_rules import EXCHANGE, PLAIN, NameRules
from mailferry.transfer.target_check import TargetCheck
from mailferry.transfer.user_root import below


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """The source's folders with their targets, in the order of copying; what the target has; what it can be called;
    which patterns of the options fit no folder."""

    mappings: Sequence[Mapping]
    there: Sequence[ListedFolder]
    rules: NameRules
    misfits: Sequence[Misfit]


@dataclass(frozen=True, slots=True)
class FolderPlans:
    """Plans folders, for those who copy and for those who only look."""

    check: TargetCheck
    labels: GmailLabels

    def plan(
        self, ends: Ends, mailbox: Mailbox, batch: Batch | None, known: Iterable[Folder], deadline: Deadline
    ) -> FolderPlan | None:
        """List both ends and map the source's folders; None when time was up before Gmail's labels were read.

        Those that earlier passes have copied (among `known`) keep their targets, so that nothing moves between passes.
        """
        list_source = partial(ends.source.folders, everybodys=bool(mailbox.user_root))
        listed, there = side_by_side(list_source, ends.target.folders)
        here: Sequence[ListedFolder] = below(listed, mailbox.user_root, ends.source.separator)
        rules = EXCHANGE if ends.target.is_exchange else PLAIN(ends.target.separator)
        settled = {folder.name: folder.target_path for folder in known if folder.epoch_no}
        wishes, well_known = _wishes(batch), self.check.well_known(mailbox)

        def mapped(folders: Sequence[ListedFolder]) -> Sequence[Mapping]:
            return map_folders(folders, there, rules, wishes, well_known, settled)

        def going(folders: Sequence[ListedFolder]) -> set[bytes]:
            return {mapping.source.name for mapping in mapped(folders) if not mapping.excluded}

        if isinstance(ends.source, GmailMailbox):
            with_labels = self.labels.folders(mailbox, ends.source, here, going, deadline)
            if with_labels is None:
                return None
            here = with_labels
        unfit = [
            *misfits(here, "include_folders", wishes.include),
            *misfits(here, "exclude_folders", wishes.exclude),
        ]
        return FolderPlan(mapped(here), there, rules, unfit)


def _wishes(batch: Batch | None) -> Wishes:
    """What the batch's options say about folders."""
    if batch is None:
        return NO_WISHES
    return Wishes(batch.include_folders, batch.exclude_folders, from_text(batch.folder_rules), batch.root_folder)

"""What folders both ends of a mailbox have, and where each of the source's goes by the batch's options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from mailferry.imap.values import ListedFolder
from mailferry.state.batches import Batch
from mailferry.state.folders import Folder
from mailferry.state.mailboxes import Mailbox
from mailferry.transfer.ends import Ends, side_by_side
from mailferry.transfer.folder_map import NO_WISHES, Mapping, Wishes, map_folders
from mailferry.transfer.folder_rules import from_text
from mailferry.transfer.name_rules import EXCHANGE, PLAIN, NameRules
from mailferry.transfer.target_check import TargetCheck
from mailferry.transfer.user_root import below


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """The source's folders with their targets, in the order of copying; what the target has; what it can be called."""

    mappings: Sequence[Mapping]
    there: Sequence[ListedFolder]
    rules: NameRules


def folder_plan(
    ends: Ends, mailbox: Mailbox, batch: Batch | None, check: TargetCheck, known: Iterable[Folder]
) -> FolderPlan:
    """List both ends and map the source's folders.

    Those that earlier passes have copied (among `known`) keep their targets, so that nothing moves between passes.
    """
    list_source = partial(ends.source.folders, everybodys=bool(mailbox.user_root))
    listed, there = side_by_side(list_source, ends.target.folders)
    here = below(listed, mailbox.user_root, ends.source.separator)
    rules = EXCHANGE if ends.target.is_exchange else PLAIN(ends.target.separator)
    settled = {folder.name: folder.target_path for folder in known if folder.epoch_no}
    mappings = map_folders(here, there, rules, _wishes(batch), check.well_known(mailbox), settled)
    return FolderPlan(mappings, there, rules)


def _wishes(batch: Batch | None) -> Wishes:
    """What the batch's options say about folders."""
    if batch is None:
        return NO_WISHES
    return Wishes(batch.include_folders, batch.exclude_folders, from_text(batch.folder_rules), batch.root_folder)

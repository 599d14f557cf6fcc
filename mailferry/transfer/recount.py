"""Asks both ends how many messages a folder holds, once some have moved out of it or were deleted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from mailferry.errors import FolderGone
from mailferry.state.folders import Claim
from mailferry.transfer.ends import Ends


def recount(claim: Claim, ends: Ends) -> None:
    """For a claimed folder, which is given back. One that is gone keeps its figures until the next plan sees it."""
    folder = claim.folder
    with suppress(FolderGone):
        source, target = ends.source.examine(folder.name), ends.target.select(folder.target_name).status
        folder = replace(folder, source_messages=source.messages, target_messages=target.messages)
    claim.finish(replace(folder, recount=False))

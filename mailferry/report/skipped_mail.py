"""Skipped messages as they are, kept beside the reports for batches that ask for it (`keep_skipped`)."""

from __future__ import annotations

from mailferry.imap.body import Body
from mailferry.report.publish import CONTAINER
from mailferry.state.folders import Folder
from mailferry.state.storage import Blobs


def keep_skipped(blobs: Blobs, batch: str, mailbox: str, folder: Folder, uid: int, body: Body) -> str:
    """Write a message to `reports/<batch>/skipped/<mailbox id>/<folder key>-<uidvalidity>-<uid>.eml`.

    Returns the blob's name in the container. A large message goes over in pieces and is never in memory as a whole;
    writing it once more changes nothing.
    """
    name = f"{batch}/skipped/{mailbox}/{folder.key}-{folder.uidvalidity}-{uid}.eml"
    blobs.write(CONTAINER, name, body.pieces, "message/rfc822")
    return name

"""One message appended and its fate heard, for tests that want no more of the target."""

from __future__ import annotations

from mailferry.errors import MailferryError
from mailferry.imap.values import Message
from mailferry.target.mailbox import OpenFolder, TargetMailbox


def append(
    target: TargetMailbox, folder: bytes, message: Message, opened: OpenFolder, *, seconds: float | None = None
) -> int | None:
    """Its UID where the server tells it; raises also what `finish_append` returns.

    `seconds`: for the upload, and again for the answer.
    """
    appending = target.start_append(folder, [message], opened, seconds=seconds)
    result = target.finish_append(appending, seconds=seconds)
    if isinstance(result, MailferryError):
        raise result
    (uid,) = result
    return uid

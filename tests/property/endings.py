"""What must hold of a mailbox that is completed, whatever has happened before: settled, and without its password."""

from __future__ import annotations

from mailferry.model import COMPLETED
from mailferry.state.batches import Batches
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import Mailbox, Mailboxes
from tests.support.engine import Engine


def assert_completed(engine: Engine, mailbox_id: str) -> Mailbox:
    """Fail with the first thing that is not as it must be. Returns the mailbox's row."""
    mailbox = Mailboxes(engine.storage).get(mailbox_id)
    assert mailbox, "nobody has removed it"
    assert mailbox.status in COMPLETED, mailbox
    assert mailbox.shredded, "its password is still there"
    assert not mailbox.to_complete, mailbox
    for versioned in Folders(engine.storage).all(mailbox_id):
        folder = versioned.folder
        assert not folder.has_work, folder
        assert folder.left_out or folder.counts.messages == folder.settled, folder
    return mailbox


def assert_closed(engine: Engine, name: str) -> None:
    """The batch, whose only mailbox is completed, has no key any more, and a report that says so."""
    batch = Batches(engine.storage).get(name)
    assert batch, "nobody has removed it"
    assert batch.closed, batch
    assert not batch.wrapped_key, batch
    assert "Closed on" in engine.report(name, "summary.html")

"""What Microsoft Graph knows of a target mailbox: asked before anything is copied, and when a login is refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mailferry.errors import LoginRefused, MailferryError, Transient
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.target.mailbox_facts import Cause, explained
from mailferry.target.preflight import Preflight

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """Asks Graph where there is one to ask (`preflight` is None for other targets than Exchange Online)."""

    mailboxes: Mailboxes
    preflight: Preflight | None

    def prepared(self, mailbox: Mailbox) -> Mailbox:
        """The mailbox with the name to log in with, once it is known that it can be copied to.

        Raises `Permanent` with cause and remedy when it can't, `Busy` while it is being made, `Transient` errors when
        Graph is down. What the app may not ask is noted and held against nobody.
        """
        if self.preflight is None or mailbox.last_synced:
            return mailbox
        facts = self.preflight.check_one(mailbox.address)
        if error := facts.error():
            raise error
        note = "" if facts.cause is Cause.READY else f"{facts.why} {facts.remedy}"
        if (facts.login, note) == (mailbox.login, mailbox.note):
            return mailbox
        changed = self.mailboxes.change(mailbox.id, lambda found: replace(found, login=facts.login, note=note))
        return changed or mailbox

    def well_known(self, mailbox: Mailbox) -> Mapping[str, tuple[str, ...]] | None:
        """Paths of the folders that Graph has names for; None where it can't or may not be asked, or does not answer.

        Then the attributes that the server lists have to do.
        """
        if self.preflight is None:
            return None
        try:
            return self.preflight.folders(mailbox.login or mailbox.address)
        except Transient as error:
            log.warning("Mailbox %s: Graph did not tell its folders: %s", mailbox.id, error)
            return None

    def explained(self, mailbox: Mailbox, error: MailferryError) -> MailferryError:
        """A refused login at the target in the words of what Graph knows; any other error as it is."""
        if self.preflight is None or not isinstance(error, LoginRefused) or error.side != "target":
            return error
        try:
            facts = self.preflight.check_one(mailbox.address)
        except Transient:
            return error
        return explained(error, facts, mailbox.login or mailbox.address)

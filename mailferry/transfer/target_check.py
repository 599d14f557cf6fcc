"""What Microsoft Graph knows of a target mailbox: asked before anything is copied, and when a login is refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mailferry.errors import Busy, LoginInDoubt, LoginRefused, MailferryError, Transient
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.target.mailbox_facts import SIDE, Cause, MailboxFacts, explained, let_in, turned_away
from mailferry.target.preflight import Preflight

log = logging.getLogger(__name__)

#: Seconds until it is asked again whether Entra gives the app a token.
APP_SECONDS = 300.0


@dataclass(slots=True)
class _Last:
    """The last mailbox that this process was let into."""

    mailbox: Mailbox | None = None


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """Asks Graph where there is one to ask (`preflight` is None for other targets than Exchange Online)."""

    mailboxes: Mailboxes
    preflight: Preflight | None
    _last: _Last = field(default_factory=_Last, repr=False)

    def prepared(self, mailbox: Mailbox) -> Mailbox:
        """The mailbox with the name to log in with, once it is known that it can be copied to.

        Raises `Permanent` with cause and remedy when it can't, `Busy` while it is being made, `Transient` errors when
        Graph is down. What the app may not ask is noted and held against nobody.
        """
        return mailbox if mailbox.last_synced else self.with_facts(mailbox)[0]

    def with_facts(self, mailbox: Mailbox) -> tuple[Mailbox, MailboxFacts | None]:
        """The same of any mailbox, with what Graph says of it; None where it is not asked."""
        if self.preflight is None:
            return mailbox, None
        facts = self.preflight.check_one(mailbox.address)
        if error := facts.error():
            raise error
        note = "" if facts.cause is Cause.READY else f"{facts.why} {facts.remedy}"
        if (facts.login, note) == (mailbox.login, mailbox.note):
            return mailbox, facts
        changed = self.mailboxes.change(mailbox.id, lambda found: replace(found, login=facts.login, note=note))
        return changed or mailbox, facts

    def well_known(self, mailbox: Mailbox) -> Mapping[str, tuple[str, ...]] | None:
        """Paths of the folders that Graph has names for; None where it can't or may not be asked, or does not answer.

        Then the attributes that the server lists have to do. To be asked once the target has let us in.
        """
        self._last.mailbox = mailbox
        if self.preflight is None:
            return None
        try:
            return self.preflight.folders(mailbox.login or mailbox.address)
        except Transient as error:
            log.warning("Mailbox %s: Graph did not tell its folders: %s", mailbox.id, error)
            return None

    def explained(self, mailbox: Mailbox, error: MailferryError) -> MailferryError:
        """A refused login at the target in the words of what Graph knows; any other error as it is.

        What concerns the app and not the mailbox comes as `Busy`, what may be an outage as `LoginInDoubt`: that is
        waited for, however long it takes. A user principal name that has changed is written down for the next login.
        """
        if self.preflight is None or not isinstance(error, LoginRefused) or error.side != SIDE:
            return error
        if not (let_in(error) or turned_away(error)):
            return Busy(SIDE, error.cause, error.remedy, APP_SECONDS)
        found = self._with_facts(self.preflight, mailbox, error)
        if found.retry and isinstance(found, LoginRefused) and turned_away(error) and not self._others_get_in(mailbox):
            return LoginInDoubt(SIDE, found.cause, found.remedy, found.delay)
        return found

    def _with_facts(self, preflight: Preflight, mailbox: Mailbox, error: LoginRefused) -> MailferryError:
        try:
            facts = preflight.check_one(mailbox.address)
        except Transient:
            return error
        user = mailbox.login or mailbox.address
        if facts.upn and facts.upn != user:
            self.mailboxes.change(mailbox.id, lambda found: replace(found, login=facts.upn))
        return explained(error, facts, user)

    def _others_get_in(self, mailbox: Mailbox) -> bool:
        """Whether another mailbox has been opened since this one was last heard of, so that it is not an outage."""
        other = self._last.mailbox
        if other is None or other.id == mailbox.id or other.pass_began is None:
            return False
        return other.pass_began > mailbox.updated

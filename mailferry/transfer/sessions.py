"""Opens both ends of a mailbox: the source with its sealed password, the target with a password or a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mailferry.errors import SealBroken, SettingsError
from mailferry.imap.values import Login
from mailferry.secrets.seal import KeyWrapper, Seal
from mailferry.settings import Settings
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.mailboxes import Mailbox
from mailferry.target.mailbox import TargetMailbox
from mailferry.target.token import TokenSource
from mailferry.transfer.folder_copy import Ends


@dataclass(frozen=True, slots=True)
class Sessions:
    """Knows where both servers are and how each mailbox logs in to them."""

    settings: Settings
    batches: Batches
    admission: Admission
    keys: KeyWrapper
    tokens: TokenSource | None

    @contextmanager
    def open(self, mailbox: Mailbox) -> Iterator[Ends]:
        """Both sessions, logged in. Raises what failures.py makes of refusals, SealBroken and SettingsError."""
        endpoint = self.admission.endpoint(mailbox.endpoint)
        if endpoint is None:
            raise SettingsError(f"The endpoint {mailbox.endpoint} is not known.", "Drop the CSV again.")
        server = endpoint.server(self.settings.target.timeout)
        login = Login(mailbox.user, password=self._password(mailbox))
        with SourceMailbox.open(server, login) as source, self._open_target(mailbox) as target:
            yield Ends(source, target)

    def _password(self, mailbox: Mailbox) -> str:
        batch = self.batches.get(mailbox.batch)
        if batch is None:
            raise SealBroken(f"The batch {mailbox.batch!r} is gone, and with it its key.", "Drop the CSV again.")
        return Seal(self.keys.unwrap(batch.wrapped_key)).open(mailbox.sealed, mailbox.id)

    def _open_target(self, mailbox: Mailbox) -> TargetMailbox:
        login = Login(mailbox.address)
        if self.tokens:
            return TargetMailbox.open(self.settings.target, replace(login, token=self.tokens.token()))
        return TargetMailbox.open(self.settings.target, replace(login, password=self.settings.target_password))

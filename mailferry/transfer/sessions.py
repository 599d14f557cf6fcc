"""Opens both ends of a mailbox: the source with its sealed password, the target with a password or a token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from mailferry.budget import GMAIL, UNSAID
from mailferry.errors import LoginRefused, MailferryError, SealBroken, SettingsError
from mailferry.imap.values import Login, LoginKind
from mailferry.model import Endpoint
from mailferry.secrets.seal import DROP_ROW, KeyWrapper, Seal
from mailferry.settings import Settings
from mailferry.source.gmail import GmailMailbox
from mailferry.source.google_tokens import GoogleTokens
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.budgets import Budgets
from mailferry.state.homes import HomeStore
from mailferry.state.mailboxes import Mailbox
from mailferry.target.mailbox import TargetMailbox
from mailferry.target.token import TokenSource
from mailferry.transfer.ends import Ends, Targets

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Knows where both servers are and how each mailbox logs in to them."""

    settings: Settings
    batches: Batches
    admission: Admission
    keys: KeyWrapper
    tokens: TokenSource | None
    google: GoogleTokens | None
    homes: HomeStore
    budgets: Budgets

    @contextmanager
    def open(self, mailbox: Mailbox) -> Iterator[Ends]:
        """Both sessions, logged in. Raises what failures.py makes of refusals, SealBroken, KeyUnavailable and
        SettingsError."""
        endpoint = self.admission.endpoint(mailbox.endpoint)
        if endpoint is None:
            raise SettingsError(f"The endpoint {mailbox.endpoint} is not known.", "Drop the CSV again.")
        connect = self._to_target(mailbox)
        with ThreadPoolExecutor(1, "target") as aside:  # both logins take several round trips each
            coming = aside.submit(connect)
            try:
                source = self._opened(mailbox, self._source(mailbox, endpoint), endpoint)
            except BaseException:
                with suppress(MailferryError):
                    coming.result().close()
                raise
        with source:
            targets = Targets(coming.result(), connect)
            try:
                yield Ends(source, targets)
            finally:
                targets.close()
                _settle(source)

    def _opened(self, mailbox: Mailbox, source: SourceMailbox, endpoint: Endpoint) -> SourceMailbox:
        """The session as what its server is, and within the server's budget."""
        if source.has_labels:
            source = GmailMailbox.over(source, partial(self.homes.read, mailbox))
        budget = endpoint.budget
        if budget == UNSAID and source.has_labels:
            budget = GMAIL
        if budget.bytes:
            try:
                source.limit(self.budgets.account(endpoint.id, mailbox.id, budget))
            except BaseException:
                source.close()
                raise
        return source

    def _source(self, mailbox: Mailbox, endpoint: Endpoint) -> SourceMailbox:
        server, quirks = endpoint.server(self.settings.target.timeout), endpoint.quirks
        if mailbox.way.kind is not LoginKind.GOOGLE:
            login = Login(mailbox.user, password=self._password(mailbox), way=mailbox.way)
            return SourceMailbox.open(server, login, quirks)
        if self.google is None:
            raise SettingsError(
                "The batch's mailboxes are opened by a Google service account, but GOOGLE_SERVICE_ACCOUNT is not set.",
                "Set it to the JSON key of the service account, then retry the mailboxes.",
            )
        token = self.google.token(mailbox.user)
        try:
            return SourceMailbox.open(server, Login(mailbox.user, token=token, way=mailbox.way), quirks)
        except LoginRefused:
            self.google.forget(mailbox.user)
            raise

    def target(self, mailbox: Mailbox) -> TargetMailbox:
        """The target alone, logged in. Raises what `open` raises of it."""
        return self._to_target(mailbox)()

    def _password(self, mailbox: Mailbox) -> str:
        batch = self.batches.get(mailbox.batch)
        if batch is None:
            raise SealBroken(f"The batch {mailbox.batch!r} is gone, and with it its key.", DROP_ROW)
        if mailbox.shredded or not batch.wrapped_key:
            raise SealBroken("The mailbox's password has been shredded.", DROP_ROW)
        return Seal(self.keys.unwrap(batch.wrapped_key)).open(mailbox.sealed, mailbox.id)

    def _to_target(self, mailbox: Mailbox) -> Callable[[], TargetMailbox]:
        settings = self.settings

        def connect() -> TargetMailbox:
            login = Login(mailbox.login or mailbox.address, password=settings.target_password)
            if self.tokens is None:
                return TargetMailbox.open(settings.target, login, settings.target_profile)
            token = self.tokens.token()
            try:
                return TargetMailbox.open(settings.target, replace(login, token=token), settings.target_profile)
            except LoginRefused:
                another = self.tokens.instead_of(token)
                if another == token:
                    raise
            return TargetMailbox.open(settings.target, replace(login, token=another), settings.target_profile)

        return connect


def _settle(source: SourceMailbox) -> None:
    """Write down what was read of a budget; what was reserved stays written down if that fails."""
    try:
        if source.meter:
            source.meter.settle()
    except Exception:
        log.exception("What was read of the source's budget could not be written down.")

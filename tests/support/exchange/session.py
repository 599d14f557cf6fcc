"""What one connection to Exchange has come to: whose mailbox, with which token, connected to it or not."""

from __future__ import annotations

import time
from typing import override

from tests.support.exchange.mailbox import Mailbox
from tests.support.exchange.switches import NOT_CONNECTED, Switches
from tests.support.exchange.tenant import Tenant
from tests.support.exchange.tokens import Token
from tests.support.exchange.wording import behaviour_of
from tests.support.imap_sim.protocol import Refused
from tests.support.imap_sim.session import Admissions, Session, State

#: What Exchange says when it hangs up on a client after an error, and when the token is over (aioimaplib issue 83).
CLOSED = "Connection closed. 14"
TOKEN_OVER = "Session invalidated - AccessTokenExpired"


class RefusedAndOut(Refused):
    """The command fails with this completion, and the connection ends."""


class ExchangeSession(Session):
    """The state of one connection."""

    def __init__(self, tenant: Tenant, switches: Switches, admissions: Admissions) -> None:
        super().__init__(tenant.store, behaviour_of(switches), admissions)
        self.tenant = tenant
        self.switches = switches
        #: Set by a login, also by one that doesn't connect to the mailbox.
        self.mailbox: Mailbox | None = None
        self._token: Token | None = None
        self._connected = False

    @property
    def own(self) -> Mailbox:
        """The mailbox that is connected."""
        assert self.mailbox is not None, "the command should need a login"
        return self.mailbox

    @property
    def token_over(self) -> bool:
        """Whether the token that opened the session has ended since."""
        return self._token is not None and (self._token.id not in self.tenant.tokens or self.token_seconds <= 0)

    @property
    def token_seconds(self) -> float:
        """Seconds of the wall clock until the token ends; without end before the login."""
        return self._token.expires - time.time() if self._token else float("inf")

    def enter(self, mailbox: Mailbox, token: Token, *, connected: bool) -> None:
        """The token is good for this mailbox. Unless connected to it, every command that needs it is refused."""
        self.mailbox, self._token, self._connected = mailbox, token, connected
        self.behaviour = behaviour_of(self.switches, mailbox)

    @override
    def need(self, state: State) -> None:
        if state is not State.ANY and self.mailbox and not self._connected:
            raise (RefusedAndOut if self.switches.not_connected_bye else Refused)(NOT_CONNECTED)
        super().need(state)

    @override
    def missing(self, folder: bytes) -> Refused:
        return Refused(f"NO {folder.decode('latin-1')} doesn't exist.")

"""Access tokens for Exchange Online and Graph, checked before anybody uses them, and what it means when none comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from mailferry.errors import Busy, LoginRefused, Transient, Unreachable
from mailferry.https_failures import of_no_answer
from mailferry.target import aadsts
from mailferry.target.claims import EXCHANGE_SCOPE, SIDE, check_claims, read_claims
from mailferry.target.entra import EntraApp
from mailferry.target.sign_in import Ask, EntraSession, read_proof, sign_in

#: Seconds for which a failure is the answer to everybody: hundreds of mailboxes ask at once.
FAILURE_SECONDS = 10.0
#: Seconds between two tokens that are asked for because the one before was refused: one is refused for every mailbox
#: that the app may not open, and is not to blame.
RENEWAL_SECONDS = 300.0
#: The longest that Entra may put us off.
LONGEST_DELAY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Transient | LoginRefused
    until: float


class TokenSource:
    """Tokens of one app or managed identity, for every thread of a process.

    Each is kept and handed out as long as it is good for at least five minutes; one of a shorter life is handed out
    once. Raises SettingsError when the app can't sign in as it stands. Nothing is sent before the first `token()`.
    """

    def __init__(
        self,
        app: EntraApp,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        app.check()
        self._app = app
        self._proof = read_proof(app)
        self._session = session or EntraSession()
        self._clock = clock
        self._lock = threading.Lock()
        self._ask: Ask | None = None
        self._failures: dict[str, _Failure] = {}
        self._renewed: float | None = None

    def token(self, scope: str = EXCHANGE_SCOPE) -> str:
        """A token for this scope (those of claims.py).

        Raises LoginRefused when Entra refuses us or what it gave would open no mailbox; `Unreachable`, `Busy` or
        another `Transient` when nothing is wrong with us and a later try may succeed.
        """
        with self._lock:
            return self._token(scope)

    def instead_of(self, refused: str, scope: str = EXCHANGE_SCOPE) -> str:
        """Another token than this one, which its resource has refused; the same when a new one would be no better.

        Tokens end before their time when they are revoked, and Exchange says nothing else to them than to a mailbox
        that the app may not open. Raises what `token` raises.
        """
        with self._lock:
            if self._token(scope) == refused and (
                self._renewed is None or self._clock() - self._renewed >= RENEWAL_SECONDS
            ):
                self._renewed = self._clock()
                self._ask = None
            return self._token(scope)

    def _token(self, scope: str) -> str:
        failure = self._failures.get(scope)
        if failure and self._clock() < failure.until:
            raise failure.error.with_traceback(None)
        try:
            return self._checked(scope)
        except (Transient, LoginRefused) as error:
            self._failures[scope] = _Failure(error, self._clock() + (error.delay or FAILURE_SECONDS))
            raise

    def _checked(self, scope: str) -> str:
        token = self._new_or_kept(scope)
        if claims := read_claims(token):
            try:
                check_claims(claims, scope, self._app.tenant, time.time())
            except (Transient, LoginRefused):
                self._ask = None  # MSAL would keep it for an hour, and what is wrong is mended sooner
                raise
        return token

    def _new_or_kept(self, scope: str) -> str:
        try:
            if self._ask is None:
                self._ask = sign_in(self._app, self._proof, self._session)
            answer = self._ask(scope)
        except requests.RequestException as error:
            raise self._unserved(error) from None
        except ValueError as error:  # MSAL's word for a tenant that is not there, and for an answer that is none
            raise self._nonsense(f"{error.__context__ or ''} {error}") from None
        if "access_token" not in answer:
            raise aadsts.of_answer(answer, [self._app.secret])
        return str(answer["access_token"])

    def _unserved(self, error: requests.RequestException) -> Transient:
        entra = urlsplit(self._app.authority).hostname
        where = urlsplit(str(error.request.url)).hostname if error.request else entra
        if error.response is not None:
            after = error.response.headers.get("Retry-After", "")
            delay = min(float(after), LONGEST_DELAY_SECONDS) if after.isdecimal() else None
            return Busy(SIDE, f"{where} can't give a token now (HTTP {error.response.status_code})", delay=delay)
        if where == entra:
            return of_no_answer(SIDE, where, error)
        remedy = "Only what runs in Azure has a managed identity: switch it on under the function app's Identity."
        return of_no_answer(SIDE, where, error, remedy)

    def _nonsense(self, text: str) -> Transient | LoginRefused:
        if "AADSTS" in text:
            return aadsts.of_text(text, [self._app.secret])
        return Unreachable(
            SIDE,
            f"What answers at {self._app.authority} is not Entra",
            "Check ENTRA_AUTHORITY, and whether a proxy or firewall answers in its place.",
        )

"""Access tokens for mailboxes of a Google Workspace: a service account with domain-wide delegation acts for each user.

RFC 7523 §2.1, as Google has it in "Using OAuth 2.0 for Server to Server Applications": an assertion that names the
user (`sub`) is signed with the account's key and exchanged for a token of an hour.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt
import requests

from mailferry.errors import Busy, ProtocolError
from mailferry.https_failures import of_no_answer
from mailferry.source.google_refusals import SCOPE, SIDE, of_answer
from mailferry.source.service_account import ServiceAccount

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Seconds that an assertion is good for, and that Google may take to answer.
_ASSERTION_SECONDS, _PATIENCE = 3600, 30.0
#: Tokens are not handed out for use in their last minutes.
_MARGIN = timedelta(minutes=5)
_LONGEST_DELAY = 3600.0


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str
    until: datetime


class GoogleTokens:
    """Tokens of one service account, for every thread of a process; each user's is kept until shortly before its end.

    Nothing is sent before the first `token()`.
    """

    def __init__(self, account: ServiceAccount, clock: Callable[[], datetime]) -> None:
        self._account = account
        self._clock = clock
        self._host = urlsplit(account.token_url).hostname or ""
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def token(self, user: str) -> str:
        """A token that opens this user's mailbox.

        Raises `LoginRefused` when a person must act (the cause says who), `Unreachable`, `Busy` or `ProtocolError`
        when a later try may succeed.
        """
        now = self._clock()
        with self._lock:
            kept = self._kept.get(user)
        if kept and kept.until > now:
            return kept.token
        token, seconds = self._asked(user, now)
        with self._lock:
            self._kept = {name: one for name, one in self._kept.items() if one.until > now}
            self._kept[user] = _Kept(token, now + timedelta(seconds=seconds) - _MARGIN)
        return token

    def forget(self, user: str) -> None:
        """The user's token was refused: the next one is a new one."""
        with self._lock:
            self._kept.pop(user, None)

    def _asked(self, user: str, now: datetime) -> tuple[str, float]:
        """A new token and the seconds that it lasts."""
        account = self._account
        claims = {
            "iss": account.email,
            "sub": user,
            "scope": SCOPE,
            "aud": account.token_url,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + _ASSERTION_SECONDS,
        }
        assertion = jwt.encode(claims, account.key, algorithm="RS256", headers={"kid": account.key_id})
        response = self._posted({"grant_type": _GRANT, "assertion": assertion})
        answer = _parsed(response)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if response.status_code == 200 and isinstance(token, str) and isinstance(seconds, int):
            return token, seconds
        if 400 <= response.status_code < 500 and "error" in answer:
            raise of_answer(account, self._host, user, answer, assertion)
        raise ProtocolError(
            SIDE,
            f"What answers at {self._host} is not Google (HTTP {response.status_code})",
            "Check whether a proxy or firewall answers in its place, and the setting GOOGLE_TOKEN_URL.",
        )

    def _posted(self, form: dict[str, str]) -> requests.Response:
        try:
            response = requests.post(
                self._account.token_url,
                data=form,
                auth=lambda request: request,  # none: a .netrc would add one
                timeout=_PATIENCE,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise of_no_answer(SIDE, self._host, error) from None
        if response.status_code == 429 or response.status_code >= 500:
            after = response.headers.get("Retry-After", "")
            delay = min(float(after), _LONGEST_DELAY) if after.isdecimal() else None
            cause = f"{self._host} can't give a token now (HTTP {response.status_code})"
            raise Busy(SIDE, cause, "Nothing has to be done: Mailferry asks again.", delay)
        return response


def _parsed(response: requests.Response) -> dict[str, object]:
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}

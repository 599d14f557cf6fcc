"""Microsoft Graph: one request or twenty GETs in a `$batch`, refusals as values, outages as errors that pass.

Sources: Microsoft Graph documentation, "Combine multiple HTTP requests using JSON batching" (at most 20 requests,
answered in any order, each with a status of its own), "Throttling guidance" (429 with Retry-After), "Error responses".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from mailferry.errors import Busy, LoginRefused, ProtocolError, Transient, Unreachable
from mailferry.https_failures import of_no_answer
from mailferry.imap.failures import one_line
from mailferry.target.claims import GRAPH_SCOPE

BASE_URL = "https://graph.microsoft.com/v1.0"
SIDE = "target"

#: Requests that fit one `$batch`.
BATCH_MOST = 20
#: Seconds that one call may spend waiting; who is asked to wait longer puts the work back instead.
PATIENCE = 2.0
#: Seconds before the second try when Graph names no time; each further one waits twice as long.
_FIRST_PAUSE = 0.25
#: Seconds after which a connection is not used again: Azure forgets idle ones after 4 minutes without a word.
_IDLE_SECONDS = 120.0
_CONNECT_SECONDS = 5.0

_THROTTLED = 429
_IS_JSON = {"Content-Type": "application/json"}
_BUSY = frozenset({408, _THROTTLED})
_DONE = frozenset({200, 201})
_DONE_SILENTLY = frozenset({202, 204})
#: Answered with 401, but what it says is that the tenant has no Exchange Online at all.
_NO_EXCHANGE = "OrganizationFromTenantGuidNotFound"
_NO_TOKEN = "NoToken"  # noqa: S105 - a code of our own, in the place of one of Graph's


class Tokens(Protocol):
    """Where access tokens come from."""

    def token(self, scope: str) -> str:
        """An access token for this scope. Raises `LoginRefused` and `Transient` errors."""


@dataclass(frozen=True, slots=True)
class Found:
    """A JSON object that Graph gave. What is missing or of another type reads as empty."""

    body: Mapping[str, object]

    def text(self, name: str) -> str:
        """A string; empty when there is none."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""

    def child(self, name: str) -> Found:
        """An object inside the object."""
        return _object(self.body.get(name)) or Found({})

    def rows(self, name: str) -> tuple[Found, ...]:
        """The objects of a list."""
        value = self.body.get(name)
        return tuple(filter(None, map(_object, value))) if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Graph's no (4xx), with its own code and message."""

    status: int
    code: str
    message: str

    @property
    def missing(self) -> bool:
        """What was asked for does not exist."""
        return self.status == 404 or self.code == _NO_EXCHANGE

    @property
    def denied(self) -> bool:
        """The app lacks a permission or gets no token for Graph, which says nothing about what was asked for."""
        return self.status in (401, 403) and not self.missing

    def unexpected(self) -> ProtocolError:
        """The error for a caller that has no use for this answer."""
        return ProtocolError(SIDE, f"Microsoft Graph answered {self.status} {self.code}: {self.message}")


class Throttled(Busy):
    """Too many requests (429): this one was not carried out."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: Mapping[str, object] | None = None

    def in_batch(self) -> dict[str, object]:
        """As a part of a `$batch`, but for its id."""
        part: dict[str, object] = {"method": self.method, "url": self.path}
        return part if self.body is None else part | {"headers": _IS_JSON, "body": self.body}


type Answer = Found | Refused | Transient


def segment(text: str) -> str:
    """A user's id, address or any other text as one part of a path or query."""
    return quote(text, safe="@")


class Graph:
    """A client with one pool of connections; may be shared by threads. Close it, or use it in a `with`.

    Paths begin with `/` and are URL-encoded, for instance `/users/ann@contoso.com?$select=id`. `timeout` is how many
    seconds Graph may be silent, `wait` what waiting is done with.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        base_url: str = BASE_URL,
        scope: str = GRAPH_SCOPE,
        timeout: float = 30.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tokens = tokens
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).hostname
        self._scope = scope
        self._timeout = timeout
        self._wait = wait
        self._session = requests.Session()
        self._used = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def get(self, path: str) -> Found | Refused:
        """One GET. Raises `Busy` (`delay` when Graph named a time), `Unreachable`, `ProtocolError`: all pass."""
        (answer,) = self.get_all([path])
        if isinstance(answer, Transient):
            raise answer
        return answer

    def post(self, path: str, body: Mapping[str, object]) -> Found | Refused:
        """One POST, never repeated: what it does may not be done twice.

        Raises `Throttled` when Graph has surely done nothing; after `Busy`, `Unreachable` and `ProtocolError` nobody
        knows whether it has.
        """
        return self._once("POST", path, body)

    def patch(self, path: str, body: Mapping[str, object]) -> Found | Refused:
        """One PATCH. Raises what `post` raises."""
        return self._once("PATCH", path, body)

    def get_all(self, paths: Sequence[str]) -> list[Answer]:
        """Many GETs, in batches; answers in the order of `paths`, errors that concern one of them as values.

        Throttled ones are asked again as long as that takes no more than `PATIENCE`. Raises nothing.
        """
        asked = [_Request("GET", path) for path in paths]
        answers = self._ask_all(asked)
        left, pause = PATIENCE, _FIRST_PAUSE
        while again := {
            place: wait
            for place, answer in enumerate(answers)
            if isinstance(answer, Busy) and (wait := max(answer.delay or 0.0, pause)) <= left
        }:
            self._wait(max(again.values()))
            left, pause = left - max(again.values()), pause * 2
            for place, answer in zip(again, self._ask_all([asked[place] for place in again]), strict=True):
                answers[place] = answer
        return answers

    def patch_all(self, changes: Sequence[tuple[str, Mapping[str, object]]]) -> list[Answer]:
        """Many PATCHes (path and body), in batches; answers as those of `get_all`, none asked again. Raises nothing."""
        return self._ask_all([_Request("PATCH", path, body) for path, body in changes])

    def _once(self, method: str, path: str, body: Mapping[str, object]) -> Found | Refused:
        answer = self._sent(method, path, body)
        if isinstance(answer, Transient):
            raise answer
        return answer

    def _ask_all(self, asked: Sequence[_Request]) -> list[Answer]:
        """Ask each once. When Graph as a whole is out of reach or out of patience, the rest is not asked."""
        answers: list[Answer] = []
        for some in batched(asked, BATCH_MOST, strict=False):
            try:
                answers += self._ask(some)
            except Transient as error:
                return answers + [error] * (len(asked) - len(answers))
        return answers

    def _ask(self, asked: Sequence[_Request]) -> Iterable[Answer]:
        if len(asked) == 1:
            return [self._sent(asked[0].method, asked[0].path, asked[0].body)]
        wanted = [{"id": str(place), **request.in_batch()} for place, request in enumerate(asked)]
        batch = self._sent("POST", "/$batch", {"requests": wanted})
        if isinstance(batch, Transient):
            raise batch
        if isinstance(batch, Refused):
            return [batch] * len(asked)
        replies = {reply.text("id"): reply for reply in batch.rows("responses")}
        return [_of_reply(replies.get(str(place))) for place in range(len(asked))]

    def _sent(self, method: str, path: str, body: object = None) -> Answer:
        """One HTTP exchange. Raises `Unreachable`, and what is wrong with Entra when it passes."""
        try:
            token = self._tokens.token(self._scope)
        except LoginRefused as refused:  # Graph is optional: if it matters, the login to the mailbox says so too
            return Refused(401, _NO_TOKEN, refused.cause)
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self._session.close()
        try:
            response = self._session.request(
                method,
                self._base_url + path,
                json=body,
                auth=_Bearer(token),
                timeout=(_CONNECT_SECONDS, self._timeout),
                allow_redirects=False,
            )
        except requests.ReadTimeout:
            raise Unreachable(SIDE, f"{self._host} did not answer within {self._timeout:.3g} s") from None
        except requests.RequestException as error:
            raise of_no_answer(SIDE, self._host, error) from None
        self._used = time.monotonic()
        return _answer(response.status_code, response.headers, _parsed(response))


class _Bearer(requests.auth.AuthBase):
    """The Authorization header, as an `auth` because a `.netrc` would replace a plain header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _parsed(response: requests.Response) -> Found | None:
    try:
        return _object(response.json())
    except requests.JSONDecodeError:
        return None


def _object(value: object) -> Found | None:
    return Found(value) if isinstance(value, dict) else None


def _of_reply(reply: Found | None) -> Answer:
    """What one reply of a batch says."""
    if reply is None:
        return Busy(SIDE, "Microsoft Graph left a part of a batch unanswered")
    status = reply.body.get("status")
    headers = {name: str(value) for name, value in reply.child("headers").body.items()}
    return _answer(status if isinstance(status, int) else 0, headers, _object(reply.body.get("body")))


def _answer(status: int, headers: Mapping[str, str], body: Found | None) -> Answer:
    error = body.child("error") if body else Found({})
    code, message = one_line(error.text("code")), one_line(error.text("message"))
    if status in _BUSY or status >= 500:
        words = " ".join(filter(None, (str(status), code, message)))
        kind = Throttled if status == _THROTTLED else Busy
        return kind(SIDE, f"Microsoft Graph asks us to come back later: {words}", delay=_retry_after(headers))
    if status in _DONE and body:
        return Found(body.body)
    if status in _DONE_SILENTLY:
        return Found({})
    if 400 <= status < 500 and code:
        return Refused(status, code, message)
    return ProtocolError(SIDE, f"What answered in the place of Microsoft Graph is not Graph (status {status})")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of the header (RFC 9110 §10.2.3)."""
    text = CaseInsensitiveDict(headers).get("Retry-After")
    try:
        return urllib3.Retry().parse_retry_after(text) if text else None
    except urllib3.exceptions.InvalidHeader:
        return None

"""The HTTP API as the command line calls it: with a key, with patience, and with every refusal in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from mailferry import __version__
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.where import Where

#: Seconds to connect, and to wait for an answer: Azure's front ends a call after 230.
_TIMEOUT = (10, 240)

#: Throttled, starting, or between two instances: nothing was done yet, so any method may be sent again, after as long
#: as the answer says (at most a minute).
_RETRY = Retry(
    total=5,
    connect=2,
    read=False,
    other=False,
    status=4,
    status_forcelist=(429, 503, 504),
    allowed_methods=None,
    backoff_factor=1,
    retry_after_max=60,
    raise_on_status=False,
)

_SIGN_IN = "Where Entra signs people in, the environment's MAILFERRY_TOKEN must hold a token for the app."

#: Mailboxes of one page, as the API gives them at most.
_PAGE = 1_000


class _Opens(AuthBase):
    """Puts key and token on a request. As authorisation of the session, so that no `.netrc` gets in its place."""

    def __init__(self, where: Where) -> None:
        self._where = where

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._where.key:
            request.headers["x-functions-key"] = self._where.key
        if self._where.token:
            request.headers["Authorization"] = f"Bearer {self._where.token}"
        return request


class Api:
    """Calls a Mailferry. Every method raises CommandFailed when there is no good answer."""

    def __init__(self, where: Where, retry: Retry = _RETRY) -> None:
        self._url = where.url
        self._session = requests.Session()
        self._session.auth = _Opens(where)
        self._session.headers["User-Agent"] = f"mailferry/{__version__}"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, *path: str, **query: str | int) -> Document:
        """The document at this path; its parts are escaped here."""
        return _document(self._call("GET", path, params=query))

    def post(self, *path: str, body: Document | None = None) -> Document:
        """What an operation answers."""
        return _document(self._call("POST", path, json=body))

    def find(self, *path: str, **query: str | int) -> Document | None:
        """The document at this path; None when there is none."""
        try:
            return self.get(*path, **query)
        except CommandFailed as failed:
            if failed.code is Exit.MISSING:
                return None
            raise

    def put(self, *path: str, data: bytes) -> Document:
        """What taking a file answers."""
        headers = {"Content-Type": "application/octet-stream"}
        return _document(self._call("PUT", path, data=data, headers=headers))

    def download(self, *path: str) -> bytes:
        """A file's content."""
        return self._call("GET", path).content

    def pages(self, *path: str, **query: str | int) -> Iterator[Document]:
        """The document page by page; `next` of each names the page after it."""
        page = self.get(*path, most=_PAGE, **query)
        yield page
        while following := page.get("next"):
            page = self.get(*path, most=_PAGE, next=following, **query)
            yield page

    def _call(self, method: str, path: tuple[str, ...], **more: Any) -> requests.Response:
        address = "/".join((self._url, "api", *(quote(part, safe="") for part in path)))
        try:
            response = self._session.request(method, address, timeout=_TIMEOUT, allow_redirects=False, **more)
        except requests.Timeout:
            remedy = "What was asked for may go on all the same; ask again."
            raise CommandFailed(Exit.UNREACHABLE, f"{self._url} did not answer in time.", remedy) from None
        except requests.exceptions.SSLError as error:
            cause = f"{self._url} shows a certificate that is not trusted ({_reason(error)})."
            raise CommandFailed(Exit.UNREACHABLE, cause, "Check the address.") from None
        except requests.RequestException as error:
            cause = f"{self._url} can't be reached ({_reason(error)})."
            raise CommandFailed(Exit.UNREACHABLE, cause, "Check the address and the network; try again.") from None
        if not response.ok or response.is_redirect:
            raise _refusal(response, self._url)
        return response


def _document(response: requests.Response) -> Document:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CommandFailed(Exit.UNREACHABLE, "What answers there is no Mailferry.", "Check the address.")
    return found


def _refusal(response: requests.Response, url: str) -> CommandFailed:
    """What a refusal means, in the app's own words where it has some."""
    status = response.status_code
    try:
        said = response.json()
    except ValueError:
        said = None
    told: Document = said if isinstance(said, dict) and "error" in said else {}
    code, cause, remedy = _meaning(status, url, told=bool(told))
    problems = tuple(problem for problem in told.get("problems") or () if isinstance(problem, dict))
    return CommandFailed(code, str(told.get("error") or cause), str(told.get("remedy") or remedy), problems)


def _meaning(status: int, url: str, *, told: bool) -> tuple[Exit, str, str]:
    if 300 <= status < 400:
        return Exit.UNAUTHORISED, f"{url} wants a sign-in.", _SIGN_IN
    if status == 401:
        return Exit.UNAUTHORISED, f"{url} does not take this key or token.", f"Check the key. {_SIGN_IN}"
    if status == 403:
        return Exit.UNAUTHORISED, f"{url} does not let you do this.", "It may need another role than yours."
    if status == 404:
        code = Exit.MISSING if told else Exit.UNREACHABLE
        return code, f"{url} has nothing there.", "Check the address, and that the app is as new as this command."
    if status == 429 or status >= 500:
        return Exit.UNREACHABLE, f"{url} can't answer now ({status}).", f"Try again later; {url}/api/health says more."
    return Exit.REFUSED, f"{url} does not take this ({status}).", ""


def _reason(error: requests.RequestException) -> str:
    """The kind of the innermost error: its text may hold addresses, never a key, but is of no use to a person."""
    inner: BaseException = error
    while isinstance(deeper := getattr(inner, "reason", None) or inner.__cause__ or inner.__context__, BaseException):
        inner = deeper
    return type(inner).__name__

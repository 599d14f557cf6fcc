"""What an options file says about its source server, and what the file of a named endpoint says about that.

    "endpoint": {"host": "imap.example.com", "port": 993, "security": "ssl", "certificate": "check",
                 "max_concurrent": 20, "login": {"kind": "master", "user": "admin", "separator": "*"},
                 "quirks": {"fetch_messages": 50}}
    "endpoint": "legacy"
    "endpoint": {"name": "legacy", "login": {"kind": "sasl-plain", "user": "migration"}}

`endpoints/legacy.json` is an object with the keys of the first form. A batch takes a named endpoint as it is: what it
said of the server itself would be said for all batches of that server. Only the login is the batch's own.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from mailferry.errors import BatchRefused
from mailferry.imap.values import BY_PASSWORD, LoginWay, Security
from mailferry.intake.budget_options import budget
from mailferry.intake.json_object import JsonObject, check_keys, parsed, refusal, wrong
from mailferry.intake.login_options import login_way
from mailferry.intake.quirk_options import quirks
from mailferry.model import Endpoint

MAX_CONCURRENT = 1000  #: more mailboxes at once than any source server bears

#: Keys of an endpoint.
ENDPOINT_KEYS = ("host", "port", "security", "certificate", "max_concurrent", "budget", "login", "quirks")
#: Keys of an endpoint that has a definition of its own.
_NAMED_KEYS = ("name", "login")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_NAME_ALLOWED = "the name of an endpoint: letters without accents, digits, dots, - and _, at most 63"
_FILE_REMEDY = "Correct the file and drop it again."
# Labels of letters, digits, - and _ in any alphabet: everything but spaces and the other ASCII punctuation.
_LABEL = r"[^\s\x00-,./:-@\[-^`{-\x7f]+"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"


@dataclass(frozen=True, slots=True)
class Source:
    """A source server, how its mailboxes log in, and its name where it has a definition of its own."""

    endpoint: Endpoint
    login: LoginWay = BY_PASSWORD
    name: str = ""


#: Gives the endpoint of a name. Raises `BatchRefused` when there is none, or its definition can't be used.
type Named = Callable[[str], Source]


def no_names(name: str) -> Source:
    """Where no endpoint has a name."""
    raise BatchRefused(f"there is no endpoint {name!r}.")


def source(top: JsonObject, default: Endpoint | None, named: Named, problems: list[str]) -> Source:
    """The source server that a batch's options choose."""
    section = top.get("endpoint", JsonObject())
    if isinstance(section, str):
        return _by_name(section, "$.endpoint", named, problems)
    if not isinstance(section, JsonObject):
        problems.append(wrong("$.endpoint", section, 'an object like {"host": "imap.example.com"}, or a name'))
        section = JsonObject()
    if "name" in section:
        return _named(section, named, problems)
    check_keys(section, "$.endpoint", ENDPOINT_KEYS, problems)
    found = endpoint(section, "$.endpoint", default, problems)
    if not found.host and "host" not in section:
        problems.append("No source server: neither $.endpoint.host nor the setting SOURCE_HOST names one.")
    return Source(found, login_way(section, "$.endpoint.login", problems))


def read_endpoint(name: str, data: bytes) -> Source:
    """What the file `endpoints/<name>.json` says. Raises `BatchRefused` naming every bad value by its path."""
    problems: list[str] = []
    if not _NAME.fullmatch(name):
        problems.append(f"The file's name is not {_NAME_ALLOWED}.")
    top = parsed(data, "endpoint file", _FILE_REMEDY)
    check_keys(top, "$", ENDPOINT_KEYS, problems)
    found = endpoint(top, "$", None, problems)
    if "host" not in top:
        problems.append("$.host is missing: the name of the source server, or its IP address.")
    login = login_way(top, "$.login", problems)
    if problems:
        raise refusal(problems, _FILE_REMEDY)
    return Source(found, login, name)


def _named(section: JsonObject, named: Named, problems: list[str]) -> Source:
    """An endpoint by its name, with what is the batch's own."""
    shared = [key for key in ENDPOINT_KEYS if key not in _NAMED_KEYS]
    problems.extend(
        f"$.endpoint.{key} is for the endpoint's own file: all its batches share it."
        for key in shared
        if key in section
    )
    check_keys(section, "$.endpoint", (*_NAMED_KEYS, *shared), problems)
    found = _by_name(section["name"], "$.endpoint.name", named, problems)
    return replace(found, login=login_way(section, "$.endpoint.login", problems)) if "login" in section else found


def _by_name(name: object, path: str, named: Named, problems: list[str]) -> Source:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append(wrong(path, name, _NAME_ALLOWED))
        return Source(Endpoint(host=""))
    try:
        return named(name)
    except BatchRefused as refused:
        problems.append(f"{path} is {name!r}: {refused.cause}")
        return Source(Endpoint(host=""))


def endpoint(section: JsonObject, path: str, default: Endpoint | None, problems: list[str]) -> Endpoint:
    """The endpoint that the object at `path` describes, field by field: its value, else the default's."""
    base = default or Endpoint(host="")

    def value[T](key: str, read: Callable[[object], T | None], otherwise: T, allowed: str) -> T:
        if key not in section:
            return otherwise
        found = read(section[key])
        if found is None:
            problems.append(wrong(f"{path}.{key}", section[key], allowed))
        return otherwise if found is None else found

    host = value("host", _host, base.host, "a host name or an IP address, without port and scheme")
    security = value("security", _security, base.security, '"ssl", "starttls" or "none"')
    # A batch that changes the protection alone means that protection's own port (RFC 8314 §3.2, RFC 3501 §2.1).
    port = base.port if default and security is base.security else (993 if security is Security.SSL else 143)
    return Endpoint(
        host,
        value("port", _whole(65535), port, "a whole number from 1 to 65535"),
        security,
        value("certificate", _certificate, base.check_certificate, '"check" or "ignore"'),
        value(
            "max_concurrent", _whole(MAX_CONCURRENT), base.max_concurrent, f"a whole number from 1 to {MAX_CONCURRENT}"
        ),
        budget(section, f"{path}.budget", problems),
        quirks(section, path, problems) if "quirks" in section else base.quirks,
    )


def _host(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    host = value.strip().removesuffix(".")  # the root's, which no certificate names
    try:
        return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        return host if len(host) <= 253 and re.fullmatch(_HOST, host) else None


def _security(value: object) -> Security | None:
    word = value.strip().casefold() if isinstance(value, str) else None
    return next((security for security in Security if security.value == word), None)


def _certificate(value: object) -> bool | None:
    return {"check": True, "ignore": False}.get(value.strip().casefold()) if isinstance(value, str) else None


def _whole(most: int) -> Callable[[object], int | None]:
    def read(value: object) -> int | None:
        return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most else None

    return read

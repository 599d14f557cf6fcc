"""What an options file says about a source server: where it is, how it is reached, how much it bears."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from mailferry.imap.values import Security
from mailferry.intake.json_object import JsonObject, wrong
from mailferry.model import Endpoint

MAX_CONCURRENT = 1000  #: more mailboxes at once than any source server bears

#: Keys of an endpoint.
ENDPOINT_KEYS = ("host", "port", "security", "certificate", "max_concurrent", "login")
# Labels of letters, digits, - and _ in any alphabet: everything but spaces and the other ASCII punctuation.
_LABEL = r"[^\s\x00-,./:-@\[-^`{-\x7f]+"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.?"


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
    if not host and "host" not in section:
        problems.append(f"No source server: neither {path}.host nor the setting SOURCE_HOST names one.")
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
    )


def _host(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    host = value.strip()
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

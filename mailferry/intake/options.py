"""A batch's options file, `batches/<batch>.json`: which source server, which folders, what to keep of skipped mail.

    {"endpoint": {"host": "imap.example.com", "port": 993, "security": "ssl", "certificate": "check",
                  "max_concurrent": 20},
     "include_folders": ["INBOX", "Projects/*"], "exclude_folders": ["Trash"], "keep_skipped": true}

Everything may be left out; what is left out comes from the default endpoint.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailferry.errors import BatchRefused
from mailferry.imap.values import Security
from mailferry.model import Endpoint

MAX_BYTES = 20_000  #: largest options file that is read; its lists of folders must fit columns of a table
MAX_CONCURRENT = 1000  #: more mailboxes at once than any source server bears

_TOP_KEYS = ("endpoint", "include_folders", "exclude_folders", "keep_skipped")
_ENDPOINT_KEYS = ("host", "port", "security", "certificate", "max_concurrent")
# Labels of letters, digits, - and _ in any alphabet: everything but spaces and the other ASCII punctuation.
_LABEL = r"[^\s\x00-,./:-@\[-^`{-\x7f]+"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_REMEDY = "Correct the options file, then drop it and the CSV again."


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """All a batch may say. The folder lists hold patterns as `mailferry.transfer.folder_map` takes them.

    With `keep_skipped`, the bytes of skipped messages are kept beside the batch's reports.
    """

    endpoint: Endpoint
    include_folders: tuple[str, ...] = ()
    exclude_folders: tuple[str, ...] = ()
    keep_skipped: bool = False


def read_options(data: bytes | None, default: Endpoint | None) -> BatchOptions:
    """Read an options file; None when there is none beside the CSV.

    Raises `BatchRefused` naming every bad value by its path, as in `$.endpoint.port`.
    """
    problems: list[str] = []
    top = _Object() if data is None else _parsed(data)
    _check_keys(top, "$", _TOP_KEYS, problems)
    section = top.get("endpoint", _Object())
    if not isinstance(section, _Object):
        problems.append(_wrong("$.endpoint", section, 'an object like {"host": "imap.example.com"}'))
        section = _Object()
    _check_keys(section, "$.endpoint", _ENDPOINT_KEYS, problems)
    endpoint = _endpoint(section, default, problems)
    include, exclude = (_patterns(top, key, problems) for key in ("include_folders", "exclude_folders"))
    keep_skipped = top.get("keep_skipped", False)
    if not isinstance(keep_skipped, bool):
        problems.append(_wrong("$.keep_skipped", keep_skipped, "true or false"))
    if problems:
        raise BatchRefused(" ".join(problems), _REMEDY)
    return BatchOptions(endpoint, include, exclude, keep_skipped is True)


class _Object(dict[str, object]):
    """A JSON object that remembers which keys it was given twice."""

    twice: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, object]]) -> _Object:
        made = cls(pairs)
        keys = [key for key, _ in pairs]
        made.twice = tuple(dict.fromkeys(key for key in keys if keys.count(key) > 1))
        return made


def _parsed(data: bytes) -> _Object:
    if len(data) > MAX_BYTES:
        raise BatchRefused(f"The options file has {len(data):,} bytes; at most {MAX_BYTES:,} are read.", _REMEDY)
    try:
        text = data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
        top = json.loads(text, object_pairs_hook=_Object.of, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BatchRefused(f"The options file is not JSON: {error.msg}, at {where}.", _REMEDY) from None
    except UnicodeDecodeError:
        raise BatchRefused("The options file is not JSON: it is no UTF-8 text.", "Save it as UTF-8.") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets, NaN
        raise BatchRefused("The options file holds a number or a nesting that is too large.", _REMEDY) from None
    if not isinstance(top, _Object):
        raise BatchRefused(_wrong("$", top, 'an object like {"endpoint": {…}}'), _REMEDY)
    return top


def _no_number(word: str) -> object:
    raise ValueError(word)


def _check_keys(section: _Object, path: str, known: Sequence[str], problems: list[str]) -> None:
    problems.extend(f"{path}.{key} is there twice." for key in section.twice)
    for key in section:
        if key not in known:
            near = difflib.get_close_matches(key.casefold(), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
            problems.append(f"{path}.{_short(key)} is unknown; {hint}")


def _endpoint(section: _Object, default: Endpoint | None, problems: list[str]) -> Endpoint:
    """The endpoint of the batch, field by field: the file's value, else the default's."""
    base = default or Endpoint(host="")

    def value[T](key: str, read: Callable[[object], T | None], otherwise: T, allowed: str) -> T:
        if key not in section:
            return otherwise
        found = read(section[key])
        if found is None:
            problems.append(_wrong(f"$.endpoint.{key}", section[key], allowed))
        return otherwise if found is None else found

    host = value("host", _host, base.host, "a host name or an IP address, without port and scheme")
    if not host and "host" not in section:
        problems.append("No source server: neither $.endpoint.host nor the setting SOURCE_HOST names one.")
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


def _patterns(top: _Object, key: str, problems: list[str]) -> tuple[str, ...]:
    found = top.get(key, [])
    if not isinstance(found, list):
        problems.append(_wrong(f"$.{key}", found, 'a list of folder names or patterns like ["INBOX", "Projects/*"]'))
        return ()
    patterns = []
    for place, pattern in enumerate(found):
        if isinstance(pattern, str) and pattern.strip():
            patterns.append(pattern.strip())
        else:
            problems.append(_wrong(f"$.{key}[{place}]", pattern, "a folder name or a pattern"))
    return tuple(dict.fromkeys(patterns))


def _wrong(path: str, value: object, allowed: str) -> str:
    return f"{path} is {_short(json.dumps(value, ensure_ascii=False))}; allowed is {allowed}."


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"

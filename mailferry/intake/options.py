"""A batch's options file, `batches/<batch>.json`: which source server, which folders, what to keep of skipped mail.

    {"endpoint": {"host": "imap.example.com", "port": 993, "security": "ssl", "certificate": "check",
                  "max_concurrent": 20, "login": {"kind": "master", "user": "admin", "separator": "*"}},
     "include_folders": ["INBOX", "Projects/*"], "exclude_folders": ["Trash"],
     "folders": [{"from": "Lists/*", "to": "Mailing lists/*"}, {"from": "Old", "to": null}],
     "root_folder": "Old mailbox", "keep_skipped": true,
     "messages_after": "2020-01-01", "messages_before": "2026-01-01", "largest_message": "35 MB",
     "priority": 5, "start_after": "2026-12-01T20:00:00+01:00",
     "notify": {"addresses": ["it@contoso.com"], "users": "dry-run"}}

Everything may be left out; what is left out of `endpoint` comes from the default endpoint.
docs/schemas/batch-options.schema.json says the same to editors, as far as a schema can.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from mailferry.errors import BatchRefused
from mailferry.imap.values import BY_PASSWORD, LoginWay, Security
from mailferry.intake.choice_options import AT_ONCE, Schedule, schedule, selection
from mailferry.intake.folder_options import patterns, root_folder, rules
from mailferry.intake.json_object import REMEDY, JsonObject, check_keys, parsed, wrong
from mailferry.intake.login_options import login_way
from mailferry.intake.notify_options import notify
from mailferry.model import Endpoint
from mailferry.notify.wanted import NOBODY, Notify
from mailferry.selection import EVERYTHING, Selection
from mailferry.settings import Limits
from mailferry.transfer.folder_rules import FolderRule

MAX_CONCURRENT = 1000  #: more mailboxes at once than any source server bears

_TOP_KEYS = (
    "endpoint",
    "include_folders",
    "exclude_folders",
    "folders",
    "root_folder",
    "keep_skipped",
    "messages_after",
    "messages_before",
    "largest_message",
    "priority",
    "start_after",
    "notify",
)
_ENDPOINT_KEYS = ("host", "port", "security", "certificate", "max_concurrent", "login")
# Labels of letters, digits, - and _ in any alphabet: everything but spaces and the other ASCII punctuation.
_LABEL = r"[^\s\x00-,./:-@\[-^`{-\x7f]+"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.?"


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """All a batch may say; about folders, as `mailferry.transfer.folder_map.Wishes` takes it.

    With `keep_skipped`, the bytes of skipped messages are kept beside the batch's reports. `login` is how the batch's
    mailboxes log in; it is the batch's and not the endpoint's, which other batches may use with other logins.
    """

    endpoint: Endpoint
    include_folders: tuple[str, ...] = ()
    exclude_folders: tuple[str, ...] = ()
    folder_rules: tuple[FolderRule, ...] = ()
    root_folder: str = ""
    keep_skipped: bool = False
    login: LoginWay = BY_PASSWORD
    selection: Selection = EVERYTHING
    schedule: Schedule = AT_ONCE
    notify: Notify = NOBODY


def read_options(data: bytes | None, default: Endpoint | None, most: int = Limits().message_bytes) -> BatchOptions:
    """Read an options file; None when there is none beside the CSV. `most`: bytes of the largest message that can go.

    Raises `BatchRefused` naming every bad value by its path, as in `$.endpoint.port`.
    """
    problems: list[str] = []
    top = JsonObject() if data is None else parsed(data)
    check_keys(top, "$", _TOP_KEYS, problems)
    section = top.get("endpoint", JsonObject())
    if not isinstance(section, JsonObject):
        problems.append(wrong("$.endpoint", section, 'an object like {"host": "imap.example.com"}'))
        section = JsonObject()
    check_keys(section, "$.endpoint", _ENDPOINT_KEYS, problems)
    endpoint = _endpoint(section, default, problems)
    login = login_way(section, "$.endpoint.login", problems)
    include, exclude = (patterns(top, key, problems) for key in ("include_folders", "exclude_folders"))
    folder_rules, root = rules(top, "folders", problems), root_folder(top, "root_folder", problems)
    selected, planned = selection(top, most, problems), schedule(top, problems)
    told = notify(top, problems)
    keep_skipped = top.get("keep_skipped", False)
    if not isinstance(keep_skipped, bool):
        problems.append(wrong("$.keep_skipped", keep_skipped, "true or false"))
    if problems:
        raise BatchRefused(" ".join(problems), REMEDY)
    return BatchOptions(
        endpoint, include, exclude, folder_rules, root, keep_skipped is True, login, selected, planned, told
    )


def _endpoint(section: JsonObject, default: Endpoint | None, problems: list[str]) -> Endpoint:
    """The endpoint of the batch, field by field: the file's value, else the default's."""
    base = default or Endpoint(host="")

    def value[T](key: str, read: Callable[[object], T | None], otherwise: T, allowed: str) -> T:
        if key not in section:
            return otherwise
        found = read(section[key])
        if found is None:
            problems.append(wrong(f"$.endpoint.{key}", section[key], allowed))
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

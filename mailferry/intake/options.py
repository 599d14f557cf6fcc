"""A batch's options file, `batches/<batch>.json`: which source server, which folders, what to keep of skipped mail.

    {"endpoint": {"host": "imap.example.com", "port": 993, "security": "ssl", "certificate": "check",
                  "max_concurrent": 20, "login": {"kind": "master", "user": "admin", "separator": "*"}},
     "include_folders": ["INBOX", "Projects/*"], "exclude_folders": ["Trash"],
     "folders": [{"from": "Lists/*", "to": "Mailing lists/*"}, {"from": "Old", "to": null}],
     "root_folder": "Old mailbox", "keep_skipped": true,
     "messages_after": "2020-01-01", "messages_before": "2026-01-01", "largest_message": "35 MB",
     "priority": 5, "start_after": "2026-12-01T20:00:00+01:00"}

Everything may be left out; what is left out of `endpoint` comes from the default endpoint.
docs/schemas/batch-options.schema.json says the same to editors, as far as a schema can.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.errors import BatchRefused
from mailferry.imap.values import BY_PASSWORD, LoginWay
from mailferry.intake.choice_options import AT_ONCE, Schedule, schedule, selection
from mailferry.intake.endpoint_options import ENDPOINT_KEYS, endpoint
from mailferry.intake.folder_options import patterns, root_folder, rules
from mailferry.intake.json_object import REMEDY, JsonObject, check_keys, parsed, wrong
from mailferry.intake.login_options import login_way
from mailferry.model import Endpoint
from mailferry.selection import EVERYTHING, Selection
from mailferry.settings import Limits
from mailferry.transfer.folder_rules import FolderRule

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
)


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
    check_keys(section, "$.endpoint", ENDPOINT_KEYS, problems)
    source = endpoint(section, "$.endpoint", default, problems)
    login = login_way(section, "$.endpoint.login", problems)
    include, exclude = (patterns(top, key, problems) for key in ("include_folders", "exclude_folders"))
    folder_rules, root = rules(top, "folders", problems), root_folder(top, "root_folder", problems)
    selected, planned = selection(top, most, problems), schedule(top, problems)
    keep_skipped = top.get("keep_skipped", False)
    if not isinstance(keep_skipped, bool):
        problems.append(wrong("$.keep_skipped", keep_skipped, "true or false"))
    if problems:
        raise BatchRefused(" ".join(problems), REMEDY)
    return BatchOptions(source, include, exclude, folder_rules, root, keep_skipped is True, login, selected, planned)

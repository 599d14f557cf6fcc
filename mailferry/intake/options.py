"""A batch's options file, `batches/<batch>.json`: which source server, which folders, what to keep of skipped mail.

    {"endpoint": {"host": "imap.example.com", "port": 993},
     "include_folders": ["INBOX", "Projects/*"], "exclude_folders": ["Trash"],
     "folders": [{"from": "Lists/*", "to": "Mailing lists/*"}, {"from": "Old", "to": null}],
     "root_folder": "Old mailbox", "keep_skipped": true, "deletions": "ignore",
     "messages_after": "2020-01-01", "messages_before": "2026-01-01", "largest_message": "35 MB",
     "priority": 5, "start_after": "2026-12-01T20:00:00+01:00", "complete_after": "2026-12-05T06:00:00+01:00",
     "validate": true, "notify": {"addresses": ["it@contoso.com"], "users": "dry-run"}}

Everything may be left out; what is left out of `endpoint`, whose other forms endpoint_options.py shows, comes from the
default endpoint.
docs/schemas/batch-options.schema.json says the same to editors, as far as a schema can.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.imap.values import BY_PASSWORD, LoginWay
from mailferry.intake.choice_options import AT_ONCE, Schedule, replays_deletions, schedule, selection
from mailferry.intake.endpoint_options import Named, no_names, source
from mailferry.intake.folder_options import patterns, root_folder, rules
from mailferry.intake.json_object import REMEDY, JsonObject, check_keys, parsed, refusal, wrong
from mailferry.intake.notify_options import notify
from mailferry.model import Endpoint
from mailferry.notify.wanted import NOBODY, Notify
from mailferry.selection import EVERYTHING, Selection
from mailferry.settings import Limits
from mailferry.transfer.folder_rules import FolderRule

_TOP_KEYS = (
    "$schema",
    "endpoint",
    "include_folders",
    "exclude_folders",
    "folders",
    "root_folder",
    "keep_skipped",
    "deletions",
    "label_categories",
    "messages_after",
    "messages_before",
    "largest_message",
    "priority",
    "start_after",
    "complete_after",
    "validate",
    "notify",
)


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """All a batch may say; about folders, as `mailferry.transfer.folder_map.Wishes` takes it.

    With `keep_skipped`, the bytes of skipped messages are kept beside the batch's reports; with `label_categories`,
    Gmail's labels become Outlook categories. `login` is how the batch's
    mailboxes log in; it is the batch's and not the endpoint's, which other batches may use with other logins.
    `endpoint_name` is empty where the batch describes its endpoint itself. With `validate`, nothing is copied yet.
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
    endpoint_name: str = ""
    validate: bool = False
    notify: Notify = NOBODY
    replay_deletions: bool = False
    label_categories: bool = False


def read_options(
    data: bytes | None,
    default: Endpoint | None,
    most: int = Limits().message_bytes,
    named: Named = no_names,
) -> BatchOptions:
    """Read an options file; None when there is none beside the CSV. `most`: bytes of the largest message that can go.

    Raises `BatchRefused` naming every bad value by its path, as in `$.endpoint.port`.
    """
    problems: list[str] = []
    top = JsonObject() if data is None else parsed(data)
    check_keys(top, "$", _TOP_KEYS, problems)
    if not isinstance(schema := top.get("$schema", ""), str):  # by which editors find the published one
        problems.append(wrong("$.$schema", schema, "the address of the schema"))
    chosen = source(top, default, named, problems)
    include, exclude = (patterns(top, key, problems) for key in ("include_folders", "exclude_folders"))
    folder_rules, root = rules(top, "folders", problems), root_folder(top, "root_folder", problems)
    selected, planned = selection(top, most, problems), schedule(top, problems)
    keep_skipped, validate = (_flag(top, key, problems) for key in ("keep_skipped", "validate"))
    label_categories = _flag(top, "label_categories", problems)
    told, replay = notify(top, problems), replays_deletions(top, problems)
    if problems:
        raise refusal(problems, REMEDY)
    return BatchOptions(
        endpoint=chosen.endpoint,
        include_folders=include,
        exclude_folders=exclude,
        folder_rules=folder_rules,
        root_folder=root,
        keep_skipped=keep_skipped,
        label_categories=label_categories,
        login=chosen.login,
        selection=selected,
        schedule=planned,
        endpoint_name=chosen.name,
        validate=validate,
        notify=told,
        replay_deletions=replay,
    )


def _flag(top: JsonObject, key: str, problems: list[str]) -> bool:
    value = top.get(key, False)
    if not isinstance(value, bool):
        problems.append(wrong(f"$.{key}", value, "true or false"))
    return value is True

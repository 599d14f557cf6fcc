from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailferry.errors import BatchRefused
from mailferry.imap.values import BY_PASSWORD, Security
from mailferry.intake.choice_options import Schedule
from mailferry.intake.options import BatchOptions, read_options
from mailferry.model import Endpoint
from mailferry.selection import Selection
from mailferry.transfer.folder_rules import FolderRule

DEFAULT = Endpoint("imap.default.example", 1993, Security.SSL, True, 20)


def read(value: object, default: Endpoint | None = DEFAULT) -> BatchOptions:
    return read_options(json.dumps(value).encode(), default)


def cause(data: object, default: Endpoint | None = DEFAULT) -> str:
    with pytest.raises(BatchRefused) as caught:
        read_options(data if isinstance(data, bytes) else json.dumps(data).encode(), default)
    assert caught.value.remedy
    return caught.value.cause


def test_without_a_file_the_default_endpoint_is_used() -> None:
    assert read_options(None, DEFAULT) == BatchOptions(DEFAULT)


def test_everything_can_be_said() -> None:
    options = read(
        {
            "endpoint": {
                "host": "imap.example.com",
                "port": 143,
                "security": "STARTTLS",
                "certificate": "ignore",
                "max_concurrent": 5,
            },
            "include_folders": ["INBOX", " Projects/* ", "INBOX"],
            "exclude_folders": ["Trash"],
            "folders": [
                {"from": " Lists/* ", "to": "Mailing lists/*"},
                {"from": "(.*)-old", "to": "Old/\\1", "regex": True, "merge": True},
                {"from": "\\Junk", "to": None},
            ],
            "root_folder": " Old mailbox ",
            "keep_skipped": True,
            "messages_after": "2020-01-01",
            "messages_before": "2026-01-01",
            "largest_message": "35 MB",
            "priority": 1,
            "start_after": "2026-12-01T20:00:00+01:00",
            "complete_after": "2026-12-05T06:00:00+01:00",
        },
        None,
    )
    endpoint = Endpoint("imap.example.com", 143, Security.STARTTLS, False, 5)
    rules = (
        FolderRule("Lists/*", "Mailing lists/*"),
        FolderRule("(.*)-old", "Old/\\1", regex=True, merge=True),
        FolderRule("\\Junk", None),
    )
    chosen = Selection(datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 35 * 1024 * 1024)
    planned = Schedule(1, datetime(2026, 12, 1, 19, tzinfo=UTC), datetime(2026, 12, 5, 5, tzinfo=UTC))
    names = ("INBOX", "Projects/*"), ("Trash",)
    assert options == BatchOptions(endpoint, *names, rules, "Old mailbox", True, BY_PASSWORD, chosen, planned)


@pytest.mark.parametrize("page", ["README.md", "docs/folders.md"])
def test_the_examples_in_the_documentation_are_taken(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert read_options(example.encode(), DEFAULT).folder_rules


def test_what_is_left_out_comes_from_the_default() -> None:
    assert read({"endpoint": {"host": "other.example"}}).endpoint == Endpoint("other.example", 1993)


@pytest.mark.parametrize(
    ("security", "default", "port"),
    [("starttls", DEFAULT, 143), ("ssl", DEFAULT, 1993), ("ssl", None, 993), ("none", None, 143)],
)
def test_another_protection_brings_its_own_port(security: str, default: Endpoint | None, port: int) -> None:
    assert read({"endpoint": {"host": "h.example", "security": security}}, default).endpoint.port == port


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_byte_order_mark_is_tolerated(mark: str) -> None:
    assert read_options('{"include_folders": ["Entwürfe"]}'.encode(mark), DEFAULT).include_folders == ("Entwürfe",)


@pytest.mark.parametrize("host", ["imap.example.com", "bücher.example", "10.0.0.1", "::1", "mail_1", "localhost"])
def test_host_names_and_addresses_are_taken(host: str) -> None:
    assert read({"endpoint": {"host": host}}).endpoint.host == host


def test_a_host_is_the_same_server_with_a_dot_at_its_end() -> None:
    assert read({"endpoint": {"host": "IMAP.example.com.", "port": 993}}).endpoint.id == "imap.example.com:993"


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "imaps://x",
        "x.example:993",
        "a b",
        "a..b",
        ".a",
        7,
        None,
        "x.example..",
        "a" * 254,
        "a\nb",
        "a" * 250 + "!",
    ],
)
def test_what_is_no_host_is_refused_by_its_path(host: object) -> None:
    assert cause({"endpoint": {"host": host}}).startswith("$.endpoint.host is ")


@pytest.mark.parametrize("default", [None, Endpoint("")])
def test_no_host_anywhere_names_the_setting(default: Endpoint | None) -> None:
    assert "SOURCE_HOST" in cause({}, default)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("port", 0, "1 to 65535"),
        ("port", 65536, "1 to 65535"),
        ("port", True, "1 to 65535"),
        ("port", "993", "1 to 65535"),
        ("port", 993.0, "1 to 65535"),
        ("port", None, "1 to 65535"),
        ("security", "tls", '"ssl", "starttls" or "none"'),
        ("certificate", True, '"check" or "ignore"'),
        ("certificate", "no", '"check" or "ignore"'),
        ("max_concurrent", 0, "1 to 1000"),
    ],
)
def test_a_bad_value_is_shown_with_its_path_and_what_is_allowed(key: str, value: object, allowed: str) -> None:
    text = cause({"endpoint": {key: value}})
    assert text.startswith(f"$.endpoint.{key} is {json.dumps(value)}; allowed is ")
    assert allowed in text


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"include_folders": "INBOX"}, "$.include_folders is"),
        ({"exclude_folders": ["a", 3]}, "$.exclude_folders[1] is 3"),
        ({"exclude_folders": [" "]}, "$.exclude_folders[0] is"),
        ({"exclude_folders": ["\\Trash", "\\Bin"]}, "$.exclude_folders[1] begins with \\, as roles do"),
        ({"folders": {}}, "$.folders is {}"),
        ({"folders": ["a"]}, '$.folders[0] is "a"; allowed is an object like'),
        ({"folders": [{"to": "b"}]}, "$.folders[0].from is null"),
        ({"folders": [{"from": "a"}]}, "$.folders[0].to is missing; null leaves folders out."),
        ({"folders": [{"from": "a", "to": ""}]}, '$.folders[0].to is ""'),
        ({"folders": [{"from": "a", "to": "b"}, {"from": 1, "to": "c"}]}, "$.folders[1].from is 1"),
        ({"folders": [{"from": "a", "to": "b", "merge": 1}]}, "$.folders[0].merge is 1; allowed is true or false."),
        (
            {"folders": [{"from": "a", "to": "b", "regexp": True}]},
            "$.folders[0].regexp is unknown; did you mean regex?",
        ),
        ({"folders": [{"from": "(", "to": "b", "regex": True}]}, "$.folders[0].from is no regular expression: "),
        ({"folders": [{"from": "(a+)+", "to": "b", "regex": True}]}, "$.folders[0].from is too much: "),
        ({"folders": [{"from": "a", "to": "b/*"}]}, "$.folders[0].to wants 1 of *, but from has 0."),
        ({"folders": [{"from": "\\Snt", "to": None}]}, "$.folders[0].from begins with \\, as roles do"),
        ({"root_folder": "/"}, '$.root_folder is "/"'),
        ({"root_folder": "Old/*"}, '$.root_folder is "Old/*"; allowed is the path of a folder'),
        ({"root_folder": "\\Old"}, "$.root_folder begins with \\, as roles do"),
        ({"endpoint": []}, "$.endpoint is []"),
        ({"keep_skipped": "yes"}, "$.keep_skipped is"),
        ({"keep_skipped": 1}, "$.keep_skipped is 1; allowed is true or false."),
        ({"keep_skipped": None}, "$.keep_skipped is null"),
        ({"messages_after": "2026-02-29"}, '$.messages_after is "2026-02-29"; allowed is a day that exists'),
        (
            {"messages_after": "2026-01-02", "messages_before": "2026-01-02"},
            "$.messages_before is not later than $.messages_after",
        ),
        ({"largest_message": "200 MB"}, '$.largest_message is "200 MB"; allowed is a number of bytes up to 157'),
        ({"priority": 0}, "$.priority is 0; allowed is a whole number from 1 (first) to 9."),
        ({"start_after": "2026-12-01T20:00:00"}, "$.start_after is"),
        ({"start_after": "0001-01-01T00:00+14:00"}, "$.start_after is"),
        ({"start_after": "9999-12-31T00:00Z"}, "$.start_after is"),
        ({"complete_after": "2026-02-30T00:00Z"}, "$.complete_after is"),
        ({"complete_after": "2026-12-01T20:00:00"}, "$.complete_after is"),
        (
            {"start_after": "2026-12-01T20:00+01:00", "complete_after": "2026-12-01T19:00Z"},
            "$.complete_after is not later than $.start_after",
        ),
        ([], "$ is []"),
        ("x", "$ is"),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused_by_its_path(value: object, path: str) -> None:
    assert cause(value).startswith(path)


def test_all_problems_are_told_at_once() -> None:
    text = cause({"endpoint": {"port": 0, "security": "x"}, "include_folder": []})
    assert "$.endpoint.port" in text
    assert "$.endpoint.security" in text
    assert "$.include_folder is unknown; did you mean include_folders?" in text


def test_the_value_of_an_unknown_key_is_not_shown() -> None:
    assert "hunter2" not in cause({"endpoint": {"password": "hunter2"}})


def test_a_key_that_is_there_twice_is_refused() -> None:
    assert cause(b'{"endpoint": {"port": 1, "port": 2}}') == "$.endpoint.port is there twice."


def test_what_is_not_json_is_shown_with_line_and_column() -> None:
    assert "at line 2, column 1" in cause(b'{"endpoint":\n}')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe\xfd",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b" " * 2_000_000,
        b'{"exclude_folders": ["\\ud800"]}',
        b'{"\\udfff": 1}',
    ],
)
def test_any_other_bytes_are_refused_in_words(data: bytes) -> None:
    assert cause(data).startswith("The options file")

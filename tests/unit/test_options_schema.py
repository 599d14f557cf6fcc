"""The published schemas of batch options and endpoints say what the readers do, but for what no schema can say."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from mailferry.errors import BatchRefused
from mailferry.intake.endpoint_options import Source, read_endpoint
from mailferry.intake.options import read_options
from mailferry.model import Endpoint

DEFAULT = Endpoint("imap.example.com")
MOST = 2**31
SCHEMAS = Path(__file__).parents[2] / "docs/schemas"
SCHEMA = json.loads((SCHEMAS / "batch-options.schema.json").read_text("utf-8"))
ENDPOINT_SCHEMA = json.loads((SCHEMAS / "endpoint.schema.json").read_text("utf-8"))

formats = FormatChecker(["date"])


@formats.checks("date-time", ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


VALIDATOR = Draft202012Validator(SCHEMA, format_checker=formats)


ENDPOINT_VALIDATOR = Draft202012Validator(
    ENDPOINT_SCHEMA,
    registry=Registry().with_resource("batch-options.schema.json", Resource.from_contents(SCHEMA)),
)


def by_the_schema(options: object) -> bool:
    return bool(VALIDATOR.is_valid(options))


def by_the_reader(options: object) -> bool:
    try:
        read_options(json.dumps(options).encode(), DEFAULT, MOST, lambda name: Source(DEFAULT, name=name))
    except BatchRefused:
        return False
    return True


#: Valid values of every option.
GOOD: dict[str, list[object]] = {
    "$schema": ["batch-options.schema.json", "https://example.com/batch-options.schema.json"],
    "endpoint": [
        {},
        {"host": "::1", "port": 143, "security": "StartTLS ", "certificate": "Ignore"},
        {"login": {"kind": " Master", "user": "admin", "separator": "%"}},
        {"login": {"kind": "sasl-plain", "user": "cyrus"}},
        {"login": {"kind": "kerio"}},
        *(
            {"budget": budget}
            for budget in ("None", {"megabytes": 1}, {"megabytes": 9, "per": "Hour", "of": "endpoint"})
        ),
        *({"quirks": quirks} for quirks in ({}, {"select": True, "not_mail": []}, {"fetch_messages": 0})),
        {"quirks": {"compress": False, "folder_limit": 1_000_000, "not_mail": ["Contacts", " Notes"]}},
        *("legacy", {"name": "1.x_Y-z"}, {"name": "legacy", "login": {"kind": "sasl-plain", "user": "cyrus"}}),
        {"login": {"kind": "Google-Service-Account"}},
    ],
    "include_folders": [[], ["INBOX", "Projects/*"], [" a "]],
    "exclude_folders": [["Lists/?", "[Gmail]/*", "\\Trash"]],
    "folders": [[], [{"from": "Old", "to": None}, {"from": "a(.*)", "to": "b\\1", "regex": True, "merge": False}]],
    "root_folder": ["Old mailbox", "\\Archive/Old"],
    "keep_skipped": [True, False],
    "deletions": ["ignore", "replay"],
    "label_categories": [True, False],
    "validate": [False, True],
    "messages_after": ["2020-02-29", "0001-01-01"],
    "messages_before": ["2026-01-01", "9999-12-31"],
    "largest_message": [1, MOST, "1 MB", "35MB", "2048 MB"],
    "priority": [1, 5, 9],
    "start_after": ["2026-12-01T20:00:00+01:00", "2026-12-01T19:00Z", "2028-02-29T23:59:59-11:30"],
    "notify": [
        {},
        {"addresses": ["it@contoso.com", "o'neil+mail@sub.contoso.co.uk"], "users": "send"},
        {"addresses": [], "users": "off"},
    ],
    "complete_after": ["2028-12-01T20:00:00+01:00", "2028-03-01T19:00Z"],
}
#: Values that no option takes, and those that look right.
BAD: dict[str, list[object]] = {
    "$schema": [5, True, []],
    "endpoint": [
        *([], {"host": ""}, {"port": 0}, {"port": 65536}, {"security": "tls"}, {"certificate": True}, {"x": 1}),
        *(
            {"login": login}
            for login in ("master", {}, {"kind": "oauth"}, {"kind": "master"}, {"kind": "kerio", "user": "a"})
        ),
        *({"login": {"kind": kind, "user": "a", "separator": "*"}} for kind in ("proxyauth", "password")),
        *({"quirks": bad} for bad in ("x", {"x": 1}, {"select": 1}, {"fetch_messages": True}, {"not_mail": ["", 1]})),
        *(
            {"quirks": {name: bad}}
            for name, bad in (("folder_limit", -1), ("compress", "no"), ("not_mail", ["a"] * 101))
        ),
        {"quirks": []},
        *("", "a/b", ".a", "a" * 64, "é", {"name": 1}, {"name": ""}, {"name": "legacy", "host": "a"}),
        *({"name": "legacy", "x": 1}, {"name": "legacy", "login": {}}),
        *({"login": {"kind": "master", "user": "a", more: " "}} for more in ("separator", "password")),
        *({"budget": budget} for budget in ("all", 5, {}, {"megabytes": 0}, {"megabytes": 10**9 + 1}, {"per": "day"})),
        *({"budget": {"megabytes": 1, **more}} for more in ({"per": "week"}, {"of": "batch"}, {"x": 1}, {"per": 1})),
    ],
    "include_folders": ["INBOX", [""], [" / "], [3], {}],
    "exclude_folders": [[None]],
    "folders": [{}, [{"from": "a"}], [{"to": "a"}], [{"from": "a", "to": ""}], [{"from": "a", "to": "b", "merge": 1}]],
    "root_folder": ["", "/", "a*"],
    "keep_skipped": ["yes", 1],
    "deletions": [True, "Replay", ""],
    "label_categories": ["categories", 0],
    "validate": ["true", 0],
    "messages_after": ["2026-02-29", "2026-13-01", "20260101", "2026-1-1", "2026-W01-1", " 2026-01-01", "0000-01-01"],
    "messages_before": ["2026-01-01T00:00:00Z", "tomorrow", "٢٠٢٦-٠١-٠١", "2026-01-01\n"],
    "largest_message": [0, -1, MOST + 1, "0 MB", "2049 MB", "35", "35 mb", "35 GB", "1.5 MB", "035 MB"],
    "priority": [0, 10, "1"],
    "start_after": [
        "2026-12-01",
        "2026-12-01T20:00:00",
        "2026-02-30T20:00:00Z",
        "2026-12-01T25:00:00Z",
        "2026-12-01 20:00:00Z",
        "2026-12-01T20:00:00+25:00",
        "2026-12-01T20:00:00Z\n",
    ],
    "notify": [
        *("send", [], {"users": "Send"}, {"users": True}, {"adresses": []}, {"addresses": "it@contoso.com"}),
        *({"addresses": [bad]} for bad in ("it", "it@contoso", "a@b@c.de", "Anna <a@b.de>", "a@b.de,c@d.ef", "", 3)),
        {"addresses": ["it@contoso.com"] * 21},
    ],
    "complete_after": ["2026-12-01", "2026-12-01T20:00:00", "soon", "2026-12-01T20:60:00Z"],
}
NEVER: list[object] = [None, 1.5, [[]], {"": None}]


def options_of(values: dict[str, list[object]]) -> list[dict[str, object]]:
    return [{name: value} for name, several in values.items() for value in several]


def test_the_schema_is_one_and_knows_every_option() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"].keys() == GOOD.keys() == BAD.keys()
    assert all(by_the_reader({name: value}) for name in SCHEMA["properties"] for value in GOOD[name][:1])


@pytest.mark.parametrize("options", options_of(GOOD), ids=json.dumps)
def test_what_is_valid_is_taken_by_both(options: dict[str, object]) -> None:
    assert (by_the_schema(options), by_the_reader(options)) == (True, True)


@pytest.mark.parametrize("options", [*options_of(BAD), *options_of(dict.fromkeys(GOOD, NEVER))], ids=json.dumps)
def test_what_is_not_is_refused_by_both_and_named_by_its_path(options: dict[str, object]) -> None:
    assert not by_the_schema(options)
    with pytest.raises(BatchRefused) as caught:
        read_options(json.dumps(options).encode(), DEFAULT, MOST)
    assert caught.value.cause.startswith(f"$.{next(iter(options))}")


_plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3_000),
    st.sampled_from(
        ["INBOX", "", " ", "/", "2024-02-30", "2024-02-29", "2024-02-29T10:00:00Z", "12 MB", "ssl", "check"]
    ),
)
_keys = st.sampled_from(["from", "to", "regex", "merge", "host", "port", "nonsense"])
_anything = st.recursive(
    _plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["from", "to", "regex", "merge", "host", "port", "nonsense"]), inner, max_size=3
        ),
    ),
    max_leaves=6,
)
_options = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.one_of(st.sampled_from([*GOOD[name], *BAD[name]]), _anything) for name in GOOD},
        "nonsense": _plain,
    },
)


@given(_options)
def test_both_agree_about_whatever_is_written(options: dict[str, object]) -> None:
    after, before = options.get("messages_after"), options.get("messages_before")
    start, complete = options.get("start_after"), options.get("complete_after")
    options = deepcopy(options)
    if isinstance(start, str) and isinstance(complete, str) and complete[:10] <= start[:10]:
        del options["complete_after"]
    if isinstance(after, str) and isinstance(before, str) and after >= before:  # a schema can't compare
        del options["messages_before"]
    assert by_the_schema(options) == by_the_reader(options)


def of_endpoints(options: list[object]) -> list[dict[str, object]]:
    """Those of a batch's endpoints that describe one, with the host that a file must name."""
    return [{"host": "h", **each} for each in options if isinstance(each, dict) and "name" not in each]


def test_the_schema_of_endpoints_is_one() -> None:
    Draft202012Validator.check_schema(ENDPOINT_SCHEMA)


@pytest.mark.parametrize("endpoint", of_endpoints(GOOD["endpoint"]), ids=json.dumps)
def test_an_endpoint_that_a_batch_may_describe_may_have_a_file_of_its_own(endpoint: dict[str, object]) -> None:
    assert ENDPOINT_VALIDATOR.is_valid(endpoint)
    assert read_endpoint("legacy", json.dumps(endpoint).encode()).name == "legacy"


@pytest.mark.parametrize("endpoint", [{}, {"host": "h", "name": "x"}, *of_endpoints(BAD["endpoint"])], ids=json.dumps)
def test_an_endpoint_that_no_batch_may_describe_is_refused_by_both_and_named(endpoint: dict[str, object]) -> None:
    assert not ENDPOINT_VALIDATOR.is_valid(endpoint)
    with pytest.raises(BatchRefused) as caught:
        read_endpoint("legacy", json.dumps(endpoint).encode())
    assert caught.value.cause.startswith("$.")

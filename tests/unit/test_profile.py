"""Which server is treated how, what an administrator may set instead, and what is said about a bad value."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mailferry.errors import SettingsError
from mailferry.imap.values import Login, Security, Server
from mailferry.target.mailbox import TargetMailbox
from mailferry.target.profile import NO_OVERRIDES, Overrides, Profile, read_overrides
from tests.support.imap_sim import RICH, Behaviour, SimServer, Store

EXCHANGE = Profile("Microsoft Exchange", 2, 4, 1, 1, line_bytes=9_800, refusals=6, smallest_limit=35_000_000)
UNKNOWN = Profile("IMAP4rev1", 3, 3, 1, 20, refusals=6)
DOVECOT = Profile("Dovecot", 1, 1, 200, 20)

EXCHANGE_GREETING = "OK The Microsoft Exchange IMAP4 service is ready. [TQBX]"
FIELDS = (
    *("connections", "connections_most", "in_flight", "messages_per_append"),
    *("literal_bytes", "line_bytes", "refusals", "smallest_limit"),
)


def without(*capabilities: str) -> tuple[str, ...]:
    return tuple(capability for capability in RICH if capability not in capabilities)


def profile_at(behaviour: Behaviour, overrides: Overrides = NO_OVERRIDES) -> Profile:
    with SimServer(Store(), behaviour) as server:
        where = Server("target", server.host, server.port, Security.NONE, timeout=5.0)
        with TargetMailbox.open(where, Login("ann", "pw"), overrides) as target:
            assert target.is_exchange == (target.profile.name == EXCHANGE.name)
            return target.profile


@pytest.mark.parametrize(
    ("behaviour", "profile"),
    [
        (Behaviour(greeting=EXCHANGE_GREETING), EXCHANGE),
        (Behaviour(greeting="OK THE MICROSOFT EXCHANGE IMAP4 SERVICE"), EXCHANGE),
        (Behaviour(software=("Microsoft.Exchange.Imap4.Imap4Server", "15.20")), EXCHANGE),
        (Behaviour(("IMAP4rev1",), greeting=EXCHANGE_GREETING), EXCHANGE),
        (Behaviour(greeting="OK Dovecot proxy ready", software=("Microsoft.Exchange.Imap4.Imap4Server", "")), EXCHANGE),
        (Behaviour(greeting="OK [CAPABILITY IMAP4rev1] Dovecot (Debian) ready."), DOVECOT),
        (Behaviour(software=("Dovecot", "2.3.19.1")), DOVECOT),
        (Behaviour(without("MULTIAPPEND"), software=("Dovecot", "")), replace(DOVECOT, messages_per_append=1)),
        (Behaviour(without("ID"), software=("Dovecot", "")), UNKNOWN),
        (Behaviour((*without("LITERAL+"), "LITERAL-"), software=("Dovecot", "")), UNKNOWN),
        (Behaviour(software=("Cyrus IMAP", "3.8")), replace(DOVECOT, name="Cyrus")),
        (Behaviour(software=("Stalwart IMAP", "0.10")), replace(DOVECOT, name="Stalwart")),
        (Behaviour(greeting="OK pymap ready"), replace(DOVECOT, name="Pymap")),
        (Behaviour(), UNKNOWN),
        (Behaviour(("IMAP4rev1",)), replace(UNKNOWN, messages_per_append=1)),
        (Behaviour(software=("hMailServer", "5.7")), UNKNOWN),
    ],
    ids=lambda value: f"{value.greeting} {value.software[0]}" if isinstance(value, Behaviour) else value.name,
)
def test_a_server_is_known_by_greeting_id_and_capabilities(behaviour: Behaviour, profile: Profile) -> None:
    assert profile_at(behaviour) == profile


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("plain", [EXCHANGE, DOVECOT, UNKNOWN], ids=lambda profile: profile.name)
def test_an_override_changes_its_field_and_no_other(plain: Profile, field: str) -> None:
    software = {EXCHANGE: "Microsoft.Exchange", DOVECOT: "Dovecot", UNKNOWN: "some"}[plain]
    found = profile_at(Behaviour(software=(software, "1")), read_overrides(json.dumps({field: 7})))
    most = {"connections_most": 7} if field == "connections" else {}
    assert asdict(found) == asdict(plain) | {field: 7} | most


def test_alone_means_one_message_after_the_other_and_changes_nothing_else() -> None:
    alone = replace(DOVECOT, line_bytes=998, literal_bytes=5).alone()
    assert alone == Profile("Dovecot", 1, 1, 1, 1, literal_bytes=5, line_bytes=998)


def test_all_fields_may_be_set_at_once_and_none_has_to_be() -> None:
    everything = dict.fromkeys(FIELDS, 1)
    assert read_overrides(json.dumps(everything)) == everything
    assert read_overrides('{"literal_bytes": 0, "line_bytes": 0, "refusals": 0, "smallest_limit": 0}') == dict.fromkeys(
        FIELDS[4:], 0
    )
    assert dict(read_overrides("")) == dict(read_overrides("{}")) == {}


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("in_flight=1", "TARGET_PROFILE is 'in_flight=1', which is no JSON object.", "JSON object"),
        ('{"in_flight": 1', "no JSON object", "JSON object"),
        ('["in_flight"]', "no JSON object", "JSON object"),
        ("5", "TARGET_PROFILE is '5', which is no JSON object.", "or leave it empty"),
        ("null", "no JSON object", "JSON object"),
        ('{"depth": 1}', "unknown field 'depth'", ", ".join(FIELDS)),
        ('{"In_Flight": 1}', "unknown field 'In_Flight'", ", ".join(FIELDS)),
        ('{"name": "Dovecot"}', "unknown field 'name'", ", ".join(FIELDS)),
        ('{"connections": 0}', "connections is 0", "a number from 1"),
        ('{"in_flight": 0}', "in_flight is 0", "a number from 1"),
        ('{"messages_per_append": 0}', "messages_per_append is 0", "a number from 1"),
        ('{"literal_bytes": -1}', "literal_bytes is -1", "a number from 0"),
        ('{"line_bytes": -1}', "line_bytes is -1", "a number from 0"),
        ('{"refusals": -1}', "refusals is -1", "a number from 0"),
        ('{"in_flight": 1.5}', "in_flight is 1.5", "a number from 1"),
        ('{"in_flight": 1e1}', "in_flight is 10.0", "a number from 1"),
        ('{"in_flight": NaN}', "in_flight is nan", "a number from 1"),
        ('{"in_flight": "4"}', "in_flight is '4'", "a number from 1"),
        ('{"in_flight": true}', "in_flight is True", "a number from 1"),
        ('{"in_flight": null}', "in_flight is None", "a number from 1"),
        ('{"in_flight": [4]}', "in_flight is [4]", "a number from 1"),
        ('{"line_bytes": 4294967296}', "line_bytes is 4294967296", "a number from 0"),
        ('{"in_flight": 4, "connections": "two"}', "connections is 'two'", "a number from 1"),
    ],
)
def test_a_bad_override_is_named_with_what_is_allowed(text: str, cause: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_overrides(text)
    assert raised.value.cause.startswith("TARGET_PROFILE")
    assert cause in raised.value.cause
    assert remedy in raised.value.remedy


def test_the_numbers_of_the_manual_are_those_of_the_code() -> None:
    manual = (Path(__file__).parents[2] / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", manual, re.MULTILINE)
    told = {field: tuple(int(number.replace(",", "")) for number in numbers) for field, *numbers in rows}
    columns = [asdict(profile) for profile in (EXCHANGE, DOVECOT, UNKNOWN)]
    assert told == {field: tuple(column[field] for column in columns) for field in FIELDS}

"""What Exchange says of itself, word for word (MailKit's recorded sessions and issue 2016, imapsync issue 239)."""

from __future__ import annotations

import base64
import re

import pytest

from tests.support.exchange import ExchangeOnline, Generation, Switches, Tenant
from tests.unit.exchange.raw import Raw

BEFORE = b"IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
BEFORE_2026 = (
    b"IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
)
AFTER = (
    b"IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES "
    b"CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+"
)
AFTER_REV2 = (
    b"IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT ENABLE IMAP4rev2 CLIENTACCESSRULES "
    b"CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE BACKENDAUTHENTICATE-IR CHILDREN IDLE NAMESPACE LITERAL+"
)


@pytest.mark.parametrize(
    ("generation", "greeting", "before", "after"),
    [
        (Generation.CLASSIC, rb"\* OK The Microsoft Exchange IMAP4 service is ready\. \[([\w+/=]+)\]", BEFORE, AFTER),
        (
            Generation.PROXY_2026,
            rb"\* OK Microsoft Exchange IMAP4 service ready\. [0-9a-f-]{36} "
            rb"\(tcpproxy/15\.21\.0406\.000 BACKENDAUTHENTICATE\) \[([\w+/=]+)\]",
            BEFORE_2026,
            AFTER,
        ),
        (Generation.REV2_2026, rb"\* OK Microsoft Exchange IMAP4 .*\[([\w+/=]+)\]", BEFORE_2026, AFTER_REV2),
    ],
)
def test_greeting_and_capabilities_are_those_of_their_generation(
    tenant: Tenant, generation: Generation, greeting: bytes, before: bytes, after: bytes
) -> None:
    with ExchangeOnline(tenant, Switches(generation=generation)) as online:
        with Raw(online, user="") as raw:
            found = re.fullmatch(greeting, raw.greeting)
            assert found is not None
            assert base64.b64decode(found[1]).decode("utf-16-le").lower().endswith(".prod.outlook.com")
            assert raw.ask(b"CAPABILITY") == [b"* CAPABILITY " + before, b"OK CAPABILITY completed."]
        with Raw(online) as raw:  # the answer to the login was one line: it doesn't tell what has changed
            assert raw.ask(b"CAPABILITY")[0] == b"* CAPABILITY " + after
    assert online.violations == []


def test_the_small_commands_are_answered_word_for_word(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        assert raw.ask(b"ID NIL") == [
            b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")',
            b"OK ID completed.",
        ]
        assert raw.ask(b"NAMESPACE") == [b'* NAMESPACE (("" "/")) NIL NIL', b"OK NAMESPACE completed."]
        assert raw.ask(b"NOOP") == [b"OK NOOP completed."]
        assert raw.ask(b"UNSELECT") == [b"BAD Command received in Invalid state."]
        assert raw.ask(b"SELECT INBOX")[-1] == b"OK [READ-WRITE] SELECT completed."
        assert raw.ask(b"UNSELECT") == [b"OK UNSELECT completed."]
        assert raw.ask(b"LOGOUT") == [
            b"* BYE Microsoft Exchange Server IMAP4 server signing off.",
            b"OK LOGOUT completed.",
        ]
        assert raw.line() == b""


def test_what_is_no_command_counts_as_one_error_and_is_written_down(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        assert raw.ask(b"FROB") == [b"BAD Command Error. 10"]
        raw.say(b"--boundary: of a message whose literal was announced too short\r\n")
        assert raw.line() == b"--boundary: BAD Command Error. 10"  # CPython issue 77406
        assert raw.ask(b"UID FETCH 2 ()") == [b"BAD Command received in Invalid state."]
        raw.ask(b"SELECT INBOX")
        assert raw.ask(b"UID FETCH 2 ()") == [b"BAD Command Argument Error. 11"]  # ImapEngine issue 109
        assert raw.ask(b"UID FETCH 1 (X-GM-LABELS)") == [b"BAD Command Argument Error. 11"]
    assert len(online.violations) == 5


def test_a_command_line_over_10_240_bytes_ends_the_connection(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        raw.ask(b"SELECT INBOX")
        uids = b"1" + b",1" * 5_000
        assert raw.ask(b"UID FETCH %b (UID)" % uids)[-1] == b"OK FETCH completed."
        assert raw.ask(b"UID FETCH %b (UID)" % (uids + b",1" * 150)) == [
            b"* BAD Command Error. 10",
            b"* BYE Connection closed. 14",
            b"",
        ]
    assert len(online.violations) == 1


def test_after_ten_errors_the_connection_is_closed(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        for _ in range(10):
            assert raw.ask(b"SELECT Nowhere") == [b"NO Nowhere doesn't exist."]
        assert raw.line() == b"* BYE Connection closed. 14"
        assert raw.line() == b""
    assert online.tenant.figures.refused == 10


def test_only_bad_may_count_as_an_error(tenant: Tenant) -> None:
    with ExchangeOnline(tenant, Switches(errors_count_no=False)) as online, Raw(online) as raw:
        for _ in range(11):
            assert raw.ask(b"SELECT Nowhere") == [b"NO Nowhere doesn't exist."]
        for _ in range(10):
            assert raw.ask(b"FROB") == [b"BAD Command Error. 10"]
        assert raw.line() == b"* BYE Connection closed. 14"


def test_a_silent_client_is_turned_out(tenant: Tenant) -> None:
    tenant.clock.factor = 20_000  # a minute before the login, thirty minutes after it
    with ExchangeOnline(tenant) as online, Raw(online, user="") as raw:
        assert raw.line() == b"* BYE Connection is closed. 13"


def test_a_command_sent_ahead_gets_a_part_of_the_other_ones_answer(online: ExchangeOnline) -> None:
    online.tenant.put("ann@contoso.com", "INBOX", b"Subject: 1\r\n\r\n")
    online.tenant.put("ann@contoso.com", "INBOX", b"Subject: 2\r\n\r\n")
    with Raw(online) as raw:
        raw.ask(b"SELECT INBOX")
        raw.say(b"a UID FETCH 1 (UID)\r\nb UID FETCH 2 (UID)\r\n")
        assert [raw.line() for _ in range(4)] == [
            b"* 2 FETCH (UID 2)",
            b"* 1 FETCH (UID 1)",
            b"a OK FETCH completed.",
            b"b OK FETCH completed.",
        ]
        raw.say(b"a APPEND INBOX {1+}\r\nx\r\nb APPEND INBOX {1+}\r\ny\r\n")
        lines = [raw.line() for _ in range(4)]
        assert [line for line in lines if b"APPENDUID" in line] == [
            b"a OK [APPENDUID %d 4] APPEND completed." % uidvalidity(online),
            b"b OK [APPENDUID %d 3] APPEND completed." % uidvalidity(online),
        ]
        assert raw.ask(b"NOOP")[-1] == b"OK NOOP completed."
    assert len(online.violations) == 2


def uidvalidity(online: ExchangeOnline) -> int:
    (arrival, *_) = online.tenant["ann@contoso.com"].arrived
    return arrival.uidvalidity

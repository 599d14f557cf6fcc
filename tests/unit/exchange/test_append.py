"""APPEND: forms, refusals, what is kept of a message (imapsync FAQ.Office365, unless a test names another source)."""

from __future__ import annotations

import pytest

from tests.support.exchange import GENERIC, UNAVAILABLE, Arrival, ExchangeOnline, Mailbox, Switches, Tenant
from tests.unit.exchange.raw import ANN, Raw

BODY = b"Message-ID: <1@x>\r\nSubject: a\r\n\r\nbare \r, bare \n, \xff, \0, no end"
DATE = b"22-Oct-2018 19:58:29 -0300"
REFUSED = GENERIC.encode()


def test_what_was_appended_can_be_asked_for(online: ExchangeOnline, ann: Mailbox) -> None:
    with Raw(online) as raw:
        assert raw.ask(b'APPEND "sent items" (\\Seen $MDNSent) "%b" {%d}' % (DATE, len(BODY))) == [
            b"+ Ready for additional command text."
        ]
        raw.say(BODY)
        raw.say(b"\r\n")
        completion = raw.line()
    (arrival,) = ann.arrived
    assert completion == b"t OK [APPENDUID %d 1] APPEND completed." % arrival.uidvalidity
    assert arrival == Arrival(
        "Sent Items", arrival.uidvalidity, 1, BODY, ("\\Seen", "$MDNSent"), DATE.decode(), arrival.at
    )
    (stored,) = online.tenant.messages(ANN, "Sent Items")
    assert (stored.body, stored.internaldate) == (BODY, "22-Oct-2018 22:58:29 +0000")
    assert (ann.used, ann.figures.appended, ann.figures.appended_bytes) == (len(BODY), 1, len(BODY))


def test_nothing_is_stored_before_the_line_end_after_the_literal(online: ExchangeOnline, ann: Mailbox) -> None:
    with Raw(online) as raw:  # aioimaplib issue 67
        raw.say(b"t APPEND INBOX {1+}\r\nx")
        with Raw(online) as other:
            assert other.ask(b"STATUS INBOX (MESSAGES)")[0] == b'* STATUS "INBOX" (MESSAGES 0)'
        raw.say(b"\r\n")
        assert raw.line().startswith(b"t OK [APPENDUID ")
    assert len(ann.arrived) == 1


def test_the_same_message_twice_is_two(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        assert [raw.append(BODY)[:16] for _ in range(2)] == [b"OK [APPENDUID 10"] * 2
    assert len(online.tenant.messages(ANN, "INBOX")) == 2


def test_what_nobody_knows_for_certain_can_be_switched(tenant: Tenant) -> None:
    switches = Switches(appenduid=False, date_zone=None, continuation="OK")
    with ExchangeOnline(tenant, switches) as online, Raw(online) as raw:
        assert raw.append(BODY, date=DATE) == b"OK APPEND completed."
        assert raw.ask(b"APPEND INBOX {1}") == [b"+ OK"]
        raw.say(b"x\r\n")
        assert raw.line() == b"t OK APPEND completed."
    assert tenant.messages(ANN, "INBOX")[0].internaldate == DATE.decode()


@pytest.mark.parametrize("trycreate", [True, False])
def test_a_missing_folder_is_not_made(tenant: Tenant, trycreate: bool) -> None:
    with ExchangeOnline(tenant, Switches(trycreate=trycreate)) as online, Raw(online) as raw:
        code = b"[TRYCREATE] " if trycreate else b""
        assert raw.append(BODY, b"Nowhere") == b"NO %bNowhere doesn't exist." % code


@pytest.mark.parametrize("words", [Switches().oversize, GENERIC])
def test_a_message_over_the_limit_is_refused_before_its_upload_if_asked(
    tenant: Tenant, ann: Mailbox, words: str
) -> None:
    ann.message_limit = 1_000
    with ExchangeOnline(tenant, Switches(oversize=words)) as online, Raw(online) as raw:
        assert raw.ask(b"APPEND INBOX {1001}") == [words.encode()]
        assert raw.append(b"x" * 1_001) == words.encode()
        assert raw.append(b"Subject: x\r\n\r\n" + b"x" * 900)[:2] == b"OK"
    assert ann.figures.refused == 2


@pytest.mark.parametrize("words", [GENERIC, UNAVAILABLE])
def test_a_full_mailbox_takes_nothing(tenant: Tenant, ann: Mailbox, words: str) -> None:
    ann.quota, ann.used = 1_000, 1_000 - 2 * len(BODY)
    with ExchangeOnline(tenant, Switches(quota_full=words)) as online, Raw(online) as raw:
        answers = [raw.append(BODY) for _ in range(3)]
        assert [answer[:2] for answer in answers] == [b"OK", b"OK", words.encode()[:2]]
        assert answers[2] == words.encode()
        ann.quota = 2_000
        assert raw.append(BODY)[:2] == b"OK"


@pytest.mark.parametrize(
    "body",
    [
        b"Subject: a line\r\n\r\n" + b"x" * 10_501 + b"\r\n",
        b"Subject: =?TELETEX?Q?Fw=3ASome?=\r\n\r\n",  # imapsync issue 285
        b"Content-Type: text/plain; charset=teletex\r\n\r\n",
        b'Subject: part\r\nContent-Type: message/partial; id="x"; number=1\r\n\r\n',
        b"Subject: Read: x\r\nContent-Type: multipart/report;\r\n report-type=disposition-notification; boundary=b\r\n"
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nread\r\n--b--\r\n",  # imapsync issue 389
    ],
    ids=["long line", "TELETEX word", "TELETEX part", "message/partial", "read receipt"],
)
def test_malformed_messages_are_refused_with_the_answer_for_everything(
    online: ExchangeOnline, ann: Mailbox, body: bytes
) -> None:
    with Raw(online) as raw:
        assert raw.append(body) == REFUSED
        assert raw.append(BODY)[:2] == b"OK"
    assert [arrival.body for arrival in ann.arrived] == [BODY]
    assert online.violations == []


def test_good_read_receipts_and_lines_at_the_limit_are_taken(online: ExchangeOnline) -> None:
    receipt = (
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; a@x\r\n"
        b"Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n"
    )
    with Raw(online) as raw:
        assert raw.append(receipt)[:2] == b"OK"
        assert raw.append(b"Subject: x\r\n\r\n" + b"x" * 10_500 + b"\r\n")[:2] == b"OK"


def test_keywords_are_refused_and_dates_that_do_not_exist(online: ExchangeOnline) -> None:
    with Raw(online) as raw:  # node-imap issue 602
        assert raw.append(BODY, flags=b"\\Seen $Forwarded") == REFUSED
        assert raw.append(BODY, date=b"31-Feb-2020 10:00:00 +0000") == REFUSED
        assert online.violations == []
        assert raw.append(BODY, flags=b"\\Seen \\Recent") == REFUSED
    assert len(online.violations) == 1


def test_old_mail_marked_as_read_tells_its_sender_so(online: ExchangeOnline, ann: Mailbox) -> None:
    asking = b"Disposition-Notification-To: b@x\r\n" + BODY
    with Raw(online) as raw:
        for flags in (b"", b"\\Seen"):
            assert raw.append(asking, flags=flags)[:2] == b"OK"
        assert raw.append(asking.replace(b"Disposition", b"X-Disposition"), flags=b"\\Seen")[:2] == b"OK"
        assert ann.receipts_sent == ["<1@x>"]
        ann.receipts_suppressed = True
        raw.append(asking, flags=b"\\Seen")
    assert ann.receipts_sent == ["<1@x>"]


def test_a_literal_announced_too_short_turns_the_rest_into_commands(online: ExchangeOnline) -> None:
    with Raw(online) as raw:  # CPython issue 77406
        raw.say(b"t APPEND INBOX {12+}\r\nSubject: x\r\n\r\nFirst line\r\nSecond\r\n")
        assert raw.line().startswith(b"t OK")
        assert raw.line() == b"First BAD Command Error. 10"
        assert raw.line() == b"Second BAD Command Error. 10"
    assert len(online.violations) == 2


def test_only_one_message_goes_into_an_append(online: ExchangeOnline, ann: Mailbox) -> None:
    with Raw(online) as raw:
        assert raw.ask(b"APPEND INBOX {1+}\r\nx {1+}\r\ny") == [REFUSED]
    assert ann.arrived == []
    assert len(online.violations) == 1

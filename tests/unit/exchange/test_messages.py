"""What Exchange gives back of a message: rewritten, with a size that is a guess, found by SEARCH after a while."""

from __future__ import annotations

import email
import email.policy

import pytest

from mailferry.imap.identity import identity_of
from tests.support.exchange import Broken, Clock, ExchangeOnline, Mailbox, Tenant
from tests.support.exchange.rewrite import SUBJECT_CHARACTERS, estimated_size, rewritten
from tests.unit.exchange.raw import ANN, Raw

BODY = (
    b"X-Custom: kept\r\nMIME-Version: 1.0\r\nMessage-ID: <1@x>\r\nTo: b@x,\r\n\tc@x\r\nSubject: a\r\n b\r\n"
    b'Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nFrom: a@x\r\nContent-Type: multipart/mixed; boundary="old"\r\n'
    b"Received: from here\r\n\r\n--old\r\nContent-Type: text/plain\r\n\r\nhello\r\n--old--\r\n"
)


def test_a_message_comes_back_rewritten_and_is_still_the_same(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        raw.append(BODY)
        raw.ask(b"SELECT INBOX")
        raw.say(b"t UID FETCH 1 (BODY.PEEK[])\r\n")
        announced = raw.line()
        shown = raw.read(int(announced.rpartition(b"{")[2].rstrip(b"}")))
        assert [raw.line(), raw.line()] == [b")", b"t OK FETCH completed."]
    assert shown == rewritten(BODY) != BODY
    assert b"old" not in shown
    before, after = (email.message_from_bytes(one, policy=email.policy.default) for one in (BODY, shown))
    assert [name for name, _ in after.items()][:4] == ["Received", "From", "To", "Subject"]
    assert sorted(dict(after) | {"Content-Type": ""}) == sorted(dict(before))
    assert all(before[name] == after[name] for name in ("Message-ID", "Date", "Subject", "From", "X-Custom"))
    (part,) = after.iter_parts()
    assert part.get_content().strip() == "hello"
    assert identity_of(BODY, 1, 2).key == identity_of(shown, 1, 2).key


@pytest.mark.parametrize(
    "body", [b"", b"\r\nno header", b"no blank line", b"\0\xff\nX: y\n\nz", b"Subject: " + b"x" * 400 + b"\r\n\r\n"]
)
def test_whatever_was_stored_something_comes_back_and_always_the_same(body: bytes) -> None:
    assert rewritten(body) == rewritten(body)
    assert b"\0" not in rewritten(body)
    assert max(map(len, rewritten(body).split(b"\r\n"))) <= len("Subject: ") + SUBJECT_CHARACTERS


def test_sizes_are_guesses_like_those_that_were_observed(online: ExchangeOnline) -> None:
    for true, told in ((43_498, 93_995), (6_298, 19_189)):  # imapsync issue 198, stalwart's vandelay issue 12
        assert abs(estimated_size(b"x" * true) - told) < told / 100
    with Raw(online) as raw:
        raw.append(BODY, date=b"05-Jan-2009 10:00:00 +0530")
        raw.ask(b"SELECT INBOX")
        assert raw.ask(b"UID FETCH 1 (UID RFC822.SIZE INTERNALDATE FLAGS)")[0] == (
            b'* 1 FETCH (FLAGS () INTERNALDATE "05-Jan-2009 04:30:00 +0000" RFC822.SIZE %d UID 1)'
            % estimated_size(BODY)
        )


def test_a_broken_item_gives_nothing_or_another_message(online: ExchangeOnline, tenant: Tenant) -> None:
    for how in (None, Broken.SILENT, Broken.REPLACED):
        uid = tenant.put(ANN, "INBOX", BODY)
        if how:
            tenant.break_item(ANN, "INBOX", uid, how)
    with Raw(online) as raw:  # Mailspring issue 2038, OfflineIMAP issue 62
        raw.ask(b"SELECT INBOX")
        assert [line[:20] for line in raw.ask(b"UID FETCH 1:* (UID)")[:-1]] == [
            b"* 1 FETCH (UID 1)",
            b"* 2 FETCH (UID 2)",
            b"* 3 FETCH (UID 3)",
        ]
        assert raw.ask(b"UID FETCH 2 (BODY.PEEK[])") == [b"OK FETCH completed."]
        lines = raw.ask(b"UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert lines[1] == b"Subject: a b"
    assert b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 752" in lines
    assert not any(line.startswith(b"* 2 ") for line in lines)


def test_search_finds_new_messages_after_a_while(ann: Mailbox) -> None:
    clock = Clock()
    tenant = Tenant(clock)
    tenant.add(Mailbox(ANN))
    tenant.put(ANN, "INBOX", BODY, "\\Seen")
    with ExchangeOnline(tenant) as online, Raw(online) as raw:
        raw.append(BODY.replace(b"<1@x>", b"<2@x>"))
        raw.ask(b"SELECT INBOX")
        assert raw.ask(b"UID FETCH 1:* (UID)")[1] == b"* 2 FETCH (UID 2)"
        assert raw.ask(b"UID SEARCH ALL")[0] == b"* SEARCH 1"
        assert raw.ask(b"UID SEARCH HEADER Message-ID 2@x")[0] == b"* SEARCH"
        clock.factor = 1_000_000  # the while is over
        assert raw.ask(b"UID SEARCH UID 2:* UNSEEN")[0] == b"* SEARCH 2"
        assert raw.ask(b"UID SEARCH HEADER message-id 2@X")[0] == b"* SEARCH 2"
        assert raw.ask(b"UID SEARCH SEEN")[0] == b"* SEARCH 1"
    assert online.violations == []


def test_search_takes_no_charset_no_parentheses_no_return(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        raw.ask(b"SELECT INBOX")
        assert raw.ask(b"UID SEARCH CHARSET UTF-8 ALL") == [
            b"NO [BADCHARSET (US-ASCII)] The specified charset is not supported."
        ]
        assert raw.ask(b"UID SEARCH CHARSET US-ASCII ALL")[-1] == b"OK SEARCH completed."
        assert raw.ask(b"UID SEARCH (ALL)") == [b"BAD Command Argument Error. 11"]
        assert raw.ask(b"UID SEARCH RETURN (ALL) ALL") == [b"BAD Command Argument Error. 11"]


def test_flags_are_stored_and_messages_moved_and_removed(online: ExchangeOnline, tenant: Tenant) -> None:
    for _ in range(4):
        tenant.put(ANN, "INBOX", BODY)
    with Raw(online) as raw:
        raw.ask(b"SELECT INBOX")
        assert raw.ask(b"UID STORE 4 +FLAGS (\\Flagged)")[0] == b"* 4 FETCH (FLAGS (\\Flagged) UID 4)"
        assert raw.ask(b"UID STORE 4 FLAGS.SILENT (\\Seen)") == [b"OK STORE completed."]
        assert raw.ask(b"UID STORE 4 +FLAGS ($Label1)") == [b"BAD Command Argument Error. 11"]
        assert raw.ask(b"UID STORE 1,2 +FLAGS (\\Deleted)")[-1] == b"OK STORE completed."
        assert raw.ask(b"UID EXPUNGE 1") == [b"* 1 EXPUNGE", b"OK EXPUNGE completed."]
        assert raw.ask(b"EXPUNGE") == [b"* 1 EXPUNGE", b"OK EXPUNGE completed."]
        validity = tenant.store.folder(ANN, b"Archive").uidvalidity
        assert raw.ask(b"UID MOVE 3 Archive") == [  # MailKit's recorded session of its issue 115
            b"[COPYUID %d 3 1]" % validity,
            b"* 1 EXPUNGE",
            b"* 1 EXISTS",
            b"OK MOVE completed.",
        ]
    assert [one.flags for one in tenant.messages(ANN, "INBOX")] == [("\\Seen",)]
    assert len(tenant.messages(ANN, "Archive")) == 1


def test_what_another_protocol_changes_gets_a_new_uid(online: ExchangeOnline, tenant: Tenant) -> None:
    for _ in range(2):
        tenant.put(ANN, "INBOX", BODY)
    with Raw(online) as raw:
        raw.ask(b"SELECT INBOX")
        assert tenant.edit(ANN, "INBOX", 1) == 3
        assert raw.ask(b"NOOP") == [b"* 1 EXPUNGE", b"* 2 EXISTS", b"OK NOOP completed."]

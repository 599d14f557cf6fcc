"""How large a mailbox is: what the server adds up, its quota, or a sample; nothing is counted twice."""

from __future__ import annotations

import re

from mailferry.source.mailbox import SourceMailbox
from mailferry.source.measure import SAMPLE, Size, Way, measured_size
from tests.unit.imap.scripted import LOGIN, Answer, ScriptedServer

OK = b"<tag> OK done\r\n"
TWO = b'* LIST () "/" INBOX\r\n* LIST () "/" Old\r\n* LIST (\\Noselect) "/" Top\r\n'
COUNTS: dict[bytes, Answer] = {
    rb'STATUS "INBOX"': b"* STATUS INBOX (MESSAGES 3 UIDNEXT 10 UIDVALIDITY 7)\r\n" + OK,
    rb'STATUS "?Old': b"* STATUS Old (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)\r\n" + OK,
}


def size_of(scripted: ScriptedServer, *, late: bool = False) -> Size:
    with scripted, SourceMailbox.open(scripted.server, LOGIN) as source:
        return measured_size(source, source.folders(), lambda: late)


def test_a_server_that_adds_up_is_asked_for_no_message() -> None:
    script = {
        rb"LIST": TWO + OK,
        rb'STATUS "INBOX" \(MESSAGES SIZE\)': b"* STATUS INBOX (MESSAGES 3 SIZE 5000000000)\r\n" + OK,
        rb'STATUS "?Old"? \(MESSAGES SIZE\)': b"* STATUS Old (MESSAGES 1 SIZE 7)\r\n" + OK,
    }
    scripted = ScriptedServer(script, capabilities=b"IMAP4rev1 STATUS=SIZE QUOTA")
    assert size_of(scripted) == Size(4, 5_000_000_007, Way.STATUS)
    assert not {b"EXAMINE", b"UID FETCH", b"GETQUOTAROOT"} & set(scripted.verbs)


def test_a_server_with_quotas_tells_what_is_used() -> None:
    quota = b'* QUOTAROOT INBOX ""\r\n* QUOTA "" (STORAGE 2048 1048576 MESSAGE 4 1000)\r\n' + OK
    scripted = ScriptedServer(COUNTS | {rb"LIST": TWO + OK, rb"GETQUOTAROOT": quota}, capabilities=b"IMAP4rev1 QUOTA")
    assert size_of(scripted) == Size(4, 2 << 20, Way.QUOTA)


def test_a_quota_that_is_not_told_is_sampled_around() -> None:
    script = COUNTS | {
        rb"LIST": TWO + OK,
        rb"GETQUOTAROOT": b"<tag> NO no quota here\r\n",
        rb"UID FETCH \S+ \(UID\)": b"".join(b"* 1 FETCH (UID %d)\r\n" % uid for uid in (1, 5, 9)) + OK,
        rb"UID FETCH": b"* 1 FETCH (UID 1 RFC822.SIZE 10)\r\n* 3 FETCH (UID 9 RFC822.SIZE 20)\r\n" + OK,
    }
    found = size_of(ScriptedServer(script, capabilities=b"IMAP4rev1 QUOTA"))
    # Of three messages one gives no size and is taken to be like the others; the second folder is answered alike.
    assert found == Size(4, 45 * 2, Way.SAMPLED)


def test_a_large_folder_is_sampled_all_over() -> None:
    many = SAMPLE * 10
    script = {
        rb"STATUS": b"* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY 7)\r\n" % (many, many + 1) + OK,
        rb"EXAMINE": b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT %d] .\r\n" % (many, many + 1) + OK,
        rb"UID FETCH \S+ \(UID\)": b"".join(b"* 1 FETCH (UID %d)\r\n" % uid for uid in range(1, many + 1)) + OK,
        rb"UID FETCH": b"* 1 FETCH (UID 1 RFC822.SIZE 1000)\r\n" + OK,
    }
    scripted = ScriptedServer(script)
    assert size_of(scripted) == Size(many, many * 1000, Way.SAMPLED)
    (asked,) = [command for command in scripted.commands if b"RFC822.SIZE" in command]
    uids = [int(uid) for uid in re.findall(rb"\d+", asked.split(b" ")[2])]
    assert (len(uids), uids[0], uids[1], uids[-1]) == (SAMPLE, 1, 11, many - 9)


def test_when_time_is_up_the_rest_is_taken_to_be_as_usual() -> None:
    assert size_of(ScriptedServer(COUNTS | {rb"LIST": TWO + OK}), late=True) == Size(4, 0, Way.SAMPLED)


def test_gmails_labels_do_not_count_a_message_again_and_its_quota_is_not_that_of_mail() -> None:
    script = {
        rb"LIST": b'* LIST () "/" INBOX\r\n* LIST () "/" Work\r\n* LIST (\\All) "/" "[Gmail]/All Mail"\r\n'
        b'* LIST (\\Junk) "/" "[Gmail]/Spam"\r\n' + OK,
        rb'STATUS "\[Gmail\]/All': b'* STATUS "[Gmail]/All Mail" (MESSAGES 3 UIDNEXT 10 UIDVALIDITY 7)\r\n' + OK,
        rb'STATUS "\[Gmail\]/Spam': b'* STATUS "[Gmail]/Spam" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n' + OK,
        rb"UID FETCH": b"".join(b"* 1 FETCH (UID %d RFC822.SIZE 10)\r\n" % uid for uid in (1, 5, 9)) + OK,
    }
    scripted = ScriptedServer(script, capabilities=b"IMAP4rev1 QUOTA X-GM-EXT-1")
    assert size_of(scripted) == Size(3, 30, Way.SAMPLED)
    assert b"GETQUOTAROOT" not in scripted.verbs

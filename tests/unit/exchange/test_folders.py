"""Folders: what a new mailbox has in its language, what CREATE makes of a name, what SELECT tells."""

from __future__ import annotations

import pytest
from imapclient.imap_utf7 import encode

from tests.support.exchange import (
    ENGLISH,
    GERMAN,
    HUNGARIAN,
    JAPANESE,
    ExchangeOnline,
    Generation,
    Mailbox,
    Outage,
    Switches,
    Tenant,
)
from tests.unit.exchange.raw import ANN, Raw


def test_an_english_mailbox_is_listed_as_in_the_recorded_sessions(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        assert raw.ask(b'LIST "" ""') == [b'* LIST (\\Noselect \\HasChildren) "/" ""', b"OK LIST completed."]
        assert raw.ask(b'LIST "" "inbox"')[0] == b'* LIST (\\Marked \\HasNoChildren) "/" INBOX'
        # MailKit issue 1282: marks for special uses without the capability, and none for Archive
        assert raw.ask(b'LIST "" "*"') == [
            b'* LIST (\\HasNoChildren) "/" Archive',
            b'* LIST (\\HasChildren) "/" Calendar',
            b'* LIST (\\HasNoChildren) "/" Calendar/Birthdays',
            b'* LIST (\\HasNoChildren) "/" "Calendar/United States holidays"',
            b'* LIST (\\HasNoChildren) "/" Contacts',
            b'* LIST (\\HasNoChildren) "/" "Conversation History"',
            b'* LIST (\\Marked \\HasNoChildren \\Trash) "/" "Deleted Items"',
            b'* LIST (\\Marked \\HasNoChildren \\Drafts) "/" Drafts',
            b'* LIST (\\Marked \\HasNoChildren) "/" INBOX',
            b'* LIST (\\HasNoChildren) "/" Journal',
            b'* LIST (\\Marked \\HasNoChildren \\Junk) "/" "Junk Email"',
            b'* LIST (\\HasNoChildren) "/" Notes',
            b'* LIST (\\HasNoChildren) "/" Outbox',
            b'* LIST (\\HasNoChildren) "/" "RSS Feeds"',
            b'* LIST (\\Marked \\HasNoChildren \\Sent) "/" "Sent Items"',
            b'* LIST (\\HasChildren) "/" "Sync Issues"',
            b'* LIST (\\HasNoChildren) "/" "Sync Issues/Conflicts"',
            b'* LIST (\\HasNoChildren) "/" "Sync Issues/Local Failures"',
            b'* LIST (\\HasNoChildren) "/" "Sync Issues/Server Failures"',
            b'* LIST (\\HasNoChildren) "/" Tasks',
            b"OK LIST completed.",
        ]
        assert raw.ask(b'LIST "" "Calendar/%"')[-2] == b'* LIST (\\HasNoChildren) "/" "Calendar/United States holidays"'


@pytest.mark.parametrize(
    ("language", "sent"),
    [
        (ENGLISH, b'"Sent Items"'),
        (GERMAN, b'"Gesendete Elemente"'),
        (HUNGARIAN, b'"Elk&APw-ld&APY-tt elemek"'),  # imapsync issue 422
        (JAPANESE, encode("送信済みアイテム")),
    ],
)
def test_default_folders_are_called_so_in_the_mailbox_language(tenant: Tenant, language: str, sent: bytes) -> None:
    other = tenant.add(Mailbox("other@contoso.com", language=language))
    with ExchangeOnline(tenant) as online, Raw(online, other.upn) as raw:
        listed = raw.ask(b'LIST "" "*"')
        assert b'* LIST (\\Marked \\HasNoChildren \\Sent) "/" ' + sent in listed
        assert b'* LIST (\\Marked \\HasNoChildren) "/" INBOX' in listed
        assert len(listed) == 21


def test_a_pattern_with_quotes_is_refused(online: ExchangeOnline) -> None:
    with Raw(online) as raw:  # Jakarta Mail issue 152
        assert raw.ask(b'LIST "" "Vaxxxian \\"Vxx\\" Ytxkz/%"') == [b"BAD Command Argument Error. 12"]


def test_a_new_folder_brings_its_parents_and_case_makes_no_difference(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        assert raw.ask(b'CREATE "Projekte/2024/M&AOQ-rz"') == [b"OK CREATE completed."]
        for again in (b"projekte/2024", b'"PROJEKTE/2024/m&AMQ-RZ"', b"Inbox", b'"sent items"'):
            assert raw.ask(b"CREATE " + again) == [b"NO Mailbox already exists."]
        assert raw.ask(b"CREATE projekte/2025/") == [b"OK CREATE completed."]
        assert raw.ask(b"SELECT PROJEKTE/2025")[-1] == b"OK [READ-WRITE] SELECT completed."
        assert raw.ask(b"CREATE inbox/Kunden") == [b"OK CREATE completed."]
    assert online.tenant.folders(ANN)[-5:] == ["Projekte", "Projekte/2024", "Projekte/2024/März", "Projekte/2025",
                                               "INBOX/Kunden"]  # fmt: skip


def test_names_exchange_cannot_have_are_refused(tenant: Tenant) -> None:
    deep = b"/".join(b"x%d" % level for level in range(301))
    with ExchangeOnline(tenant, Switches(create_refused="BAD Command Argument Error. 11")) as online:
        with Raw(online) as raw:
            assert raw.ask(b"CREATE Files") == [b"NO Folder name is reserved"]  # imapsync FAQ.Office365
            for name in (deep, b"x" * 256, b"a//b", b'"a/ /b"'):
                assert raw.ask(b"CREATE " + name) == [b"BAD Command Argument Error. 11"]
            assert raw.ask(b"CREATE " + deep[: deep.rindex(b"/")]) == [b"OK CREATE completed."]
            assert raw.ask(b"CREATE " + b"x" * 255) == [b"OK CREATE completed."]
        assert online.violations == []


def test_a_folder_has_room_for_ten_thousand(tenant: Tenant, ann: Mailbox) -> None:
    for number in range(10_000):
        tenant.store.create(ann.key, b"Many/%d" % number)
    with ExchangeOnline(tenant) as online, Raw(online) as raw:
        assert raw.ask(b"CREATE Many/more") == [b"BAD Command Argument Error. 12"]
        assert raw.ask(b"CREATE Many/1/more") == [b"OK CREATE completed."]


def test_the_longest_name_can_be_switched(tenant: Tenant) -> None:
    with ExchangeOnline(tenant, Switches(name_units=250)) as online, Raw(online) as raw:
        assert raw.ask(b"CREATE " + b"x" * 251) == [b"BAD Command Argument Error. 12"]
        assert raw.ask(b"CREATE " + b"x" * 250) == [b"OK CREATE completed."]


@pytest.mark.parametrize("trimmed", [True, False])
def test_trailing_blanks_may_be_dropped_without_a_word(tenant: Tenant, trimmed: bool) -> None:
    with ExchangeOnline(tenant, Switches(names_trimmed=trimmed)) as online, Raw(online) as raw:
        assert raw.ask(b'CREATE "Old mail "') == [b"OK CREATE completed."]
        gone = b"NO Old mail  doesn't exist."
        assert raw.ask(b'SELECT "Old mail "')[-1] == (gone if trimmed else b"OK [READ-WRITE] SELECT completed.")


def test_control_characters_come_back_without_quotes(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        assert raw.ask(b'CREATE "Tab\there and there"') == [b"OK CREATE completed."]
        assert raw.ask(b'LIST "" Tab*')[0] == b'* LIST (\\HasNoChildren) "/" Tab\there and there'


def test_select_tells_what_it_told_offlineimap(online: ExchangeOnline, tenant: Tenant) -> None:
    tenant.put(ANN, "Sent Items", b"Subject: 1\r\n\r\n", "\\Seen")
    tenant.put(ANN, "Sent Items", b"Subject: 2\r\n\r\n")
    with Raw(online) as raw:
        lines = raw.ask(b'SELECT "sent items"')
        validity = tenant.store.folder(ANN, b"Sent Items").uidvalidity
        assert lines == [
            b"* 2 EXISTS",
            b"* 0 RECENT",
            b"* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)",
            b"* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags",
            b"* OK [UNSEEN 2] Is the first unseen message",
            b"* OK [UIDVALIDITY %d] UIDVALIDITY value" % validity,
            b"* OK [UIDNEXT 3] The next unique identifier value",
            b"OK [READ-WRITE] SELECT completed.",
        ]
        assert raw.ask(b"EXAMINE INBOX")[-1] == b"OK [READ-ONLY] EXAMINE completed."
        assert raw.ask(b'STATUS "Sent Items" (MESSAGES UNSEEN UIDNEXT)') == [
            b'* STATUS "Sent Items" (MESSAGES 2 UNSEEN 1 UIDNEXT 3)',
            b"OK STATUS completed.",
        ]
        assert raw.ask(b"STATUS M&AOQ-rz (MESSAGES)") == [b"NO M&AOQ-rz doesn't exist."]


def test_a_stray_inbox_hides_the_real_one(online: ExchangeOnline, ann: Mailbox) -> None:
    ann.stray_inbox = True
    with Raw(online) as raw:  # imapsync issue 459
        assert raw.ask(b"SELECT INBOX") == [b"NO INBOX doesn't exist."]


@pytest.mark.parametrize("generation", Generation)
def test_subscriptions_are_gone_with_imap4rev2(tenant: Tenant, generation: Generation) -> None:
    with ExchangeOnline(tenant, Switches(generation=generation)) as online, Raw(online) as raw:
        assert raw.ask(b"SUBSCRIBE Archive") == [b"OK SUBSCRIBE completed."]
        if generation is Generation.REV2_2026:
            assert raw.ask(b'LSUB "" *') == [b"BAD Command Argument Error. 11"]
        else:
            assert raw.ask(b'LSUB "" *') == [b'* LSUB (\\HasNoChildren) "/" Archive', b"OK LSUB completed."]


def test_the_store_can_be_unavailable(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        with online.outage(Outage.STORE):  # imapsync FAQ.Exchange
            for command in (b"SELECT INBOX", b"STATUS INBOX (MESSAGES)", b"APPEND INBOX {1+}\r\nx"):
                assert raw.ask(command) == [b"NO Server Unavailable. 15"]
        assert raw.ask(b"SELECT INBOX")[-1] == b"OK [READ-WRITE] SELECT completed."

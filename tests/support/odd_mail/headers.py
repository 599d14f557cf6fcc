"""Headers: their form, their size, their characters."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.odd_mail.letter import FOLDED, HELLO, RECEIPTS, UTF8, Odd, head, odd, raw

NO_SUBJECT = ("Subject",)


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _form()
    yield from _size()
    yield from _eight_bit()
    yield from _programs()


def _form() -> Iterator[Odd]:
    sloppy = "spam programs and home-made mailers"
    yield odd("header: a line without a colon", sloppy, b"this is no header field", b"X-After: still the header")
    yield odd("header: a blank before the colon", "Domino", b"X-Note : spaced", b"Reply-To\t: odd@example.org")
    yield odd("header: no blank after the colon", sloppy, b"X-Note:none", b"X-Empty:", b"X-Blank: ")
    yield odd("header: 8-bit field name", sloppy, "X-Größe: 12".encode())
    yield odd("header: field name of 300 octets", sloppy, b"X-" + b"n" * 298 + b": long")
    yield odd("header: only a colon", sloppy, b": nameless")
    yield odd("header: a fold of blanks only", "Outlook and old sendmail", b"X-Folded: one\r\n \r\n\t\r\n two")
    yield odd("header: folded with tabs", "Gmail, in Received", b"X-Folded: one\r\n\ttwo\r\n\t\tthree")
    yield odd("header: folded inside a quoted string", "Outlook", b'Reply-To: "odd\r\n odd" <odd@example.org>')
    yield odd("header: bare CR in a field", "header injection through web forms", b"X-Note: one\rBcc: two@example.org")
    yield odd("header: upper-case names", "VMS and mainframes", b"CC: THIRD@EXAMPLE.ORG", b"REPLY-TO: ODD@EXAMPLE.ORG")
    name = "header: a continuation line first"
    yield raw(name, "spools cut in two", b" continued from nowhere\r\n" + head(name) + b"\r\n" + HELLO)
    name = "header: from an mbox, a From_ line first"
    yield raw(name, "mbox files", b"From odd@example.org Mon Jan  1 00:00:00 2009\r\n" + head(name) + b"\r\n" + HELLO)
    name = "header: an escaped From_ line first"
    yield raw(
        name, "mbox files, imported twice", b">From odd Mon Jan  1 00:00:00 2009\r\n" + head(name) + b"\r\n" + HELLO
    )
    yield odd("header: no Subject", "scanners and fax gateways", without=NO_SUBJECT)
    yield odd("header: empty Subject", "people", b"Subject:", without=NO_SUBJECT)
    yield odd("header: two Subjects", "mailing lists that add a prefix", b"Subject: [list] header: two Subjects")
    yield odd("header: no From", "drafts", without=("From",))
    yield odd("header: nobody in it", "drafts", without=("From", "To", "Subject", "Date"))
    yield odd("header: two Froms", sloppy, b"From: second@example.org")
    yield odd("header: From without a domain", "cron", b"From: root (Cron Daemon)", without=("From",))
    yield odd("header: empty From", "bounces", b"From: <>", without=("From",))
    yield odd("header: From with an open quote", sloppy, b'From: "Odd <odd@example.org>', without=("From",))
    yield odd(
        "header: From as X.400 address",
        "Exchange 5.5",
        b"From: /G=Odd/S=One/O=EXAMPLE/PRMD=X/ADMD= /C=DE/@gate.example.org",
        without=("From",),
    )
    yield odd(
        "header: From as Exchange's own address",
        "Exchange, for mail inside the organisation",
        b"From: Odd </O=EXAMPLE/OU=FIRST ADMINISTRATIVE GROUP/CN=RECIPIENTS/CN=ODD>",
        without=("From",),
    )
    yield odd("header: no recipients", "drafts, and mail in Bcc only", without=("To",))
    yield odd("header: undisclosed recipients", "mail in Bcc only", b"To: undisclosed-recipients:;", without=("To",))
    yield odd(
        "header: groups in groups", sloppy, b"To: " + b"a:" * 300 + b"b@example.org" + b";" * 300, without=("To",)
    )
    yield odd("header: 2,000 open parentheses", "fuzzers", b"Cc: " + b"(" * 2_000 + b" third@example.org")
    yield odd("header: an address in UTF-8", "SMTPUTF8 (RFC 6532)", "Cc: Ольга <ольга@пример.рф>".encode())
    yield odd("header: Bcc", "sent mail of many clients", b"Bcc: secret@example.org, other@example.org")
    yield odd("header: three Content-Types", sloppy, UTF8, b"Content-Type: text/html", b"Content-Type: garbage")
    yield odd(
        "header: MIME-Version with comments", "Apple Mail", b"MIME-Version: (by) 1.0 (Apple Message framework v753)"
    )


def _size() -> Iterator[Odd]:
    references = b"References:" + b"\r\n <%b@example.org>" % (b"r" * 80)
    yield odd("header: 300 kB of it", "threads that never end", references * 3_000)
    yield odd(
        "header: References to 300 messages", "mailing lists", b"References:" + b"\r\n <0123456789@example.org>" * 300
    )
    yield odd(
        "header: Subject of 5,000 characters", "programs that put the text there", b"Subject: " + b"word " * 1_000
    )
    yield odd(
        "header: Subject of 20,000 characters in one line",
        "monitoring systems",
        b"Subject: " + b"alert " * 3_500,
        without=NO_SUBJECT,
        exchange=FOLDED,
    )
    people = [b"person%d@example.org" % number for number in range(1_000)]
    yield odd("header: 1,000 recipients", "newsletters sent from Outlook", b"Cc: " + b",\r\n ".join(people))
    yield odd("header: 1,000 recipients in one line", "web mailers", b"Cc: " + b", ".join(people), exchange=FOLDED)
    yield odd("header: 1,000 recipients without a blank", "PHP scripts", b"Cc: " + b",".join(people), exchange=FOLDED)
    yield odd(
        "header: 15,000 recipients without a blank",
        "PHP scripts that know no limit",
        b"Cc: " + b",".join(b"person%d@example.org" % number for number in range(15_000)),
        exchange=FOLDED,
    )
    yield odd(
        "header: a spam report in one line",
        "spam filters that don't fold",
        b"X-Spam-Report: " + b"* 0.1 RULE_NAME what it found; " * 500,
        exchange=FOLDED,
    )
    yield odd(
        "header: one word of 30,000 octets",
        "antispam stamps of Exchange",
        b"X-Stamp: " + b"A" * 30_000,
        exchange=FOLDED,
    )
    hop = b"Received: from mx%d.example.net (mx%d.example.net [192.0.2.1])\r\n\tby mail.example.org with ESMTP"
    yield odd("header: Received 200 times", "mail loops", *(hop % (number, number) for number in range(200)))
    yield odd("header: 2,000 fields", "archives that keep what they know", *(b"X-%d: x" % n for n in range(2_000)))


def _eight_bit() -> Iterator[Odd]:
    raw_subject = "header: 8-bit Subject in "
    for charset, text, maker in (
        ("UTF-8", "Übergabe der Schlüssel", "PHP scripts"),
        ("KOI8-R", "Отчёт за квартал", "Russian mailers of the nineties"),
        ("ISO-8859-1", "Señor Ñandú", "scanners and printers"),
        ("Windows-1252", "“Quotes” – and dashes", "Outlook Express"),
        ("Shift_JIS", "会議の議事録", "Becky! and mobile phones"),
        ("GB2312", "发票", "Foxmail"),
        ("EUC-KR", "회의록", "Korean web mailers"),
        ("ISO-2022-JP", "請求書", "Japanese mailers, escapes in the open"),
        ("ISO-8859-8", "שלום", "Hebrew mailers, visual order"),
    ):
        field = b"Subject: " + text.encode(charset)
        yield odd(raw_subject + charset, maker, field, without=NO_SUBJECT)
    yield odd(
        "header: 8-bit name in From", "Lotus Notes", "From: Jörg <j@example.de>".encode("latin-1"), without=("From",)
    )
    yield odd(
        "header: 8-bit and encoded words mixed", "mailing lists", "Comments: =?utf-8?q?Gr=C3=BC=C3=9Fe?= Grüße".encode()
    )


def _programs() -> Iterator[Odd]:
    yield odd("header: Content-Length that lies", "mbox of System V", b"Content-Length: 999999", b"Lines: 4711")
    yield odd("header: Status and X-Status", "mbox of mutt and pine", b"Status: RO", b"X-Status: A", b"X-UID: 1000000")
    yield odd(
        "header: X-Mozilla-Status", "Thunderbird's folders", b"X-Mozilla-Status: 0009", b"X-Mozilla-Keys: $label1 work"
    )
    yield odd("header: X-Gmail-Labels", "Google Takeout", b"X-GM-THRID: 1", "X-Gmail-Labels: Входящие,Работа".encode())
    yield odd(
        "header: X-OfflineIMAP and X-TUID", "earlier migrations", b"X-OfflineIMAP: 12-34", b"X-TUID: 0123456789ab"
    )
    yield odd(
        "header: news fields", "news readers", b"Newsgroups: comp.mail", b"Path: a!b!c", b"Xref: news comp.mail:1"
    )
    yield odd(
        "header: Resent fields", "Bounce in mutt and pine", b"Resent-From: a@example.org", b"Resent-To: b@example.org"
    )
    yield odd(
        "header: Thread-Index and Thread-Topic", "Outlook", b"Thread-Index: AQHT" + b"0" * 40, b"Thread-Topic: odd"
    )
    yield odd(
        "header: ARC and DKIM",
        "every large provider",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s;\r\n\th=from:to;\r\n\tbh=" + b"A" * 43 + b"=;\r\n\tb=x",
        b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.org; s=s;\r\n b=" + b"B" * 300,
    )
    yield odd(
        "header: read receipt request from 1999",
        "Eudora and Netscape",
        b"Return-Receipt-To: odd@example.org",
        b"Disposition-Notification-To: odd@example.org",
        b"X-Confirm-Reading-To: odd@example.org",
        b"Read-Receipt-To: odd@example.org",
        b"Generate-Delivery-Report:",
    )
    yield odd(
        "header: read receipt request that names nobody",
        "Outlook, for senders without an SMTP address",
        b"Disposition-Notification-To: Odd",
        exchange=RECEIPTS,
    )

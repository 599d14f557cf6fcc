"""Kinds of mail that carry more than text: signed, encrypted, reports, meetings, what single products send."""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Iterator

from tests.support.odd_mail.letter import ATTACHED, BASE64, PLAIN_PART, QUOTED, Odd, multipart, odd, parts


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _protected()
    yield from _reports()
    yield from _meetings()
    yield from _products()


def _base64(octets: int) -> bytes:
    """The lines of so many octets nobody knows."""
    return base64.encodebytes(random.Random(octets).randbytes(octets)).replace(b"\n", b"\r\n")


def _attachment(kind: bytes, name: bytes, content: bytes) -> bytes:
    disposition = b'Content-Disposition: attachment; filename="%b"' % name
    return b"\r\n".join((b'Content-Type: %b; name="%b"' % (kind, name), BASE64, disposition, b"", content))


def _protected() -> Iterator[Odd]:
    signed = b"Content-Type: text/plain\r\n\r\nEvery octet counts,  also blanks \t\r\n"
    smime = _attachment(b"application/pkcs7-signature", b"smime.p7s", _base64(900))
    pgp = b"Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\n" + _base64(200)
    protocol = b'Content-Type: multipart/signed; protocol="application/%b"; micalg=%b; boundary="odd"'
    yield odd(
        "signed: S/MIME, clear",
        "Outlook and Thunderbird",
        protocol % (b"pkcs7-signature", b"sha-256"),
        text=b"This is an S/MIME signed message\r\n\r\n" + parts(b"odd", signed, smime),
    )
    opaque = b'Content-Type: application/pkcs7-mime; smime-type=%b; name="smime.p7m"'
    yield odd("signed: S/MIME, opaque", "Outlook", opaque % b"signed-data", BASE64, text=_base64(1_500))
    yield odd("signed: S/MIME, encrypted", "Outlook", opaque % b"enveloped-data", BASE64, text=_base64(1_600))
    old = b'Content-Type: application/x-pkcs7-mime; name="smime.p7m"'
    yield odd("signed: S/MIME under its old type", "Netscape", old, BASE64, text=_base64(1_700))
    yield odd(
        "signed: PGP/MIME",
        "Enigmail and mutt",
        protocol % (b"pgp-signature", b"pgp-sha512"),
        text=parts(b"odd", signed, pgp),
    )
    version = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
    armour = b"-----BEGIN PGP MESSAGE-----\r\n\r\n%b-----END PGP MESSAGE-----\r\n" % _base64(700)
    yield odd(
        "signed: PGP/MIME, encrypted",
        "Enigmail and mutt",
        b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="odd"',
        text=parts(b"odd", version, b"Content-Type: application/octet-stream\r\n\r\n" + armour),
    )
    yield odd("signed: PGP in the text", "old PGP plug-ins", text=armour)
    dashes = b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA1\r\n\r\n- -- \r\n- From me\r\n"
    yield odd("signed: PGP in the text, clear", "old PGP plug-ins", text=dashes + armour)
    yield odd(
        "signed: broken by a mailing list",
        "Mailman, that adds a footer",
        multipart(b"mixed", b"list"),
        text=parts(
            b"list", protocol % (b"pgp-signature", b"pgp-sha1") + b"\r\n\r\n" + parts(b"odd", signed, pgp), PLAIN_PART
        ),
    )
    rights = _attachment(b"application/x-microsoft-rpmsg-message", b"message.rpmsg", _base64(800))
    yield odd("signed: rights management", "Exchange with Azure RMS", multipart(b"mixed"), text=parts(b"odd", rights))


def _report(kind: bytes) -> bytes:
    return b'Content-Type: multipart/report; report-type=%b; boundary="odd"' % kind


def _reports() -> Iterator[Odd]:
    status = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;mx.example.org\r\n\r\nStatus: 5.1.1\r\n"
    headers = b"Content-Type: text/rfc822-headers\r\n\r\nSubject: undelivered\r\n"
    bounce = (b"Return-Path: <>", b"From: MAILER-DAEMON (Mail Delivery System)", _report(b"delivery-status"))
    yield odd("report: bounce", "Postfix", *bounce, text=parts(b"odd", PLAIN_PART, status, headers), without=("From",))
    utf8 = status.replace(b"delivery-status", b"global-delivery-status").replace(b"5.1.1", "5.1.1 (größer)".encode())
    yield odd("report: bounce in UTF-8", "RFC 6533", _report(b"delivery-status"), text=parts(b"odd", PLAIN_PART, utf8))
    yield odd(
        "report: bounce without MIME", "qmail", b"Return-Path: <>", text=b"Hi. This is the qmail-send program.\r\n"
    )
    disposition = b"Disposition: manual-action/MDN-sent-manually; displayed\r\n"
    read = b"Content-Type: message/disposition-notification\r\n\r\n" + disposition
    mdn = _report(b"disposition-notification")
    yield odd("report: read receipt", "Outlook", mdn, text=parts(b"odd", PLAIN_PART, read), exchange=ATTACHED)
    abuse = b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n"
    yield odd(
        "report: abuse", "Yahoo and AOL", _report(b"feedback-report"), text=parts(b"odd", PLAIN_PART, abuse, headers)
    )
    dmarc = _attachment(b"application/zip", b"example.org!example.net!1!2.zip", _base64(600))
    yield odd("report: DMARC", "Google", multipart(b"mixed"), text=parts(b"odd", dmarc))
    journal = b"X-MS-Journal-Report:"
    letter = b"Content-Type: message/rfc822\r\n\r\nSubject: journaled\r\n\r\nText.\r\n"
    yield odd("report: journal", "Exchange", journal, multipart(b"mixed"), text=parts(b"odd", PLAIN_PART, letter))


def _calendar(method: bytes, *lines: bytes) -> bytes:
    head = b"Content-Type: text/calendar; charset=utf-8; method=%b\r\n\r\n" % method
    content = (b"BEGIN:VCALENDAR", b"METHOD:" + method, *lines, b"END:VCALENDAR", b"")
    return head + b"\r\n".join(content)


def _meetings() -> Iterator[Odd]:
    event = (b"BEGIN:VEVENT", b"UID:odd", b"DTSTART:20120229T235959Z", b"SUMMARY:Odd\r\n  meeting", b"END:VEVENT")
    both = multipart(b"alternative")
    for method, maker in ((b"REQUEST", "Outlook"), (b"CANCEL", "Google Calendar"), (b"REPLY", "Apple Calendar")):
        name = f"meeting: {method.decode().lower()}"
        yield odd(name, maker, both, text=parts(b"odd", PLAIN_PART, _calendar(method, *event)))
    head, _, text = _calendar(b"REQUEST", *event).partition(b"\r\n\r\n")
    yield odd("meeting: calendar alone", "Zimbra", head, text=text)
    yield odd(
        "meeting: two methods", "home-made calendars", head, text=text.replace(b"METHOD:REQUEST", b"METHOD:CANCEL")
    )
    yield odd("meeting: of 1996", "Schedule+ and vCalendar 1.0", b"Content-Type: text/x-vcalendar", text=text)
    card = _attachment(b"text/x-vcard", b"odd.vcf", base64.encodebytes(b"BEGIN:VCARD\r\nFN:Odd\r\nEND:VCARD\r\n"))
    yield odd("meeting: a business card", "Netscape", multipart(b"mixed"), text=parts(b"odd", PLAIN_PART, card))


def _products() -> Iterator[Odd]:
    tnef = base64.encodebytes(struct.pack("<IHBIII", 0x223E9F78, 1, 1, 0x00089006, 4, 0x00010000) + b"\x01\0")
    winmail = _attachment(b"application/ms-tnef", b"winmail.dat", tnef.replace(b"\n", b"\r\n"))
    yield odd(
        "product: TNEF winmail.dat",
        "Outlook, in rich text",
        multipart(b"mixed"),
        text=parts(b"odd", PLAIN_PART, winmail),
    )
    yield odd(
        "product: TNEF alone",
        "Exchange, between its servers",
        b"Content-Type: application/ms-tnef",
        BASE64,
        b"Content-Class: urn:content-classes:message",
        text=tnef.replace(b"\n", b"\r\n"),
    )
    deleted = b'Content-Type: text/x-moz-deleted; name="Deleted: odd.pdf"\r\n\r\nYou deleted an attachment.\r\n'
    external = b"X-Mozilla-External-Attachment-URL: file:///C:/odd.pdf\r\n" + PLAIN_PART
    yield odd(
        "product: attachments taken out", "Thunderbird", multipart(b"mixed"), text=parts(b"odd", deleted, external)
    )
    note = b"X-Uniform-Type-Identifier: com.apple.mail-note"
    yield odd("product: a note", "Apple Notes", note, b"X-Universally-Unique-Identifier: 0-0", without=("To",))
    draft = (b"X-Unsent: 1", b"X-Apple-Auto-Saved: 1", b"X-Uniform-Type-Identifier: com.apple.mail-draft")
    yield odd("product: a draft", "Apple Mail and Outlook", *draft, without=("To", "Message-ID"))
    wave = _attachment(b"audio/wav", b"voice.wav", _base64(3_000))
    yield odd(
        "product: voice mail",
        "Exchange",
        b"Content-Class: voice",
        multipart(b"voice-message"),
        text=parts(b"odd", wave),
    )
    tiff = _attachment(b"image/tiff", b"fax.tif", _base64(2_000))
    yield odd(
        "product: a fax", "fax gateways", b"Content-Class: fax", multipart(b"fax-message"), text=parts(b"odd", tiff)
    )
    yield odd(
        "product: a chat",
        "Gmail",
        b"Content-Type: text/xml",
        b"X-Chat: 1",
        text=b"<con:conversation/>\r\n",
        without=("To",),
    )
    internal = b"Content-Text: This is folder internal data\r\n\r\nThis text is part of the internal format.\r\n"
    yield odd(
        "product: a folder's internal data",
        "UW-IMAP and pine",
        b"X-IMAP: 1012345678 0000000012",
        b"Status: RO",
        text=internal,
    )
    amp = b"Content-Type: text/x-amp-html\r\n\r\n<html \xe2\x9a\xa14email></html>\r\n"
    yield odd("product: AMP", "Gmail", multipart(b"alternative"), text=parts(b"odd", PLAIN_PART, amp))
    emoji = b"Content-Type: application/x-emoji+octet-stream\r\n\r\n\xf3\xbe\x8c\xac \xed\xbd\xbf\r\n"
    yield odd("product: emoji of its own", "Japanese mobile phones", multipart(b"mixed"), text=parts(b"odd", emoji))
    yield odd(
        "product: HTML of Word",
        "Word 2000",
        b"Content-Type: text/html",
        QUOTED,
        text=b'<html xmlns:v=3D"urn:x">=\r\n' * 500,
    )
    notes = (b"$MessageID: <odd@notes>", b"$UpdatedBy: CN=Odd/O=Example", b"X-Notes-Item: 1; type=1280; name=$Mailer")
    yield odd("product: fields beginning with a dollar", "Lotus Notes", *notes)
    yield odd(
        "product: a newsletter of 1,000 tracking links",
        "Mailchimp",
        text=b"https://x.example.org/" + b"a" * 900 + b"\r\n" * 1_000,
    )

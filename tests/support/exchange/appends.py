"""APPEND: what Exchange takes, how it refuses what it doesn't, and what it does with what it took."""

from __future__ import annotations

from dataclasses import replace

from imapclient.datetime_util import parse_to_datetime
from imapclient.imap_utf7 import decode

from tests.support.exchange.folders import need_store
from tests.support.exchange.mailbox import Arrival
from tests.support.exchange.refusals import asks_for_receipt
from tests.support.exchange.rewrite import message_id_of
from tests.support.exchange.session import ExchangeSession
from tests.support.exchange.switches import GENERIC
from tests.support.exchange.wording import FLAGS
from tests.support.imap_sim.messages import read_message
from tests.support.imap_sim.protocol import Arguments, Refused
from tests.support.imap_sim.session import Answer
from tests.support.imap_sim.store import NewMessage, NoFolderError


def append(session: ExchangeSession, arguments: Arguments) -> Answer:
    """APPEND of one message. The same one twice is two: Exchange looks for no doubles."""
    name = arguments.string()
    message = read_message(arguments, session.tenant.clock.now())
    arguments.end()
    need_store(session)
    stored = replace(message, internaldate=_zoned(session, message.internaldate))
    if refusal := _refusal(session, message):
        raise Refused(refusal)
    with session.store.lock:
        try:
            folder = session.store.folder(session.user, name)
        except NoFolderError:
            if session.switches.trycreate:
                raise Refused(f"NO [TRYCREATE] {name.decode('latin-1')} doesn't exist.") from None
            raise
        uidvalidity, (uid,) = session.store.append(session.user, name, [stored])
    _note(session, message, decode(folder.name), uidvalidity, uid)
    code = f"[APPENDUID {uidvalidity} {uid}] " if session.switches.appenduid else ""
    return Answer(f"OK {code}APPEND completed.")


def _refusal(session: ExchangeSession, message: NewMessage) -> str | None:
    """Keywords are refused, not dropped (node-imap issue 602); a full mailbox refuses everything."""
    allowed = {flag.lower() for flag in FLAGS}
    if any(flag.lower() not in allowed for flag in message.flags):
        return GENERIC
    if refusal := session.behaviour.refuses_message(message.body):
        return refusal
    full = session.own.used + len(message.body) > session.own.quota
    session.own.figures.no_room += full
    return session.switches.quota_full if full else None


def _zoned(session: ExchangeSession, internaldate: str) -> str:
    """The same instant in the zone the server tells. Raises `Refused` for a day or an hour that doesn't exist."""
    try:
        moment = parse_to_datetime(internaldate.encode("ascii"), normalise=False)
    except ValueError:
        raise Refused(GENERIC) from None
    zone = session.switches.date_zone
    return f"{moment.astimezone(zone):%d-%b-%Y %H:%M:%S %z}" if zone else internaldate


def _note(session: ExchangeSession, message: NewMessage, folder: str, uidvalidity: int, uid: int) -> None:
    mailbox, now = session.own, session.tenant.clock.seconds()
    mailbox.used += len(message.body)
    mailbox.figures.appended += 1
    mailbox.figures.appended_bytes += len(message.body)
    mailbox.arrived.append(Arrival(folder, uidvalidity, uid, message.body, message.flags, message.internaldate, now))
    if "\\Seen" in message.flags and asks_for_receipt(message.body) and not mailbox.receipts_suppressed:
        mailbox.receipts_sent.append(message_id_of(message.body).decode("latin-1"))

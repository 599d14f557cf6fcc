"""Commands for any moment, and those around the login."""

from __future__ import annotations

import base64
import binascii
import re

from tests.support.imap_sim.protocol import Arguments, Violation, string
from tests.support.imap_sim.session import Answer, Session

_XOAUTH2 = re.compile(rb"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01")


def capability(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.1.1; the same before and after the login."""
    arguments.end()
    line = f"* CAPABILITY {' '.join(session.behaviour.capabilities)}\r\n"
    return Answer("OK CAPABILITY completed.", [line.encode()])


def noop(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.1.2: a chance to tell what is new."""
    arguments.end()
    return Answer("OK NOOP completed.")


def identification(session: Session, arguments: Arguments) -> Answer:
    """RFC 2971."""
    session.need_capability("ID")
    if arguments.optional_group() is None and arguments.atom().upper() != b"NIL":
        raise Violation("ID takes a list or NIL")
    arguments.end()
    name, version = (string(text.encode()) for text in session.behaviour.software)
    return Answer("OK ID completed.", [b'* ID ("name" %b "version" %b)\r\n' % (name, version)])


def logout(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.1.3."""
    arguments.end()
    session.leave()
    session.over = True
    return Answer("OK LOGOUT completed.", [b"* BYE Logging out\r\n"])


def login(session: Session, arguments: Arguments) -> Answer:
    """Any password will do."""
    user, _ = arguments.string(), arguments.string()
    arguments.end()
    return session.log_in(user.decode())


def authenticate(session: Session, arguments: Arguments) -> Answer:
    """PLAIN (RFC 4616) and XOAUTH2; any secret will do. The authorization identity, where there is one, is the user."""
    mechanism = arguments.atom().upper()
    session.need_capability(f"AUTH={mechanism.decode()}")
    try:
        message = base64.b64decode(arguments.atom(), validate=True)
    except binascii.Error:
        raise Violation("That is no base64") from None
    arguments.end()
    if mechanism == b"XOAUTH2":
        found = _XOAUTH2.fullmatch(message)
        names = [found[1]] if found else []
    else:
        names = message.split(b"\0")[:2] if message.count(b"\0") == 2 else []
    user = next(filter(None, names), None)
    if user is None:
        raise Violation(f"That is no {mechanism.decode()}")
    return session.log_in(user.decode())

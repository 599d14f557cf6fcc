"""Commands around the login: XOAUTH2 with tokens that are checked, and everything else refused.

Sources: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth"; what is refused how: email-oauth2-proxy
issue 74, node-imap issues 523 and 689, imapsync issues 411 and 495.
"""

from __future__ import annotations

import base64
import binascii
import re

from tests.support.exchange import tokens
from tests.support.exchange.mailbox import Kind, Mailbox
from tests.support.exchange.session import ExchangeSession
from tests.support.exchange.switches import AUTHENTICATE_FAILED, OverCap, Provisioning
from tests.support.exchange.tenant import IMAP_ROLE, Outage
from tests.support.exchange.tokens import Token
from tests.support.imap_sim.protocol import Arguments, Refused, Violation, WrongState
from tests.support.imap_sim.session import Answer

_XOAUTH2 = re.compile(rb"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01")


def authenticate(session: ExchangeSession, arguments: Arguments) -> Answer:
    """XOAUTH2, in one step or two. A failure is told in one line, without the challenge other servers send."""
    mechanism, message = arguments.atom(), arguments.atom()
    arguments.end()
    if session.mailbox:
        raise WrongState("Logged in already")
    try:
        found = _XOAUTH2.fullmatch(base64.b64decode(message, validate=True))
    except binascii.Error:
        raise Violation("That is no base64") from None
    if mechanism.upper() != b"XOAUTH2" or not found:
        raise _failure(session, None, AUTHENTICATE_FAILED)
    user, bearer = (text.decode("utf-8", "replace") for text in found.groups())
    tenant = session.tenant
    token = tokens.read(tenant, bearer, tokens.EXCHANGE)
    mailbox = tenant.by_upn(user) or tenant.by_address(user)
    if not mailbox or not token or not _let_in(session, mailbox, token):
        raise _failure(session, mailbox, AUTHENTICATE_FAILED)
    connected = _open(session, mailbox, user)
    if connected and not session.admit(mailbox.key):
        mailbox.figures.over_cap += 1
        if session.switches.over_cap is OverCap.LOGIN_REFUSED:
            raise Refused(OverCap.LOGIN_REFUSED.value)
        connected = False
    session.enter(mailbox, token, connected=connected)
    return Answer("OK AUTHENTICATE completed.")


def login(session: ExchangeSession, arguments: Arguments) -> Answer:
    """Passwords have been of no use since October 2022 (imapsync FAQ.Office365)."""
    user, _ = arguments.string(), arguments.string()
    arguments.end()
    raise _failure(session, session.tenant.by_upn(user.decode("utf-8", "replace")), "NO LOGIN failed.")


def logout(session: ExchangeSession, arguments: Arguments) -> Answer:
    """RFC 3501 §6.1.3, in Exchange's words (imapsync issue 239)."""
    arguments.end()
    session.leave()
    session.over = True
    return Answer("OK LOGOUT completed.", [b"* BYE Microsoft Exchange Server IMAP4 server signing off.\r\n"])


def _let_in(session: ExchangeSession, mailbox: Mailbox, token: Token) -> bool:
    """Whether the login succeeds, which doesn't mean that there is a mailbox behind it."""
    tenant = session.tenant
    return (
        not tenant.is_down(Outage.LOGINS)
        and IMAP_ROLE in token.roles
        and token.app in tenant.app.registered
        and mailbox.imap_enabled
        and not (tenant.is_being_made(mailbox) and session.switches.provisioning is Provisioning.LOGIN_REFUSED)
    )


def _open(session: ExchangeSession, mailbox: Mailbox, user: str) -> bool:
    """Whether who is logged in gets to the mailbox. A login in the name of an address that isn't the user principal
    name doesn't (reported in 2026 for IMAP proxies)."""
    return (
        mailbox.kind is not Kind.NONE
        and mailbox.full_access
        and user.casefold() == mailbox.key
        and not session.tenant.is_being_made(mailbox)
    )


def _failure(session: ExchangeSession, mailbox: Mailbox | None, completion: str) -> Refused:
    (mailbox.figures if mailbox else session.tenant.strangers).failed_logins += 1
    return Refused(completion)

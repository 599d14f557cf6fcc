"""Logging in: LOGIN, AUTHENTICATE PLAIN or XOAUTH2, without ever letting a secret out again."""

from __future__ import annotations

import base64

from mailferry.errors import ConnectionLost, LoginRefused
from mailferry.imap import failures
from mailferry.imap.response import Response
from mailferry.imap.session import Session
from mailferry.imap.values import Login

#: Bytes of a SASL message that may stand on the command line.
_INLINE_MOST = 6_000


def log_in(session: Session, login: Login) -> Response:
    """Log in, with XOAUTH2 where there is a token, else with LOGIN or, where that can't work, AUTHENTICATE PLAIN.

    Returns the server's OK, which often tells the capabilities (RFC 3501 §7.1). Raises `LoginRefused`, `Busy` or
    `ConnectionLost`; none of them holds a secret.
    """
    secrets = _secrets(login)
    if "\0" in login.user + login.password + login.token:
        raise LoginRefused(session.server.side, "User name or password holds a NUL character", "Correct the CSV row.")
    try:
        completion = _authenticated(session, login)
    except ConnectionLost:
        if session.bye is None:
            raise
        raise failures.of_login_bye(session.server, session.bye, secrets) from None
    if completion.kind != b"OK":
        raise failures.of_login(session.server, completion.text, secrets, oauth=bool(login.token))
    return completion


def _authenticated(session: Session, login: Login) -> Response:
    user, password = (text.encode("utf-8", "surrogateescape") for text in (login.user, login.password))
    if login.token:
        return _sasl(session, b"XOAUTH2", b"user=%b\x01auth=Bearer %b\x01\x01" % (user, login.token.encode()))
    disabled = session.has("LOGINDISABLED")
    if session.has("AUTH=PLAIN") and (disabled or not (user + password).isascii()):
        return _sasl(session, b"PLAIN", b"\0%b\0%b" % (user, password))
    if disabled:
        raise failures.of_disabled_login(session.server)
    return session.run(b"LOGIN", session.name_argument(user), session.name_argument(password)).completion


def _sasl(session: Session, mechanism: bytes, payload: bytes) -> Response:
    """AUTHENTICATE with everything in the first message (RFC 4616, XOAUTH2), inline where SASL-IR allows it."""
    message = base64.b64encode(payload)
    inline = session.has("SASL-IR") and len(message) <= _INLINE_MOST
    tag = session.start(b"AUTHENTICATE", mechanism, *((message,) if inline else ()))
    for response in session.answers(tag):
        if response.tag == b"+":
            # After the message a `+` holds the reason of the failure; an empty line asks for the tagged NO.
            session.wire.send(b"" if inline else message, b"\r\n")
            inline = True
        elif response.tagged:
            return response
    raise failures.of_cut(session.server)


def _secrets(login: Login) -> tuple[str, ...]:
    """Every form in which a server might echo what we logged in with."""
    password = login.password
    messages = (f"\0{login.user}\0{password}", f"user={login.user}\x01auth=Bearer {login.token}\x01\x01")
    plain, bearer = (base64.b64encode(text.encode("utf-8", "surrogateescape")).decode() for text in messages)
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    return (password, quoted, login.token, plain, bearer)

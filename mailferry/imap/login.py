"""Logging in, as the user or as an administrator in the user's stead, without ever letting a secret out again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from mailferry.errors import ConnectionLost, LoginRefused
from mailferry.imap import complaints, failures
from mailferry.imap.response import Response
from mailferry.imap.session import Session
from mailferry.imap.values import Login, LoginKind

#: Bytes of a SASL message that may stand on the command line.
_INLINE_MOST = 6_000


def log_in(session: Session, login: Login) -> Response:
    """Log in: with XOAUTH2 where there is a token, else as `login.way` says.

    Returns the server's OK, which often tells the capabilities (RFC 3501 §7.1). Raises `LoginRefused`, `Busy` or
    `ConnectionLost`; none of them holds a secret.
    """
    if "\0" in login.user + login.password + login.token:
        raise LoginRefused(session.server.side, "User name or password holds a NUL character", "Correct the CSV row.")
    attempt = _Attempt(session, login)
    try:
        completion = attempt.completion()
    except ConnectionLost:
        if session.bye is None:
            raise
        raise failures.of_login_bye(session.server, session.bye, attempt.secrets) from None
    if completion.kind != b"OK":
        usual = complaints.OAUTH_REMEDY if login.token else complaints.PASSWORD_REMEDY
        remedy = complaints.ADMIN_REMEDIES.get(login.way.kind, usual)
        raise failures.of_login(
            session.server, completion.text, attempt.secrets, oauth=bool(login.token), remedy=remedy
        )
    return completion


class _Attempt:
    """One login. `secrets` are all the forms in which a server might echo what it was sent."""

    def __init__(self, session: Session, login: Login) -> None:
        self._session = session
        self._login = login
        quoted = login.password.replace("\\", "\\\\").replace('"', '\\"')
        self.secrets = [login.password, quoted, login.token]

    def completion(self) -> Response:
        """The answer to the last command of the login, or to the first that was refused."""
        login, way = self._login, self._login.way
        user, password = _bytes(login.user), _bytes(login.password)
        if login.token:
            return self._sasl(b"XOAUTH2", b"user=%b\x01auth=Bearer %b\x01\x01" % (user, login.token.encode()))
        match way.kind:
            case LoginKind.SASL_PLAIN:
                return self._plain_in_stead(user, _bytes(way.admin), password)
            case LoginKind.PROXYAUTH:
                entered = self._by_password(_bytes(way.admin), password)
                return self._become(b"PROXYAUTH", user) if entered.kind == b"OK" else entered
            case LoginKind.KERIO:
                entered = self._by_challenge(password)
                return self._become(b"X-SETUSER", user) if entered.kind == b"OK" else entered
            case LoginKind.MASTER:
                return self._by_password(_bytes(login.user.removesuffix(way.suffix) + way.suffix), password)
            case _:
                return self._by_password(user, password)

    def _by_password(self, user: bytes, password: bytes) -> Response:
        """LOGIN, or where that can't work AUTHENTICATE PLAIN."""
        session = self._session
        disabled = session.has("LOGINDISABLED")
        if session.has("AUTH=PLAIN") and (disabled or not (user + password).isascii()):
            return self._sasl(b"PLAIN", b"\0%b\0%b" % (user, password))
        if disabled:
            raise failures.of_disabled_login(session.server)
        return session.run(b"LOGIN", session.name_argument(user), session.name_argument(password)).completion

    def _plain_in_stead(self, user: bytes, admin: bytes, password: bytes) -> Response:
        """AUTHENTICATE PLAIN with an authorization identity (RFC 4616 §2): the administrator acts as the user."""
        if not self._session.has("AUTH=PLAIN"):
            raise failures.of_no_sasl_plain(self._session.server)
        return self._sasl(b"PLAIN", b"%b\0%b\0%b" % (user, admin, password))

    def _by_challenge(self, password: bytes) -> Response:
        """Kerio Connect's master authentication: the MD5 of its challenge and the master password, in hex."""

        def digest(challenge: bytes) -> bytes:
            answer = hashlib.md5(challenge + password, usedforsecurity=False).hexdigest()  # the server's choice
            self.secrets.append(answer)
            return answer.encode()

        return self._conversation(self._session.start(b"X-MASTERAUTH"), digest)

    def _become(self, command: bytes, user: bytes) -> Response:
        """From now on the session is the user's."""
        return self._session.run(command, self._session.name_argument(user)).completion

    def _sasl(self, mechanism: bytes, payload: bytes) -> Response:
        """AUTHENTICATE with everything in the first message (RFC 4616, XOAUTH2), inline where SASL-IR allows it."""
        session, message = self._session, base64.b64encode(payload)
        self.secrets.append(message.decode())
        if session.has("SASL-IR") and len(message) <= _INLINE_MOST:
            return self._conversation(session.start(b"AUTHENTICATE", mechanism, message))
        return self._conversation(session.start(b"AUTHENTICATE", mechanism), lambda _: message)

    def _conversation(self, tag: bytes, reply: Callable[[bytes], bytes] | None = None) -> Response:
        """Give `reply` to the first `+`. A later one holds the reason of the failure; an empty line asks for the NO."""
        session = self._session
        for response in session.answers(tag):
            if response.tag == b"+":
                session.wire.send(reply(response.text) if reply else b"", b"\r\n")
                reply = None
            elif response.tagged:
                return response
        raise failures.of_cut(session.server)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

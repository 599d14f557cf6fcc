"""What Exchange says of itself, word for word, and the rules that follow from tenant and switches.

Sources: MailKit's recorded sessions and issue 2016, ImapFlow's list of quirks, imapsync issue 239.
"""

from __future__ import annotations

import base64
from uuid import uuid4

from tests.support.exchange.mailbox import Mailbox
from tests.support.exchange.refusals import refusal_of
from tests.support.exchange.rewrite import estimated_size, rewritten
from tests.support.exchange.switches import Generation, Switches
from tests.support.imap_sim.behaviour import Behaviour

#: FLAGS and PERMANENTFLAGS; no `\\*`, so keywords can't be kept (OfflineIMAP issue 62).
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$MDNSent")
#: MaxCommandSize of Set-ImapSettings.
COMMAND_BYTES = 10_240
#: The pre-authentication and authenticated time-outs of Set-ImapSettings, in seconds.
SILENT_BEFORE_LOGIN, SILENT_AFTER_LOGIN = 60.0, 1800.0

_HOST = "TQBXAEgAUABSADIAMQBDAEEAMAAwADYAMAAuAG4AYQBtAHAAcgBkADIAMQAuAHAAcgBvAGQALgBvAHUAdABsAG8AbwBrAC4AYwBvAG0A"
_OPENING = "IMAP4 IMAP4rev1"
_CLOSING = "CHILDREN IDLE NAMESPACE LITERAL+"
_BEFORE = f"{_OPENING} AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT {_CLOSING}"
_BEFORE_2026 = f"{_OPENING} AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT {_CLOSING}"
_MIDDLE = "AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT"
_RULES = "CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE"
_AFTER = f"{_OPENING} {_MIDDLE} {_RULES} {_CLOSING}"
_AFTER_REV2 = f"{_OPENING} {_MIDDLE} ENABLE IMAP4rev2 {_RULES} BACKENDAUTHENTICATE-IR {_CLOSING}"


def greeting(generation: Generation) -> str:
    """The first line, without its `* `; in brackets a host name, UTF-16 in base64."""
    if generation is Generation.CLASSIC:
        return f"OK The Microsoft Exchange IMAP4 service is ready. [{_HOST}]"
    host = base64.b64encode("FR4P281CA0123.DEUP281.PROD.OUTLOOK.COM".encode("utf-16-le")).decode()
    return (
        f"OK Microsoft Exchange IMAP4 service ready. {uuid4()} (tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE) [{host}]"
    )


def capabilities(generation: Generation, *, logged_in: bool) -> tuple[str, ...]:
    """What is offered; it changes with the login, which doesn't tell."""
    before = _BEFORE if generation is Generation.CLASSIC else _BEFORE_2026
    after = _AFTER_REV2 if generation is Generation.REV2_2026 else _AFTER
    return tuple((after if logged_in else before).split())


def behaviour_of(switches: Switches, mailbox: Mailbox | None = None) -> Behaviour:
    """The rules of a session: before the login, and in a mailbox."""
    return Behaviour(
        capabilities=capabilities(switches.generation, logged_in=mailbox is not None),
        greeting=greeting(switches.generation),
        software=("Microsoft.Exchange.Imap4.Imap4Server", "15.20"),
        appenduid=switches.appenduid,
        pipelining=False,
        permanent_flags=FLAGS,
        append_limit=mailbox.message_limit if mailbox else None,
        too_big=switches.oversize,
        continuation=switches.continuation,
        message_line_limit=switches.line_limit,
        command_line_limit=COMMAND_BYTES,
        refuses=refusal_of,
        error_budget=switches.errors_most,
        shown=rewritten,
        size=estimated_size,
    )

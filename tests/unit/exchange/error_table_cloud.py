"""What Entra and Microsoft Graph say. Entra's numbers: Microsoft, "Microsoft Entra authentication and authorization
error codes"; Graph's: "Microsoft Graph error responses" and "Throttling guidance"."""

from __future__ import annotations

from mailferry.errors import Busy, LoginRefused, Permanent, ProtocolError
from mailferry.target.graph import Throttled
from mailferry.target.mailbox_facts import PROVISIONING_SECONDS
from mailferry.transfer.target_check import APP_SECONDS
from tests.unit.exchange.error_table_row import Row, Where

_ENTRA = "Microsoft Entra error codes"
_GRAPH = "Microsoft Graph error responses"
_OVERLOADED = "Graph is asked too often, or is out of order"
_NOT_CHECKED = "The app may not ask that: the mailbox is not checked before the migration, which goes on"


def _entra(number: str, words: str, means: str, cause: str, remedy: str) -> Row:
    said = f"AADSTS{number}: {words}"
    return Row(Where.TOKEN, said, _ENTRA, means, LoginRefused, cause=cause, remedy=remedy, wait=APP_SECONDS)


TOKEN_ROWS = (
    _entra(
        "7000215",
        "Invalid client secret provided.",
        "The client secret is wrong",
        "The client secret of the app is wrong",
        "not its id",
    ),
    _entra(
        "7000222",
        "The provided client secret keys for app are expired.",
        "The client secret has expired",
        "has expired",
        "new client secret",
    ),
    _entra(
        "700016",
        "Application was not found in the directory.",
        "There is no such app in this tenant",
        "not known in this tenant",
        "ENTRA_CLIENT_ID",
    ),
    _entra(
        "700027",
        "The certificate used to sign the client assertion is not registered on application.",
        "The certificate is not the app's",
        "not the one registered",
        "public part",
    ),
    _entra(
        "700213",
        "No matching federated identity record found for presented assertion subject.",
        "The managed identity does not vouch for this app",
        "No federated credential of the app names this identity",
        "setup-entra.sh",
    ),
    _entra(
        "90002",
        "Tenant not found.",
        "There is no such tenant",
        "The tenant does not exist",
        "ENTRA_TENANT_ID",
    ),
    _entra(
        "53003",
        "Access has been blocked by Conditional Access policies.",
        "A Conditional Access policy blocks the app",
        "Conditional Access",
        "Sign-in logs",
    ),
    Row(
        Where.TOKEN,
        "AADSTS90033: A transient error has occurred. Please try again.",
        _ENTRA,
        "Entra is out of order for a while",
        Busy,
        retry=True,
        cause="Entra can't give a token now",
        remedy="service health",
    ),
)

GRAPH_ROWS = (
    *(
        Row(
            where,
            said,
            _GRAPH,
            _OVERLOADED,
            Throttled if said.startswith("429") else Busy,
            retry=True,
            delay=delay,
            cause=cause,
        )
        for said, delay, cause in (
            (
                "429 ApplicationThrottled Application is over its MailboxConcurrency limit. (Retry-After: 120)",
                120.0,
                "429 ApplicationThrottled Application is over its MailboxConcurrency limit.",
            ),
            ("429 ApplicationThrottled Application is over its MailboxConcurrency limit.", None, "come back later"),
            ("503 ServiceUnavailable Service is temporarily unavailable. (Retry-After: 10)", 10.0, "503"),
            ("504 GatewayTimeout The upstream server did not answer.", None, "504"),
        )
        for where in (Where.GRAPH_USER, Where.GRAPH_MAILBOX)
    ),
    Row(
        Where.GRAPH_USER,
        "424 FailedDependency A request that this one depends on has failed.",
        "Microsoft Graph, JSON batching",
        "Graph has not answered a part of what it was asked",
        ProtocolError,
        retry=True,
        cause="424 FailedDependency",
    ),
    Row(
        Where.GRAPH_USER,
        "404 Request_ResourceNotFound Resource 'ann@contoso.com' does not exist.",
        _GRAPH,
        "There is no such user",
        Permanent,
        cause="There is no user with the address ann@contoso.com",
        remedy="New-Mailbox -Shared",
    ),
    Row(
        Where.GRAPH_MAILBOX,
        "404 MailboxNotEnabledForRESTAPI The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        _GRAPH,
        "The user has a licence, but no mailbox yet (without a licence: Failed until there is one)",
        Busy,
        retry=True,
        delay=PROVISIONING_SECONDS,
        cause="not made its mailbox yet",
        remedy="Wait",
    ),
    Row(
        Where.GRAPH_USER,
        "403 Authorization_RequestDenied Insufficient privileges to complete the operation.",
        _GRAPH,
        _NOT_CHECKED,
    ),
    Row(Where.GRAPH_MAILBOX, "403 ErrorAccessDenied Access is denied.", _GRAPH, _NOT_CHECKED),
)

CLOUD_ROWS = (*TOKEN_ROWS, *GRAPH_ROWS)

"""Which request Graph answers how, and which permission it takes. Knows nothing of HTTP."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from tests.support.exchange import directory, graph_messages
from tests.support.exchange.directory import Json, selected
from tests.support.exchange.mailbox import Kind, Mailbox
from tests.support.exchange.switches import Switches
from tests.support.exchange.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Call:
    """One request, a whole one or a part of a batch. `path` is decoded and begins with `/users` or the like.

    `body` is what JSON gave, or bytes of any other content type.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Its answer."""

    status: int
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class GraphRefused(Exception):
    """Graph's no: status, code and message; how many seconds to wait."""

    def __init__(self, status: int, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self._status = status
        self._code = code
        self._retry_after = retry_after

    def reply(self) -> Reply:
        """As Graph sends it ("Microsoft Graph error responses")."""
        headers = {} if self._retry_after is None else {"Retry-After": f"{self._retry_after:g}"}
        error = {"code": self._code, "message": str(self), "innerError": {"request-id": str(uuid4())}}
        return Reply(self._status, {"error": error}, headers)


@dataclass(frozen=True, slots=True)
class _Route:
    """`opened_by`: permissions of which one is enough. `of_mailbox`: Exchange answers, not the directory."""

    method: str
    path: re.Pattern[str]
    opened_by: frozenset[str]
    of_mailbox: bool
    answer: Callable[[Call, re.Match[str]], Reply]


_ADDRESS = re.compile(r"proxyAddresses/any\((\w+):\1 eq 'smtp:((?:[^']|'')*)'\)", re.IGNORECASE)


_MESSAGE_ID = re.compile(r"internetMessageId eq '((?:[^']|'')*)'", re.IGNORECASE)


class GraphAnswers:
    """The answers for one tenant."""

    def __init__(self, tenant: Tenant, switches: Switches) -> None:
        self._tenant = tenant
        self._switches = switches
        users = "User.Read.All User.ReadWrite.All Directory.Read.All"
        settings = "MailboxSettings.Read MailboxSettings.ReadWrite"
        folders = "Mail.ReadBasic.All Mail.ReadBasic Mail.Read Mail.ReadWrite"
        messages = "Mail.ReadBasic.All Mail.ReadBasic Mail.Read Mail.ReadWrite"
        licences = "Organization.Read.All LicenseAssignment.Read.All Directory.Read.All"
        domains = "Domain.Read.All Domain.ReadWrite.All Directory.Read.All"
        self._routes = [
            _route("GET", "/users", users, lambda call, _: self._search(call)),
            _route("GET", "/users/([^/]+)", users, self._user),
            _route("GET", "/users/([^/]+)/mailboxSettings", settings, self._settings, of_mailbox=True),
            _route("GET", "/users/([^/]+)/mailFolders/([^/]+)", folders, self._folder, of_mailbox=True),
            _route("GET", "/users/([^/]+)/messages", messages, self._messages, of_mailbox=True),
            _route("PATCH", "/users/([^/]+)/messages/([^/]+)", "Mail.ReadWrite", self._update, of_mailbox=True),
            _route("POST", "/users/([^/]+)/sendMail", "Mail.Send", self._send, of_mailbox=True),
            _route("GET", "/subscribedSkus", licences, lambda _, __: _all(directory.licences_of(tenant))),
            _route("GET", "/domains", domains, lambda _, __: _all([directory.domain_of(tenant.domain)])),
            _route("GET", "/domains/([^/]+)/serviceConfigurationRecords", domains, self._service_records),
            _route("GET", "/domains/([^/]+)/verificationDnsRecords", domains, self._verification_records),
        ]

    def answer(self, call: Call, roles: frozenset[str]) -> Reply:
        """The answer to an app with these permissions. Raises `GraphRefused`."""
        for route in self._routes:
            if route.method == call.method and (found := route.path.fullmatch(call.path)):
                if not roles & route.opened_by:
                    raise _denied(of_mailbox=route.of_mailbox)
                return route.answer(call, found)
        raise GraphRefused(400, "BadRequest", f"Resource not found for the segment {call.path!r}.")

    def _search(self, call: Call) -> Reply:
        """Users by any of their addresses; that is the one filter known here."""
        address = _ADDRESS.fullmatch(call.query.get("$filter", ""))
        if not address:
            raise GraphRefused(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause.")
        mailbox = self._tenant.by_address(address[2].replace("''", "'"))
        there = [mailbox] if mailbox and mailbox.kind is not Kind.NONE else []
        return _all([selected(directory.user_of(one), _select(call)) for one in there])

    def _user(self, call: Call, found: re.Match[str]) -> Reply:
        mailbox = self._found(found[1])
        if not mailbox:
            raise _no_resource(found[1])
        return Reply(200, selected(directory.user_of(mailbox), _select(call)))

    def _settings(self, call: Call, found: re.Match[str]) -> Reply:
        return Reply(200, selected(directory.settings_of(self._mailbox(found[1])), _select(call)))

    def _folder(self, call: Call, found: re.Match[str]) -> Reply:
        mailbox, name = self._mailbox(found[1]), found[2].casefold()
        if name not in directory.DOCUMENTED and not self._switches.graph_knows_other_folders:
            raise GraphRefused(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        folder = directory.folder_of(mailbox, name)
        if not folder:
            raise GraphRefused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return Reply(200, selected(folder, _select(call)))

    def _messages(self, call: Call, found: re.Match[str]) -> Reply:
        """Messages by their Message-ID; that is the one filter known here."""
        mailbox = self._mailbox(found[1])
        wanted = _MESSAGE_ID.fullmatch(call.query.get("$filter", ""))
        if not wanted:
            raise GraphRefused(400, "ErrorInvalidUrlQueryFilter", "The query filter contains invalid nodes.")
        there = graph_messages.messages_of(mailbox, wanted[1].replace("''", "'"))
        return _all([selected(message, _select(call)) for message in there])

    def _update(self, call: Call, found: re.Match[str]) -> Reply:
        mailbox, changes = self._mailbox(found[1]), call.body
        message = graph_messages.message_of(mailbox, found[2])
        if not message:
            raise GraphRefused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        if not isinstance(changes, dict) or changes.keys() != {"categories"}:
            raise GraphRefused(400, "RequestBodyRead", "The property is not known here.")
        mailbox.categories[message.uidvalidity, message.uid] = tuple(changes["categories"])
        return Reply(200, graph_messages.shown(mailbox, message))

    def _send(self, call: Call, found: re.Match[str]) -> Reply:
        mailbox, mail = self._mailbox(found[1]), call.body
        try:
            mail = base64.b64decode(mail, validate=True) if isinstance(mail, bytes) else mail
        except binascii.Error:
            raise GraphRefused(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string.") from None
        self._tenant.sent_mail.append((mailbox.upn, mail))
        return Reply(202)

    def _service_records(self, _: Call, found: re.Match[str]) -> Reply:
        return _all(directory.service_records_of(self._domain(found[1])))

    def _verification_records(self, _: Call, found: re.Match[str]) -> Reply:
        return _all(directory.verification_records_of(self._domain(found[1])))

    def _domain(self, name: str) -> str:
        if name.casefold() != self._tenant.domain:
            raise _no_resource(name)
        return self._tenant.domain

    def _found(self, name: str) -> Mailbox | None:
        """By id or user principal name; an address that is neither finds nobody."""
        return self._tenant.by_upn(name) or next((one for one in self._tenant if one.id == name.casefold()), None)

    def _mailbox(self, name: str) -> Mailbox:
        mailbox = self._found(name)
        if not mailbox:
            raise GraphRefused(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.")
        if mailbox.kind is Kind.NONE or self._tenant.is_being_made(mailbox):
            raise GraphRefused(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            )
        return mailbox


def _route(
    method: str,
    path: str,
    opened_by: str,
    answer: Callable[[Call, re.Match[str]], Reply],
    *,
    of_mailbox: bool = False,
) -> _Route:
    return _Route(method, re.compile(path, re.IGNORECASE), frozenset(opened_by.split()), of_mailbox, answer)


def _all(items: list[Json]) -> Reply:
    return Reply(200, {"value": items})


def _select(call: Call) -> str:
    return call.query.get("$select", "")


def _denied(*, of_mailbox: bool) -> GraphRefused:
    if of_mailbox:
        return GraphRefused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    return GraphRefused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _no_resource(name: str) -> GraphRefused:
    return GraphRefused(
        404,
        "Request_ResourceNotFound",
        f"Resource '{name}' does not exist or one of its queried reference-property objects are not present.",
    )

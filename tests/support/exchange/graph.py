"""Microsoft Graph over HTTP: tokens, batches, throttling.

Sources: Microsoft Graph documentation, "Combine multiple HTTP requests using JSON batching", "Throttling guidance".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web

from tests.support.exchange import tokens
from tests.support.exchange.directory import Json
from tests.support.exchange.graph_answers import Call, GraphAnswers, GraphRefused, Reply
from tests.support.exchange.switches import Switches
from tests.support.exchange.tenant import Outage, Tenant

VERSION = "/v1.0"
BATCH_MOST = 20

_WORDS = {
    429: ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    503: ("serviceNotAvailable", "The service is temporarily unavailable."),
    504: ("gatewayTimeout", "The server did not receive a timely response."),
}


class Graph:
    """The endpoints of one tenant."""

    def __init__(self, tenant: Tenant, switches: Switches) -> None:
        self._tenant = tenant
        self._answers = GraphAnswers(tenant, switches)

    def routes(self) -> list[web.RouteDef]:
        """Everything below the version."""
        return [web.route("*", VERSION + "/{path:.*}", self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        content = await request.read()
        call = Call(
            request.method,
            request.path.removeprefix(VERSION),
            dict(request.query),
            _parsed(content) if request.content_type == "application/json" else content,
        )
        try:
            roles = self._roles(request)
            reply = self._batch(call, roles) if call.path == "/$batch" else self._answered(call, roles)
        except GraphRefused as refused:
            reply = refused.reply()
        if reply.body is None:
            return web.Response(status=reply.status, headers=reply.headers)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)

    def _roles(self, request: web.Request) -> frozenset[str]:
        """The app's permissions. Raises `GraphRefused`."""
        if self._tenant.is_down(Outage.GRAPH):
            raise GraphRefused(503, *_WORDS[503])
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        found = tokens.read(self._tenant, token, tokens.GRAPH) if scheme == "Bearer" else None
        if not found:
            message = "Access token is empty." if not token else "Access token validation failure. Invalid audience."
            raise GraphRefused(401, "InvalidAuthenticationToken", message)
        return found.roles

    def _answered(self, call: Call, roles: frozenset[str]) -> Reply:
        for trouble in self._tenant.trouble:
            if trouble.path in call.path:
                self._tenant.trouble.remove(trouble)
                raise GraphRefused(trouble.status, *_WORDS[trouble.status], trouble.retry_after)
        return self._answers.answer(call, roles)

    def _batch(self, call: Call, roles: frozenset[str]) -> Reply:
        """Replies in another order than the requests, each with its own status, and 200 for all of it."""
        requests = call.body.get("requests") if isinstance(call.body, dict) else None
        if not isinstance(requests, list) or call.method != "POST":
            raise GraphRefused(400, "BadRequest", "Invalid batch payload format.")
        if len(requests) > BATCH_MOST:
            words = f"Number of batch requests steps exceeds the maximum value of {BATCH_MOST}"
            raise GraphRefused(400, "BadRequest", words)
        if len({str(request["id"]) for request in requests}) < len(requests):
            raise GraphRefused(400, "BadRequest", "Request ids in a batch must be unique.")
        return Reply(200, {"responses": [self._part(request, roles) for request in reversed(requests)]})

    def _part(self, request: Mapping[str, object], roles: frozenset[str]) -> Json:
        url = urlsplit(str(request["url"]))
        call = Call(str(request["method"]), unquote(url.path), dict(parse_qsl(url.query)), request.get("body"))
        try:
            reply = self._answered(call, roles)
        except GraphRefused as refused:
            reply = refused.reply()
        return {"id": request["id"], "status": reply.status, "headers": dict(reply.headers), "body": reply.body}


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None

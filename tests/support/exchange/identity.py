"""The endpoint at which a function app asks for its managed identity's tokens.

Source: Microsoft, "How to use managed identities for App Service and Azure Functions" (REST endpoint reference).
"""

from __future__ import annotations

import time
from uuid import uuid4

from aiohttp import web

from tests.support.exchange import tokens
from tests.support.exchange.tenant import Tenant

IDENTITY_PATH = "/msi/token"
#: What a request has to carry, so that it can't be forged from outside (IDENTITY_HEADER).
HEADER_VALUE = "simulated-identity-header"

_API_VERSION = "2019-08-01"


class IdentityEndpoint:
    """Gives tokens of the one managed identity there is; without `client_id` it stands for the system-assigned one."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def routes(self) -> list[web.RouteDef]:
        """The one endpoint."""
        return [web.get(IDENTITY_PATH, self._give)]

    async def _give(self, request: web.Request) -> web.Response:
        app = self._tenant.app
        asked_for = request.query.get("client_id", app.identity_client_id)
        if request.headers.get("X-IDENTITY-HEADER") != HEADER_VALUE or request.query.get("api-version") != _API_VERSION:
            return _refused(401, "The identity header or the API version is wrong.")
        if not app.identity_assigned or asked_for != app.identity_client_id:
            return _refused(
                400,
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
            )
        resource = request.query.get("resource", "")
        roles = {tokens.EXCHANGE: app.exchange_roles, tokens.GRAPH: app.graph_roles, tokens.VOUCHING: set[str]()}
        if resource not in roles:
            return _refused(400, f"AADSTS500011: The resource principal named {resource} was not found.")
        token = tokens.issued(self._tenant, resource, app.identity_client_id, app.identity_object_id, roles[resource])
        return web.json_response(
            {
                "access_token": token,
                "expires_on": str(int(time.time()) + self._tenant.token_seconds),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": app.identity_client_id,
            }
        )


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"statusCode": status, "message": message, "correlationId": str(uuid4())}, status=status)

"""Entra's token endpoint for apps: client credentials with a secret, a certificate, or a managed identity's word.

Errors as Microsoft lists them in "Microsoft Entra authentication and authorization error codes", in the shape of
RFC 6749 §5.2 with Entra's additions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import jwt
from aiohttp import web
from cryptography import x509

from tests.support.exchange import tokens
from tests.support.exchange.switches import Switches
from tests.support.exchange.tenant import Outage, Tenant

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ["RS256", "PS256"]


class EntraRefused(Exception):
    """No token: HTTP status, OAuth error, AADSTS number and words."""

    def __init__(self, status: int, error: str, number: str, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.error = error
        self.number = number

    def response(self) -> web.Response:
        """As Entra sends it."""
        trace, correlation, moment = str(uuid4()), str(uuid4()), f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
        description = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
        return web.json_response(
            {
                "error": self.error,
                "error_description": f"AADSTS{self.number}: {self} {description}",
                "error_codes": [int(self.number)],
                "timestamp": moment,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
            },
            status=self.status,
        )


class Entra:
    """The endpoints of one tenant's Entra."""

    def __init__(self, tenant: Tenant, switches: Switches) -> None:
        self._tenant = tenant
        self._switches = switches

    def routes(self) -> list[web.RouteDef]:
        """Discovery, which MSAL asks first, and tokens."""
        return [
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", self._discover),
            web.post("/{tenant}/oauth2/v2.0/token", self._give),
        ]

    async def _discover(self, request: web.Request) -> web.Response:
        try:
            self._check_tenant(request)
        except EntraRefused as refused:
            return refused.response()
        base = f"https://{request.host}/{self._tenant.id}"
        return web.json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "issuer": f"https://login.microsoftonline.com/{self._tenant.id}/v2.0",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
            }
        )

    async def _give(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            self._check_tenant(request)
            self._check_app(form)
            resource = self._resource(form)
            self._check_proof(form)
        except EntraRefused as refused:
            return refused.response()
        app, seconds = self._tenant.app, self._tenant.token_seconds
        roles = app.exchange_roles if resource == tokens.EXCHANGE else app.graph_roles
        token = tokens.issued(self._tenant, resource, app.client_id, app.object_id, roles)
        return web.json_response(
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        )

    def _check_tenant(self, request: web.Request) -> None:
        if self._tenant.is_down(Outage.ENTRA):
            raise EntraRefused(503, "temporarily_unavailable", "90033", "A transient error has occurred.")
        name = request.match_info["tenant"].lower()
        if name not in (self._tenant.id, self._tenant.domain):
            raise EntraRefused(400, "invalid_request", "90002", f"Tenant '{name}' not found. Check to make sure ...")

    def _check_app(self, form: Mapping[str, str]) -> None:
        app, client_id = self._tenant.app, form.get("client_id", "")
        if form.get("grant_type") != "client_credentials":
            raise EntraRefused(400, "unsupported_grant_type", "70003", "The app requested an unsupported grant type.")
        if client_id != app.client_id:
            words = f"Application with identifier '{client_id}' was not found in the directory '{self._tenant.domain}'."
            raise EntraRefused(400, "unauthorized_client", "700016", words)
        if app.disabled:
            raise EntraRefused(400, "unauthorized_client", "7000112", f"Application '{client_id}' is disabled.")

    def _resource(self, form: Mapping[str, str]) -> str:
        scope = form.get("scope", "")
        resource = scope.removesuffix("/.default")
        if resource == scope:
            words = f"The provided value for scope {scope} is not valid: client credential flows must have /.default."
            raise EntraRefused(400, "invalid_scope", "1002012", words)
        if resource not in (tokens.EXCHANGE, tokens.GRAPH):
            words = f"The resource principal named {resource} was not found in the tenant {self._tenant.domain}."
            raise EntraRefused(400, "invalid_resource", "500011", words)
        return resource

    def _check_proof(self, form: Mapping[str, str]) -> None:
        app = self._tenant.app
        if "client_assertion" in form:
            self._check_assertion(form)
        elif "client_secret" not in form:
            words = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise EntraRefused(401, "invalid_client", "7000218", words)
        elif form["client_secret"] != app.secret:
            words = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{app.client_id}'."
            )
            raise EntraRefused(401, "invalid_client", "7000215", words)
        elif app.secret_expired:
            words = f"The provided client secret keys for app '{app.client_id}' are expired."
            raise EntraRefused(401, "invalid_client", "7000222", words)

    def _check_assertion(self, form: Mapping[str, str]) -> None:
        assertion = form["client_assertion"]
        try:
            said = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            said = {}
        if form.get("client_assertion_type") != _ASSERTION_TYPE or not said:
            raise EntraRefused(401, "invalid_client", "50027", "JWT token is invalid or malformed.")
        if said.get("iss") == self._tenant.app.client_id:
            self._check_certificate(assertion)
        else:
            self._check_identity(assertion, said)

    def _check_certificate(self, assertion: str) -> None:
        for pem in self._tenant.app.certificates:
            try:
                key = x509.load_pem_x509_certificate(pem).public_key()
                jwt.decode(assertion, key, _ALGORITHMS, options={"verify_aud": False})  # type: ignore[arg-type]
            except jwt.InvalidTokenError:
                continue
            return
        words = "The certificate with identifier used to sign the client assertion is not registered on application."
        raise EntraRefused(401, "invalid_client", "700027", words)

    def _check_identity(self, assertion: str, said: Mapping[str, object]) -> None:
        app = self._tenant.app
        token = tokens.read(self._tenant, assertion, tokens.VOUCHING)
        if not token or token.subject != app.identity_object_id or not app.identity_trusted:
            words = f"No matching federated identity record found for presented assertion subject '{said.get('sub')}'."
            raise EntraRefused(401, "invalid_client", self._switches.federation_error, words)

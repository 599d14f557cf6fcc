"""Everything that speaks HTTP, in one application: Entra, Graph, and the managed identity's endpoint."""

from __future__ import annotations

from aiohttp import web

from tests.support.exchange.entra import Entra
from tests.support.exchange.graph import Graph
from tests.support.exchange.identity import IdentityEndpoint
from tests.support.exchange.switches import Switches
from tests.support.exchange.tenant import Tenant


def application(tenant: Tenant, switches: Switches) -> web.Application:
    """The application for this tenant."""
    app = web.Application()
    app.add_routes(Graph(tenant, switches).routes())  # before Entra, whose first path segment is any tenant
    app.add_routes(IdentityEndpoint(tenant).routes())
    app.add_routes(Entra(tenant, switches).routes())
    return app

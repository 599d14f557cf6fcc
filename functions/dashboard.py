"""The dashboard: a page for browsers, which asks the HTTP API for all that it shows, and first of all who looks."""

import azure.functions as func

from functions.answers import answer
from functions.handling import for_everybody, handled
from mailferry import __version__
from mailferry.access import caller
from mailferry.dashboard.files import HEADERS, dashboard_file

blueprint = func.Blueprint()


@blueprint.route("dashboard", trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@handled
@for_everybody
def dashboard(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _file("index.html")


@blueprint.route("dashboard/{file}", trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@handled
@for_everybody
def dashboard_part(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _file(request.route_params["file"])


@blueprint.route("me", trigger_arg_name="request", methods=["GET"])
@handled
def me(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    who = caller(request.headers)
    return answer({"name": who.name, "role": who.role, "signed_in": who.signed_in, "version": __version__})


def _file(name: str) -> func.HttpResponse:
    found = dashboard_file(name)
    if found is None:
        return func.HttpResponse("There is no such file.", status_code=404, headers=HEADERS, mimetype="text/plain")
    return func.HttpResponse(found.content, headers=HEADERS, mimetype=found.kind)

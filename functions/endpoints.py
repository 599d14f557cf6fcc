"""The HTTP API of endpoints with names: which there are, and whether their servers can be reached."""

from typing import cast

import azure.functions as func

from functions.answers import answer
from functions.engine import services
from functions.handling import handled
from mailferry.report.status import Json

blueprint = func.Blueprint()

_LIST = "Check its name against the list of endpoints; its file is called <name>.json."


@blueprint.route("endpoints", trigger_arg_name="request", methods=["GET"])
@handled
def endpoints(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return answer(cast(Json, {"endpoints": services().endpoints.all()}))


@blueprint.route("endpoints/{endpoint}", trigger_arg_name="request", methods=["GET"])
@handled
def endpoint(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["endpoint"]
    return _shown(name, services().endpoints.one(name))


@blueprint.route("endpoints/{endpoint}/test", trigger_arg_name="request", methods=["POST"])
@handled
def test_endpoint(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["endpoint"]
    return _shown(name, services().endpoints.test(name))


def _shown(name: str, found: dict[str, object] | None) -> func.HttpResponse:
    if found is None:
        return answer({"error": f"There is no endpoint {name!r}.", "remedy": _LIST}, 404)
    return answer(cast(Json, found))

"""The HTTP API: is it well, which batches are there, how are their mailboxes."""

import json

import azure.functions as func

from functions.engine import services
from mailferry import __version__
from mailferry.errors import MailferryError
from mailferry.report.status import PAGE, Json

blueprint = func.Blueprint()


@blueprint.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(request: func.HttpRequest) -> func.HttpResponse:
    try:
        services()
    except MailferryError as error:
        return _answer({"status": "unhealthy", "why": error.cause, "remedy": error.remedy}, 503)
    return _answer({"status": "ok", "version": __version__})


@blueprint.route("batches", methods=["GET"])
def batches(request: func.HttpRequest) -> func.HttpResponse:
    return _answer(services().status.all())


@blueprint.route("batches/{batch}", methods=["GET"])
def batch(request: func.HttpRequest) -> func.HttpResponse:
    most = request.params.get("most", str(PAGE))
    if not most.isdecimal() or not 1 <= int(most) <= PAGE:
        return _answer({"error": f"most is {most!r}; it must be a number from 1 to {PAGE}."}, 400)
    name = request.route_params["batch"]
    found = services().status.one(name, request.params.get("after", ""), int(most))
    if found is None:
        return _answer({"error": f"There is no batch {name!r}.", "remedy": "GET /api/batches lists them all."}, 404)
    return _answer(found)


def _answer(body: Json, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(body, ensure_ascii=False), status_code=status, mimetype="application/json")

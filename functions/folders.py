"""The HTTP API's files for the folders of the container `batches`: plans, users, endpoints, templates of messages."""

from dataclasses import asdict

import azure.functions as func

from functions.answers import answer, refused
from functions.engine import services
from functions.handling import handled
from mailferry.errors import BatchRefused, FileRefused, TemplateRefused
from mailferry.intake.files import SHOWN
from mailferry.intake.problems import StructureRefused
from mailferry.report.status import Json

blueprint = func.Blueprint()

_BUSY = "A CSV of this plan lies there already, and is just being taken in."
_BUSY_REMEDY = "Try again in some minutes, when it was taken in."
_GONE_REMEDY = "Ask for the plan, or for the provisioning, of that name."


@blueprint.route("files/{folder}/{name}", trigger_arg_name="request", methods=["PUT"])
@handled
def put_in_folder(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    folder, name = request.route_params["folder"], request.route_params["name"]
    try:
        placed = services().folders.put(folder, name, request.get_body())
    except StructureRefused as error:
        problems: list[Json] = [asdict(problem) for problem in error.problems[:SHOWN]]
        return answer({"error": error.cause, "remedy": error.remedy, "problems": problems}, 400)
    except (FileRefused, BatchRefused, TemplateRefused) as error:
        return refused(error, 400)
    return answer({"error": _BUSY, "remedy": _BUSY_REMEDY}, 409) if placed is None else answer(asdict(placed), 201)


@blueprint.route("files/{folder}/{name}", trigger_arg_name="request", methods=["GET"])
@handled
def file_in_folder(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    folder, name = request.route_params["folder"], request.route_params["name"]
    try:
        lying = services().folders.get(folder, name)
    except FileRefused as error:
        return refused(error, 400)
    if lying is None:
        return answer({"error": f"{name!r} is not there, or was taken in.", "remedy": _GONE_REMEDY}, 404)
    return answer(asdict(lying))


@blueprint.route("templates", trigger_arg_name="request", methods=["GET"])
@handled
def templates(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return answer(services().templates.all())

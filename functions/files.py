"""The HTTP API's files: CSVs and options in, reports out."""

from dataclasses import asdict

import azure.functions as func

from functions.answers import answer
from functions.answers import file as content
from functions.answers import files as listed
from functions.engine import services
from functions.handling import handled
from mailferry.errors import BatchRefused, FileRefused, ReportTooLarge
from mailferry.intake.files import SHOWN
from mailferry.intake.problems import StructureRefused
from mailferry.report.status import Json

blueprint = func.Blueprint()

_BUSY = "A CSV of this batch lies there already, and is just being taken in."
_BUSY_REMEDY = (
    "Try again in some minutes, when it was taken in. If it is there for longer, it was refused: intake.csv says why."
)
_LIST = "Check the name against the list of batches, or of the batch's reports."


@blueprint.route("files/{name}", trigger_arg_name="request", methods=["PUT"])
@handled
def put_file(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    try:
        placed = services().files.put(request.route_params["name"], request.get_body())
    except StructureRefused as refused:
        problems: list[Json] = [asdict(problem) for problem in refused.problems[:SHOWN]]
        return answer({"error": refused.cause, "remedy": refused.remedy, "problems": problems}, 400)
    except (FileRefused, BatchRefused) as refused:
        return answer({"error": refused.cause, "remedy": refused.remedy}, 400)
    if placed is None:
        return answer({"error": _BUSY, "remedy": _BUSY_REMEDY}, 409)
    return answer(asdict(placed), 201)


@blueprint.route("files/{name}", trigger_arg_name="request", methods=["GET"])
@handled
def file(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["name"]
    try:
        lying = services().files.get(name)
    except FileRefused as refused:
        return answer({"error": refused.cause, "remedy": refused.remedy}, 400)
    if lying is None:
        return answer({"error": f"{name!r} is not there, or was taken in.", "remedy": _LIST}, 404)
    return answer(asdict(lying))


@blueprint.route("batches/{batch}/reports", trigger_arg_name="request", methods=["GET"])
@handled
def reports(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    batch = request.route_params["batch"]
    found = services().shelf.list(batch)
    if found is None:
        return answer({"error": f"There is no batch {batch!r}.", "remedy": _LIST}, 404)
    return answer({"batch": batch, "reports": listed(found)})


@blueprint.route("batches/{batch}/reports/{file}", trigger_arg_name="request", methods=["GET"])
@handled
def report(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    batch, name = request.route_params["batch"], request.route_params["file"]
    try:
        found = services().shelf.read(batch, name)
    except ReportTooLarge as large:
        return answer({"error": large.cause, "remedy": large.remedy}, 413)
    if found is None:
        return answer({"error": f"The batch {batch!r} has no report {name!r}.", "remedy": _LIST}, 404)
    return content(found)

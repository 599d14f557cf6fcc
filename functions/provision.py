"""The HTTP API of provisioning: what was dropped, what its dry run says of each user, and going."""

import azure.functions as func

from functions.answers import answer, file, files, refused
from functions.engine import services
from functions.handling import handled
from mailferry.errors import BatchBusy, OperationRefused, ReportTooLarge, RequestRefused
from mailferry.intake.ingest import PROVISION
from mailferry.provision.provisioning import NO_SUCH
from mailferry.report.paging import asked_of

blueprint = func.Blueprint()


@blueprint.route("provision", trigger_arg_name="request", methods=["GET"])
@handled
def provisionings(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return answer(services().provisioned.all())


@blueprint.route("provision/{name}", trigger_arg_name="request", methods=["GET"])
@handled
def provisioning(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["name"]
    try:
        found = services().provisioned.one(name, asked_of(request.params))
    except RequestRefused as error:
        return refused(error, 400)
    return _missing(name) if found is None else answer(found)


@blueprint.route("provision/{name}/go", trigger_arg_name="request", methods=["POST"])
@handled
def go(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["name"]
    try:
        return answer({"name": name, "operation": "go", "users": services().provisioning.go(name)})
    except OperationRefused as error:
        return refused(error, 404)
    except BatchBusy as error:
        return refused(error, 409)


@blueprint.route("provision/{name}/reports", trigger_arg_name="request", methods=["GET"])
@handled
def provision_reports(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["name"]
    found = services().shelf.list_of(PROVISION, name)
    return _missing(name) if found is None else answer({"name": name, "reports": files(found)})


@blueprint.route("provision/{name}/reports/{file}", trigger_arg_name="request", methods=["GET"])
@handled
def provision_report(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["name"]
    try:
        found = services().shelf.read_of(PROVISION, name, request.route_params["file"])
    except ReportTooLarge as error:
        return refused(error, 413)
    return _missing(name) if found is None else file(found)


def _missing(name: str) -> func.HttpResponse:
    return answer({"error": f"There is no provisioning {name!r}, or no such report of it.", "remedy": NO_SUCH}, 404)

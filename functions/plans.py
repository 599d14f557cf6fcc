"""The HTTP API of plans: which there are, what they propose, and starting or discarding one."""

from dataclasses import asdict

import azure.functions as func

from functions.answers import answer, file, files, refused
from functions.engine import services
from functions.handling import handled
from mailferry.errors import BatchRefused, OperationRefused, PlanRefused, ReportTooLarge
from mailferry.intake.ingest import PLANS
from mailferry.planning.plans import batches_of, plan_operation
from mailferry.report.shelf import BATCHES

blueprint = func.Blueprint()


@blueprint.route("plans", trigger_arg_name="request", methods=["GET"])
@handled
def plans(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return answer(services().planning.all())


@blueprint.route("plans/{plan}", trigger_arg_name="request", methods=["GET"])
@handled
def plan(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["plan"]
    found = services().planning.one(name)
    if found is None:
        return answer(
            {"error": f"There is no plan {name!r}.", "remedy": "Check its name against the list of plans."}, 404
        )
    return answer(found)


@blueprint.route("plans/{plan}/reports", trigger_arg_name="request", methods=["GET"])
@handled
def plan_reports(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["plan"]
    found = services().shelf.list_of(PLANS, name)
    return _no_report(name) if found is None else answer({"plan": name, "reports": files(found)})


@blueprint.route("plans/{plan}/reports/{file}", trigger_arg_name="request", methods=["GET"])
@handled
def plan_report(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _report(request.route_params["plan"], request.route_params["file"])


@blueprint.route("plans/{plan}/reports/batches/{file}", trigger_arg_name="request", methods=["GET"])
@handled
def plan_batch(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _report(request.route_params["plan"], BATCHES + request.route_params["file"])


@blueprint.route("plans/{plan}/{operation}", trigger_arg_name="request", methods=["POST"])
@handled
def operate_plan(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    try:
        operation = plan_operation(request.route_params["operation"])
        done = services().planning.operate(request.route_params["plan"], operation, batches_of(request.get_body()))
    except BatchRefused as error:
        return refused(error, 400)
    except PlanRefused as error:
        return refused(error, 409)
    except OperationRefused as error:
        return refused(error, 404)
    return answer(asdict(done))


def _report(plan: str, name: str) -> func.HttpResponse:
    try:
        found = services().shelf.read_of(PLANS, plan, name)
    except ReportTooLarge as error:
        return refused(error, 413)
    return _no_report(plan) if found is None else file(found)


def _no_report(plan: str) -> func.HttpResponse:
    remedy = "Check the names against the list of plans, and of the plan's reports."
    return answer({"error": f"There is no plan {plan!r}, or no such report of it yet.", "remedy": remedy}, 404)

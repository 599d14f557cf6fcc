"""The HTTP API of plans: which there are, what they propose, and starting or discarding one."""

from dataclasses import asdict

import azure.functions as func

from functions.answers import answer
from functions.engine import services
from functions.handling import handled
from mailferry.errors import BatchRefused, OperationRefused, PlanRefused
from mailferry.planning.plans import batches_of, plan_operation

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


@blueprint.route("plans/{plan}/{operation}", trigger_arg_name="request", methods=["POST"])
@handled
def operate_plan(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    try:
        operation = plan_operation(request.route_params["operation"])
        done = services().planning.operate(request.route_params["plan"], operation, batches_of(request.get_body()))
    except BatchRefused as refused:
        return answer({"error": refused.cause, "remedy": refused.remedy}, 400)
    except PlanRefused as refused:
        return answer({"error": refused.cause, "remedy": refused.remedy}, 409)
    except OperationRefused as refused:
        return answer({"error": refused.cause, "remedy": refused.remedy}, 404)
    return answer(asdict(done))

"""GET batches/{batch}/validation: what the validation of a batch has found, page by page."""

import azure.functions as func

from functions.answers import answer
from functions.engine import services
from functions.handling import handled
from mailferry.errors import RequestRefused
from mailferry.report.paging import most_of

blueprint = func.Blueprint()

_VALIDATE = "Drop it with the option validate, or ask for the operation revalidate."


@blueprint.route("batches/{batch}/validation", trigger_arg_name="request", methods=["GET"])
@handled
def validation(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["batch"]
    try:
        found = services().validation.page(name, request.params.get("next", ""), most_of(request.params))
    except RequestRefused as refused:
        return answer({"error": refused.cause, "remedy": refused.remedy}, 400)
    if found is None:
        return answer({"error": f"The batch {name!r} was never validated.", "remedy": _VALIDATE}, 404)
    return answer(found)

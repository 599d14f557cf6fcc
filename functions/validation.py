"""GET batches/{batch}/validation: what the validation of a batch has found, page by page."""

import re

import azure.functions as func

from functions.answers import answer
from functions.engine import services
from functions.handling import handled
from mailferry.report.validation import PAGE

blueprint = func.Blueprint()

_VALIDATE = "Drop it with the option validate, or ask for the operation revalidate."


@blueprint.route("batches/{batch}/validation", trigger_arg_name="request", methods=["GET"])
@handled
def validation(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    most = request.params.get("most", str(PAGE))
    if not most.isdecimal() or not 1 <= int(most) <= PAGE:
        return answer({"error": f"most is {most!r}; it must be a number from 1 to {PAGE}."}, 400)
    after = request.params.get("next", "")
    if not re.fullmatch("([0-9a-f]{32})?", after):
        return answer({"error": f"next is {after[:60]!r}; it must be what the page before gave as next."}, 400)
    name = request.route_params["batch"]
    found = services().validation.page(name, after, int(most))
    if found is None:
        return answer({"error": f"The batch {name!r} was never validated.", "remedy": _VALIDATE}, 404)
    return answer(found)

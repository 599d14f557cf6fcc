"""The HTTP API of test messages: one is sent by way of a domain's MX, then looked for in the target mailbox."""

from collections.abc import Callable

import azure.functions as func

from functions.answers import answer
from functions.engine import services
from functions.handling import handled
from mailferry.errors import (
    BatchRefused,
    DnsFailed,
    DomainMissing,
    DomainRefused,
    MailferryError,
    OperationRefused,
    SmtpFailed,
    TrialRefused,
)
from mailferry.report.status import Json

blueprint = func.Blueprint()

#: The status of each refusal; the first kind that fits.
_STATUSES: tuple[tuple[type[MailferryError], int], ...] = (
    (DomainMissing, 404),
    (OperationRefused, 404),
    (DomainRefused, 400),
    (BatchRefused, 400),
    (TrialRefused, 409),
    (DnsFailed, 502),
    (SmtpFailed, 502),
)


@blueprint.route("domains/{domain}/test-message", trigger_arg_name="request", methods=["POST"])
@handled
def send_test_message(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    domain = request.route_params["domain"]
    return _answered(lambda: services().trials.send(domain, request.get_body()))


@blueprint.route("domains/{domain}/test-message", trigger_arg_name="request", methods=["GET"])
@handled
def test_message(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _answered(lambda: services().trials.look(request.route_params["domain"]))


def _answered(work: Callable[[], Json]) -> func.HttpResponse:
    try:
        found = work()
    except MailferryError as error:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), None)
        if status is None:
            raise
        return answer({"error": error.cause, "remedy": error.remedy}, status)
    if found is None:
        return answer({"error": "No test message was sent to this domain.", "remedy": "Send one first."}, 404)
    return answer(found)

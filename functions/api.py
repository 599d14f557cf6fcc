"""The HTTP API: is it well, which batches are there, how are their mailboxes; what can be done with them; domains."""

import logging
from dataclasses import asdict

import azure.functions as func

from functions.answers import answer as _answer
from functions.engine import services
from functions.handling import for_everybody, handled
from mailferry import __version__
from mailferry.errors import (
    BatchBusy,
    DnsFailed,
    DomainMissing,
    DomainRefused,
    MailferryError,
    OperationRefused,
    RequestRefused,
)
from mailferry.identity import caller_of
from mailferry.lifecycle.operation_rules import operation_of
from mailferry.report.paging import asked_of

blueprint = func.Blueprint()
log = logging.getLogger(__name__)

_LIST = "Check the name against the list of batches; a mailbox is named by its id, which its batch lists."


@blueprint.route("health", trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@handled
@for_everybody
def health(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    try:
        services().status.check()
    except MailferryError as error:
        return _answer({"status": "unhealthy", "why": error.cause, "remedy": error.remedy}, 503)
    except Exception as error:
        log.exception("Storage does not answer.")
        why = f"The storage account does not answer ({type(error).__name__})."
        return _answer({"status": "unhealthy", "why": why, "remedy": "Check MigrationStorage and its roles."}, 503)
    return _answer({"status": "ok", "version": __version__})


@blueprint.route("batches", trigger_arg_name="request", methods=["GET"])
@handled
def batches(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _answer(services().status.all())


@blueprint.route("batches/{batch}", trigger_arg_name="request", methods=["GET"])
@handled
def batch(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["batch"]
    try:
        found = services().status.one(name, asked_of(request.params))
    except RequestRefused as refused:
        return _answer({"error": refused.cause, "remedy": refused.remedy}, 400)
    if found is None:
        return _answer({"error": f"There is no batch {name!r}.", "remedy": _LIST}, 404)
    return _answer(found)


@blueprint.route("batches/{batch}/mailboxes/{mailbox}", trigger_arg_name="request", methods=["GET"])
@handled
def mailbox(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name, box = request.route_params["batch"], request.route_params["mailbox"]
    try:
        asked = asked_of(request.params, "folders_next")
        found = services().status.mailbox(name, box, asked, request.params.get("items_next", ""))
    except RequestRefused as refused:
        return _answer({"error": refused.cause, "remedy": refused.remedy}, 400)
    if found is None:
        return _answer({"error": f"The batch {name!r} has no mailbox {box!r}.", "remedy": _LIST}, 404)
    return _answer(found)


@blueprint.route("batches/{batch}/shred", trigger_arg_name="request", methods=["POST"])
@handled
def shred(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = request.route_params["batch"]
    try:
        shredded = services().shredding.shred(name)
    except BatchBusy as busy:
        return _answer({"error": busy.cause, "remedy": busy.remedy}, 409)
    if shredded is None:
        return _answer({"error": f"There is no batch {name!r}.", "remedy": _LIST}, 404)
    return _answer({"batch": name, "shredded": shredded})


@blueprint.route("batches/{batch}/{operation}", trigger_arg_name="request", methods=["POST"])
@handled
def operate_batch(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _operate(request, None)


@blueprint.route("batches/{batch}/mailboxes/{mailbox}/{operation}", trigger_arg_name="request", methods=["POST"])
@handled
def operate_mailbox(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    box = request.route_params["mailbox"]
    return _operate(request, {box: box})


def _operate(request: func.HttpRequest, mailboxes: dict[str, str] | None) -> func.HttpResponse:
    name = request.route_params["batch"]
    try:
        operation = operation_of(request.route_params["operation"])
        done = services().operations.run(name, operation, caller_of(request.headers), mailboxes)
    except OperationRefused as refused:
        return _answer({"error": refused.cause, "remedy": refused.remedy}, 404)
    except BatchBusy as busy:
        return _answer({"error": busy.cause, "remedy": busy.remedy}, 409)
    return _answer(asdict(done), 202 if done.left else 200)


@blueprint.route("domains/{domain}", trigger_arg_name="request", methods=["GET"])
@handled
def domain(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    try:
        return _answer(services().domains.check(request.route_params["domain"]))
    except DomainMissing as missing:
        return _answer({"error": missing.cause, "remedy": missing.remedy}, 404)
    except DomainRefused as refused:
        return _answer({"error": refused.cause, "remedy": refused.remedy}, 400)
    except DnsFailed as failed:
        return _answer({"error": failed.cause, "remedy": failed.remedy}, 502)

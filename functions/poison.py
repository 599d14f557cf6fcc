"""Jobs that failed five times. These handlers catch everything: a poison queue has no poison queue of its own, and a
message that fails here would come back every ten minutes for ever."""

import logging
from collections.abc import Callable

import azure.functions as func

from functions.engine import services
from functions.handling import handled
from mailferry.state.jobs import BATCH_JOBS, FOLDER_JOBS, MAILBOX_JOBS, PLAN_JOBS

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


@blueprint.queue_trigger(arg_name="message", queue_name=f"{MAILBOX_JOBS}-poison", connection="MigrationStorage")
@handled
def poisoned_mailbox_job(message: func.QueueMessage, context: func.Context) -> None:
    _handle(message, lambda body: services().poison.mailbox_job(body))


@blueprint.queue_trigger(arg_name="message", queue_name=f"{FOLDER_JOBS}-poison", connection="MigrationStorage")
@handled
def poisoned_folder_job(message: func.QueueMessage, context: func.Context) -> None:
    _handle(message, lambda body: services().poison.folder_job(body))


@blueprint.queue_trigger(arg_name="message", queue_name=f"{PLAN_JOBS}-poison", connection="MigrationStorage")
@handled
def poisoned_plan_job(message: func.QueueMessage, context: func.Context) -> None:
    _handle(message, lambda body: services().poison.plan_job(body))


@blueprint.queue_trigger(arg_name="message", queue_name=f"{BATCH_JOBS}-poison", connection="MigrationStorage")
@handled
def poisoned_batch_job(message: func.QueueMessage, context: func.Context) -> None:
    _handle(message, lambda body: services().poison.batch_job(body))


def _handle(message: func.QueueMessage, handle: Callable[[str], None]) -> None:
    try:
        handle(message.get_body().decode())
    except Exception:
        log.exception(
            "The poison message %s could not be dealt with; the watch looks after what it was for.", message.id
        )

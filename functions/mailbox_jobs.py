"""A mailbox job plans a pass of one mailbox."""

import azure.functions as func

from functions.engine import services
from functions.handling import handled
from mailferry.state.jobs import MAILBOX_JOBS, read_mailbox_job

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name=MAILBOX_JOBS, connection="MigrationStorage")
@handled
def plan_mailbox(message: func.QueueMessage, context: func.Context) -> None:
    services().plans.run(read_mailbox_job(message.get_body().decode()))

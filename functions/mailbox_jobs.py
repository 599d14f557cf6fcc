"""A mailbox job plans a pass of one mailbox."""

import azure.functions as func

from functions.engine import services
from mailferry.state.jobs import MAILBOX_JOBS, read_mailbox_job

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name=MAILBOX_JOBS, connection="MigrationStorage")
def plan_mailbox(message: func.QueueMessage) -> None:
    services().plans.run(read_mailbox_job(message.get_body().decode()))

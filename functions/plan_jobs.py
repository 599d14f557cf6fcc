"""A plan job measures some of a plan's mailboxes, proposes batches, or makes some."""

import azure.functions as func

from functions.engine import services
from functions.handling import handled
from mailferry.state.jobs import PLAN_JOBS, read_plan_job

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name=PLAN_JOBS, connection="MigrationStorage")
@handled
def work_on_plan(message: func.QueueMessage, context: func.Context) -> None:
    services().planning.step(read_plan_job(message.get_body().decode()))

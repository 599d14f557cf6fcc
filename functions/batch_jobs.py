"""A batch job goes on with work on a whole batch."""

import azure.functions as func

from functions.engine import services
from functions.handling import handled
from mailferry.state.jobs import BATCH_JOBS, read_batch_job

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name=BATCH_JOBS, connection="MigrationStorage")
@handled
def work_on_batch(message: func.QueueMessage, context: func.Context) -> None:
    services().batch_work.run(read_batch_job(message.get_body().decode()))

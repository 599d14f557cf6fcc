"""A folder job copies one chunk of one mailbox."""

import azure.functions as func

from functions.engine import services
from functions.handling import handled
from mailferry.state.jobs import FOLDER_JOBS, read_folder_job

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name=FOLDER_JOBS, connection="MigrationStorage")
@handled
def copy_chunk(message: func.QueueMessage, context: func.Context) -> None:
    services().chunks.run(read_folder_job(message.get_body().decode()))

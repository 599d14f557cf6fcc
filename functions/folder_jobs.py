"""A folder job copies one chunk of one mailbox."""

import azure.functions as func

from functions.engine import services
from mailferry.state.jobs import FOLDER_JOBS, read_folder_job

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name=FOLDER_JOBS, connection="MigrationStorage")
def copy_chunk(message: func.QueueMessage) -> None:
    services().chunks.run(read_folder_job(message.get_body().decode()))

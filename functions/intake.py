"""A CSV dropped in the container `batches` becomes a batch, one in its folder `plans` a plan."""

import azure.functions as func

from functions.engine import services
from functions.handling import handled

blueprint = func.Blueprint()


@blueprint.blob_trigger(
    arg_name="csv",
    path="batches/{name}.csv",
    connection="MigrationStorage",
    source=func.BlobSource.EVENT_GRID,
)
@handled
def intake(csv: func.InputStream, context: func.Context) -> None:
    # The service reads the blob itself: content and ETag must belong together, and events may come late or twice.
    services().drops.take((csv.name or "").removeprefix("batches/"))

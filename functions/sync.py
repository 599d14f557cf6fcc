"""The timer of the incremental sync."""

import azure.functions as func

from functions.engine import services

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="%SYNC_SCHEDULE%")
def sync(timer: func.TimerRequest) -> None:
    services().sync.run()

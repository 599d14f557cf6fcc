"""The timer of the incremental sync."""

import azure.functions as func

from functions.engine import services
from functions.handling import handled
from mailferry.telemetry.timers import timer_run

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="%SYNC_SCHEDULE%")
@handled
def sync(timer: func.TimerRequest, context: func.Context) -> None:
    with timer_run("sync"):
        services().sync.run()

"""The timer of the watch: what was dropped on the way is found and put right."""

import azure.functions as func

from functions.engine import services
from functions.handling import handled
from mailferry.telemetry.timers import timer_run

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="%WATCH_SCHEDULE%")
@handled
def watch(timer: func.TimerRequest, context: func.Context) -> None:
    with timer_run("watch"):
        services().watch.run()

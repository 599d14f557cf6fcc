"""The timer of the watch: what was dropped on the way is found and put right."""

import azure.functions as func

from functions.engine import services

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="%WATCH_SCHEDULE%")
def watch(timer: func.TimerRequest) -> None:
    services().watch.run()

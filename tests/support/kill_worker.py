"""Workers that are there to be killed: a parent without threads, which has imported everything, forks one in no time.

`python -m tests.support.kill_worker` reads commands from its standard input, one a line: `start SETTINGS` (a JSON
object, laid over the environment) and `kill PID`. When the input ends, it kills what is left of its workers and ends.
It and its workers say what happens on the standard output: `begun PID QUEUE BODY`, `ended PID QUEUE BODY`,
`crashed PID ERROR`, `killed PID`. Logs go to the standard error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from unittest.mock import patch

from devhost.hostjson import QueueOptions
from devhost.queues import Delivery, QueueListener
from devhost.storage import Account
from mailferry.services import Services, make_services
from mailferry.settings import read_settings
from mailferry.state.azure import azure_storage
from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS, read_folder_job, read_mailbox_job

#: Stands for blob events and timers, so that they can be killed too and come back: `sync`, `watch`, or `intake FILE`.
EVENTS = "events"

#: Set to anything, it makes workers deaf to the UIDs that the target tells (RFC 4315).
WITHOUT_APPENDUID = "WITHOUT_APPENDUID"

#: Seconds after which the message of a killed worker is given out again.
VISIBILITY = 2.0
#: One job of a queue at a time. A message may be given out any number of times: in life a worker is not killed every
#: second, so five deliveries without progress mean something there.
QUEUES = QueueOptions(
    batch_size=1, new_batch_threshold=0, max_dequeue_count=10_000, visibility_timeout=1.0, max_polling_interval=0.2
)

log = logging.getLogger(__name__)

type Run = Callable[[str], None]


def functions_of(services: Services) -> dict[str, Run]:
    """What runs for a message of each queue, as `functions/` has it."""

    def event(body: str) -> None:
        name, _, file = body.partition(" ")
        match name:
            case "intake":
                services.intake.take(file)
            case "sync":
                services.sync.run()
            case "watch":
                services.watch.run()

    return {
        MAILBOX_JOBS: lambda body: services.plans.run(read_mailbox_job(body)),
        FOLDER_JOBS: lambda body: services.chunks.run(read_folder_job(body)),
        EVENTS: event,
    }


async def work(settings: Mapping[str, str]) -> None:
    """Run jobs until killed."""
    if settings.get(WITHOUT_APPENDUID):
        patch("mailferry.target.mailbox.appended_uids", lambda *_: ()).start()
    functions = functions_of(make_services(read_settings(settings), azure_storage(settings)))
    account = Account(settings["MigrationStorage"])
    async with asyncio.TaskGroup() as group:
        for queue, run in functions.items():
            listener = QueueListener(await account.queue(queue), None, _handler(queue, run), QUEUES, VISIBILITY)
            group.create_task(listener.listen(asyncio.Event()))


def _handler(queue: str, run: Run) -> Callable[[Delivery], Coroutine[None, None, bool]]:
    async def handle(delivery: Delivery) -> bool:
        body = delivery.body.decode()
        _say("begun", os.getpid(), queue, body)
        try:
            await asyncio.to_thread(run, body)
        except Exception as error:
            log.exception("%s of %s failed.", body, queue)
            _crashed(error)
            return False
        _say("ended", os.getpid(), queue, body)
        return True

    return handle


def _crashed(error: Exception) -> None:
    _say("crashed", os.getpid(), repr(error)[:500].replace("\n", " "))


def _say(what: str, pid: int, *more: str) -> None:
    line = " ".join([what, str(pid), *more]) + "\n"
    os.write(sys.stdout.fileno(), line.encode())  # short enough for a pipe to keep it in one piece


def _start(settings: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        asyncio.run(work({**os.environ, **json.loads(settings)}))
    except Exception as error:
        log.exception("A worker could not work.")
        _crashed(error)
    finally:
        os._exit(1)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def main() -> None:
    """Obey commands until there are no more."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    workers = set()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "start":
            workers.add(_start(argument))
        elif command == "kill":
            pid = int(argument)
            workers.remove(pid)
            _kill(pid)
            _say("killed", pid)
    for pid in workers:
        _kill(pid)


if __name__ == "__main__":
    main()

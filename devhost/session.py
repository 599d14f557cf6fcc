"""Knows one run of devhost from the loaded app to the exit code: start, progress, signals, idleness, end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack

from devhost import logs, progress, running, settings
from devhost.api import Api
from devhost.errors import HostError
from devhost.host import Host, Invoked
from devhost.hostjson import HostConfig
from devhost.idle import until_idle
from devhost.keys import Keys
from devhost.options import Options
from devhost.triggers import TimerTrigger
from devhost.verdict import unfinished
from devhost.worker import Worker

#: The account whose containers people drop CSVs into.
DROP_CONNECTION = "MigrationStorage"

_LAST_LOOK_SECONDS = 5.0


class Session:
    """One run. `say` tells the person at the terminal something, `invoked` somebody else of every invocation."""

    def __init__(
        self,
        options: Options,
        config: HostConfig,
        keys: Keys,
        say: Callable[[str], None],
        invoked: Invoked | None = None,
    ) -> None:
        self._options = options
        self._config = config
        self._keys = keys
        self._say = say
        self._invoked = invoked
        self._stop = asyncio.Event()
        self._signal = 0

    async def run(self) -> tuple[int, bool]:
        """Returns the exit code, and whether every function had ended."""
        worker = await Worker.load(self._options.app)
        logs.set_up(self._config.log_levels, worker.current, verbose=self._options.verbose)
        host = Host(worker, self._config, visibility=self._options.visibility, invoked=self._invoked)
        for name in self._options.fire:
            if not isinstance(host.triggers.get(name), TimerTrigger):
                raise HostError(f"there is no timer function {name} to fire")
        orderly = True
        with ExitStack() as stack:
            try:
                port = await host.start(self._keys, self._options.http_port)
                if not self._options.worker:
                    connection = settings.connection_string(DROP_CONNECTION, "devhost drop")
                    stack.enter_context(running.announced(self._options.data, connection, port))
                self._tell(len(worker.functions), port)
                self._mind_signals()
                code = await self._serve(host)
            finally:
                orderly = await host.stop(self._options.grace)
        return code, orderly

    def _tell(self, functions: int, port: int) -> None:
        where = f"http://127.0.0.1:{port}/{self._config.route_prefix}" if port else "no HTTP"
        self._say(f"{functions} functions of {self._options.app}; {where}; keys are in {self._options.data}/keys.json")

    def _mind_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: int) -> None:
        if self._signal:
            # Azurite ends when this process is gone.
            os._exit(128 + number)
        self._signal = number
        self._say("ending; once more ends at once")
        self._stop.set()

    async def _serve(self, host: Host) -> int:
        api = Api(host.worker, host.triggers)
        for name in self._options.fire:
            await host.fire(name)
        ended = asyncio.Event()
        display = None
        if api.there and not self._options.quiet:
            display = asyncio.create_task(progress.show(api, ended))
        try:
            if not self._options.until_idle:
                await self._stop.wait()
                return 0
            worked = await until_idle(host, self._options.wait, self._stop, api.at_rest)
            if self._signal:
                return 128 + self._signal
            if not worked:
                self._say(f"no work turned up within {self._options.wait:g} s")
            return await self._verdict(host, api)
        finally:
            ended.set()
            if display:
                # It asks the app, which cannot answer while every thread is busy; the end does not wait for that.
                await asyncio.wait({display}, timeout=_LAST_LOOK_SECONDS)
                display.cancel()

    async def _verdict(self, host: Host, api: Api) -> int:
        if not api.there:
            poisoned = await host.poisoned()
            for queue, count in poisoned.items():
                self._say(f"{count} messages lie in {queue}")
            return 1 if poisoned else 0
        batches = await api.batches()
        if not batches:
            self._say("there is no batch" if batches is not None else "the app does not tell how its mailboxes are")
            return 1
        lines = unfinished(batches)
        for line in lines:
            self._say(f"not done: {line}")
        return 1 if lines else 0

"""Knows devhost's command line: `python -m devhost` runs an app, `python -m devhost drop` hands it a CSV."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from devhost import running, settings
from devhost.azurite import Azurite
from devhost.drop import drop
from devhost.errors import HostError
from devhost.hostjson import HostConfig, read_host_json
from devhost.keys import kept_keys, kept_sealing_key
from devhost.options import HOST_VISIBILITY, STAND_IN, Options, drop_parser, read_options
from devhost.recorder import Recorder


def say(text: str) -> None:
    print(f"devhost: {text}", file=sys.stderr, flush=True)


def run(options: Options) -> int:
    """Run the app until it is told to end, or is idle; returns the exit code."""
    say(STAND_IN)
    config = _configure(options)
    with ExitStack() as stack:
        if options.worker:
            settings.point_to_azurite(options.connection or _connection_of(options.data))
        else:
            running.claim(options.data)
            if settings.needs_azurite():
                _start_azurite(options, stack)
            else:
                say(f"storage is what {' and '.join(settings.AZURITE_CONNECTIONS)} say; no Azurite is started")
        invoked = _record(options.telemetry, stack) if options.telemetry else None
        os.chdir(options.app)
        # Imported late: the worker library reads the environment, complete only now, and `drop` needs none of it.
        from devhost.session import Session

        keys = kept_keys(options.data / "keys.json")
        code, orderly = asyncio.run(Session(options, config, keys, say, invoked).run())
    if not orderly:
        # Threads of functions that never end would hold the interpreter for ever.
        sys.stdout.flush()
        os._exit(code)
    return code


def _configure(options: Options) -> HostConfig:
    file = options.settings
    if file is None and (options.app / "local.settings.json").exists():
        file = options.app / "local.settings.json"
    if file is not None:
        settings.apply(settings.read_settings_file(file))
    for name in settings.apply(settings.DEV_DEFAULTS):
        say(f"{name} is {settings.DEV_DEFAULTS[name]} here, set it to have it otherwise")
    if settings.needs_sealing_key():
        path = kept_sealing_key(options.data / "sealing-key")
        os.environ[settings.SEALING_KEY_FILE] = str(path)
        say(f"passwords are sealed with a key of this folder, {path}")
    if options.visibility != HOST_VISIBILITY:
        say(f"messages are hidden {options.visibility:g} s at a time; Azure always hides them {HOST_VISIBILITY:g} s")
    return read_host_json(options.app / "host.json")


def _connection_of(data: Path) -> str:
    other = running.find(data)
    if other is None:
        raise HostError(f"no devhost runs on {data} that could be joined; start one first, or give --connection")
    return other.connection


def _record(file: Path, stack: ExitStack) -> Callable[[str, float, bool], None]:
    recorder = stack.enter_context(Recorder(file))
    os.environ.update(recorder.settings())
    say(f"telemetry is added to {file}")
    return recorder.invoked


def _start_azurite(options: Options, stack: ExitStack) -> None:
    azurite = stack.enter_context(Azurite(None if options.in_memory else options.data / "azurite", options.ports))
    settings.point_to_azurite(azurite.connection_string)
    say(f"storage is Azurite, in {'memory' if options.in_memory else options.data}")


def main(arguments: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments and arguments[0] == "drop":
            parsed = drop_parser().parse_args(arguments[1:])
            for line in drop(parsed.csv, parsed.options, parsed.data.resolve(), parsed.name, parsed.wait):
                print(line)
            return 0
        return run(read_options(arguments))
    except HostError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

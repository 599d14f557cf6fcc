"""Knows devhost's command line: `python -m devhost` runs an app, `python -m devhost drop` hands it a CSV."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from devhost import running, settings
from devhost.azurite import Azurite
from devhost.drop import drop
from devhost.errors import HostError
from devhost.hostjson import HostConfig, read_host_json
from devhost.keys import kept_keys
from devhost.queues import HOST_VISIBILITY

STAND_IN = "a stand-in for the Azure Functions host, for development, demos and tests; production is Azure"


@dataclass(frozen=True, slots=True)
class Options:
    """How an app is run: what the command line said, with paths made absolute."""

    app: Path
    settings: Path | None
    data: Path
    in_memory: bool
    ports: tuple[int, int, int]
    worker: bool
    connection: str | None
    http_port: int | None
    visibility: float
    fire: tuple[str, ...]
    until_idle: bool
    wait: float
    grace: float
    quiet: bool
    verbose: bool


def run_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devhost",
        description=f"Runs the Python function app of a folder on this machine: {STAND_IN}.",
        epilog="`python -m devhost drop --help` tells how to hand a CSV to a devhost that runs.",
    )
    add = parser.add_argument
    add("--app", type=Path, default=Path(), help="folder of function_app.py and host.json (default: this one)")
    add("--settings", type=Path, help="file with app settings (default: the app's local.settings.json, if any)")
    add("--data", type=Path, default=running.DEFAULT_DATA, help="folder for storage and keys (default: %(default)s)")
    add("--in-memory", action="store_true", help="keep storage in memory: all is gone at the end")
    for service in ("blob", "queue", "table"):
        add(f"--{service}-port", type=int, default=0, help=f"port of Azurite's {service} service (default: a free one)")
    add("--worker", action="store_true", help="run one more instance on the storage of the devhost that runs on --data")
    add("--connection", help="run one more instance on the storage account of this connection string")
    add("--http-port", type=int, help="port on 127.0.0.1; 0 is a free one (default: 7071, none for one more instance)")
    add(
        "--visibility",
        type=float,
        default=HOST_VISIBILITY,
        metavar="SECONDS",
        help="how long a message is hidden while its function runs; anything but %(default)g is not what Azure does",
    )
    add("--fire", action="append", default=[], metavar="FUNCTION", help="run this timer function once at the start")
    add("--until-idle", action="store_true", help="end when no work is left; 0 only if every mailbox has arrived")
    add(
        "--wait", type=float, default=30, metavar="SECONDS", help="with --until-idle: for work to turn up (default: 30)"
    )
    add("--grace", type=float, default=30, metavar="SECONDS", help="for running functions at the end (default: 30)")
    add("--quiet", action="store_true", help="show no progress")
    add("--verbose", action="store_true", help="log every invocation")
    return parser


def drop_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devhost drop", description="Hands a CSV, and a batch's options, to a devhost that runs."
    )
    parser.add_argument("csv", type=Path, metavar="FILE.csv")
    parser.add_argument("options", type=Path, nargs="?", metavar="OPTIONS.json")
    parser.add_argument(
        "--data", type=Path, default=running.DEFAULT_DATA, help="its data folder (default: %(default)s)"
    )
    parser.add_argument("--name", metavar="BATCH", help="name of the batch (default: the CSV's, without .csv)")
    parser.add_argument("--wait", type=float, default=10, metavar="SECONDS", help="for it to start (default: 10)")
    return parser


def read_options(arguments: Sequence[str]) -> Options:
    parsed = run_parser().parse_args(arguments)
    joins = bool(parsed.worker or parsed.connection)
    http_port = parsed.http_port if parsed.http_port is not None or joins else 7071
    return Options(
        app=parsed.app.resolve(),
        settings=parsed.settings.resolve() if parsed.settings else None,
        data=parsed.data.resolve(),
        in_memory=parsed.in_memory,
        ports=(parsed.blob_port, parsed.queue_port, parsed.table_port),
        worker=joins,
        connection=parsed.connection,
        http_port=http_port,
        visibility=parsed.visibility,
        fire=tuple(parsed.fire),
        until_idle=parsed.until_idle,
        wait=parsed.wait,
        grace=parsed.grace,
        quiet=parsed.quiet or joins,
        verbose=parsed.verbose,
    )


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
            _start_azurite(options, stack)
        os.chdir(options.app)
        # Imported late: the worker library and the app read the environment, which is complete only now.
        from devhost.session import Session

        code, orderly = asyncio.run(Session(options, config, kept_keys(options.data / "keys.json"), say).run())
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
    if options.visibility != HOST_VISIBILITY:
        say(f"messages are hidden {options.visibility:g} s at a time; Azure always hides them {HOST_VISIBILITY:g} s")
    return read_host_json(options.app / "host.json")


def _connection_of(data: Path) -> str:
    other = running.find(data)
    if other is None:
        raise HostError(f"no devhost runs on {data} that could be joined; start one first, or give --connection")
    return other.connection


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

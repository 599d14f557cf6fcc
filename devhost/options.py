"""Knows what can be said on devhost's command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devhost import running

#: The host hides a message for ten minutes while its function runs. It is a constant there (QueueListener.cs).
HOST_VISIBILITY = 600.0

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
    telemetry: Path | None
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
    add("--telemetry", type=Path, metavar="FILE", help="add what would be sent to Application Insights to this file")
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
        telemetry=parsed.telemetry.resolve() if parsed.telemetry else None,
        quiet=parsed.quiet or joins,
        verbose=parsed.verbose,
    )

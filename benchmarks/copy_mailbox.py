"""Copies one mailbox (or a few, side by side) from one IMAP server to another in one process, and says what it took.

    python -m benchmarks.copy_mailbox --source HOST:PORT --target HOST:PORT --user USER --password PW --security none

It is the product's own path, from the plan to the last checkpoint, over storage in memory: nothing is kept, so a second
run copies anew (or finds what is there and adopts it). App settings in the environment hold here too, as
`SOURCE_CERTIFICATE=ignore` does. Ends with 0 when everything is Synced, with 1 when not.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence

from benchmarks.figures import Figures
from benchmarks.one_process import NotTakenIn, OneProcess, settings_between
from mailferry.errors import SettingsError
from mailferry.intake.csv_file import Row
from mailferry.model import Status


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    began = time.perf_counter()
    try:
        process = OneProcess({**os.environ, **_settings(options)})
    except SettingsError as error:
        print(f"{error.cause} {error.remedy}", file=sys.stderr)
        return 1
    ends = zip(options.target_user or options.user, options.user, strict=True)
    try:
        process.take([Row(line, target, user, options.password) for line, (target, user) in enumerate(ends, 1)])
    except NotTakenIn as refused:
        print(refused, file=sys.stderr)
        return 1
    process.run()
    seconds = time.perf_counter() - began
    lines = process.lines()
    messages = sum(line.counts.copied + line.counts.adopted for line in lines)
    print(Figures.of_this_process(messages, sum(line.counts.bytes for line in lines), seconds).line())
    for line in lines:
        print(f"{line.user} -> {line.address}: {line.status}. {line.why} {line.remedy}".strip())
    if any(line.counts.skipped for line in lines):
        print(process.skipped())
    return 0 if all(line.status is Status.SYNCED for line in lines) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="copy_mailbox", description="Copy a mailbox and print what it took.")
    parser.add_argument("--source", required=True, type=address, metavar="HOST:PORT")
    parser.add_argument("--target", required=True, type=address, metavar="HOST:PORT")
    parser.add_argument("--user", required=True, nargs="+", help="login at the source; several go side by side")
    parser.add_argument("--password", required=True)
    parser.add_argument("--target-user", nargs="+", metavar="USER", help="login at the target; the source's if missing")
    parser.add_argument("--target-password", metavar="PASSWORD", help="the source's if missing")
    parser.add_argument("--security", choices=("ssl", "starttls", "none"), default="ssl", help="of both connections")
    parser.add_argument("--in-flight", type=int, metavar="N", help="APPENDs sent ahead on one connection")
    parser.add_argument("--connections", type=int, metavar="N", help="connections that append side by side")
    parser.add_argument("--messages-per-append", type=int, metavar="N", help="messages in one APPEND, with MULTIAPPEND")
    options = parser.parse_args(arguments)
    if options.target_user and len(options.target_user) != len(options.user):
        parser.error("--target-user names as many logins as --user, or none")
    return options


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT` of a command line, taken apart. Raises what argparse shows."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in imap.example.com:993")
    return host.strip("[]"), int(port)


def _settings(options: argparse.Namespace) -> dict[str, str]:
    profile = {name: getattr(options, name) for name in ("in_flight", "connections", "messages_per_append")}
    return settings_between(
        options.source,
        options.target,
        security=options.security,
        target_password=options.target_password or options.password,
        profile={name: value for name, value in profile.items() if value},
    )


if __name__ == "__main__":
    sys.exit(main())

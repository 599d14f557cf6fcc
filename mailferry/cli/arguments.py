"""What can be typed: commands, their arguments, and the help that explains them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from mailferry import __version__
from mailferry.cli.operate import OPERATIONS

_CODES = """exit codes: 0 done · 2 usage · 3 not reachable · 4 key, token or role refused
5 no such batch, mailbox or domain · 6 done, and some of it failed · 7 refused by the app
8 still going on when the time to wait was over"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    common = _common()
    top = argparse.ArgumentParser(
        prog="python -m mailferry",
        description="Moves mailboxes into Microsoft 365: the command line for a running Mailferry.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
    )
    top.add_argument("--version", action="version", version=f"mailferry {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=words, description=words, parents=[common])

    validate = command("validate", "look at every mailbox of a CSV, copy nothing, say what would happen")
    validate.add_argument("what", metavar="FILE.csv|BATCH", help="a CSV to validate, or a batch whose findings to show")
    _batch_files(validate, 3_600)
    drop = command("drop", "start a batch: hand over its CSV, options first")
    drop.add_argument("csv", type=Path, metavar="FILE.csv")
    _batch_files(drop, 300)
    status = command("status", "all batches, or one with its mailboxes, those that need a person first")
    status.add_argument("batch", nargs="?", metavar="BATCH")
    status.add_argument("--watch", action="store_true", help="go on until nothing more happens by itself")
    status.add_argument("--interval", type=_seconds, default=5.0, metavar="SECONDS", help="between two looks (5)")
    status.add_argument("--all", action="store_true", help="every mailbox, however many")
    for name, words in OPERATIONS.items():
        operation = command(name, words)
        operation.add_argument("batch", metavar="BATCH")
        operation.add_argument("--mailbox", nargs="+", default=[], metavar="ADDRESS", help="these mailboxes only")
        operation.add_argument("--yes", action="store_true", help="don't ask")
    report = command("report", "fetch a batch's reports")
    report.add_argument("batch", metavar="BATCH")
    report.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where its folder is made (here)")
    domain = command("domain", "a domain's records, and whether its old server may be let go")
    domain.add_argument("name", metavar="NAME")
    return top


def _common() -> argparse.ArgumentParser:
    """What every command takes, before its name or behind it."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--url", help="address of the function app (else MAILFERRY_URL)")
    common.add_argument("--key-file", type=Path, metavar="FILE", help="file with the function key (else MAILFERRY_KEY)")
    common.add_argument("--json", action="store_true", help="print JSON, for scripts")
    return common


def _batch_files(command: argparse.ArgumentParser, wait: float) -> None:
    command.add_argument("--options", type=Path, metavar="FILE.json", help="the batch's options")
    command.add_argument("--name", metavar="BATCH", help="name of the batch (that of the file)")
    command.add_argument(
        "--wait", type=_seconds, default=wait, metavar="SECONDS", help=f"how long to wait for the answer ({wait:g})"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(text)
    return seconds

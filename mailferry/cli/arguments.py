"""What can be typed: commands, their arguments, and the help that explains them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

from mailferry import __version__
from mailferry.cli.operate import OPERATIONS

_CODES = """exit codes: 0 done · 2 usage · 3 not reachable · 4 key, token or role refused
5 no such batch, mailbox, domain, plan or endpoint · 6 done, and some of it failed · 7 refused by the app
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
        _yes(operation)
    _report(command("report", "fetch a batch's reports"), "batch")
    shred = command("shred", "remove a batch's passwords for good, without a last pass")
    shred.add_argument("batch", metavar="BATCH")
    _yes(shred)
    domain = command("domain", "a domain's records, and whether its old server may be let go")
    domain.add_argument("name", metavar="NAME")
    trial = command("test-message", "send a message by way of a domain's MX, or look for the last one again")
    trial.add_argument("to", metavar="ADDRESS|DOMAIN", help="whom to send it to, or whose to look for")
    _plan(command("plan", "propose batches for one big CSV, and make them"), common)
    _endpoint(command("endpoint", "source servers with names, and whether they can be reached"), common)
    _provision(command("provision", "users and licences from a CSV, after a dry run"), common)
    _template(command("template", "texts of messages to users and administrators"), common)
    return top


type _Adder = Callable[[str, str], argparse.ArgumentParser]


def _actions(command: argparse.ArgumentParser, common: argparse.ArgumentParser) -> _Adder:
    """Makes the commands of a command."""
    actions = command.add_subparsers(dest="action", required=True, metavar="COMMAND")
    return lambda name, words: actions.add_parser(name, help=words, description=words, parents=[common])


def _plan(command: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    action = _actions(command, common)
    drop = action("drop", "hand a big CSV over, and wait for the batches that are proposed; nothing is copied")
    drop.add_argument("csv", type=Path, metavar="FILE.csv")
    drop.add_argument("--options", type=Path, metavar="FILE.json", help="options of all its batches")
    drop.add_argument("--name", metavar="PLAN", help="name of the plan (that of the file)")
    _wait(drop, 3_600)
    status = action("status", "all plans, or one with its batches")
    status.add_argument("plan", nargs="?", metavar="PLAN")
    start = action("start", "make the batches, or some of them")
    start.add_argument("plan", metavar="PLAN")
    start.add_argument("--batch", nargs="+", default=[], metavar="BATCH", help="these only (all that are left)")
    discard = action("discard", "delete a plan with its passwords")
    discard.add_argument("plan", metavar="PLAN")
    _yes(discard)
    _report(action("report", "fetch plan.csv, plan.json and the batches without passwords"), "plan")


def _endpoint(command: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    action = _actions(command, common)
    drop = action("drop", "define an endpoint, and try its server")
    drop.add_argument("file", type=Path, metavar="FILE.json")
    drop.add_argument("--name", metavar="ENDPOINT", help="name of the endpoint (that of the file)")
    status = action("status", "all endpoints, or one with what its server has said")
    status.add_argument("endpoint", nargs="?", metavar="ENDPOINT")
    test = action("test", "try the server of an endpoint now")
    test.add_argument("endpoint", metavar="ENDPOINT")


def _provision(command: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    action = _actions(command, common)
    drop = action("drop", "hand a CSV of users over, and wait for its dry run; nothing is changed")
    drop.add_argument("csv", type=Path, metavar="FILE.csv")
    drop.add_argument("--name", metavar="NAME", help="how it is to be called (as the file)")
    _wait(drop, 900)
    status = action("status", "all that was dropped, or one with its users")
    status.add_argument("name", nargs="?", metavar="NAME")
    go = action("go", "make the users and assign the licences that the dry run has listed")
    go.add_argument("name", metavar="NAME")
    _yes(go)
    _wait(go, 900)
    _report(action("report", "fetch provision.csv and intake.csv"), "name")


def _template(command: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    action = _actions(command, common)
    drop = action("drop", "use a text of your own")
    drop.add_argument("file", type=Path, metavar="FILE", help="before, synced, completed or failed, as .txt or .html")
    action("status", "which texts are in use")
    for name, words in (("show", "one text as it is in use"), ("reset", "use the text that Mailferry has")):
        action(name, words).add_argument("kind", metavar="KIND", help="before, synced, completed or failed")


def _report(command: argparse.ArgumentParser, of: str) -> None:
    command.add_argument(of, metavar=of.upper())
    command.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where its folder is made (here)")


def _yes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="don't ask")


def _wait(command: argparse.ArgumentParser, seconds: float) -> None:
    command.add_argument(
        "--wait", type=_seconds, default=seconds, metavar="SECONDS", help=f"how long to wait ({seconds:g})"
    )


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
    _wait(command, wait)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(text)
    return seconds

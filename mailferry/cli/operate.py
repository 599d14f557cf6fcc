"""Operations on a batch or on some of its mailboxes: pause, resume, stop, retry, sync, start, and so on."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.output import Output, number, plain

#: What can be asked for, and what it does.
OPERATIONS = {
    "start": "begin the passes of what waits to be started, such as a batch that was only validated",
    "pause": "stop for a while; resuming the batch goes on",
    "resume": "go on with what was paused (a stopped mailbox: by its own name)",
    "stop": "stop until resumed by name",
    "sync": "a pass now for what is Synced, instead of waiting for the night",
    "retry": "try again what has failed",
    "revalidate": "validate anew, nothing is copied",
    "complete": "one last pass, then the end: passwords are shredded, no more mail is carried",
    "remove": "take out of Mailferry; mail in the target stays",
}

#: What is not taken back with another operation: a person confirms it.
_FINAL = ("stop", "complete", "remove")


def operate(api: Api, args: Namespace, out: Output) -> Exit:
    """Do it, once it is confirmed."""
    operation, batch = args.command, args.batch
    if operation in _FINAL and not args.yes:
        who = f"{len(args.mailbox)} mailboxes of {batch}" if args.mailbox else f"all mailboxes of {batch}"
        confirm(f"{operation} {who}: {OPERATIONS[operation]}", out)
    if not args.mailbox:
        done = api.post("batches", batch, operation)
    else:
        ids = _ids(api, batch, args.mailbox)
        done = _together([api.post("batches", batch, "mailboxes", one, operation) for one in ids])
    out.give(done, _view)
    return Exit.OK


def shred(api: Api, args: Namespace, out: Output) -> Exit:
    """Remove the batch's passwords, once it is confirmed."""
    if not args.yes:
        confirm(
            f"shred {args.batch}: its passwords are gone for good, and no pass begins before its CSV is dropped again",
            out,
        )
    out.give(
        api.post("batches", args.batch, "shred"),
        lambda done: plain(f"{done['batch']}: passwords removed: {number(done['shredded'])}."),
    )
    return Exit.OK


def confirm(what: str, out: Output) -> None:
    """Raises CommandFailed unless a person at the terminal says yes to this; its first word is the command."""
    if not sys.stdin.isatty():
        raise CommandFailed(Exit.USAGE, f"{what.split()[0]} wants a yes.", "Add --yes.")
    out.say(f"{what}. Type yes to go on.")
    if sys.stdin.readline().strip().lower() != "yes":
        raise CommandFailed(Exit.USAGE, "Nothing was done.", "Type yes when asked, or add --yes.")


def _ids(api: Api, batch: str, addresses: Iterable[str]) -> list[str]:
    """The ids of these target addresses. Raises CommandFailed for the first that the batch does not have, so that
    nothing is done for any of them."""
    return [_id(api, batch, address) for address in dict.fromkeys(addresses)]


def _id(api: Api, batch: str, address: str) -> str:
    for page in api.pages("batches", batch, search=address):
        for mailbox in page["mailboxes"]:
            if str(mailbox["address"]).casefold() == address.casefold():
                return str(mailbox["id"])
    cause = f"The batch {batch!r} has no mailbox {address!r}."
    raise CommandFailed(Exit.MISSING, cause, f"python -m mailferry status {batch} --all lists what it has.")


def _together(answers: list[Document]) -> Document:
    unchanged: Counter[str] = Counter()
    for answer in answers:
        unchanged.update(answer["unchanged"])
    changed = sum(answer["changed"] for answer in answers)
    return {**answers[0], "changed": changed, "unchanged": dict(unchanged)}


def _view(done: Document) -> RenderableType:
    words = f"{done['batch']}, {done['operation']}: mailboxes changed: {number(done['changed'])}."
    unchanged = (f"Unchanged: {number(count)} ({why})." for why, count in done["unchanged"].items())
    left = f"Still to come: {number(done['left'])}. It goes on by itself; status {done['batch']} says how far it is."
    return Group(plain(words), *map(plain, unchanged), *([plain(left)] if done["left"] else []))

"""`domain`: the records of a domain, as they are and as they should be, and whether its old server may be let go;
`test-message`: one by way of its MX."""

from __future__ import annotations

from argparse import Namespace

from rich.console import Group, RenderableType
from rich.text import Text

from mailferry.cli.api import Api
from mailferry.cli.exits import Document, Exit
from mailferry.cli.output import Output, advised, moment, plain, table


def domain(api: Api, args: Namespace, out: Output) -> Exit:
    """Show the check of a domain. A domain that is not ready yet is no failure of the command."""
    out.give(api.get("domains", args.name), _view)
    return Exit.OK


def test_message(api: Api, args: Namespace, out: Output) -> Exit:
    """Send one to an address of a batch, or look for the last one of a domain again."""
    if "@" in args.to:
        found = api.post("domains", args.to.rpartition("@")[2], "test-message", body={"mailbox": args.to})
    else:
        found = api.get("domains", args.to, "test-message")
    out.give(found, _trial_view)
    return Exit.OK if found["arrived"] else Exit.UNFINISHED


def _trial_view(found: Document) -> RenderableType:
    sent = f"Sent {moment(found['sent'])} UTC to {found['address']} by {found['host']}, which said: {found['said']}"
    came = advised(found["why"] or f"It has arrived in {found['address']}.", found["remedy"])
    return Group(plain(sent), came)


def _view(found: Document) -> RenderableType:
    safe = found["safe_to_complete"]
    verdict = Text("Safe to complete.", "green") if safe else Text("Not yet safe to complete:", "yellow")
    parts: list[RenderableType] = [Text.assemble((plain(found["domain"]).plain, "bold"), ". ", verdict)]
    parts += [advised(f"- {reason['why']}", reason["remedy"]) for reason in found["why_not"]]
    made = table("Record", "Name", "State", "Found", "Why, and what to do")
    for record in found["records"]:
        words = advised(record["why"], record["remedy"])
        values = plain("  ".join(record["found"]))
        made.add_row(plain(record["record"]), plain(record["name"]), plain(record["state"]), values, words)
    parts.append(made)
    return Group(*parts)

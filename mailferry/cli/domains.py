"""`domain`: the records of a domain, as they are and as they should be, and whether its old server may be let go."""

from __future__ import annotations

from argparse import Namespace

from rich.console import Group, RenderableType
from rich.text import Text

from mailferry.cli.api import Api
from mailferry.cli.exits import Document, Exit
from mailferry.cli.output import Output, advised, plain, table


def domain(api: Api, args: Namespace, out: Output) -> Exit:
    """Show the check of a domain. A domain that is not ready yet is no failure of the command."""
    out.give(api.get("domains", args.name), _view)
    return Exit.OK


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

"""`template`: the texts of messages to users and administrators."""

from __future__ import annotations

from argparse import Namespace

from rich.console import Group, RenderableType

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.files import content_of
from mailferry.cli.output import Output, advised, plain, table

_ENDINGS = ("txt", "html")


def template(api: Api, args: Namespace, out: Output) -> Exit:
    """Carry out one of the commands of `template`."""
    match args.action:
        case "drop":
            api.put("files", "templates", args.file.name, data=content_of(args.file))
        case "reset":
            for ending in _ENDINGS:
                api.put("files", "templates", f"{args.kind}.{ending}", data=b"")
        case "show":
            out.give(_one(api, args.kind), _text)
            return Exit.OK
    out.give(api.get("templates"), _view)
    return Exit.OK


def _text(found: Document) -> RenderableType:
    return Group(*(plain(line) for line in found["text"].splitlines()))


def _view(found: Document) -> RenderableType:
    made = table("Message", "File", "Filled in", "Why it can't be used, and what to do")
    for each in found["templates"]:
        words = ", ".join(f"{{{name}}}" for name in each["placeholders"])
        file = each["file"] or "as Mailferry has it"
        made.add_row(plain(each["template"]), plain(file), plain(words), advised(each["why"], each["remedy"]))
    return made


def _one(api: Api, kind: str) -> Document:
    listed: list[Document] = api.get("templates")["templates"]
    found = next((each for each in listed if each["template"] == kind), None)
    if found is None:
        known = ", ".join(each["template"] for each in listed)
        raise CommandFailed(Exit.MISSING, f"There is no template {kind!r}.", f"Known are {known}.")
    return found

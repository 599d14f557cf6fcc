"""`endpoint`: source servers with names, and whether they can be reached."""

from __future__ import annotations

from argparse import Namespace

from rich.console import Group, RenderableType

from mailferry.cli.api import Api
from mailferry.cli.exits import Document, Exit
from mailferry.cli.files import content_of
from mailferry.cli.output import Output, advised, moment, plain, table

#: What a test has found, in the order in which it is shown.
_FACTS = ("host", "port", "security", "certificate", "addresses", "software", "identification", "greeting")


def endpoint(api: Api, args: Namespace, out: Output) -> Exit:
    """Carry out one of the commands of `endpoint`."""
    match args.action:
        case "drop":
            name = args.name or args.file.stem
            api.put("files", "endpoints", f"{name}.json", data=content_of(args.file))
            return _given(api.post("endpoints", name, "test"), out)
        case "test":
            return _given(api.post("endpoints", args.endpoint, "test"), out)
        case _ if args.endpoint:
            return _given(api.get("endpoints", args.endpoint), out)
    out.give(api.get("endpoints"), _list_view)
    return Exit.OK


def _given(found: Document, out: Output) -> Exit:
    out.give(found, _view)
    return Exit.FAILURES if found["ok"] is False else Exit.OK


def _view(found: Document) -> RenderableType:
    tried = f", tried {moment(found['at'])} UTC" if found["at"] else ""
    parts: list[RenderableType] = [
        plain(f"Endpoint {found['endpoint']}{tried}: {_word(found['ok'])}."),
        advised(found["why"], found["remedy"]),
    ]
    facts = [(name, found[name]) for name in _FACTS if found.get(name)]
    parts += [plain(f"{name}: {', '.join(value) if isinstance(value, list) else value}") for name, value in facts]
    if elsewhere := found.get("elsewhere"):
        parts.append(plain(f"Batches that stay with another server: {', '.join(elsewhere)}"))
    return Group(*parts)


def _list_view(found: Document) -> RenderableType:
    made = table("Endpoint", "Reached", "Host", "Tried (UTC)", "Why, and what to do")
    for each in found["endpoints"]:
        host = (each["definition"] or {}).get("host", "")
        words = advised(each["why"], each["remedy"])
        made.add_row(plain(each["endpoint"]), _word(each["ok"]), plain(host), moment(each["at"]), words)
    return made if found["endpoints"] else plain("There is no endpoint with a name yet.")


def _word(ok: bool | None) -> str:
    return {True: "reached", False: "not reached", None: "not tried yet"}[ok]

"""`report`: fetches the reports of a batch into a folder."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

from rich.console import RenderableType

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.output import Output, plain, table
from mailferry.report.csv_cells import human_bytes

# What the app names becomes a file here: nothing but a plain name.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z]+")


def report(api: Api, args: Namespace, out: Output) -> Exit:
    """Write every report to `<out>/<batch>/`, each as a whole or not at all."""
    listed = api.get("batches", args.batch, "reports")["reports"]
    folder: Path = args.out / re.sub(r"[^\w .@+-]", "_", args.batch)
    written: list[Document] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (str(each["file"]) for each in listed):
            if not _NAME.fullmatch(name):
                raise CommandFailed(Exit.UNREACHABLE, f"The app names a report {name[:60]!r}, which is no file name.")
            data = api.download("batches", args.batch, "reports", name)
            fresh = folder / f".{name}.part"
            fresh.write_bytes(data)
            fresh.replace(folder / name)
            written.append({"file": name, "path": str(folder / name), "bytes": len(data)})
    except OSError as error:
        cause = f"{folder} can't be written: {error.strerror}."
        raise CommandFailed(Exit.USAGE, cause, "Name another folder with --out.") from None
    out.give({"batch": args.batch, "folder": str(folder), "files": written}, _view)
    return Exit.OK


def _view(found: Document) -> RenderableType:
    made = table("Report", "Size", numbers=("Size",))
    for each in found["files"]:
        made.add_row(plain(each["path"]), human_bytes(each["bytes"]))
    return made if found["files"] else plain(f"{found['batch']} has no reports yet.")

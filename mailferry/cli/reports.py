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
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z]+|batches/\w[\w .@+-]*\.(csv|json)")


def report(api: Api, args: Namespace, out: Output) -> Exit:
    """Write every report to `<out>/<batch>/`, each as a whole or not at all."""
    fetch(api, ("batches", "batch"), args.batch, args.out, out)
    return Exit.OK


def fetch(api: Api, kind: tuple[str, str], owner: str, out_folder: Path, out: Output) -> None:
    """Write the reports of this batch, plan or provisioning to a folder of its name, and show which.

    `kind` is what the API calls many of them, and one. Raises CommandFailed.
    """
    listed = api.get(kind[0], owner, "reports")["reports"]
    folder = out_folder / re.sub(r"[^\w .@+-]", "_", owner)
    written: list[Document] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (str(each["file"]) for each in listed):
            if not _NAME.fullmatch(name):
                raise CommandFailed(Exit.UNREACHABLE, f"The app names a report {name[:60]!r}, which is no file name.")
            data = api.download(kind[0], owner, "reports", *name.split("/"))
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            fresh = path.with_name(f".{path.name}.part")
            fresh.write_bytes(data)
            fresh.replace(path)
            written.append({"file": name, "path": str(path), "bytes": len(data)})
    except OSError as error:
        cause = f"{folder} can't be written: {error.strerror}."
        raise CommandFailed(Exit.USAGE, cause, "Name another folder with --out.") from None
    out.give({kind[1]: owner, "folder": str(folder), "files": written}, _view)


def _view(found: Document) -> RenderableType:
    made = table("Report", "Size", numbers=("Size",))
    for each in found["files"]:
        made.add_row(plain(each["path"]), human_bytes(each["bytes"]))
    return made if found["files"] else plain(f"There are no reports for {found['folder']} yet.")

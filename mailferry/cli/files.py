"""`drop`: a batch's files go to the app, and what intake says of them comes back."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path

from rich.console import Group, RenderableType

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.output import Output, number, plain, problems_table

#: Seconds between two looks whether a CSV was taken in.
_LOOK = 2.0


def drop(api: Api, args: Namespace, out: Output) -> Exit:
    """Put options and CSV there, and wait until the CSV was taken in."""
    options = _options(args.options) if args.options else None
    found = hand_over(api, args.csv, options, args.name, args.wait)
    out.give(found, _view)
    if found["state"] == "waiting":
        return Exit.UNFINISHED if args.wait else Exit.OK
    if found["state"] == "refused":
        return Exit.REFUSED
    return Exit.FAILURES if found["refused"] else Exit.OK


def hand_over(api: Api, csv: Path, options: Document | None, name: str | None, wait: float) -> Document:
    """Drop a batch: what the app said of its CSV, with `state` (`taken in`, `waiting` after `wait` seconds, `refused`)
    and `why`. Options go first: intake reads them with the CSV."""
    content = content_of(csv)
    batch = name or csv.stem
    if options is not None:
        api.put("files", f"{batch}.json", data=json.dumps(options, ensure_ascii=False).encode())
    placed = api.put("files", f"{batch}.csv", data=content)
    end = time.monotonic() + wait
    while (lying := api.find("files", f"{batch}.csv")) and lying["state"] == "waiting" and time.monotonic() < end:
        time.sleep(min(_LOOK, max(0.0, end - time.monotonic())))
    if lying:
        return {**placed, "state": lying["state"], "why": lying["why"]}
    # Intake knows more than whoever looked at the file alone: addresses of other batches, for instance.
    refused = api.get("batches", batch, most=1)["refused_rows"]
    rows = placed["rows"] + placed["refused"] - refused
    return {**placed, "rows": rows, "refused": refused, "state": "taken in", "why": ""}


def read_options(file: Path | None) -> dict[str, object]:
    """The options in this file; none without one."""
    return _options(file) if file else {}


def content_of(file: Path) -> bytes:
    """What is in the file. Raises CommandFailed."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandFailed(Exit.USAGE, f"{file} can't be read: {error.strerror}.", "Name one that exists.") from None


def _options(file: Path) -> dict[str, object]:
    try:
        found = json.loads(content_of(file), object_pairs_hook=_once)  # in whichever UTF PowerShell has saved it
    except ValueError as error:
        raise CommandFailed(Exit.USAGE, f"{file} is not JSON: {error}.", "Correct it.") from None
    if not isinstance(found, dict):
        raise CommandFailed(Exit.USAGE, f"{file} is no object.", 'Options look like {"exclude_folders": ["Junk"]}.')
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object; the app, which would refuse a key that is there twice, never sees the file. Raises ValueError."""
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"{key} is there twice")
    return dict(pairs)


def _view(found: Document) -> RenderableType:
    batch, rows, refused = found["batch"], found["rows"], found["refused"]
    ends = {
        "taken in": f"Batch {batch} is taken in. Rows that can run: {number(rows)}",
        "waiting": f"{found['file']} is there, and waits to be taken in. Rows that can run: {number(rows)}",
        "refused": f"{found['file']} is refused: {found['why']}",
    }
    parts: list[RenderableType] = [plain(ends[found["state"]])]
    if refused:
        problems = tuple(found["problems"])
        parts.append(plain(f"Rows that can't run: {number(refused)}"))
        parts += [problems_table(problems)] if problems else []
        if len(problems) < refused:
            parts.append(plain(f"python -m mailferry report {batch} fetches intake.csv, which has them all."))
    return Group(*parts)

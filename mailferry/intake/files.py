"""CSVs and options that come by the HTTP API: checked at once, and put where those are that a person drops by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailferry.errors import FileRefused
from mailferry.intake.csv_file import read_csv
from mailferry.intake.csv_text import MAX_BYTES as LONGEST_CSV
from mailferry.intake.ingest import CONTAINER, NO_BATCHES, Intake
from mailferry.intake.json_object import MAX_BYTES as LONGEST_OPTIONS
from mailferry.model import Problem
from mailferry.state.batches import LONGEST_NAME, Batches, can_be_name
from mailferry.state.storage import BlobInfo, Blobs

_CSV, _OPTIONS = ".csv", ".json"
_TYPES = {_CSV: "text/csv; charset=utf-8", _OPTIONS: "application/json"}
_LONGEST = {_CSV: LONGEST_CSV, _OPTIONS: LONGEST_OPTIONS}

#: Problems of a CSV that are told at once.
SHOWN = 100

_NAME_REMEDY = (
    f"Name it <batch>.csv or <batch>.json; a batch has at most {LONGEST_NAME} characters, none of / \\ ? # %, "
    "and neither begins nor ends with a dot or a space."
)
_COMMAND_REMEDY = "Ask for the operation itself instead: it answers at once."


class State(StrEnum):
    """What a CSV in the container waits for: intake, or somebody to correct it."""

    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Lying:
    """A file in the container; `why` says why intake refused it."""

    file: str
    batch: str
    bytes: int
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that was put there: how many of its rows can run, how many can't, and what is wrong with the first of
    those; `intake.csv` among the batch's reports has them all."""

    file: str
    batch: str
    bytes: int
    rows: int
    refused: int
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class Files:
    """The container `batches`, for those who have the HTTP API only."""

    batches: Batches
    blobs: Blobs
    intake: Intake

    def put(self, file: str, data: bytes) -> Placed | None:
        """Put `<batch>.csv` or `<batch>.json` there; None when a CSV of the batch is there that intake has not done
        with: it must not find other options, or other rows, than the ones it was announced with.

        A CSV that intake has refused is replaced. Raises `FileRefused` for the name or the size, and `BatchRefused`
        when the content can't be used as a whole; then nothing was put there.
        """
        batch, kind = _parts(file)
        if len(data) > _LONGEST[kind]:
            cause = f"The file has {len(data):,} bytes; at most {_LONGEST[kind]:,} are taken."
            raise FileRefused(cause, "Split it into several batches." if kind == _CSV else "Make it shorter.")
        csv = f"{batch}{_CSV}"
        there = self.blobs.info(CONTAINER, csv)
        refused = bool(there and self._refusal(batch, there))
        rows, problems = 0, tuple[Problem, ...]()
        if kind == _CSV:
            read = read_csv(data, passwords=self.intake.options(batch).login.by_password)
            rows, problems = len(read.rows), read.refused
            over = there.etag if there and refused else ""
            if not self.blobs.place(CONTAINER, csv, data, _TYPES[kind], over):
                return None
        else:
            self.intake.read_for(batch, data)
            if there and not refused:
                return None
            self.blobs.write(CONTAINER, f"{batch}{kind}", data, _TYPES[kind])
        return Placed(f"{batch}{kind}", batch, len(data), rows, len(problems), problems[:SHOWN])

    def get(self, file: str) -> Lying | None:
        """What of the batch's CSV there is to know while it lies there, never its content; None once it is taken in.

        Raises `FileRefused` for the name.
        """
        batch, _ = _parts(file)
        there = self.blobs.info(CONTAINER, f"{batch}{_CSV}")
        if there is None:
            return None
        why = self._refusal(batch, there)
        return Lying(there.name, batch, there.size, State.REFUSED if why else State.WAITING, why)

    def _refusal(self, batch: str, csv: BlobInfo) -> str:
        """Why intake has refused this very CSV; empty when it has not."""
        found = self.batches.get(batch)
        return found.refused if found and found.refused_etag == csv.etag else ""


def _parts(file: str) -> tuple[str, str]:
    """The batch, and `.csv` or `.json`."""
    batch, dot, kind = file.rpartition(".")
    kind = dot + kind.lower()
    if kind not in _TYPES:
        raise FileRefused(f"{file[:LONGEST_NAME]!r} is neither a CSV nor a batch's options.", _NAME_REMEDY)
    if batch.lower().endswith(".command"):
        raise FileRefused("A command is no file for this address.", _COMMAND_REMEDY)
    if f"{batch}/" in NO_BATCHES:
        raise FileRefused(f"No batch can have the name {batch}: it is kept for other things.", _NAME_REMEDY)
    if not can_be_name(batch):
        raise FileRefused(f"{batch[:LONGEST_NAME]!r} is no name for a batch.", _NAME_REMEDY)
    return batch, kind

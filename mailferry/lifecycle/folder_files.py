"""Files for the folders of the container `batches` (plans, endpoints, users, templates) that come by the HTTP API:
checked at once, and put where those are that a person drops by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailferry.errors import FileRefused
from mailferry.intake.csv_file import read_csv
from mailferry.intake.csv_text import MAX_BYTES as LONGEST_CSV
from mailferry.intake.endpoint_files import FOLDER as ENDPOINTS
from mailferry.intake.endpoint_options import read_endpoint
from mailferry.intake.files import SHOWN, State
from mailferry.intake.ingest import CONTAINER, PLANS, PROVISION, TEMPLATES, Intake
from mailferry.intake.json_object import MAX_BYTES as LONGEST_JSON
from mailferry.model import Problem
from mailferry.notify.templates import MAX_BYTES as LONGEST_TEMPLATE
from mailferry.notify.templates import check_template, take_templates
from mailferry.planning.reading import check_before_reading
from mailferry.provision.users_csv import read_users
from mailferry.state.batches import LONGEST_NAME, can_be_name
from mailferry.state.plans import Plans, Stage
from mailferry.state.storage import BlobInfo, Blobs

#: Files that each folder takes, by their ending, with their largest size in bytes.
_TAKEN: Mapping[str, Mapping[str, int]] = {
    PLANS: {".csv": LONGEST_CSV, ".json": LONGEST_JSON},
    PROVISION: {".csv": LONGEST_CSV},
    ENDPOINTS: {".json": LONGEST_JSON},
    TEMPLATES: {".txt": LONGEST_TEMPLATE, ".html": LONGEST_TEMPLATE},
}
_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".html": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class PlacedIn:
    """A file that was put into its folder. Of a CSV: how many of its rows can be used, how many can't, and why."""

    file: str
    bytes: int
    rows: int
    refused: int
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class LyingIn:
    """A CSV in its folder; `why` says why it was refused."""

    file: str
    bytes: int
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The folders of the container `batches`, for those who have the HTTP API only."""

    intake: Intake
    plans: Plans
    blobs: Blobs

    def put(self, folder: str, file: str, data: bytes) -> PlacedIn | None:
        """Put the file into its folder; None while a CSV of the same plan lies there that was not taken in yet.

        An endpoint and a template hold from now on. Raises `FileRefused` for folder, name or size, `BatchRefused` or
        `TemplateRefused` when the content can't be used as a whole; then nothing was put there.
        """
        where, name, ending = _parts(folder, file)
        if len(data) > (most := _TAKEN[where][ending]):
            raise FileRefused(f"The file has {len(data):,} bytes; at most {most:,} are taken.", "Make it shorter.")
        rows, problems = self._checked(where, name, ending, data)
        path, over = f"{where}{name}{ending}", ""
        if where == PLANS:
            # It must not find other options, or other rows, than the ones it was announced with.
            csv = self.blobs.info(CONTAINER, f"{where}{name}.csv")
            if csv and not self._refusal(csv):
                return None
            over = csv.etag if csv else ""
        if ending == ".csv" and where == PLANS:
            if not self.blobs.place(CONTAINER, path, data, _TYPES[ending], over):
                return None
        else:
            self.blobs.write(CONTAINER, path, data, _TYPES[ending])
        if where == ENDPOINTS:
            self.intake.endpoints.named(name)
        elif where == TEMPLATES:
            take_templates(self.blobs)
        return PlacedIn(path, len(data), rows, len(problems), problems[:SHOWN])

    def _checked(self, where: str, name: str, ending: str, data: bytes) -> tuple[int, Sequence[Problem]]:
        """How many rows can be used, and what is wrong with the others. Raises what `put` raises."""
        if where == ENDPOINTS:
            read_endpoint(name, data)
        elif where == TEMPLATES:
            check_template(f"{name}{ending}", data)
        elif ending == ".json":
            self.intake.read(data)
        elif where == PROVISION:
            users, problems = read_users(data)
            return len(users), problems
        else:
            check_before_reading(name, len(data))
            csv = read_csv(data)
            return len(csv.rows), csv.refused
        return 0, ()

    def get(self, folder: str, file: str) -> LyingIn | None:
        """What of a plan's or provisioning's CSV there is to know while it lies there; None once it is taken in.

        Raises `FileRefused` for folder and name.
        """
        where, name, ending = _parts(folder, file)
        if ending != ".csv":
            raise FileRefused(f"{file!r} waits for nobody.", "Ask for the plan, the endpoint or the template itself.")
        there = self.blobs.info(CONTAINER, f"{where}{name}{ending}")
        if there is None:
            return None
        why = self._refusal(there)
        return LyingIn(there.name, there.size, State.REFUSED if why else State.WAITING, why)

    def _refusal(self, csv: BlobInfo) -> str:
        """Why this very CSV of a plan was refused; empty when it was not."""
        plan = self.plans.get(csv.name.removeprefix(PLANS).removesuffix(".csv"))
        return plan.why if plan and plan.stage is Stage.REFUSED and plan.source_etag == csv.etag else ""


def _parts(folder: str, file: str) -> tuple[str, str, str]:
    """The folder with its slash, the name of what the file is for, and its ending. Raises FileRefused."""
    where = f"{folder}/"
    if where not in _TAKEN:
        known = ", ".join(kept.rstrip("/") for kept in _TAKEN)
        raise FileRefused(f"There is no folder {folder[:LONGEST_NAME]!r} for files.", f"Known are {known}.")
    name, dot, ending = file.rpartition(".")
    ending = dot + ending.lower()
    if ending not in _TAKEN[where]:
        endings = " or ".join(f"<name>{kept}" for kept in _TAKEN[where])
        raise FileRefused(f"{file[:LONGEST_NAME]!r} is no file for the folder {folder}.", f"Name it {endings}.")
    if name.lower().endswith(".command"):
        raise FileRefused("A command is no file for this address.", "Ask for the operation itself: it answers at once.")
    if not can_be_name(name):
        remedy = f"Use at most {LONGEST_NAME} characters, none of / \\ ? # %, and no dot or space at either end."
        raise FileRefused(f"{name[:LONGEST_NAME]!r} is no name.", remedy)
    return where, name, ending

"""Users and licences from `provision/<name>.csv`: a dry run first, then, when a person says go, what it has listed.

Everything is looked up before it is changed, so that doing it twice, wholly or in part, does nothing more.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from itertools import batched

from mailferry.errors import (
    BatchBusy,
    BatchRefused,
    DirectoryRefused,
    MailferryError,
    OperationRefused,
    Transient,
)
from mailferry.intake.csv_text import MAX_BYTES
from mailferry.intake.ingest import CONTAINER, PROVISION
from mailferry.intake.json_object import check_keys, parsed, refusal, wrong
from mailferry.intake.problems import StructureRefused
from mailferry.model import Problem
from mailferry.provision.directory import Directory, Known, Licence
from mailferry.provision.users_csv import User, read_users
from mailferry.report.csv_cells import csv_bytes
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.report.tables import intake_csv
from mailferry.state.clock import Clock, utc_now
from mailferry.state.storage import BlobInfo, Blobs
from mailferry.transfer.deadline import Deadline

log = logging.getLogger(__name__)

#: Seconds of one round of the watch.
SECONDS = 60.0
#: Users dealt with at once: Entra takes some 20 writes a second from an app.
AT_ONCE = 4
#: Users that are looked up between two looks at the clock.
_LOOKED_UP = 100

_CSV, _COMMAND = ".csv", ".command.json"
#: Where the state of one lies below its folder among the reports.
STATE = "/state.json"
_NAMES = f"Drop {PROVISION}<name>{_CSV}, and {PROVISION}<name>{_COMMAND} when its dry run is as you want it."
_REMEDY = 'Drop it again, like {"operation": "go"}.'
#: Where to look for the right name.
NO_SUCH = "Check its name against the list of what was dropped for provisioning."
_COLUMNS = ("UserPrincipalName", "State", "Licence", "Why", "WhatToDo", "CsvLine")
_NO_GRAPH = DirectoryRefused(
    "Users are made in Entra only: the target is not Exchange Online.", "Set TARGET_AUTH to xoauth2.", of_all=True
)


class Stage(StrEnum):
    """How far a file has come."""

    CHECKING = "Checking"
    CHECKED = "Checked"
    GOING = "Going"
    DONE = "Done"


class State(StrEnum):
    """What is, or would be, with one user."""

    OPEN = ""
    WOULD_MAKE = "would be made"
    WOULD_LICENSE = "would get the licence"
    WOULD_FAIL = "would fail"
    THERE = "there already"
    MADE = "made"
    LICENSED = "licence assigned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """One user and what became of it."""

    user: User
    state: State = State.OPEN
    why: str = ""
    remedy: str = ""


@dataclass(slots=True)
class _Stock:
    """Licences that are left, counted down as they are given to users."""

    licences: dict[str, Licence]
    taken: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, sku: str) -> Licence:
        """A licence of this kind. Raises DirectoryRefused when there is none."""
        licence = self.find(sku)
        with self.lock:
            if self.taken.get(licence.sku, 0) >= licence.free:
                raise DirectoryRefused(
                    f"No licence {licence.sku} is left; of those, {licence.free} were free at the beginning.",
                    "Buy licences or take some away (admin centre: Billing > Licenses), then go again.",
                )
            self.taken[licence.sku] = self.taken.get(licence.sku, 0) + 1
        return licence

    def find(self, sku: str) -> Licence:
        """The subscription. Raises DirectoryRefused when the tenant has none of this name."""
        if licence := self.licences.get(sku.upper()):
            return licence
        known = ", ".join(sorted(self.licences)[:20]) or "none"
        raise DirectoryRefused(f"The tenant has no subscription {sku}.", f"It has: {known}.")


@dataclass(frozen=True, slots=True)
class Provisioning:
    """Looks after the folder `provision`, in rounds of the watch. `directory` is None without Graph."""

    directory: Directory | None
    blobs: Blobs
    clock: Clock = utc_now

    def look_after(self) -> None:
        """Take in what was dropped, and work on what is under way for about a minute."""
        deadline = Deadline(SECONDS)
        for blob in list(self.blobs.list(CONTAINER, PROVISION)):
            self._tried(blob, self._take)
        for blob in list(self.blobs.list(REPORTS, PROVISION)):
            if blob.name.endswith(STATE):
                self._tried(blob, lambda state: self._work(state, deadline))

    def _tried(self, blob: BlobInfo, work: Callable[[BlobInfo], None]) -> None:
        try:
            work(blob)
        except Exception:  # one file must not keep others from being dealt with
            log.exception("%s could not be dealt with; the next round tries again.", blob.name)

    def _take(self, file: BlobInfo) -> None:
        name = file.name.removeprefix(PROVISION)
        is_csv, is_command = name.lower().endswith(_CSV), name.endswith(_COMMAND)
        if not (is_csv or is_command):
            problem = Problem(0, "", f"{file.name} is neither a CSV nor a command, and was not kept.", _NAMES)
            self._publish_problems(name, [problem])
        elif file.size > MAX_BYTES:
            cause = f"{file.name} has {file.size:,} bytes; at most {MAX_BYTES:,} are read."
            problem = Problem(0, "", cause, "Split it into several files.")
            self._publish_problems(name[: -len(_CSV if is_csv else _COMMAND)], [problem])
        elif (blob := self.blobs.read(CONTAINER, file.name)) is None:
            return
        elif is_csv:
            self._read(name[: -len(_CSV)], blob.data)
        else:
            self._command(name.removesuffix(_COMMAND), blob.data)
        self.blobs.delete(CONTAINER, file.name, file.etag)

    def _read(self, name: str, data: bytes) -> None:
        users: Sequence[User] = ()
        try:
            users, problems = read_users(data)
        except StructureRefused as refused:
            problems = list(refused.problems)
        self._publish_problems(name, problems)
        if users:
            self._write(name, Stage.CHECKING, [Line(user) for user in users], "")

    def _command(self, name: str, data: bytes) -> None:
        answer: dict[str, object] = {"at": self.clock().isoformat()}
        try:
            answer |= {"operation": "go", "users": self._go(name, data)}
        except BatchRefused as refused:
            answer |= {"error": refused.cause, "remedy": refused.remedy}
        data = json.dumps(answer, ensure_ascii=False, indent=2).encode()
        self.blobs.write(REPORTS, f"{PROVISION}{name}/command.json", data, "application/json")

    def _go(self, name: str, data: bytes) -> int:
        """Begin to do what the dry run has listed: for how many users. Raises BatchRefused."""
        top = parsed(data, "command file", _REMEDY)
        problems: list[str] = []
        check_keys(top, "$", ("operation",), problems)
        if top.get("operation") != "go":
            problems.append(wrong("$.operation", top.get("operation"), '"go"'))
        found = self.state(name)
        if found is None or found[0] is Stage.CHECKING:
            problems.append("There is no dry run to go by yet.")
        if problems or found is None:
            raise refusal(problems, _REMEDY)
        return self._begin(name, found[1])

    def go(self, name: str) -> int:
        """Begin to do what the dry run has listed, as the command does: for how many users. One that is going already
        goes on. Raises OperationRefused when there is none of this name, BatchBusy before its dry run is done."""
        found = self.state(name)
        if found is None:
            raise OperationRefused(f"There is no provisioning {name!r}.", NO_SUCH)
        stage, lines, _ = found
        if stage is Stage.CHECKING:
            raise BatchBusy(f"The dry run of {name!r} is still under way.", "Go when it is Checked, and was looked at.")
        return len(lines) if stage is Stage.GOING else self._begin(name, lines)

    def _begin(self, name: str, lines: Sequence[Line]) -> int:
        again = [replace(line, state=_again(line.state), why="", remedy="") for line in lines]
        self._write(name, Stage.GOING, again, "")
        return len(again)

    def _work(self, state: BlobInfo, deadline: Deadline) -> None:
        name = state.name.removeprefix(PROVISION).removesuffix(STATE)
        found = self.state(name)
        if found is None or found[0] in (Stage.CHECKED, Stage.DONE):
            return
        stage, lines, _ = found
        blocked = ""
        try:
            if self.directory is None:
                raise _NO_GRAPH
            stock = _Stock(self.directory.licences())
            work = _Check(self.directory, stock) if stage is Stage.CHECKING else _Go(self.directory, stock)
            blocked = work.run(lines, deadline)
        except (Transient, DirectoryRefused) as error:
            blocked = _told(error)
            log.warning("Provisioning %s waits: %s", name, blocked)
        if not blocked and all(line.state for line in lines):
            stage = Stage.CHECKED if stage is Stage.CHECKING else Stage.DONE
        self._write(name, stage, lines, blocked)

    def state(self, name: str) -> tuple[Stage, list[Line], str] | None:
        """How far a file has come, its users, and what keeps those who wait from their turn; None when there is none
        of this name."""
        blob = self.blobs.read(REPORTS, f"{PROVISION}{name}{STATE}")
        if blob is None:
            return None
        found = json.loads(blob.data)
        lines = [Line(User(**row.pop("user")), State(row.pop("state")), **row) for row in found["lines"]]
        return Stage(found["stage"]), lines, found["blocked"]

    def _write(self, name: str, stage: Stage, lines: Sequence[Line], blocked: str) -> None:
        """The table for people, then the state: who is cut off in between does the round again."""
        rows = (
            (line.user.upn, line.state or "waiting", line.user.sku, line.why or blocked, line.remedy, line.user.line)
            for line in lines
        )
        folder = f"{PROVISION}{name}"
        self.blobs.write(REPORTS, f"{folder}/provision.csv", csv_bytes(_COLUMNS, rows), "text/csv; charset=utf-8")
        state = {"stage": stage, "blocked": blocked, "lines": [asdict(line) for line in lines]}
        data = json.dumps(state, ensure_ascii=False).encode()
        self.blobs.write(REPORTS, f"{folder}{STATE}", data, "application/json")

    def _publish_problems(self, name: str, problems: Iterable[Problem]) -> None:
        path, found = f"{PROVISION}{name}/intake.csv", list(problems)
        if found:
            self.blobs.write(REPORTS, path, intake_csv(found), "text/csv; charset=utf-8")
        else:
            self.blobs.delete(REPORTS, path)


def _told(error: MailferryError) -> str:
    """What keeps all users waiting; it stands in one column, since it is no matter of theirs."""
    return f"{error.cause.removesuffix('.')}. {error.remedy}".strip()


def _again(state: State) -> State:
    """What is done stays done; all else is looked at anew."""
    return state if state in (State.MADE, State.LICENSED) else State.OPEN


@dataclass(frozen=True, slots=True)
class _Check:
    """The dry run: only looks."""

    directory: Directory
    stock: _Stock

    def run(self, lines: list[Line], deadline: Deadline) -> str:
        """Say of every open line what would be done, while there is time; what keeps the others from it."""
        for line in lines:
            if line.state in (State.WOULD_MAKE, State.WOULD_LICENSE):
                with suppress(DirectoryRefused):  # somebody else has it by now; going says so
                    self.stock.take(line.user.sku)
        blocked = ""
        open_ = [place for place, line in enumerate(lines) if not line.state]
        for places in batched(open_, _LOOKED_UP, strict=False):
            if deadline.passed():
                break
            found = self.directory.known([lines[place].user for place in places])
            for place, known in zip(places, found, strict=True):
                if isinstance(known, Transient) or (isinstance(known, DirectoryRefused) and known.of_all):
                    blocked = known.cause
                else:
                    lines[place] = self._line(lines[place], known)
        return blocked

    def _line(self, line: Line, known: Known | DirectoryRefused | None) -> Line:
        try:
            if isinstance(known, DirectoryRefused):
                raise known
            if known and self.stock.find(line.user.sku).id in known.licences:
                return replace(line, state=State.THERE)
            self.stock.take(line.user.sku)
        except DirectoryRefused as refused:
            return replace(line, state=State.WOULD_FAIL, why=refused.cause, remedy=refused.remedy)
        return replace(line, state=State.WOULD_LICENSE if known else State.WOULD_MAKE)


@dataclass(frozen=True, slots=True)
class _Go:
    """Makes users and assigns licences."""

    directory: Directory
    stock: _Stock

    def run(self, lines: list[Line], deadline: Deadline) -> str:
        """Do what is open while there is time; what keeps the others from it."""
        blocked: list[str] = []

        def one(place: int) -> None:
            if deadline.passed() or blocked:
                return
            try:
                lines[place] = replace(lines[place], state=self._done(lines[place].user))
            except MailferryError as error:
                if isinstance(error, DirectoryRefused) and not error.of_all:
                    lines[place] = replace(lines[place], state=State.FAILED, why=error.cause, remedy=error.remedy)
                else:
                    blocked.append(_told(error))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, [place for place, line in enumerate(lines) if not line.state]))
        return blocked[0] if blocked else ""

    def _done(self, user: User) -> State:
        """The licence is taken from stock first: without one, nobody is made."""
        (known,) = self.directory.known([user])
        if isinstance(known, MailferryError):
            raise known
        if known and self.stock.find(user.sku).id in known.licences:
            return State.THERE
        licence = self.stock.take(user.sku)
        there = known or self.directory.make(user)
        if not there.location:
            self.directory.place(there, user)
        self.directory.license(there, user, licence)
        return State.LICENSED if known else State.MADE

"""Takes a dropped CSV in: checks it, seals its passwords, writes batch and mailboxes, lets them wait for admission."""

from __future__ import annotations

import hashlib
import logging
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailferry.errors import BatchBusy, BatchRefused, Conflict, SealBroken
from mailferry.intake.csv_file import CsvFile, read_csv
from mailferry.intake.csv_text import MAX_BYTES
from mailferry.intake.endpoint_files import FOLDER as ENDPOINTS
from mailferry.intake.endpoint_files import EndpointFiles
from mailferry.intake.options import BatchOptions, read_options
from mailferry.intake.problems import StructureRefused
from mailferry.intake.writing import Rows, Writing, Written
from mailferry.model import Endpoint, Problem
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.report.publish import Reports
from mailferry.secrets.seal import KeyWrapper, Seal, new_data_key
from mailferry.state.admission import Admission
from mailferry.state.batch_operations import open_operations
from mailferry.state.batches import LONGEST_NAME, NOT_TAKING, Batch, Batches, batch_key, is_batch_name, listed_name
from mailferry.state.clock import Clock, utc_now
from mailferry.state.jobs import BatchJob, send_batch_job
from mailferry.state.storage import Blob, BlobInfo, Blobs, Queues
from mailferry.telemetry import batches
from mailferry.telemetry.names import INTAKE
from mailferry.telemetry.spans import span
from mailferry.transfer.deadline import Deadline
from mailferry.transfer.folder_rules import to_text

log = logging.getLogger(__name__)

CONTAINER = "batches"
#: Plans lie here.
PLANS = "plans/"
#: CSVs of users to be made lie here.
PROVISION = "provision/"
#: Templates of messages are dropped here.
TEMPLATES = "templates/"
#: Folders of the container in which no file makes a batch, or is a command to one. Nor has a batch the name of one: its
#: reports would lie among theirs.
NO_BATCHES = (ENDPOINTS, PLANS, PROVISION, TEMPLATES)
#: Where a batch's options are kept once they were read, beside its reports.
_OPTIONS = "options.json"

#: Characters of a note and of a refusal in the batch's row; `intake.csv` has the whole of it.
_LONGEST_NOTE = 500
_LONGEST_REFUSAL = 2_000
_OTHER_NAME = "Give the file another name."
#: So much earlier than in UTC a day begins in the east.
_EASTWARD = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes CSVs in. Doing it twice, wholly or in part, changes nothing more than doing it once."""

    writing: Writing
    batches: Batches
    admission: Admission
    reports: Reports
    blobs: Blobs
    endpoints: EndpointFiles
    keys: KeyWrapper
    default_endpoint: Endpoint | None
    message_bytes: int
    queues: Queues
    seconds: float
    clock: Clock = utc_now

    def take(self, file: str) -> None:
        """Take in the CSV `file` of the container `batches` if it is still there.

        A CSV that can't be used as a whole stays for correction, and `reports/<name>/intake.csv` says why. Rows that
        can't be used are listed there too, while the others run. The CSV is deleted when its rows are written down.
        What was cut off goes on where it was; what takes too long, in another function.
        """
        name = batch_name(file)
        info = self.blobs.info(CONTAINER, file)
        if name is None or info is None:
            log.info("%s is no CSV of a batch, or was taken in before.", file)
            return
        with span(INTAKE, batch=name):
            self._take(file, name, info)

    def _take(self, file: str, name: str, info: BlobInfo) -> None:
        try:
            _check_before_reading(name, info.size)
            blob = self.blobs.read(CONTAINER, file)
            if blob is None:
                return
            options, beside = self._options(name)
            if beside:
                self.blobs.write(REPORTS, f"{name}/{_OPTIONS}", beside.data, "application/json")
            csv = read_csv(blob.data, passwords=options.login.by_password)
        except BatchRefused as refusal:
            self._refuse(name, info.etag, refusal)
            return
        problems = self._write(name, csv, options, blob.etag, Deadline(self.seconds))
        self.admission.admit(options.endpoint.id)
        if isinstance(problems, Written):
            if problems is Written.SOME:
                send_batch_job(self.queues, BatchJob(name, file))
            return
        self.reports.publish_intake(name, problems)
        self.blobs.delete(CONTAINER, file, blob.etag)
        self._told(name, csv, problems)

    def take_rows(self, name: str, csv: CsvFile, options: bytes) -> None:
        """Take in a batch that comes from a plan, with these options. Raises BatchRefused when they can't be used."""
        read = self.read_for(name, options)
        self.blobs.write(REPORTS, f"{name}/{_OPTIONS}", options, "application/json")
        with span(INTAKE, batch=name):
            problems = self._write(name, csv, read, "", None)
            if isinstance(problems, Written):
                raise Conflict("The batch is just being taken in by somebody else.")
            self.reports.publish_intake(name, problems)
            self.admission.admit(read.endpoint.id)
            self._told(name, csv, problems)

    def read(self, options: bytes | None) -> BatchOptions:
        """What an options file says, whichever batch it is for. Raises BatchRefused."""
        found = read_options(options, self.default_endpoint, self.message_bytes, self.endpoints.named)
        after = found.selection.after
        if after and after > self.clock() + _EASTWARD:
            raise BatchRefused(
                f"$.messages_after is {after:%Y-%m-%d}, which is still to come: no message would go over.",
                "Name a day that has begun; to begin later, name start_after.",
            )
        return found

    def read_for(self, name: str, options: bytes | None) -> BatchOptions:
        """What an options file says for this batch, now. Raises BatchRefused."""
        found = self.read(options)
        self._check_time(name, found.schedule.complete_after)
        return found

    def _told(self, name: str, csv: CsvFile, problems: list[Problem]) -> None:
        self.reports.publish_promptly(name)
        batches.taken(name, len(csv.rows), len(problems))
        log.info("Batch %s: %s rows taken in, %s refused.", name, len(csv.rows), len(problems))

    def options(self, name: str) -> BatchOptions:
        """What a CSV of this batch would be taken in with now. Raises BatchRefused."""
        options, _ = self._options(name)
        return options

    def _options(self, name: str) -> tuple[BatchOptions, Blob | None]:
        """The options, and the file beside the CSV. Without one, those of the time before: a row is mended without
        dropping them again. A batch that was removed has no such time."""
        beside = self._beside(name)
        found = beside or (self.blobs.read(REPORTS, f"{name}/{_OPTIONS}") if self.batches.get(name) else None)
        return self.read_for(name, found.data if found else None), beside

    def _beside(self, name: str) -> Blob | None:
        """The options beside the CSV. Names of blobs have a case, and some programs write `.JSON`: of several files the
        one that was dropped last."""
        files = [file for file in self.blobs.list(CONTAINER, f"{name}.") if file.name[len(name) :].lower() == ".json"]
        last = max(files, key=lambda file: file.modified, default=None)
        return self.blobs.read(CONTAINER, last.name) if last else None

    def _check_time(self, name: str, complete_after: datetime | None) -> None:
        """A time that has passed is taken only from a batch that has it already. Raises BatchRefused."""
        if complete_after is None or complete_after > self.clock():
            return
        known = self.batches.get(name)
        if known is None or known.complete_after != complete_after:
            raise BatchRefused(
                f"$.complete_after is {complete_after:%Y-%m-%d %H:%M} UTC, which is in the past.",
                "Name a later moment, or leave it out and ask for the operation complete when the batch is synced.",
            )

    def _refuse(self, name: str, etag: str, refusal: BatchRefused) -> None:
        name = listed_name(name)
        problems = refusal.problems if isinstance(refusal, StructureRefused) else ()
        self.reports.publish_intake(name, problems or (Problem(0, "", refusal.cause, refusal.remedy),))
        cause = refusal.cause[:_LONGEST_REFUSAL]
        refused = Batch(name, self.clock(), refused=cause, refused_etag=etag)
        if not self.batches.insert(refused):
            self.batches.change(name, lambda found: replace(found, refused=cause, refused_etag=etag))
        batches.refused(name, refusal, problems)
        log.error("Batch %s is refused: %s", name, refusal.cause)

    def _write(
        self, name: str, csv: CsvFile, options: BatchOptions, etag: str, deadline: Deadline | None
    ) -> list[Problem] | Written:
        """Write everything down; returns the rows that were refused, or how far it has come when that is not all."""
        self._check_stays(self.batches.get(name))
        self.admission.define(options.endpoint)
        endpoint = options.endpoint.id
        data_key = self._batch(name, endpoint, csv, options)
        seal = Seal(data_key)
        paused = self._is_paused(name)
        version = _version(etag, options, data_key, paused=paused) if etag else uuid.uuid4().hex
        written = self.writing.write(Rows(name, version, csv.rows, options, seal, paused), deadline)
        if written is not Written.ALL:
            return written
        problems = [*csv.refused, *self.writing.left_rows.all(name)]
        known = self.batches.change(
            name,
            lambda found: replace(
                found,
                refused="",
                refused_etag="",
                refused_rows=len(problems),
                removed=False,
                taking=NOT_TAKING,
                intakes=found.intakes + 1,
            ),
        )
        if not known or not known.wrapped_key or self.keys.unwrap(known.wrapped_key) != data_key:
            raise Conflict("The batch was shredded or removed while its CSV was taken in; it is taken in again.")
        self._check_stays(known)
        if known.paused and not paused:
            raise Conflict("The batch was paused while its CSV was taken in; it is taken in again.")
        return problems

    def _check_stays(self, batch: Batch | None) -> None:
        """Raises Conflict while a batch is being removed as a whole: what it takes in now would go, too."""
        if batch and any(asked.operation == "remove" for asked in open_operations(batch.operations)):
            raise Conflict("The batch is just being removed; its CSV is taken in afterwards.")

    def _is_paused(self, name: str) -> bool:
        batch = self.batches.get(name)
        return batch is not None and batch.paused

    def _batch(self, name: str, endpoint: str, csv: CsvFile, options: BatchOptions) -> bytes:
        """Write the batch's row. Returns its data key: the one its mailboxes are sealed with, if that can be opened."""
        now = self.clock()
        data_key = new_data_key()
        notes = tuple(note[:_LONGEST_NOTE] for note in (*csv.notes, *_unused(csv)))
        batch = Batch(
            name,
            now,
            endpoint,
            options.include_folders,
            options.exclude_folders,
            to_text(options.folder_rules),
            options.root_folder,
            options.keep_skipped,
            self.keys.wrap(data_key),
            notes=notes,
            selection=options.selection,
            priority=options.schedule.priority,
            replay_deletions=options.replay_deletions,
            start_after=options.schedule.start_after,
            notify=options.notify,
            endpoint_name=options.endpoint_name,
            complete_after=options.schedule.complete_after,
            label_categories=options.label_categories,
        )
        if self.batches.insert(batch):
            return data_key
        known = self.batches.change(
            name,
            lambda found: replace(
                found,
                endpoint=batch.endpoint,
                include_folders=batch.include_folders,
                exclude_folders=batch.exclude_folders,
                folder_rules=batch.folder_rules,
                root_folder=batch.root_folder,
                keep_skipped=batch.keep_skipped,
                label_categories=batch.label_categories,
                notes=batch.notes,
                selection=batch.selection,
                priority=batch.priority,
                replay_deletions=batch.replay_deletions,
                start_after=batch.start_after,
                notify=batch.notify,
                endpoint_name=batch.endpoint_name,
                wrapped_key=found.wrapped_key or batch.wrapped_key,
                complete_after=batch.complete_after,
                closed=None,
                removed=False,
                intakes=found.intakes + 1,
            ),
        )
        wrapped = (known or batch).wrapped_key
        try:
            return self.keys.unwrap(wrapped)
        except SealBroken as broken:
            log.warning(
                "Batch %s gets a new data key, its other passwords must be dropped again. %s", name, broken.cause
            )
        known = self.batches.change(
            name,
            lambda found: replace(found, wrapped_key=batch.wrapped_key) if found.wrapped_key == wrapped else found,
        )
        return self.keys.unwrap((known or batch).wrapped_key)


def check_taken_in(blobs: Blobs, batch: str) -> None:
    """Raises BatchBusy while a CSV of the batch lies in the container."""
    files = (file.name for file in blobs.list(CONTAINER, f"{batch}."))
    if file := next((file for file in files if batch_name(file) == batch), None):
        raise BatchBusy(
            f"{file} still lies in the container {CONTAINER}, with passwords in it.",
            "Delete it if it was refused, or wait until it is taken in.",
        )


def batch_name(file: str) -> str | None:
    """The batch that a file of the container makes: its name without `.csv`; None when it is no CSV, or lies in one of
    the folders for other things."""
    name, dot, kind = file.rpartition(".")
    return name if name and dot and kind.lower() == "csv" and not file.startswith(NO_BATCHES) else None


def _version(etag: str, options: BatchOptions, data_key: bytes, *, paused: bool) -> str:
    """Names all on which what is written of a CSV depends: with anything else in it, it is written anew."""
    return hashlib.sha256(repr((etag, options, data_key, paused)).encode()).hexdigest()[:32]


def _unused(csv: CsvFile) -> list[str]:
    """What the CSV says that has no effect: nobody shall believe it has."""
    if not (csv.rows and csv.rows[0].extra):
        return []
    columns = ", ".join(name[:60] for name, _ in csv.rows[0].extra[:20])
    return [f"These columns are not used, and not stored since they may hold secrets: {columns}."]


def _check_before_reading(name: str, size: int) -> None:
    if size > MAX_BYTES:
        cause = f"The file has {size / 1024 / 1024:,.1f} MB; a batch has at most {MAX_BYTES // 1024 // 1024} MB."
        raise BatchRefused(cause, "Split it into several batches.")
    if "/" in name or "\\" in name:
        raise BatchRefused(
            f"A batch can't be called {name}: dashboard, command line and HTTP API take no name with / or \\ in it.",
            f"Drop the CSV outside of all folders of the container {CONTAINER}. The folders for plans and users are "
            f"written {PLANS} and {PROVISION}.",
        )
    if f"{name}/" in NO_BATCHES:
        raise BatchRefused(f"No batch can have the name {name}: it is kept for other things.", _OTHER_NAME)
    if not is_batch_name(name):
        raise BatchRefused(
            f"The name of the file is too long: {len(name)} characters, or {len(batch_key(name))} as tables keep them.",
            f"Give it a name of at most {LONGEST_NAME} characters; / # ? % ~ and backslashes count three times.",
        )

"""Takes a dropped CSV in: checks it, seals its passwords, writes batch and mailboxes, lets them wait for admission."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from mailferry.errors import BatchRefused, Conflict, SealBroken
from mailferry.intake.csv_file import CsvFile, Row, address_key, read_csv
from mailferry.intake.csv_text import MAX_BYTES
from mailferry.intake.endpoint_files import FOLDER as ENDPOINTS
from mailferry.intake.endpoint_files import EndpointFiles
from mailferry.intake.options import BatchOptions, read_options
from mailferry.intake.problems import StructureRefused
from mailferry.model import Endpoint, MailboxLine, Problem, Status
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.report.publish import Reports
from mailferry.secrets.seal import KeyWrapper, Seal, new_data_key
from mailferry.state.admission import Admission, Ticket
from mailferry.state.batches import LONGEST_NAME, Batch, Batches, line_of
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import Held, Mailbox, Mailboxes, mailbox_id
from mailferry.state.storage import BlobInfo, Blobs
from mailferry.telemetry import batches
from mailferry.telemetry.names import INTAKE
from mailferry.telemetry.spans import current_traceparent, span
from mailferry.transfer.folder_rules import to_text

log = logging.getLogger(__name__)

CONTAINER = "batches"
#: Where a batch's options are kept once they were read, beside its reports.
_OPTIONS = "options.json"

#: Rows written at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_WRITERS = 8


#: Characters of a note and of a refusal in the batch's row; `intake.csv` has the whole of it.
_LONGEST_NOTE = 500
_LONGEST_REFUSAL = 2_000


class _Taken(Enum):
    """What intake did with a row."""

    NEW = "new"
    RESTARTED = "restarted"
    UPDATED = "updated"
    ELSEWHERE = "elsewhere"
    BUSY = "busy"


_STARTED = frozenset({_Taken.NEW, _Taken.RESTARTED})
_LEFT = frozenset({_Taken.ELSEWHERE, _Taken.BUSY})


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes CSVs in. Doing it twice, wholly or in part, changes nothing more than doing it once."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    admission: Admission
    reports: Reports
    blobs: Blobs
    endpoints: EndpointFiles
    keys: KeyWrapper
    default_endpoint: Endpoint | None
    message_bytes: int
    clock: Clock = utc_now

    def take(self, file: str) -> None:
        """Take in the CSV `file` of the container `batches` if it is still there.

        A CSV that can't be used as a whole stays for correction, and `reports/<name>/intake.csv` says why. Rows that
        can't be used are listed there too, while the others run. The CSV is deleted when its rows are written down.
        """
        name = batch_name(file)
        info = self.blobs.info(CONTAINER, file)
        if name is None or info is None:
            log.info("%s is no CSV, or was taken in before.", file)
            return
        with span(INTAKE, batch=name):
            self._take(file, name, info)

    def _take(self, file: str, name: str, info: BlobInfo) -> None:
        try:
            _check_before_reading(name, info.size)
            blob = self.blobs.read(CONTAINER, file)
            if blob is None:
                return
            options = self._options(name)
            csv = read_csv(blob.data, passwords=options.login.by_password)
        except BatchRefused as refusal:
            self._refuse(name, info.etag, refusal)
            return
        problems = self._write(name, csv, options)
        self.reports.publish_intake(name, problems)
        self.blobs.delete(CONTAINER, file, blob.etag)
        self.admission.admit(options.endpoint.id)
        self.reports.publish(name)
        batches.taken(name, len(csv.rows), len(problems))
        log.info("Batch %s: %s rows taken in, %s refused.", name, len(csv.rows), len(problems))

    def _options(self, name: str) -> BatchOptions:
        """The options beside the CSV, else those of the time before: a row is mended without dropping them again."""
        beside = self.blobs.read(CONTAINER, f"{name}.json")
        found = beside or self.blobs.read(REPORTS, f"{name}/{_OPTIONS}")
        options = read_options(
            found.data if found else None, self.default_endpoint, self.message_bytes, self.endpoints.named
        )
        if beside:
            self.blobs.write(REPORTS, f"{name}/{_OPTIONS}", beside.data, "application/json")
        return options

    def _refuse(self, name: str, etag: str, refusal: BatchRefused) -> None:
        problems = refusal.problems if isinstance(refusal, StructureRefused) else ()
        self.reports.publish_intake(name, problems or (Problem(0, "", refusal.cause, refusal.remedy),))
        cause = refusal.cause[:_LONGEST_REFUSAL]
        refused = Batch(name, self.clock(), refused=cause, refused_etag=etag)
        if not self.batches.insert(refused):
            self.batches.change(name, lambda found: replace(found, refused=cause, refused_etag=etag))
        batches.refused(name, refusal, problems)
        log.error("Batch %s is refused: %s", name, refusal.cause)

    def _write(self, name: str, csv: CsvFile, options: BatchOptions) -> list[Problem]:
        """Write everything down; returns the rows that were refused."""
        self.admission.define(options.endpoint)
        endpoint = options.endpoint.id
        data_key = self._batch(name, endpoint, csv, options)
        seal = Seal(data_key)
        with ThreadPoolExecutor(_WRITERS) as pool:
            why = _why_queued(options.schedule.start_after, self.clock())
            outcomes = list(pool.map(lambda row: self._take_row(name, options, seal, row, why), csv.rows))
        started = [box for taken, box in outcomes if taken in _STARTED]
        self.batches.write_lines(self._line(taken, box) for taken, box in outcomes if taken in _STARTED)
        planned = options.schedule
        self.admission.wait(endpoint, _tickets(started), planned.priority, planned.start_after)
        left = [_left(taken, row, box) for row, (taken, box) in zip(csv.rows, outcomes, strict=True) if taken in _LEFT]
        problems = [*csv.refused, *left]
        known = self.batches.change(
            name, lambda found: replace(found, refused="", refused_etag="", refused_rows=len(problems))
        )
        if not known or not known.wrapped_key or self.keys.unwrap(known.wrapped_key) != data_key:
            raise Conflict("The batch was shredded while its CSV was taken in; it is taken in again.")
        return problems

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
            start_after=options.schedule.start_after,
            notify=options.notify,
            endpoint_name=options.endpoint_name,
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
                notes=batch.notes,
                selection=batch.selection,
                priority=batch.priority,
                start_after=batch.start_after,
                notify=batch.notify,
                endpoint_name=batch.endpoint_name,
                wrapped_key=found.wrapped_key or batch.wrapped_key,
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

    def _take_row(self, name: str, options: BatchOptions, seal: Seal, row: Row, why: str) -> tuple[_Taken, Mailbox]:
        key = mailbox_id(address_key(row.address))
        now = self.clock()
        fresh = Mailbox(
            id=key,
            batch=name,
            row=row.line,
            address=row.address,
            user=row.user,
            user_root=row.user_root,
            sealed=seal.close(row.password, key),
            endpoint=options.endpoint.id,
            status=Status.QUEUED,
            why=why,
            remedy="",
            since=now,
            updated=now,
            way=options.login,
            validate=options.validate,
        )
        actor = f"{name}.csv"
        if self.mailboxes.insert(fresh, actor):
            return _Taken.NEW, fresh
        found = self.mailboxes.get(key)
        if found is None or found.batch != name:
            return _Taken.ELSEWHERE, found or fresh
        if found.active and _another_source(found, fresh):
            return _Taken.BUSY, found
        restarted = _to_start(found, fresh)
        changed = self.mailboxes.change(key, lambda known: _updated(known, fresh, restarted), actor) or found
        return (_Taken.RESTARTED if restarted else _Taken.UPDATED), changed

    def _line(self, taken: _Taken, mailbox: Mailbox) -> MailboxLine:
        folders = self.folders.all(mailbox.id) if taken is _Taken.RESTARTED else ()
        return line_of(mailbox, [v.folder for v in folders], self.clock())


def batch_name(file: str) -> str | None:
    """The batch that a file of the container makes: its name without `.csv`; None when it is no CSV, or lies where the
    definitions of endpoints do."""
    name, dot, kind = file.rpartition(".")
    return name if name and dot and kind.lower() == "csv" and not file.startswith(ENDPOINTS) else None


def _updated(known: Mailbox, fresh: Mailbox, restarted: bool) -> Mailbox:
    """A mailbox that was dropped again: how to log in is new, what it has done stays."""
    changed = replace(
        known,
        row=fresh.row,
        address=fresh.address,
        user=fresh.user,
        user_root=fresh.user_root,
        sealed=fresh.sealed,
        endpoint=fresh.endpoint,
        way=fresh.way,
        not_before=None,
        failures=0,
        updated=fresh.updated,
    )
    if known.active:  # a validation that is no longer asked for goes on as the first pass
        return replace(changed, validate=known.validate and fresh.validate)
    if not restarted:
        return changed
    changed = replace(changed, validate=fresh.validate)
    if known.stopped or known.last_synced is None:
        return replace(changed, status=fresh.status, held=Held.NOT, why=fresh.why, remedy="", since=fresh.since)
    return changed


def _to_start(known: Mailbox, fresh: Mailbox) -> bool:
    """Whether dropping it again starts a pass: it never ran, it failed, it was shredded, or it is another
    source mailbox now; with `validate` it is validated instead. What a person has stopped stays stopped."""
    if known.active or (known.stopped and known.held is not Held.VALIDATED):
        return False
    return known.status is not Status.SYNCED or known.shredded or _another_source(known, fresh)


def _another_source(known: Mailbox, fresh: Mailbox) -> bool:
    return (known.user, known.user_root, known.endpoint) != (fresh.user, fresh.user_root, fresh.endpoint)


def _why_queued(start_after: datetime | None, now: datetime) -> str:
    if start_after and start_after > now:
        return f"Waiting for its start, not before {start_after:%Y-%m-%d %H:%M} UTC (start_after)."
    return "Waiting for its turn."


def _tickets(mailboxes: Iterable[Mailbox]) -> Iterator[Ticket]:
    traceparent = current_traceparent()
    for mailbox in mailboxes:
        incremental = mailbox.last_synced is not None
        yield Ticket(mailbox.id, mailbox.batch, mailbox.pass_no + 1, mailbox.row, incremental, traceparent)


def _unused(csv: CsvFile) -> list[str]:
    """What the CSV says that has no effect: nobody shall believe it has."""
    if not (csv.rows and csv.rows[0].extra):
        return []
    columns = ", ".join(name[:60] for name, _ in csv.rows[0].extra[:20])
    return [f"These columns are not used, and not stored since they may hold secrets: {columns}."]


def _left(taken: _Taken, row: Row, known: Mailbox) -> Problem:
    """Why a row that is well-formed was left as it was."""
    if taken is _Taken.BUSY:
        return Problem(
            row.line,
            "UserName",
            f"{row.address} is just being copied from another source mailbox ({known.user}).",
            "Drop the CSV again when that mailbox is Synced or Failed.",
        )
    return Problem(
        row.line,
        "EmailAddress",
        f"{row.address} belongs to the batch {known.batch!r} already.",
        f"Drop it under the name {known.batch}.csv: a target mailbox is in one batch only, so that nothing goes twice.",
    )


def _check_before_reading(name: str, size: int) -> None:
    if size > MAX_BYTES:
        cause = f"The file has {size / 1024 / 1024:,.1f} MB; a batch has at most {MAX_BYTES // 1024 // 1024} MB."
        raise BatchRefused(cause, "Split it into several batches.")
    if f"{name}/" == ENDPOINTS:
        cause = f"No batch can have the name {name}: its reports would lie among the answers about endpoints."
        raise BatchRefused(cause, "Give the file another name.")
    if len(name) > LONGEST_NAME:
        raise BatchRefused(f"The file name has more than {LONGEST_NAME} characters.", "Give it a shorter name.")

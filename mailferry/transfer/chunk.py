"""One folder job: as much copying of one mailbox as fits before the soft deadline, folder after folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from types import TracebackType

from mailferry.errors import Busy, ConnectionLost, LeaseLost, MailferryError
from mailferry.lifecycle.passes import Passes
from mailferry.report.skipped_mail import keep_skipped
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Claim, Folders, Versioned
from mailferry.state.jobs import FolderJob, send_folder_job
from mailferry.state.ledger import Entry, Ledger
from mailferry.state.mailboxes import Mailbox
from mailferry.state.moves import Moves
from mailferry.state.storage import Blobs, Queues
from mailferry.telemetry import copying as telemetry
from mailferry.telemetry.mailboxes import checkpoint_failed
from mailferry.transfer.capacity import Capacity, SizeLimit
from mailferry.transfer.deadline import Deadline
from mailferry.transfer.deletions import Deletions
from mailferry.transfer.ends import Ends
from mailferry.transfer.flag_sync import FlagSync
from mailferry.transfer.folder_copy import FolderCopy
from mailferry.transfer.label_categories import LabelCategories
from mailferry.transfer.move import MoveIn
from mailferry.transfer.recount import recount
from mailferry.transfer.sessions import Sessions
from mailferry.transfer.target_check import TargetCheck

log = logging.getLogger(__name__)

#: Least seconds between two updates of a mailbox's line by one worker.
PROGRESS_SECONDS = 2.0
#: How often one chunk connects again when a server cuts the connection in the middle of a folder.
RECONNECTS = 8


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do just now: come back in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NothingLeft:
    """Every folder is settled (`all_done`), or others are at the rest and will go on by themselves."""

    all_done: bool


@dataclass(frozen=True, slots=True)
class Chunks:
    """Runs folder jobs."""

    sessions: Sessions
    check: TargetCheck
    passes: Passes
    folders: Folders
    ledger: Ledger
    moves: Moves
    queues: Queues
    blobs: Blobs
    categories: LabelCategories
    clock: Clock = utc_now

    def run(self, job: FolderJob) -> None:
        """Copy a chunk, then pass the work on: to a continuation, to a later try, or to nobody when it is done."""
        mailbox = self.passes.mailboxes.get(job.mailbox)
        if mailbox is None or not mailbox.in_pass(job.pass_no):
            log.info("Mailbox %s needs this job of pass %s no more.", job.mailbox, job.pass_no)
            if mailbox:
                self.passes.publish(mailbox)  # a worker that heard of its end late may have written another line
            return
        now = self.clock()
        if mailbox.not_before and mailbox.not_before > now:
            send_folder_job(self.queues, job, (mailbox.not_before - now).total_seconds())
            return
        if mailbox.not_before:
            mailbox = self.passes.resumed(mailbox)
        progress = _Progress(self.passes, mailbox, Deadline(self.passes.limits.chunk_seconds), _capacity_of(mailbox))
        with telemetry.chunk(mailbox, job.traceparent, progress):
            self._chunk(mailbox, job, progress)

    def _chunk(self, mailbox: Mailbox, job: FolderJob, progress: _Progress) -> None:
        try:
            self._copy(mailbox, job, progress)
        except LeaseLost as lost:
            log.warning("Mailbox %s: %s", mailbox.id, lost)
        except MailferryError as error:
            error = self.check.explained(mailbox, error)
            delay = self.passes.stumble(mailbox, error, progress=progress.settled > 0)
            if delay is not None:
                send_folder_job(self.queues, job, delay)
        except Exception as error:
            self.passes.note_crash(mailbox.id, error)
            raise

    def _copy(self, mailbox: Mailbox, job: FolderJob, progress: _Progress) -> None:
        for attempt in count(1):
            try:
                self._turn(mailbox, job, progress)
            except ConnectionLost as lost:
                if lost.delay or attempt > RECONNECTS or progress.over():
                    raise
                log.info("Mailbox %s: %s Connecting again.", mailbox.id, lost)
            else:
                return

    def _turn(self, mailbox: Mailbox, job: FolderJob, progress: _Progress) -> None:
        """Copy folder after folder over the same sessions."""
        copy = self._copying(mailbox, progress)
        ends: Ends | None = None
        work: Iterator[Versioned] = iter(())
        with ExitStack() as open_sessions:
            while ends is None or not progress.over():
                lease_seconds, failed = self.passes.limits.lease_seconds, partial(checkpoint_failed, mailbox)
                claim = self.folders.claim(mailbox.id, work, job.id, lease_seconds, failed)
                if claim:
                    with _Held(claim, open_sessions):
                        ends = ends or open_sessions.enter_context(self._open(mailbox))
                        copy(claim, ends)
                    continue
                match self._look(mailbox, job):
                    case Wait(seconds):
                        send_folder_job(self.queues, job, seconds)
                        return
                    case NothingLeft(all_done):
                        if all_done and not self.categories.write(mailbox, progress.over):
                            break
                        if all_done:
                            self.passes.finish(mailbox)
                        return
                    case found:
                        work = iter(found)
        done = job.done + progress.settled
        send_folder_job(self.queues, FolderJob(job.mailbox, job.pass_no, done, traceparent=job.traceparent))

    @contextmanager
    def _open(self, mailbox: Mailbox) -> Iterator[Ends]:
        """Both ends; afterwards the mailbox knows what its target has shown of itself."""
        with self.sessions.open(mailbox) as ends:
            try:
                yield ends
            except Busy as error:
                self._learn(mailbox, ends, busy=error.side == "target")
                raise
            else:
                self._learn(mailbox, ends, busy=False)

    def _copying(self, mailbox: Mailbox, progress: _Progress) -> Callable[[Claim, Ends], None]:
        """How this turn does what there is to do in a folder: its messages, then flags, deletions, and figures."""
        batch = self.passes.batches.get(mailbox.batch)
        keep = partial(keep_skipped, self.blobs, mailbox.batch, mailbox.id) if batch and batch.keep_skipped else None
        replay = batch is not None and batch.replay_deletions

        def copy(claim: Claim, ends: Ends) -> None:
            limits, stop, made = self.passes.limits, progress.over, progress.made
            seconds = limits.lease_seconds / 3
            if claim.folder.has_mail and claim.folder.moving and not claim.folder.window.uids:
                MoveIn(claim, ends, self.ledger, self.moves, seconds, stop).run()
            elif claim.folder.flags_from and not claim.folder.has_mail:
                FlagSync(claim, ends, self.ledger, seconds=seconds, stop=stop).run()
            elif claim.folder.counts_anew and not (claim.folder.has_mail or claim.folder.doomed):
                recount(claim, ends)
            elif not claim.folder.has_mail:
                Deletions(claim, ends, self.ledger, seconds, stop, wanted=replay).run()
            if not claim.folder.has_mail or (claim.folder.moving and stop()):
                return
            known = mailbox.connections
            FolderCopy(
                claim,
                ends,
                self.ledger,
                limits,
                progress.capacity,
                stop=stop,
                on_checkpoint=made,
                keep=keep,
                connections=known,
            ).run()

        return copy

    def _learn(self, mailbox: Mailbox, ends: Ends, *, busy: bool) -> None:
        """How many connections the mailbox gets next time: one more while its server bears them, half when it does not.

        Additive increase, multiplicative decrease, as TCP finds its share of a line (RFC 5681 §3.1).
        """
        used, most = len(ends.targets), ends.target.profile.connections_most
        if busy or ends.targets.full:
            connections = max(1, used // 2)
        elif used >= (mailbox.connections or ends.target.profile.connections):
            connections = min(most, used + 1)
        else:
            return
        if connections != (mailbox.connections or ends.target.profile.connections):
            self.passes.mailboxes.change(mailbox.id, lambda found: replace(found, connections=connections))

    def _look(self, mailbox: Mailbox, job: FolderJob) -> list[Versioned] | Wait | NothingLeft:
        """The folders with work and without a worker, in the order of the plan, or why there are none for us."""
        now = self.clock()
        folders = self.folders.all(mailbox.id)
        leased = [v.folder for v in folders if v.folder.leased(now)]
        # The same job twice: delivered again while its worker is at it, or after its worker was killed. Only when the
        # lease has run out is it certain that no APPEND of that worker is under way any more.
        ours = [f.lease_until for f in leased if f.lease_owner == job.id and f.lease_until]
        if ours:
            return Wait((max(ours) - now).total_seconds() + 1)
        work = [v for v in folders if v.folder.has_work and not v.folder.leased(now)]
        work.sort(key=lambda v: (not v.folder.has_mail, not v.folder.flags_from))
        if any(v.folder.has_mail for v in folders):  # a message is where it is to be before another one is deleted
            work = [v for v in work if v.folder.has_mail or v.folder.flags_from]
        if not work:
            return NothingLeft(all_done=not leased)
        if len(leased) >= self.passes.limits.mailbox_connections:
            return NothingLeft(all_done=False)
        return work


class _Held:
    """Gives the folder back at the end; after an error only once the sessions are closed, so that nothing more of
    ours can arrive at the target when the next worker looks what is there."""

    def __init__(self, claim: Claim, sessions: ExitStack) -> None:
        self._claim = claim
        self._sessions = sessions

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._sessions.__exit__(kind, error, trace)
        self._claim.release()


def _capacity_of(mailbox: Mailbox) -> Capacity:
    """What the mailbox's row remembers of what its target takes."""
    return Capacity(_limit_of(mailbox), full=mailbox.full_since is not None, tries=mailbox.failures)


def _limit_of(mailbox: Mailbox) -> SizeLimit:
    return SizeLimit(mailbox.refused_size, mailbox.refused_words)


class _Progress:
    """Counts what this worker settles, and looks up now and then: the mailbox's line is updated, what the target has
    shown to take is remembered, and another worker's word that the mailbox is to wait is heard."""

    def __init__(self, passes: Passes, mailbox: Mailbox, deadline: Deadline, capacity: Capacity) -> None:
        self._passes = passes
        self._mailbox = mailbox
        self._deadline = deadline
        self.capacity = capacity
        self._known = capacity.shown
        self._last = time.monotonic()
        self._told_to_wait = False
        self.settled = 0
        self.bytes = 0

    def made(self, entry: Entry) -> None:
        """A checkpoint settled these messages."""
        self.settled += len(entry.uids())
        self.bytes += entry.bytes
        telemetry.checkpoint(self._mailbox, entry)
        if self.capacity.shown != self._known:
            self._remember()
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            now = self._passes.mailboxes.get(self._mailbox.id)
            if now:
                self._passes.publish(now)
            self._told_to_wait = now is None or now.not_before is not None or not now.in_pass(self._mailbox.pass_no)
            if now and not self._told_to_wait:
                self.capacity.learn(_limit_of(now))
            self._last = time.monotonic()

    def _remember(self) -> None:
        """Write down for others, and for later, what the target takes."""
        limit, full = self._known = self.capacity.shown

        def change(found: Mailbox) -> Mailbox | None:
            if not found.in_pass(self._mailbox.pass_no):
                return None
            tightest, since = limit.within(_limit_of(found)), found.full_since if full else None
            return replace(found, refused_size=tightest.size, refused_words=tightest.words, full_since=since)

        self._passes.mailboxes.change(self._mailbox.id, change)

    def over(self) -> bool:
        """Whether it is time to stop."""
        return self._told_to_wait or self._deadline.passed()

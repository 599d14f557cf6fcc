"""Runs a migration between two simulated servers as Azure would on a bad day, following a scenario.

Messages come back when their workers are killed, jobs are delivered twice, time passes when nobody has anything to do.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest

from mailferry.errors import OperationRefused
from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import COMPLETED, MailboxLine, Status
from mailferry.settings import read_settings
from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from mailferry.transfer import chunk, doubt, folder_copy, plan, windows
from mailferry.transfer.deadline import Deadline
from tests.property.endings import assert_closed, assert_completed
from tests.property.letters import LARGEST, Letter, kills, number_of, refuses
from tests.property.scenario import (
    Again,
    Arrive,
    Break,
    Expunge,
    Kill,
    Operate,
    Renumber,
    Scenario,
    Short,
    Side,
    Together,
)
from tests.property.servers import THREAD_SECONDS, Schedule, Server
from tests.property.workers import Killed, Worker
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import BARE, RICH, Behaviour, Store

USER = "ann@example.test"
MAILBOX = mailbox_id(USER)
BATCH = "batch"
#: Jobs of one pass, passes after the first, and rounds of the watch in one pass.
JOBS_MOST, PASSES_MOST, WATCHES_MOST = 200, 7, 4
#: Refused commands that Exchange and its like bear on one connection.
ERROR_BUDGET = 10

_OVER = (Status.SYNCED, Status.FAILED, Status.INCREMENTAL_FAILED)


class World:
    """Both servers, the engine between them, and what is still to happen.

    `trace` tells all commands and calls to storage, in order; `expunged` what was deleted at the source, by folder;
    `renumbered` the folders that have got a new UIDVALIDITY.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.trace: list[str] = []
        self.letters = {letter.number: letter for letter in scenario.all_letters()}
        self.expunged: Counter[tuple[bytes, Letter]] = Counter()
        self.renumbered: set[tuple[Side, bytes]] = set()
        self.stores = {side: Store() for side in Side}
        self.servers = {side: self._server(side) for side in Side}
        self._lock = threading.Lock()
        self._calls = self._workers = self._jobs = self._chunks = 0
        events = scenario.events
        self._on_call = {event.call: event for event in events if isinstance(event, Kill | Again | Operate)}
        self._together = {event.job: event for event in events if isinstance(event, Together)}
        self._short = {event.chunk: event.looks for event in events if isinstance(event, Short)}
        self._harmed = False
        #: What users do when a worker has been killed, or all were stopped, before anybody goes on with the work.
        self.on_end: Callable[[], None] = lambda: None

    @contextmanager
    def running(self) -> Iterator[None]:
        """The servers, and around them whatever is patched."""
        source, target = (self.servers[side] for side in Side)
        with pytest.MonkeyPatch.context() as patch, source, target:
            self._patch(patch)
            self._fill()
            self._schedule()
            more = {
                "WINDOW_MESSAGES": str(self.scenario.window_messages),
                "MAX_MESSAGE_BYTES": str(LARGEST),
                "RETRY_ATTEMPTS": "100",
                "TARGET_PROFILE": self.scenario.profile,
            }
            self.engine = Engine(settings_for((source.host, source.port), (target.host, target.port), **more))
            self._settings = read_settings(self.engine.settings)
            yield

    @property
    def line(self) -> MailboxLine:
        """The mailbox as screens show it."""
        return self.engine.line(BATCH)

    def run(self) -> None:
        """The first pass, and others until nothing is left that could go wrong and nothing new is found."""
        target = self.servers[Side.TARGET]
        self.engine.drop(BATCH, csv_of(USER), self.scenario.options)
        self._run_jobs()
        if self.scenario.widened:
            self.engine.drop(BATCH, csv_of(USER), self.scenario.widened)
        for _ in range(PASSES_MOST):
            quiet = not self._on_call and all(server.schedule.over for server in self.servers.values())
            before = len(target.commands)
            self._watch()
            self.engine.services.sync.run()
            self._run_jobs()
            if quiet and "APPEND" not in target.verbs()[before:]:
                target.finish_left()
                return
            self.forget_events()
        raise AssertionError("passes with nothing new still append")

    # Running jobs

    def _run_jobs(self) -> None:
        """Until the mailbox is in step. One that is completed or removed meanwhile is dropped again."""
        watches = 0
        for _ in range(JOBS_MOST):
            if self._run_next():
                continue
            status = self._status
            if status in _OVER:
                return
            if status is Status.STOPPED:
                self.on_end()
                self._operate(Operation.RESUME)
            elif status is None or status in COMPLETED:
                if status:
                    self._check_completed()
                self._tell("the CSV is dropped again")
                self.engine.drop(BATCH, csv_of(USER))
            else:
                watches += 1
                assert watches <= WATCHES_MOST, f"the watch finds nothing to do, and yet: {self.line}"
                self._watch()
        raise AssertionError(f"still busy after {JOBS_MOST} jobs: {self.line}")

    def _run_next(self) -> bool:
        """Deliver a job, or let the time pass until there is one; False when there is none."""
        if taken := self._taken():
            self._deliver(*taken)
        elif (due := self.engine.queues.next_due()) is not None:
            self._pass_time(due)
        else:
            return False
        return True

    @property
    def _status(self) -> Status | None:
        """The mailbox's; None when it was removed."""
        line = self.engine.lines(BATCH).get(USER)
        return line.status if line else None

    def _check_completed(self) -> None:
        """It is what it should be, and nothing touches it any more."""
        completed = assert_completed(self.engine, MAILBOX)
        logins = self._logins()
        later, self._on_call = self._on_call, {}
        self._watch()
        self.engine.services.sync.run()
        while self._run_next():
            pass
        self._on_call = later
        assert Mailboxes(self.engine.storage).get(MAILBOX) == completed
        assert logins == self._logins(), "somebody has logged in"
        assert_closed(self.engine, BATCH)

    def _logins(self) -> int:
        return sum(server.verbs().count("LOGIN") for server in self.servers.values())

    def _taken(self) -> tuple[str, str] | None:
        taken = ((queue, self.engine.queues.take(queue)) for queue in (MAILBOX_JOBS, FOLDER_JOBS))
        return next(((queue, body) for queue, body in taken if body), None)

    def _watch(self) -> None:
        self._tell("the watch")
        self._pass_time(self.engine.time() + timedelta(seconds=self._settings.limits.stalled_seconds + 1))
        self.engine.services.watch.run()

    def _pass_time(self, until: datetime) -> None:
        """However little it is, the target has done by then what it was told."""
        self.servers[Side.TARGET].finish_left()
        self.engine.time.move_to(until)

    def _deliver(self, *job: str) -> None:
        self._jobs += 1
        together = self._together.pop(self._jobs, None)
        if together is None:
            self._work(*job)
            return
        other = (None if together.same else self._taken()) or job
        failures: list[BaseException] = []

        def work(queue: str, body: str) -> None:
            try:
                self._work(queue, body)
            except BaseException as failure:  # noqa: BLE001 -- raised below
                failures.append(failure)

        threads = [threading.Thread(target=work, args=one, daemon=True) for one in (job, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(THREAD_SECONDS)
            assert not thread.is_alive(), "a worker hangs"
        if failures:
            raise failures[0]

    def _work(self, queue: str, body: str) -> None:
        engine = self.engine
        with self._lock:
            self._workers += 1
            number = self._workers
        self._tell(f"worker {number}: {queue} {body}")
        try:
            Worker(number, (queue, body), self._settings, engine.storage, engine.time, self._called).run()
        except Killed:
            self._tell(f"worker {number} is dead")
            self.on_end()

    # What happens at calls to storage

    def _called(self, worker: Worker, what: str, carry_out: Callable[[], object]) -> object:
        with self._lock:
            self._calls += 1
            event = self._on_call.pop(self._calls, None)
            self._tell(f"worker {worker.number}: call {self._calls}: {what}" + (f"  *** {event}" if event else ""))
        match event:
            case Kill(after=after, back=back):
                self._harmed = True
                if after:
                    carry_out()
                if back is not None:
                    self.engine.queues.send(*worker.job, back)
                worker.die()
            case Again(lease_over=lease_over):
                if lease_over:
                    self._harmed = True
                    ahead = timedelta(seconds=2 * self._settings.limits.lease_seconds)
                    self.engine.time.move_to(self.engine.time() + ahead)
                    worker.stand_still()
                self._work(*worker.job)
            case Operate(operation=operation, after=after):
                done = carry_out() if after else None
                self._operate(operation)
                return done if after else carry_out()
        return carry_out()

    def _operate(self, operation: Operation) -> None:
        self._tell(f"somebody asks to {operation}")
        with suppress(OperationRefused):  # it was removed
            self.engine.services.operations.run(BATCH, operation, "test", {MAILBOX: USER})

    # What happens at commands

    def _schedule(self) -> None:
        source = self.servers[Side.SOURCE].schedule
        for event in self.scenario.events:
            match event:
                case Break(side, at):
                    self.servers[side].schedule.add(at)
                case Renumber(side, folder, nth, verb):
                    self.servers[side].schedule.before_command(nth, partial(self._renumber, side, folder), verb)
                case Expunge(folder, place, nth):
                    source.before_command(nth, partial(self._expunge, folder, place))
                case Arrive(folder, letter, nth):
                    source.before_command(nth, partial(self._put, Side.SOURCE, folder, letter))

    def _renumber(self, side: Side, folder: bytes) -> None:
        if self.stores[side].has(USER, folder):
            self.stores[side].new_uidvalidity(USER, folder)
            self.renumbered.add((side, folder))

    def _expunge(self, folder: bytes, place: int) -> None:
        store = self.stores[Side.SOURCE]
        if store.has(USER, folder) and (messages := store.messages(USER, folder)):
            gone = messages[place % len(messages)]
            store.expunge(USER, folder, gone.uid)
            self.expunged[folder, self.letters[number_of(gone)]] += 1

    def _put(self, side: Side, folder: bytes, letter: Letter) -> None:
        self.stores[side].add(USER, folder, letter.body, letter.flags, letter.internaldate)

    def forget_events(self) -> None:
        """What has not happened by now won't."""
        self._on_call.clear()
        self._together.clear()
        self._short.clear()
        for server in self.servers.values():
            server.schedule.forget()

    def _tell(self, what: str) -> None:
        self.trace.append(what)

    # How it is set up

    def _server(self, side: Side) -> Server:
        target = self.scenario.target
        behaviour = Behaviour(capabilities=RICH if self.scenario.rich_source else BARE)
        if side is Side.TARGET:
            behaviour = Behaviour(
                capabilities=target.capabilities,
                software=(target.software, "1"),
                appenduid=target.told,
                pipelining=target.pipelines,
                refuses=refuses,
                kills=kills,
                error_budget=None if target.pipelines else ERROR_BUDGET,
            )
        return Server(self.stores[side], behaviour, Schedule(side, self._tell))

    def _fill(self) -> None:
        for side, mail in ((Side.SOURCE, self.scenario.letters), (Side.TARGET, self.scenario.there)):
            for folder, letter in mail:
                self._put(side, folder, letter)

    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        """Several connections, jobs and stretches for little mail, and chunks that end when they are told to.

        The target gets exactly the time it needs to store what a broken connection has left it.
        """
        patch.setattr(folder_copy, "WORTH_A_LANE", 3)
        patch.setattr(plan, "WORTH_A_JOB", 6)
        patch.setattr(windows, "_FIRST_STEP", self.scenario.step)
        patch.setattr(chunk, "Deadline", self._deadline)
        finish = self.servers[Side.TARGET].finish_left
        patch.setattr(doubt, "time", SimpleNamespace(sleep=lambda _: finish()))

    def _deadline(self, seconds: float) -> Deadline:
        with self._lock:
            self._chunks += 1
            return _Counted(seconds, self._short.get(self._chunks))


class _Counted(Deadline):
    """Passes after so many looks, if a number is given."""

    def __init__(self, seconds: float, looks: int | None) -> None:
        super().__init__(seconds)
        self._looks = looks

    def passed(self) -> bool:
        if self._looks is None:
            return super().passed()
        self._looks -= 1
        return self._looks < 0

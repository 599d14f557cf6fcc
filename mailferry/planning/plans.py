"""Plans from the CSV to the batches: read, measure in steps, propose, wait for a person, make the batches in steps."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailferry.errors import BatchRefused, MailferryError, OperationRefused, PlanRefused
from mailferry.intake.ingest import CONTAINER
from mailferry.intake.json_object import JsonObject, check_keys, parsed, refusal, wrong
from mailferry.planning.measuring import PAUSE, Measuring
from mailferry.planning.proposing import Proposing
from mailferry.planning.reading import FOLDER, Reading, plan_name
from mailferry.planning.starting import Starting
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.report.status import Json
from mailferry.state.batches import listed_name
from mailferry.state.clock import Clock, utc_now
from mailferry.state.jobs import PlanJob, send_plan_job
from mailferry.state.plans import Plan, Plans, Stage
from mailferry.state.storage import Blobs, Queues
from mailferry.telemetry.discreet import place_of

log = logging.getLogger(__name__)

SUFFIX = ".command.json"
#: Days after which a plan that nobody started is discarded, and its passwords with it.
KEPT_DAYS = 30
#: Seconds after which a CSV that nobody took in counts as unannounced.
_UNANNOUNCED = 120.0
_WORKING = frozenset({Stage.MEASURING, Stage.PROPOSING, Stage.STARTING})
#: Stages that a plan leaves only when a person does something, also one whose CSV went away while it was read.
_WAITING = frozenset({Stage.READING, Stage.PROPOSED, Stage.FAILED})
_SHOWN = frozenset({Stage.PROPOSED, Stage.STARTING, Stage.STARTED})
_REMEDY = 'Drop it again, like {"operation": "start"} or {"operation": "start", "batches": ["city-01-pilot"]}.'
_START_AGAIN = "Look for the error of work_on_plan in the function's log, then start the plan again."
_DROP_AGAIN = "Look for the error of work_on_plan in the function's log, then drop the plan's CSV again."
_BODY = 'Send {"batches": ["city-01-pilot"]}, or nothing for all that are left.'


class PlanOperation(StrEnum):
    """What can be asked of a plan."""

    START = "start"
    DISCARD = "discard"


#: The stages in which a plan is, or comes to be, when it is asked for this.
_DONE_BY = {
    PlanOperation.START: frozenset({Stage.STARTING, Stage.STARTED}),
    PlanOperation.DISCARD: frozenset({Stage.DISCARDED}),
}
_WHEN = {
    PlanOperation.START: "It can be started when it is Proposed; a discarded, refused or failed one is dropped again.",
    PlanOperation.DISCARD: "Its batches are there, or being made: stop or remove those.",
}


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """What came of an operation on a plan: its stage now, and the batches that are wanted (none: all)."""

    plan: str
    operation: PlanOperation
    stage: Stage
    batches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planning:
    """Runs plans. Each step may be cut off, repeated, or done twice at once."""

    plans: Plans
    reading: Reading
    measuring: Measuring
    proposing: Proposing
    starting: Starting
    queues: Queues
    blobs: Blobs
    stalled_seconds: float
    clock: Clock = utc_now

    def step(self, job: PlanJob) -> None:
        """Do the plan's next step, unless that was done; what may pass is tried again later."""
        plan = self.plans.get(job.plan)
        if plan is None or plan.step != job.step or plan.stage not in _WORKING:
            log.info("The job for step %s of the plan %s is out of date.", job.step, job.plan)
            return
        try:
            after, delay = self._worked(plan)
        except BatchRefused as refused:  # while batches are made: nothing that waiting would mend
            after, delay = replace(plan, stage=Stage.PROPOSED, why=refused.cause, remedy=refused.remedy), 0.0
        except MailferryError as error:
            log.warning("The plan %s waits: %s %s", plan.name, error.cause, error.remedy)
            after, delay = replace(plan, why=error.cause, remedy=error.remedy), PAUSE
        except Exception as error:  # for the day the job is poisoned; only where it was, never what it said
            crashed = replace(plan, last_error=place_of(error))
            self.plans.put(plan.name, lambda found: crashed if found == plan else None)
            raise
        self._next(plan, after, delay)

    def give_up(self, job: PlanJob) -> str:
        """The job has failed five times: the plan says so, and works no more. Why, empty when the job is out of date.

        Batches that could not be made are proposed still, and may be asked for again.
        """
        plan = self.plans.get(job.plan)
        if plan is None or plan.step != job.step or plan.stage not in _WORKING:
            return ""
        where = f" The last error was {plan.last_error}." if plan.last_error else ""
        if plan.stage is Stage.STARTING:
            why, remedy = f"Its batches could not be made in five tries.{where}", _START_AGAIN
            after = replace(plan, stage=Stage.PROPOSED, wanted=(), why=why, remedy=remedy)
        else:
            what = "measured" if plan.stage is Stage.MEASURING else "proposed"
            why, remedy = f"It could not be {what} in five tries.{where}", _DROP_AGAIN
            after = replace(plan, stage=Stage.FAILED, why=why, remedy=remedy)
        self._next(plan, after, 0)
        return why

    def _worked(self, plan: Plan) -> tuple[Plan, float]:
        """Do the work of the stage: the plan afterwards, and seconds until its next step."""
        plan = replace(plan, why="", remedy="", last_error="")
        match plan.stage:
            case Stage.MEASURING:
                delay = self.measuring.step(plan)
                return (plan, delay) if delay is not None else (replace(plan, stage=Stage.PROPOSING), 0.0)
            case Stage.PROPOSING:
                self.proposing.step(plan)
                return replace(plan, stage=Stage.PROPOSED), 0.0
            case _:
                return self.starting.step(plan), 0.0

    def _next(self, plan: Plan, changed: Plan, delay: float) -> None:
        """Write what came of a step and send the next job. Whoever did the same step too finds that it is done."""
        after = replace(changed, step=plan.step + 1, updated=self.clock())
        written = self.plans.put(plan.name, lambda found: after if found == plan else None)
        if written == after and after.stage in _WORKING:
            send_plan_job(self.queues, PlanJob(plan.name, after.step), delay)

    def operate(self, name: str, operation: PlanOperation, batches: Sequence[str] = ()) -> PlanAnswer:
        """Start batches of a plan (none named: all that are left), or discard it. Raises OperationRefused.

        A plan that is Started or Discarded already stays so.
        """
        known = self.plans.get(name)
        if known is None:
            raise OperationRefused(f"There is no plan {name!r}.", "Check its name against the list of plans.")
        wanted = tuple(dict.fromkeys(batches))
        if operation is PlanOperation.START and known.stage is Stage.PROPOSED:
            self._check_there(name, wanted)
        stage = Stage.STARTING if operation is PlanOperation.START else Stage.DISCARDED
        now = self.clock()
        done = self.plans.put(name, lambda found: _asked(found, stage, wanted, now)) or known
        if done.stage not in _DONE_BY[operation]:
            raise PlanRefused(f"The plan {name!r} is {done.stage}.", _WHEN[operation])
        if done.stage is Stage.STARTING and done.wanted != wanted:
            which = ", ".join(done.wanted[:3]) or "all its batches"
            raise PlanRefused(f"The plan {name!r} is Starting already: {which[:300]}.", _WHEN[operation])
        if done.stage is Stage.STARTING:
            send_plan_job(self.queues, PlanJob(name, done.step))
        if done.stage is Stage.DISCARDED:
            self.plans.delete_rows(name, self.plans.rows(name))
        return PlanAnswer(name, operation, done.stage, done.wanted)

    def _check_there(self, name: str, wanted: Sequence[str]) -> None:
        there = {row.batch for row in self.plans.rows(name)}
        if unknown := sorted(set(wanted) - there):
            raise OperationRefused(
                f"The plan {name!r} has no batch {unknown[0][:100]!r} that could be started.",
                f"plan.json in reports/{FOLDER}{name} lists its batches.",
            )

    def all(self) -> Json:
        """Every plan, without its batches."""
        return {"plans": [_shown(plan) for plan in self.plans.all()]}

    def one(self, name: str) -> Json:
        """A plan with what is measured, and what it proposes once it does; None when there is none of this name."""
        plan = self.plans.get(name)
        if plan is None:
            return None
        shown, rows = _shown(plan), list(self.plans.rows(name))
        if plan.stage in _SHOWN and (blob := self.blobs.read(REPORTS, f"{FOLDER}{name}/plan.json")):
            left = {row.batch for row in rows}
            proposal = json.loads(blob.data)
            for batch in proposal["batches"]:
                batch["started"] = batch["batch"] not in left
            return {**proposal, **shown}
        return {**shown, "measured": sum(row.measured for row in rows), "failed": sum(row.given_up for row in rows)}

    def look_after(self) -> None:
        """A round of the watch: commands, CSVs that no event told of, plans whose job was lost or that nobody wants."""
        now = self.clock()
        for blob in list(self.blobs.list(CONTAINER, FOLDER)):
            try:
                if blob.name.endswith(SUFFIX):
                    self._command(blob.name)
                elif plan_name(blob.name) and blob.modified <= now - timedelta(seconds=_UNANNOUNCED):
                    self._take_unannounced(blob.name, blob.etag)
            except Exception:  # one file must not keep the watch from everything else
                log.exception("%s could not be dealt with; the next round tries again.", blob.name)
        for plan in list(self.plans.all()):
            if plan.stage in _WORKING and now - plan.updated > timedelta(seconds=self.stalled_seconds):
                self._next(plan, plan, 0)
            elif plan.stage in _WAITING and now - plan.updated > timedelta(days=KEPT_DAYS):
                self.operate(plan.name, PlanOperation.DISCARD)

    def _take_unannounced(self, file: str, etag: str) -> None:
        plan = self.plans.get(listed_name(plan_name(file) or ""))
        if plan is None or plan.source_etag != etag or plan.stage is not Stage.REFUSED:
            self.reading.take(file)

    def _command(self, file: str) -> None:
        blob = self.blobs.read(CONTAINER, file)
        if blob is None:
            return
        name = file.removeprefix(FOLDER).removesuffix(SUFFIX)
        answer: dict[str, object] = {"command": file, "at": self.clock().isoformat()}
        try:
            answer |= asdict(self.operate(name, *read_command(blob.data)))
        except (BatchRefused, OperationRefused) as refused:
            log.warning("%s is refused: %s", file, refused.cause)
            answer |= {"error": refused.cause, "remedy": refused.remedy}
        data = json.dumps(answer, ensure_ascii=False, indent=2).encode()
        self.blobs.write(REPORTS, f"{FOLDER}{name}/command.json", data, "application/json")
        self.blobs.delete(CONTAINER, file, blob.etag)


def plan_operation(name: object) -> PlanOperation:
    """The operation of this name. Raises OperationRefused."""
    found = next((operation for operation in PlanOperation if operation == name), None)
    if found is None:
        raise OperationRefused(f"There is no operation {str(name)[:60]!r} on a plan.", "Known are start, discard.")
    return found


def read_command(data: bytes) -> tuple[PlanOperation, tuple[str, ...]]:
    """What a command file asks for, and of which batches. Raises BatchRefused or OperationRefused."""
    top = parsed(data, "command file", _REMEDY)
    batches = _batches(top, ("operation", "batches"), _REMEDY)
    return plan_operation(top.get("operation")), batches


def batches_of(body: bytes) -> tuple[str, ...]:
    """The batches that a request names, none when it has no body. Raises BatchRefused."""
    return _batches(parsed(body, "request", _BODY), ("batches",), _BODY) if body.strip() else ()


def _batches(top: JsonObject, keys: tuple[str, ...], remedy: str) -> tuple[str, ...]:
    problems: list[str] = []
    check_keys(top, "$", keys, problems)
    names: tuple[str, ...] = ()
    if "batches" in top:  # also an empty list, which a script may write: it is not meant for all
        value = top["batches"]
        if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
            names = tuple(value)
        else:
            problems.append(wrong("$.batches", value, "a list of names of batches"))
    if problems:
        raise refusal(problems, remedy)
    return names


def _asked(found: Plan | None, stage: Stage, wanted: tuple[str, ...], now: datetime) -> Plan | None:
    """The plan as a person wants it; None when it stays as it is."""
    if found is None or found.stage is stage:
        return None
    if stage is Stage.DISCARDED:
        if found.stage in (Stage.STARTING, Stage.STARTED):
            return None
        return replace(found, stage=stage, updated=now, step=found.step + 1, wrapped_key=b"")
    if found.stage is not Stage.PROPOSED:
        return None
    return replace(found, stage=stage, updated=now, step=found.step + 1, wanted=wanted, why="", remedy="")


def _shown(plan: Plan) -> dict[str, Json]:
    return {
        "plan": plan.name,
        "stage": plan.stage.value,
        "created": plan.created.isoformat(),
        "updated": plan.updated.isoformat(),
        "mailboxes": plan.rows,
        "refused_rows": plan.refused_rows,
        "why": plan.why,
        "remedy": plan.remedy,
    }

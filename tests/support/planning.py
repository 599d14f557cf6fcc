"""An engine whose plans measure a source of the test's, and what tests ask of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mailferry.imap.values import Login, Server
from mailferry.planning.measuring import Found
from mailferry.planning.plans import Planning
from mailferry.source.measure import Size, Way
from mailferry.state.jobs import PLAN_JOBS, PlanJob, read_plan_job
from mailferry.state.plans import PlanRow, Plans, Stage
from tests.support.engine import Engine, settings_for

SECRET = "Tr0ub4dor&3"
GB = 1024**3


def big_csv(count: int = 150, header: str = "EmailAddress,UserName,Password,Department") -> str:
    rows = "".join(f"u{n}@contoso.com,u{n}@old.example,{SECRET},{'Sales' if n % 2 else 'IT'}\n" for n in range(count))
    return f"{header}\n{rows}"


class World:
    """An engine whose plans measure a source of the test's."""

    def __init__(self) -> None:
        self.engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993)))
        self.asked: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.during: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    @property
    def planning(self) -> Planning:
        planning = self.engine.services.planning
        return replace(planning, measuring=replace(planning.measuring, measure=self.measure))

    def measure(self, server: Server, login: Login, root: str, late: Callable[[], bool]) -> Found:
        del server, root, late
        with self._lock:
            self.asked.append(login.user)
        assert login.password == SECRET
        self.during()
        if error := self.fails.get(login.user):
            raise error
        return Found(Size(1_000, GB // 10, Way.STATUS), google=False)

    def put(self, name: str, data: str | bytes) -> None:
        content = data.encode() if isinstance(data, str) else data
        self.engine.storage.blobs.write("batches", name, content, "text/csv")

    def drop(self, csv: str | None = None, **options: object) -> None:
        if options:
            self.put("plans/city.json", json.dumps(options))
        self.put("plans/city.csv", big_csv() if csv is None else csv)
        self.engine.services.drops.take("plans/city.csv")

    def jobs(self) -> list[PlanJob]:
        return [read_plan_job(sent.body) for sent in self.engine.queues.messages.get(PLAN_JOBS, [])]

    def run(self, most: int = 50) -> None:
        """Plan jobs until none is left, moving time ahead over delays."""
        for _ in range(most):
            if body := self.engine.queues.take(PLAN_JOBS):
                self.planning.step(read_plan_job(body))
            elif self.engine.queues.messages.get(PLAN_JOBS):
                self.engine.time.move_to(min(sent.due for sent in self.engine.queues.messages[PLAN_JOBS]))
            else:
                return
        raise AssertionError("still busy")

    def watch(self, **later: float) -> None:
        self.engine.time.move_to(self.engine.time() + timedelta(**later))
        self.planning.look_after()

    def stage(self) -> Stage:
        plan = Plans(self.engine.storage).get("city")
        assert plan is not None
        return plan.stage

    @property
    def rows(self) -> list[PlanRow]:
        return list(Plans(self.engine.storage).rows("city"))

    def report(self, name: str) -> str:
        return self.engine.report("plans/city", name)

    def json(self, name: str = "plan.json") -> Any:
        return json.loads(self.report(name))

    def everything(self) -> str:
        storage = self.engine.storage
        return repr(vars(storage.tables)) + repr(vars(storage.blobs)) + repr(self.engine.queues.messages)

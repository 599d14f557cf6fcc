"""One step of measuring: so many mailboxes as a function's time allows, each row written as soon as it is known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from mailferry.errors import LoginRefused, MailferryError, Permanent, SettingsError
from mailferry.imap.values import Login, Server
from mailferry.report.estimates import seconds_for
from mailferry.secrets.seal import KeyWrapper, Seal
from mailferry.source.mailbox import SourceMailbox
from mailferry.source.measure import Size, measured_size
from mailferry.state.admission import Admission
from mailferry.state.plans import Plan, PlanRow, Plans
from mailferry.telemetry.discreet import place_of
from mailferry.transfer.deadline import Deadline
from mailferry.transfer.user_root import below

log = logging.getLogger(__name__)

#: Mailboxes measured at once, where the source bears as many.
AT_ONCE = 8
_CRASHED = "Measuring this mailbox has failed by a mistake in Mailferry"
_REPORT = "Please report this with the log. The mailbox can be migrated without having been measured."
#: Tries of one mailbox, and seconds between them.
TRIES = 3
PAUSE = 300.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a mailbox has shown."""

    size: Size
    google: bool


#: Logs in to a mailbox and measures what is below a folder of it (empty: all), until it is late.
type Measure = Callable[[Server, Login, str, Callable[[], bool]], Found]


def measure_mailbox(server: Server, login: Login, root: str, late: Callable[[], bool]) -> Found:
    """Log in and measure. Raises any `ServerError`, and `FolderGone` for a root that is not there."""
    with SourceMailbox.open(server, login) as source:
        folders = below(source.folders(everybodys=bool(root)), root, source.separator)
        return Found(measured_size(source, folders, late), source.has_labels)


@dataclass(frozen=True, slots=True)
class Measuring:
    """Measures the rows of a plan. Rows that are measured stay as they are, so that it may be cut off and repeated."""

    plans: Plans
    admission: Admission
    keys: KeyWrapper
    seconds: float
    timeout: float
    measure: Measure = measure_mailbox

    def step(self, plan: Plan) -> float | None:
        """Measure what can be in the time; seconds until the next step, None when nothing is left to measure.

        Raises SettingsError, SealBroken, KeyUnavailable.
        """
        endpoint = self.admission.endpoint(plan.endpoint)
        if endpoint is None:
            raise SettingsError(f"The endpoint {plan.endpoint} is not known.", "Drop the plan's CSV again.")
        seal = Seal(self.keys.unwrap(plan.wrapped_key))
        rows = [row for row in self.plans.rows(plan.name) if not row.measured and not row.given_up]
        deadline, server = Deadline(self.seconds), endpoint.server(self.timeout)

        def one(row: PlanRow) -> PlanRow | None:
            if deadline.passed():
                return None
            measured = self._measured(plan, row, server, seal, deadline)
            self.plans.change_row(plan.name, row, measured)
            return measured

        with ThreadPoolExecutor(min(AT_ONCE, endpoint.max_concurrent)) as pool:
            done = list(pool.map(one, rows))
        return _until_next(done)

    def _measured(self, plan: Plan, row: PlanRow, server: Server, seal: Seal, deadline: Deadline) -> PlanRow:
        try:
            login = Login(row.user, password=seal.open(row.sealed, row.key), way=plan.way)
            found = self.measure(server, login, row.user_root, deadline.passed)
        except MailferryError as error:
            tries = row.tries + 1
            given_up = tries == TRIES or isinstance(error, LoginRefused | Permanent) or not error.retry
            return replace(row, tries=tries, given_up=given_up, cause=error.cause[:2_000], remedy=error.remedy[:2_000])
        except Exception as error:  # one mailbox must not keep the plan from all others
            log.exception("The plan %s: line %s can't be measured.", plan.name, row.line)
            return replace(row, tries=TRIES, given_up=True, cause=f"{_CRASHED} ({place_of(error)})", remedy=_REPORT)
        size = found.size
        seconds = seconds_for(size.messages, size.bytes, google=found.google)
        return replace(
            row,
            messages=size.messages,
            bytes=size.bytes,
            seconds=seconds,
            measured_by=size.way.value,
            cause="",
            remedy="",
        )


def _until_next(done: Sequence[PlanRow | None]) -> float | None:
    if None in done:
        return 0.0
    return PAUSE if any(row and not row.measured and not row.given_up for row in done) else None

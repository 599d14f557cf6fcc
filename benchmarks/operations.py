"""What operations on a whole batch cost: `python -m benchmarks.operations [MAILBOXES]` (50,000).

Storage is in memory and counts its calls. Seconds are of the processor, without the storage SDK.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benchmarks.counted_storage import Operations as Calls
from benchmarks.counted_storage import counted
from benchmarks.intake import SETTINGS
from mailferry.lifecycle.operation_rules import Operation
from mailferry.services import Services, make_services
from mailferry.settings import read_settings
from mailferry.state.jobs import BATCH_JOBS, read_batch_job
from mailferry.state.memory import MemoryQueues, memory_storage

_BATCH = "large"


def main(number: int) -> None:
    """Take a batch in, operate on it, and print a table."""
    queues, calls = MemoryQueues(), Calls()
    storage = replace(memory_storage(), queues=queues)
    services = make_services(read_settings(SETTINGS), counted(storage, calls))
    users = (f"user{each:05d}@contoso.com" for each in range(number))
    csv = "EmailAddress,UserName,Password\n" + "".join(f"{user},{user},pass-word\n" for user in users)
    storage.blobs.write("batches", f"{_BATCH}.csv", csv.encode(), "text/csv")
    print(f"| {number:,} mailboxes | calls of storage | seconds |\n|---|---|---|")

    def measured(what: str, work: Callable[[], object]) -> None:
        before, began = calls.counts(), time.process_time()
        work()
        finish(services, queues)
        used = calls.counts() - before
        print(f"| {what} | {used.total():,} | {time.process_time() - began:.1f} |", flush=True)

    measured("taken in", lambda: services.intake.take(f"{_BATCH}.csv"))
    for operation in (Operation.PAUSE, Operation.RESUME, Operation.COMPLETE, Operation.STOP, Operation.REMOVE):
        measured(operation, partial(services.operations.run, _BATCH, operation, "benchmark"))


def finish(services: Services, queues: MemoryQueues) -> None:
    """Run what goes on behind the answer."""
    while body := queues.take(BATCH_JOBS):
        services.batch_work.run(read_batch_job(body))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)

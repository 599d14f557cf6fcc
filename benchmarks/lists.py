"""How quick the lists of the HTTP API are with 50,000 mailboxes in Azurite: `python -m benchmarks.lists`.

The figures are in docs/decisions/0020-lists.md. CPU is this process's own, without Azurite's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from devhost.azurite import Azurite
from mailferry.model import Status
from mailferry.report.paging import Asked
from mailferry.report.status import StatusPages
from mailferry.state.azure import azure_storage
from mailferry.state.batches import Batches
from mailferry.state.folders import Folders
from mailferry.state.ledger import Ledger
from mailferry.state.mailboxes import Mailboxes
from mailferry.state.storage import Storage
from tests.support.dashboard import company

_BATCH, _MAILBOXES, _FOLDERS = "everyone", 50_000, 10_000
#: What was written shortly before is read again (the margin between two clocks): here it is all, in life a few.
_UNTIL_OLD = 32.0


def measured(what: str, ask: Callable[[], object]) -> None:
    """Print a row of the table."""
    began, cpu = time.perf_counter(), time.process_time()
    ask()
    print(f"| {what} | {time.perf_counter() - began:.1f} | {time.process_time() - cpu:.1f} |", flush=True)


def pages(storage: Storage) -> StatusPages:
    """As a new process has them."""
    return StatusPages(Batches(storage), Folders(storage), Ledger(storage), Mailboxes(storage))


def main() -> None:
    with Azurite() as azurite:
        storage = azure_storage({"MigrationStorage": azurite.connection_string})
        company.large(storage, _BATCH, _MAILBOXES)
        box = company.line(_BATCH, 1, Status.SYNCED)
        company.real(storage, box, [company.folder(f"F{number}", number) for number in range(_FOLDERS)])
        time.sleep(_UNTIL_OLD)
        status = pages(storage)
        measured("the first page of a new process", lambda: status.one(_BATCH, Asked(50)))
        measured("any further page", lambda: status.one(_BATCH, Asked(50)))
        measured("sorted by messages", lambda: status.one(_BATCH, Asked(50, sort="-messages")))
        measured("searched", lambda: status.one(_BATCH, Asked(50, search="anna")))
        Batches(storage).write_lines(company.lines(_BATCH, syncing=200))
        measured("a page after 200 lines have changed", lambda: status.one(_BATCH, Asked(50)))
        measured("all batches with their totals", status.all)
        measured("a mailbox with 10,000 folders", lambda: status.mailbox(_BATCH, box.mailbox, Asked(50)))
        measured("the same again", lambda: status.mailbox(_BATCH, box.mailbox, Asked(50, sort="source")))


if __name__ == "__main__":
    main()

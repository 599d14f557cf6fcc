"""Operations for those who have only the container: `<batch>.command.json` is carried out, answered, and removed."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass

from mailferry.errors import BatchBusy, BatchRefused, OperationRefused
from mailferry.intake.csv_file import address_key
from mailferry.intake.ingest import CONTAINER, NO_BATCHES
from mailferry.intake.json_object import check_keys, parsed, refusal, wrong
from mailferry.lifecycle.operation_rules import Operation, operation_of
from mailferry.lifecycle.operations import Operations
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.state.clock import Clock, utc_now
from mailferry.state.mailboxes import mailbox_id
from mailferry.state.storage import Blobs

log = logging.getLogger(__name__)

SUFFIX = ".command.json"

_REMEDY = (
    'Drop it again, like {"operation": "pause", "mailboxes": ["anna@contoso.com"]}; without mailboxes it is for all.'
)


@dataclass(frozen=True, slots=True)
class Commands:
    """Looks for command files. One that is cut off is carried out again, which changes nothing more."""

    operations: Operations
    blobs: Blobs
    clock: Clock = utc_now

    def run(self) -> None:
        """Carry out every command that lies in the container `batches`; what came of it is written to
        `reports/<batch>/command.json`."""
        for blob in list(self.blobs.list(CONTAINER)):
            batch, ending = blob.name[: -len(SUFFIX)], blob.name[-len(SUFFIX) :].lower()
            if batch and ending == SUFFIX and not batch.startswith(NO_BATCHES):
                try:
                    self._take(blob.name, batch)
                except Exception:  # one that storage fails for must not keep the watch from everything else
                    log.exception("%s could not be carried out; the next round tries again.", blob.name)

    def _take(self, file: str, batch: str) -> None:
        blob = self.blobs.read(CONTAINER, file)
        if blob is None:
            return
        answer: dict[str, object] = {"command": file, "at": self.clock().isoformat()}
        try:
            operation, mailboxes = _read(blob.data)
            answer |= asdict(self.operations.run(batch, operation, file, mailboxes))
        except (BatchBusy, BatchRefused, OperationRefused) as refused:
            log.warning("%s is refused: %s", file, refused.cause)
            answer |= {"error": refused.cause, "remedy": refused.remedy}
        data = json.dumps(answer, ensure_ascii=False, indent=2).encode()
        self.blobs.write(REPORTS, f"{batch}/command.json", data, "application/json")
        self.blobs.delete(CONTAINER, file, blob.etag)


def _read(data: bytes) -> tuple[Operation, dict[str, str] | None]:
    """The operation, and ids and addresses of the mailboxes it names, None for all.

    Raises BatchRefused or OperationRefused.
    """
    top = parsed(data, "command file", _REMEDY)
    problems: list[str] = []
    check_keys(top, "$", ("operation", "mailboxes"), problems)
    name = top.get("operation")
    if not isinstance(name, str):
        problems.append(wrong("$.operation", name, f"one of {', '.join(Operation)}"))
    ids: dict[str, str] | None = None
    if "mailboxes" in top:  # also null, which a script may write: it is not meant for all
        addresses = top["mailboxes"]
        if isinstance(addresses, list) and addresses and all(isinstance(address, str) for address in addresses):
            ids = {mailbox_id(address_key(address)): address for address in addresses}
        else:
            problems.append(wrong("$.mailboxes", addresses, "a list of addresses"))
    if problems:
        raise refusal(problems, _REMEDY)
    return operation_of(str(name)), ids

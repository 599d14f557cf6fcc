"""A batch of three mailboxes over storage in memory: its passes are begun and ended by hand, and it is operated on."""

from __future__ import annotations

import json
from datetime import timedelta

from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.lifecycle.passes import Passes
from mailferry.model import Endpoint
from mailferry.state.admission import Admission
from mailferry.state.batches import Batch, Batches
from mailferry.state.jobs import MAILBOX_JOBS, MailboxJob, read_mailbox_job
from mailferry.state.mailboxes import Mailbox, Mailboxes, mailbox_id
from tests.support.engine import Engine, csv_of, settings_for

ENDPOINT = Endpoint("imap.example.com").id
A, B, C = "a@x.y", "b@x.y", "c@x.y"


def batch_of_three(options: str | None = None) -> Engine:
    """One mailbox at once: `a` copies, the others wait."""
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993), SOURCE_MAX_CONCURRENT="1"))
    engine.drop("batch", csv_of(A, B, C), options)
    begin(engine, A)
    engine.queues.messages.clear()
    return engine


def passes(engine: Engine) -> Passes:
    return engine.services.chunks.passes


def box(engine: Engine, address: str) -> Mailbox:
    found = Mailboxes(engine.storage).get(mailbox_id(address))
    assert found is not None
    return found


def begin(engine: Engine, address: str) -> Mailbox:
    begun = passes(engine).begin(MailboxJob(mailbox_id(address), box(engine, address).pass_no + 1))
    assert begun is not None
    return begun


def run(engine: Engine, operation: Operation, *addresses: str, actor: str = "anna") -> Done:
    named = {mailbox_id(address): address for address in addresses} if addresses else None
    return engine.services.operations.run("batch", operation, actor, named)


def statuses(engine: Engine) -> list[str]:
    """Of a, b and c, as their rows and the screens agree."""
    lines = engine.lines("batch")
    assert {address: line.status for address, line in lines.items()} == {
        address: box(engine, address).status for address in lines
    }
    return [str(lines[address].status) for address in (A, B, C)]


def running(engine: Engine) -> list[str]:
    return [slot.mailbox for slot in Admission(engine.storage).slots(ENDPOINT)]


def jobs(engine: Engine) -> list[tuple[str, int]]:
    """Who is to be planned, and in which pass."""
    found = []
    while body := engine.queues.take(MAILBOX_JOBS):
        job = read_mailbox_job(body)
        found.append((job.mailbox, job.pass_no))
    return found


def drop_command(engine: Engine, text: str, batch: str = "batch") -> dict[str, object]:
    """What came of a command file."""
    engine.storage.blobs.write("batches", f"{batch}.command.json", text.encode(), "application/json")
    engine.services.watch.run()
    assert engine.storage.blobs.info("batches", f"{batch}.command.json") is None
    answer: dict[str, object] = json.loads(engine.report(batch, "command.json"))
    return answer


def synced_batch() -> Engine:
    """All three are Synced."""
    engine = batch_of_three()
    passes(engine).finish(box(engine, A))
    for address in (B, C):
        passes(engine).finish(begin(engine, address))
    jobs(engine)
    return engine


def batch(engine: Engine) -> Batch:
    found = Batches(engine.storage).get("batch")
    assert found is not None
    return found


def complete(engine: Engine, *addresses: str) -> None:
    """Ask for it, and run the last passes."""
    run(engine, Operation.COMPLETE, *addresses)
    for address in addresses or (A, B, C):
        passes(engine).finish(begin(engine, address))
    jobs(engine)


def later(engine: Engine, **ahead: float) -> None:
    engine.time.move_to(engine.time() + timedelta(**ahead))


def deliver(engine: Engine) -> list[str]:
    """The passes that begin, one after the other; each is over at once."""
    began = []
    while found := jobs(engine):
        for mailbox, number in found:
            if begun := passes(engine).begin(MailboxJob(mailbox, number)):
                began.append(str(begun.status))
                passes(engine).finish(begun)
    return began


def round_of_the_watch(engine: Engine) -> list[str]:
    """What it starts."""
    engine.services.watch.run()
    return deliver(engine)

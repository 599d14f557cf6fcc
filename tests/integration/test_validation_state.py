"""What validation and endpoint files keep: the same over real storage and over its twin in memory."""

from __future__ import annotations

import socket
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from mailferry.intake.endpoint_files import EndpointFiles
from mailferry.model import MailboxLine, Status
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.definitions import Definition, Definitions
from mailferry.state.mailboxes import mailbox_id
from mailferry.state.storage import Storage
from mailferry.state.validations import Measured, Summary, Validation, Validations

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_folders_are_kept_by_the_pass_that_measured_them(storage: Storage) -> None:
    validations, mailbox = Validations(storage), uuid.uuid4().hex
    subject = "日本" * 50
    old = [Measured(f"key{number:03d}", "Ärger/a", ("Ärger", "a"), "Why.", number, 1) for number in range(120)]
    new = replace(old[7], pass_no=2, done=True, next_uid=9, listed=((8, subject, "today", 200_000_000),))
    validations.write_measured(mailbox, old)
    validations.write_measured(mailbox, [new])
    assert len(validations.measured(mailbox, 1)) == 119
    (found,) = validations.measured(mailbox, 2)
    assert replace(found, listed=()) == replace(new, listed=())
    assert [tuple(one) for one in found.listed] == [(8, subject, "today", 200_000_000)]
    validations.forget_measured(mailbox, before=2)
    assert (validations.measured(mailbox, 1), len(validations.measured(mailbox, 2))) == ([], 1)


def test_mailboxes_are_found_for_a_page_of_lines(storage: Storage) -> None:
    batches, validations, batch = Batches(storage), Validations(storage), f"batch {uuid.uuid4()}"
    ids = sorted(mailbox_id(f"user{number}@x.y") for number in range(7))
    lines = [
        MailboxLine(batch, one, row, "a@x.y", "a", Status.STOPPED, "", "", NOW, NOW) for row, one in enumerate(ids)
    ]
    batches.write_lines(lines)
    for one in (ids[1], ids[3], ids[6]):
        validations.write(batch, Validation(one, NOW, 2, messages=5, bytes=1 << 40))
    page = [line.mailbox for line in batches.lines_after(batch, ids[1], 3)]
    assert page == ids[2:5]
    assert list(validations.all(batch, page)) == [ids[3]]
    assert [line.mailbox for line in batches.lines_after(batch, "", 2)] == ids[:2]
    assert list(validations.all(batch)) == [ids[1], ids[3], ids[6]]
    assert len(list(batches.lines(batch))) == 7
    validations.forget(batch, ids[1], before=2)
    validations.forget(batch, ids[3], before=3)
    validations.remove(batch, ids[0])
    assert list(validations.all(batch)) == [ids[1], ids[6]]


def test_reports_count_as_written_only_while_nothing_has_moved(storage: Storage) -> None:
    validations, batch = Validations(storage), f"batch {uuid.uuid4()}"
    assert validations.summary(batch) is None
    summary = Summary(NOW, NOW, 3, 2, 1, 0, seconds=1.5, cost=0.25, advice='[{"about": "ä"}]')
    validations.write_summary(batch, replace(summary, moved=NOW))
    validations.mark_published(batch, summary)
    assert validations.summary(batch) == replace(summary, moved=NOW)
    validations.write_summary(batch, summary)
    validations.mark_published(batch, summary)
    assert validations.summary(batch) == replace(summary, published=True)
    validations.remove_summary(batch)
    validations.remove_summary(batch)
    assert validations.summary(batch) is None


def test_definitions_are_kept_by_the_names_of_their_files(storage: Storage) -> None:
    definitions = Definitions(storage)
    for file in (f"{uuid.uuid4()}.json", f"sub/é#?{uuid.uuid4()}.csv"):
        assert definitions.get(file) is None
        kept = Definition(file, "0x1", '{"host": "a.b"}', "", "0x1")
        definitions.write(kept)
        assert definitions.get(file) == kept
        assert kept in list(definitions.all())


def test_a_definition_is_taken_in_and_tried_once_a_version(storage: Storage) -> None:
    container, answers = f"b{uuid.uuid4().hex}", f"a{uuid.uuid4().hex}"
    definitions = Definitions(storage)
    files = EndpointFiles(definitions, Admission(storage), Batches(storage), storage.blobs, container, answers)
    name = uuid.uuid4().hex
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    for text in ("{}", f'{{"host": "127.0.0.1", "port": {port}}}'):
        storage.blobs.write(container, f"endpoints/{name}.json", text.encode(), "application/json")
        files.run()
        answered = storage.blobs.info(answers, f"endpoints/{name}.json")
        files.run()
        assert answered
        assert storage.blobs.info(answers, f"endpoints/{name}.json") == answered
    assert files.named(name).endpoint.port == port

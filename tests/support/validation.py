"""What tests of validation share: two servers in memory, an engine between them, and what it says of a batch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.state.mailboxes import mailbox_id
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import Behaviour, SimServer, Store

VALIDATE = '{"validate": true}'
ANN = "ann@example.test"


class Place:
    """A source and a target in memory, and an engine between them."""

    def __init__(self, source: SimServer, target: SimServer, **more: str) -> None:
        self.source, self.target = source, target
        self.engine = Engine(settings_for((source.host, source.port), (target.host, target.port), **more))

    def drop(self, *users: str, options: str = VALIDATE) -> None:
        self.engine.drop("batch", csv_of(*(users or (ANN,))), options)
        self.engine.run()

    def ask(self, operation: Operation, *users: str) -> Done:
        named = {mailbox_id(user): user for user in users} or None
        done = self.engine.services.operations.run("batch", operation, "anna", named)
        self.engine.run()
        return done

    def page(self, **asked: Any) -> dict[str, Any]:
        found = self.engine.services.validation.page("batch", **asked)
        assert found is not None
        return found

    def row(self) -> dict[str, Any]:
        (row,) = self.page()["rows"]
        assert isinstance(row, dict)
        return row

    @property
    def untouched(self) -> bool:
        """Whether the target has been asked for nothing that changes it."""
        return not {"CREATE", "APPEND", "SUBSCRIBE"} & {heard.verb for heard in self.target.commands}


@contextmanager
def place(source: Store, behaviour: Behaviour | None = None, **more: str) -> Iterator[Place]:
    with SimServer(source, behaviour) as here, SimServer(Store()) as there:
        yield Place(here, there, **more)
        assert not here.violations
        assert not there.violations


def mail(number: int, size: int = 100) -> bytes:
    head = b"Subject: number %d\r\nDate: Mon, 2 Mar 2020 10:00:00 +0000\r\nMessage-ID: <%d@x>\r\n\r\n" % (
        number,
        number,
    )
    return head + b"x" * (size - len(head))


def store(**folders: int) -> Store:
    """So many messages of 100 bytes in each folder."""
    made = Store()
    for name, count in folders.items():
        made.create(ANN, name.encode())
        for number in range(count):
            made.add(ANN, name.encode(), mail(number))
    return made


def table(engine: Engine, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(engine.report("batch", name))))

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from urllib3.util.retry import Retry

from mailferry.cli.main import main
from tests.support.app import KEY, App, running_app
from tests.support.engine import Engine, settings_for

NOWHERE = ("127.0.0.1", 1)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


type Run = Callable[..., Ran]


@pytest.fixture
def engine() -> Engine:
    return Engine(settings_for(NOWHERE, NOWHERE))


@pytest.fixture
def app(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with running_app(engine.services, monkeypatch) as app:
        monkeypatch.setenv("MAILFERRY_URL", app.url)
        monkeypatch.setenv("MAILFERRY_KEY", KEY)
        yield app


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; what it tries again it tries at once."""
    monkeypatch.delenv("MAILFERRY_TOKEN", raising=False)

    monkeypatch.setattr(Retry, "sleep", lambda *_: None)

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run

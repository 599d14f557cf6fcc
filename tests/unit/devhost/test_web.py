"""Routes, keys and responses, over real HTTP."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from devhost.errors import HostError
from devhost.keys import Keys, kept_keys
from devhost.triggers import HttpTrigger
from devhost.web import WebServer, compile_route
from devhost.worker import Outcome, Value

KEYS = Keys("master-key", "function-key")


def trigger(route: str, *methods: str, level: str = "anonymous", function: str = "f") -> HttpTrigger:
    return HttpTrigger(function, route, frozenset(methods), level)


class App:
    """Answers with the name of the function, and notes what was fired."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Value]] = []
        self.fired: list[tuple[str, str]] = []

    async def invoke(self, name: str, argument: Value) -> Outcome:
        self.seen.append((name, argument))
        return Outcome(error="told to fail") if name == "broken" else Outcome(Value.text(name))

    async def fire(self, name: str, text: str) -> None:
        if name == "unknown":
            raise KeyError(name)
        self.fired.append((name, text))


@asynccontextmanager
async def served(app: App, *triggers: HttpTrigger) -> AsyncIterator[tuple[ClientSession, str]]:
    server = WebServer(triggers, "api", KEYS, app.invoke, app.fire)
    port = await server.start(0)
    try:
        async with ClientSession() as session:
            yield session, f"http://127.0.0.1:{port}"
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("batches", "batches", {}),
        ("batches", "Batches", {}),
        ("batches", "batches/x", None),
        ("batches/{batch}", "batches/contoso", {"batch": "contoso"}),
        ("batches/{batch}", "batches/a/b", None),
        ("pages/{page:int?}", "pages", {}),
        ("pages/{page:int?}", "pages/7", {"page": "7"}),
        ("pages/{page:int?}", "pages/x", None),
        ("pages/{page=1}", "pages", {"page": "1"}),
        ("files/{*rest}", "files/a/b", {"rest": "a/b"}),
    ],
)
def test_a_route_template_matches_as_in_azure(template: str, path: str, parameters: dict[str, str] | None) -> None:
    assert compile_route(trigger(template)).match("GET", path) == parameters


def test_a_route_only_takes_its_methods() -> None:
    route = compile_route(trigger("x", "GET", "POST"))
    assert route.match("POST", "x") == {}
    assert route.match("DELETE", "x") is None


@pytest.mark.parametrize("template", ["{a}-{b}", "x/{page:regex(a)}"])
def test_a_route_devhost_cannot_read_is_refused_at_the_start(template: str) -> None:
    with pytest.raises(HostError, match="function f"):
        compile_route(trigger(template))


@pytest.mark.parametrize(
    ("level", "key", "status"),
    [
        ("anonymous", None, 200),
        ("function", None, 401),
        ("function", "wrong", 401),
        ("function", "function-key", 200),
        ("function", "master-key", 200),
        ("admin", "function-key", 401),
        ("admin", "master-key", 200),
    ],
)
def test_an_auth_level_is_opened_by_its_keys_only(level: str, key: str | None, status: int) -> None:
    async def scenario() -> None:
        async with served(App(), trigger("x", level=level)) as (session, url):
            async with session.get(f"{url}/api/x", headers={"x-functions-key": key} if key else {}) as response:
                assert response.status == status
            async with session.get(f"{url}/api/x", params={"code": key} if key else {}) as response:
                assert response.status == status

    asyncio.run(scenario())


def test_a_request_arrives_whole() -> None:
    async def scenario() -> None:
        app = App()
        async with served(app, trigger("boxes/{name}", "POST")) as (session, url):
            headers = {"X-Agent": "me"}
            async with session.post(f"{url}/api/boxes/a%20b?q=1", data=b"\x00body", headers=headers) as response:
                assert response.status == 200
        ((_, argument),) = app.seen
        parts = argument.value
        assert (parts["method"].value, parts["body"].value) == ("POST", b"\x00body")
        assert parts["params"]["name"].value == "a b"
        assert parts["query"]["q"].value == "1"
        assert parts["headers"]["x-agent"].value == "me"

    asyncio.run(scenario())


def test_literal_segments_go_before_parameters() -> None:
    async def scenario() -> None:
        app = App()
        routes = (trigger("batches/{batch}", function="any"), trigger("batches/summary", function="one"))
        async with served(app, *routes) as (session, url):
            for path in ("summary", "contoso"):
                async with session.get(f"{url}/api/batches/{path}") as response:
                    assert response.status == 200
        assert [name for name, _ in app.seen] == ["one", "any"]

    asyncio.run(scenario())


def test_a_failed_function_answers_500_and_an_unknown_route_404() -> None:
    async def scenario() -> None:
        async with served(App(), trigger("broken", function="broken")) as (session, url):
            async with session.get(f"{url}/api/broken") as response:
                assert (response.status, await response.read()) == (500, b"")
            async with session.get(f"{url}/api/none") as response:
                assert response.status == 404

    asyncio.run(scenario())


def test_the_admin_endpoint_fires_a_function_for_the_master_key_only() -> None:
    async def scenario() -> None:
        app = App()
        master = {"x-functions-key": KEYS.master}
        async with served(app) as (session, url):
            for headers, path, body, status in (
                ({"x-functions-key": KEYS.function}, "sync", b"{}", 401),
                (master, "sync", b'{"input": "now"}', 202),
                (master, "sync", b"", 202),
                (master, "unknown", b"{}", 404),
                (master, "sync", b"not json", 400),
            ):
                async with session.post(f"{url}/admin/functions/{path}", data=body, headers=headers) as response:
                    assert response.status == status
        assert app.fired == [("sync", "now"), ("sync", "")]

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_an_error_with_a_remedy() -> None:
    async def scenario() -> None:
        async with served(App()) as (_, url):
            other = WebServer((), "api", KEYS, App().invoke, App().fire)
            with pytest.raises(HostError, match="--http-port"):
                await other.start(int(url.rpartition(":")[2]))
            await other.stop()

    asyncio.run(scenario())


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys.json"
    keys = kept_keys(path)
    assert kept_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

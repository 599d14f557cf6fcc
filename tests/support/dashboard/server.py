"""Serves the app's HTTP functions as the Functions host does, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from aiohttp import web
from azure.functions.decorators.http import HttpTrigger as AppTrigger

from devhost.keys import Keys
from devhost.triggers import HttpTrigger
from devhost.web import Route, compile_route
from functions import engine
from functions.handling import FunctionFailed
from mailferry.identity import sign_in_in_front
from mailferry.state.memory import memory_storage
from mailferry.state.storage import Storage
from tests.support.engine import settings_for

KEYS = Keys("master-key", "function-key")
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Site:
    """The running app: where it is, its storage, and what was asked of it. `headers` come to every request as if App
    Service had written them."""

    url: str
    storage: Storage
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def dashboard(self) -> str:
        return f"{self.url}/api/dashboard"


@contextmanager
def site() -> Iterator[Site]:
    """The app over empty storage, until the end."""
    storage = memory_storage()
    found = Site("", storage)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings_for(("127.0.0.1", 9), ("127.0.0.1", 9)).items():
            patch.setenv(name, value)
        patch.setattr(engine, "azure_storage", lambda: storage)
        engine.services.cache_clear()
        with _served(found):
            yield found
        engine.services.cache_clear()


@contextmanager
def _served(found: Site) -> Iterator[None]:
    started: Future[tuple[str, Callable[[], object]]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(found, started)))
    thread.start()
    found.url, stop = started.result(30)
    try:
        yield
    finally:
        stop()
        thread.join()


async def _serve(found: Site, started: Future[tuple[str, Callable[[], object]]]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    try:
        _functions()
        app.router.add_route("*", "/api/{path:.*}", _Handler(found).serve)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    except Exception as error:
        started.set_exception(error)
        raise
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    started.set_result((url, lambda: loop.call_soon_threadsafe(stop.set)))
    await stop.wait()
    await runner.cleanup()


@cache
def _functions() -> tuple[tuple[Route, Any], ...]:
    """The app's HTTP functions, in the order in which their routes are tried. The app tells them only once."""
    from function_app import app  # with the settings of the test

    found: list[tuple[Route, Any]] = []
    for function in app.get_functions():
        trigger = function.get_trigger()
        if isinstance(trigger, AppTrigger):
            methods = frozenset(method.value for method in trigger.methods or ())
            level = (trigger.auth_level or func.AuthLevel.FUNCTION).value.lower()
            name = function.get_function_name() or ""
            route = compile_route(HttpTrigger(name, trigger.route or name, methods, level))
            found.append((route, function.get_user_function()))
    return tuple(sorted(found, key=lambda each: each[0].rank))


class _Handler:
    def __init__(self, found: Site) -> None:
        self._site = found

    async def serve(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self._site.asked.append(f"{request.method} {request.path_qs}")
        matches = ((route, run, route.match(request.method, path)) for route, run in _functions())
        found = next((match for match in matches if match[2] is not None), None)
        if found is None:
            return web.Response(status=404)
        route, run, parameters = found
        # Where sign-in is in front, the app is loaded with functions that ask for no key.
        if not sign_in_in_front() and not KEYS.allow(route.level, request.headers.get("x-functions-key", "")):
            return web.Response(status=401)
        asked = func.HttpRequest(
            request.method,
            str(request.url),
            headers={**request.headers, **self._site.headers},
            params=dict(request.query),
            route_params=parameters,
            body=await request.read(),
        )
        context = SimpleNamespace(function_name=route.function, trace_context=SimpleNamespace(trace_parent=_TRACE))
        try:
            answer = await asyncio.to_thread(run, request=asked, context=context)
        except FunctionFailed:
            return web.Response(status=500)
        headers = {**answer.headers, "Content-Type": answer.mimetype}
        return web.Response(status=answer.status_code, headers=headers, body=answer.get_body())

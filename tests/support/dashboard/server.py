"""Serves the app's HTTP functions as the Functions host does, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    app = web.Application()
    app.router.add_route("*", "/api/{path:.*}", _Handler(found).serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    try:
        found.url = asyncio.run_coroutine_threadsafe(_started(runner), loop).result(10)
        yield
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _started(runner: web.AppRunner) -> str:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


class _Handler:
    def __init__(self, found: Site) -> None:
        from function_app import app  # with the settings of the test

        self._site = found
        self._functions: list[tuple[Route, Any]] = []
        for function in app.get_functions():
            trigger = function.get_trigger()
            if isinstance(trigger, AppTrigger):
                methods = frozenset(method.value for method in trigger.methods or ())
                level = (trigger.auth_level or func.AuthLevel.FUNCTION).value.lower()
                name = function.get_function_name() or ""
                route = compile_route(HttpTrigger(name, trigger.route or name, methods, level))
                self._functions.append((route, function.get_user_function()))
        self._functions.sort(key=lambda each: each[0].rank)

    async def serve(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self._site.asked.append(f"{request.method} {request.path_qs}")
        matches = ((route, run, route.match(request.method, path)) for route, run in self._functions)
        found = next((match for match in matches if match[2] is not None), None)
        if found is None:
            return web.Response(status=404)
        route, run, parameters = found
        if not KEYS.allow(route.level, request.headers.get("x-functions-key", "")):
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

"""Knows how the Functions host serves HTTP: routes, keys, and the admin endpoint that fires a function by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from devhost.errors import HostError
from devhost.keys import Keys
from devhost.triggers import HttpTrigger
from devhost.worker import Outcome, Value

_LARGEST_BODY = 100 * 1024 * 1024  # the host's own limit
_LAST_ANSWERS_SECONDS = 5.0

_PARAMETER = re.compile(
    r"\{(?P<rest>\*{0,2})(?P<name>\w+)(?::(?P<kind>\w+)(?:\([^)]*\))?)?(?:=(?P<default>[^}?]*))?(?P<maybe>\?)?\}"
)
_KINDS = {
    None: "[^/]+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "guid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "bool": "(?i:true|false)",
    "alpha": "[a-zA-Z]+",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A route template as ASP.NET reads it: `batches/{batch}`, `{id:int}`, `{page?}`, `{page=1}`, `{*rest}`."""

    function: str
    methods: frozenset[str]
    level: str
    pattern: re.Pattern[str]
    defaults: dict[str, str]
    rank: tuple[int, ...]  #: literal segments go before parameters, as in ASP.NET

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The route parameters when the request is for this route."""
        if self.methods and method not in self.methods:
            return None
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        return self.defaults | {name: value for name, value in found.groupdict().items() if value is not None}


def compile_route(trigger: HttpTrigger) -> Route:
    """Raises: HostError: the template or the auth level is one devhost cannot read."""
    if trigger.level not in ("anonymous", "function", "admin"):
        raise HostError(f"function {trigger.function} has the unknown auth level {trigger.level}")
    expression = ""
    defaults: dict[str, str] = {}
    rank: list[int] = []
    for segment in filter(None, trigger.route.strip("/").split("/")):
        parameter = _PARAMETER.fullmatch(segment)
        if parameter is None and "{" in segment:
            raise HostError(f"function {trigger.function}: devhost cannot read {segment!r} of its route")
        slash = "/" if expression else ""
        if parameter is None:
            expression += slash + re.escape(segment)
            rank.append(0)
            continue
        if parameter["kind"] not in _KINDS:
            raise HostError(f"function {trigger.function}: devhost does not know the route constraint {segment!r}")
        value = ".*" if parameter["rest"] else _KINDS[parameter["kind"]]
        one = f"{slash}(?P<{parameter['name']}>{value})"
        if parameter["default"] is not None:
            defaults[parameter["name"]] = parameter["default"]
        optional = parameter["maybe"] or parameter["default"] is not None or parameter["rest"]
        expression += f"(?:{one})?" if optional else one
        rank.append(3 if parameter["rest"] else 1 if parameter["kind"] else 2)
    pattern = re.compile(expression, re.IGNORECASE)
    return Route(trigger.function, trigger.methods, trigger.level, pattern, defaults, tuple(rank))


type Invoke = Callable[[str, Value], Awaitable[Outcome]]
type Fire = Callable[[str, str], Awaitable[None]]


class WebServer:
    """Serves the app's HTTP functions on loopback.

    Args:
        invoke: runs an HTTP function.
        fire: starts any other function with an input; KeyError when there is no such, ValueError for a bad input.
    """

    def __init__(self, triggers: Sequence[HttpTrigger], prefix: str, keys: Keys, invoke: Invoke, fire: Fire) -> None:
        self._routes = sorted((compile_route(each) for each in triggers), key=lambda route: route.rank)
        self._keys = keys
        self._invoke = invoke
        self._fire = fire
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_post("/admin/functions/{name}", self._admin)
        app.router.add_route("*", f"/{prefix}/{{path:.*}}" if prefix else "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_ANSWERS_SECONDS)

    async def start(self, port: int) -> int:
        """Listen; returns the port.

        Raises:
            HostError: the port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            raise HostError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}; choose with --http-port") from error
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        await self._runner.cleanup()

    def _given_key(self, request: web.Request) -> str:
        return request.headers.get("x-functions-key") or request.query.get("code", "")

    async def _serve(self, request: web.Request) -> web.Response:
        path = request.match_info["path"].strip("/")
        for route in self._routes:
            parameters = route.match(request.method, path)
            if parameters is not None:
                break
        else:
            return web.Response(status=404)
        if not self._keys.allow(route.level, self._given_key(request)):
            return web.Response(status=401)
        argument = Value.http(
            request.method,
            str(request.url),
            {name.lower(): value for name, value in request.headers.items()},
            dict(request.query),
            parameters,
            await request.read(),
        )
        return response_of(await self._invoke(route.function, argument))

    async def _admin(self, request: web.Request) -> web.Response:
        if not self._keys.allow("admin", self._given_key(request)):
            return web.Response(status=401)
        try:
            body = json.loads(await request.read() or b"{}")
            await self._fire(request.match_info["name"], str(body.get("input") or ""))
        except KeyError:
            return web.Response(status=404)
        except (ValueError, AttributeError) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=202)


def response_of(outcome: Outcome) -> web.Response:
    """The HTTP response a function's outcome stands for; a failure is an empty 500, as in Azure."""
    returned = outcome.returned
    if outcome.error:
        return web.Response(status=500)
    if returned is None:
        return web.Response(status=204)
    if returned.kind != "http":
        body = returned.value
        return web.Response(body=body) if isinstance(body, bytes) else web.Response(text=str(body))
    parts = returned.value
    response = web.Response(
        status=int(parts["status_code"].value),
        headers={name: value.value for name, value in parts["headers"].items()},
        body=parts["body"].value,
    )
    for cookie in parts.get("cookies") or ():
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response


def answer(outcome: Outcome) -> object | None:
    """The JSON of a successful answer, or None: for devhost, which reads the app's own API."""
    returned = outcome.returned
    if outcome.error or returned is None or returned.kind != "http" or returned.value["status_code"].value != "200":
        return None
    try:
        document: object = json.loads(returned.value["body"].value)
    except ValueError:
        return None
    return document

"""Knows Microsoft's worker library: how it loads and checks an app, and how a function is invoked through it.

`azure_functions_runtime.native_invocation` is the library's own way in without protobuf. It is not documented, so this
is the only module that touches it, and the library is pinned in requirements.txt.
"""

from __future__ import annotations

import importlib
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from devhost.errors import HostError

# The library ships no type information; these names are its whole surface here.
_runtime: Any = importlib.import_module("azure_functions_runtime")
_native: Any = importlib.import_module("azure_functions_runtime.native_invocation")
_executor: Any = importlib.import_module("azure_functions_runtime.utils.executor")
_threadpool: Any = importlib.import_module("azure_functions_runtime.utils.threadpool")
_datum: Any = importlib.import_module("azure_functions_runtime.bindings.datumdef")

type Binding = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Value:
    """A value on its way into or out of a function, in the worker's own kinds: string, bytes, json, http."""

    kind: str
    value: Any

    @classmethod
    def text(cls, text: str) -> Value:
        return cls("string", text)

    @classmethod
    def data(cls, content: bytes) -> Value:
        return cls("bytes", content)

    @classmethod
    def json(cls, content: object) -> Value:
        return cls("json", json.dumps(content))

    @classmethod
    def http(
        cls,
        method: str,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        route: Mapping[str, str],
        body: bytes,
    ) -> Value:
        def many(values: Mapping[str, str]) -> dict[str, Any]:
            return {name: _datum.Datum(value, "string") for name, value in values.items()}

        return cls(
            "http",
            {
                "method": _datum.Datum(method, "string"),
                "url": _datum.Datum(url, "string"),
                "headers": many(headers),
                "query": many(query),
                "params": many(route),
                "body": _datum.Datum(body, "bytes"),
            },
        )


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function: its name, the worker's id for it, and its bindings as the decorators wrote them."""

    name: str
    id: str
    trigger: Binding
    outputs: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an invocation. `error` is the exception's text, empty when all went well."""

    returned: Value | None = None
    outputs: tuple[tuple[str, Value], ...] = ()
    error: str = ""
    traceback: str = ""


class _Protos:
    """Stands in for the generated protobuf module: the library only fills its messages in and hands them back."""

    class BindingInfo:
        undefined, out, inout = 0, 1, 2

        def __init__(self, **fields: object) -> None:
            self.fields = fields

    class StatusResult(SimpleNamespace):
        Failure, Success = 0, 1

    def __getattr__(self, name: str) -> type[SimpleNamespace]:
        return type(name, (SimpleNamespace,), {})


class Worker:
    """The app inside this process. The library has one registry a process, so there is one Worker a process."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self._running: dict[str, str] = {}

    @classmethod
    async def load(cls, app: Path) -> Worker:
        """Import the app in `app`, have its bindings checked, and start the pool its plain functions run on.

        Raises:
            HostError: there is no app or no function, or the worker refuses it; with its words.
        """
        if not (app / "function_app.py").exists():
            raise HostError(f"there is no function_app.py in {app}; name the app's folder with --app")
        sys.path.insert(0, str(app))
        init = SimpleNamespace(capabilities={}, function_app_directory=str(app))
        request = SimpleNamespace(
            request=SimpleNamespace(worker_init_request=init),
            properties={"host": "127.0.0.1", "protos": _Protos()},
        )
        response = await _runtime.worker_init_request(request)
        if response.result.status != _Protos.StatusResult.Success:
            failure = response.result.exception
            raise HostError(f"the app in {app} cannot be loaded: {failure.message}\n{failure.stack_trace}".rstrip())
        indexed = (await _runtime.functions_metadata_request(request)).function_metadata_results
        if not indexed:
            raise HostError(f"the app in {app} has 0 functions; Azure would run none either")
        _runtime.start_threadpool_executor()
        return cls({each.name: _function(each) for each in indexed})

    @property
    def running(self) -> int:
        """How many invocations are under way."""
        return len(self._running)

    def current(self) -> str:
        """The function the calling thread or task runs for, or nothing."""
        return self._running.get(cast(str, _executor.invocation_id_cv.get()) or "", "")

    async def invoke(
        self, name: str, argument: Value, metadata: Mapping[str, Value] | None = None, *, counted: bool = True
    ) -> Outcome:
        """Run a function once. What goes wrong inside it is in the outcome, not raised.

        Args:
            counted: False keeps devhost's own questions out of `running`.
        """
        function = self.functions[name]
        invocation = str(uuid.uuid4())
        if counted:
            self._running[invocation] = name
        try:
            ok, returned, outputs, error, traceback = await _native.invocation_request_native(
                invocation,
                function.id,
                [(str(function.trigger["name"]), _datum.Datum(argument.value, argument.kind))],
                {key: _datum.Datum(value.value, value.kind) for key, value in (metadata or {}).items()},
            )
        finally:
            self._running.pop(invocation, None)
        if not ok:
            return Outcome(error=error or "failed", traceback=traceback or "")
        return Outcome(
            None if returned is None else Value(returned.type, returned.value),
            tuple((name, Value(datum.type, datum.value)) for name, datum in outputs),
        )

    def close(self) -> None:
        """Let go of the pool without waiting for functions that still run."""
        pool = _threadpool.get_threadpool_executor()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _function(indexed: Any) -> Function:
    bindings: Sequence[Binding] = [json.loads(raw) if isinstance(raw, str) else raw for raw in indexed.raw_bindings]
    triggers = [binding for binding in bindings if str(binding["type"]).lower().endswith("trigger")]
    if len(triggers) != 1:
        raise HostError(f"function {indexed.name} must have one trigger, not {len(triggers)}")
    return Function(
        indexed.name, indexed.function_id, triggers[0], tuple(each for each in bindings if each is not triggers[0])
    )

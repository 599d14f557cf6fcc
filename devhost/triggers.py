"""Knows the kinds of trigger and output binding devhost can serve, with their settings filled in."""

from __future__ import annotations

from dataclasses import dataclass

from devhost.errors import HostError
from devhost.settings import resolve
from devhost.worker import Binding, Function


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    function: str
    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class BlobTrigger:
    function: str
    path: str  #: `container/{pattern}`
    connection: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    function: str
    schedule: str
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    function: str
    route: str
    methods: frozenset[str]  #: none means all
    level: str  #: anonymous, function, admin


@dataclass(frozen=True, slots=True)
class WarmupTrigger:
    """Fired when Azure adds an instance; here there is none to add."""

    function: str


type Trigger = QueueTrigger | BlobTrigger | TimerTrigger | HttpTrigger | WarmupTrigger


@dataclass(frozen=True, slots=True)
class QueueOutput:
    name: str
    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class BlobOutput:
    name: str
    path: str
    connection: str


type Output = QueueOutput | BlobOutput


def trigger_of(function: Function) -> Trigger:
    """What fires `function`.

    Raises:
        HostError: a kind devhost does not serve, or a `%SETTING%` that is not set.
    """
    binding = function.trigger
    name = function.name
    match str(binding["type"]).lower():
        case "queuetrigger":
            return QueueTrigger(name, _text(binding, "queueName", name), _connection(binding))
        case "blobtrigger":
            return BlobTrigger(name, _text(binding, "path", name), _connection(binding))
        case "timertrigger":
            return TimerTrigger(
                name,
                _text(binding, "schedule", name),
                binding.get("runOnStartup") is True,
                binding.get("useMonitor") is not False,
            )
        case "httptrigger":
            methods = binding.get("methods") or ()
            if not isinstance(methods, list | tuple):
                methods = ()
            route = _text(binding, "route", name) if binding.get("route") is not None else name
            level = str(binding.get("authLevel") or "function").lower()
            return HttpTrigger(name, route, frozenset(str(method).upper() for method in methods), level)
        case "warmuptrigger":
            return WarmupTrigger(name)
        case kind:
            raise HostError(f"function {name} has a {kind}, which devhost cannot serve; use `func start`")


def outputs_of(function: Function) -> dict[str, Output]:
    """The output bindings of `function` by parameter; what an HTTP function returns is not one of them.

    Raises:
        HostError: a kind devhost does not serve, or a `%SETTING%` that is not set.
    """
    outputs: dict[str, Output] = {}
    for binding in function.outputs:
        name = str(binding["name"])
        match str(binding["type"]).lower(), str(binding.get("direction")).lower():
            case "queue", "out":
                queue = _text(binding, "queueName", function.name)
                outputs[name] = QueueOutput(name, queue, _connection(binding))
            case "blob", "out":
                outputs[name] = BlobOutput(name, _text(binding, "path", function.name), _connection(binding))
            case "http", "out":
                pass
            case kind, direction:
                raise HostError(
                    f"function {function.name} has a {kind} binding ({direction}), which devhost cannot serve; "
                    "use the SDK or `func start`"
                )
    return outputs


def _text(binding: Binding, key: str, function: str) -> str:
    return resolve(str(binding.get(key) or ""), f"function {function}, {key}")


def _connection(binding: Binding) -> str:
    return str(binding.get("connection") or "AzureWebJobsStorage")

"""What leaves a handler with an error, and that the host's trace goes on inside."""

from __future__ import annotations

from types import SimpleNamespace

import azure.functions as func
import pytest

from functions.handling import FunctionFailed, handled
from mailferry.errors import SettingsError
from mailferry.telemetry.spans import current_traceparent

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTEXT = SimpleNamespace(function_name="copy_chunk", trace_context=SimpleNamespace(trace_parent=TRACE))


def failing_with(error: Exception) -> pytest.ExceptionInfo[FunctionFailed]:
    """What the host hears of this error."""

    @handled
    def handler(context: func.Context) -> None:
        raise error

    with pytest.raises(FunctionFailed) as heard:
        handler(context=CONTEXT)  # type: ignore[arg-type]
    return heard


def test_of_an_error_nobody_foresaw_the_host_hears_class_and_place() -> None:
    heard = failing_with(KeyError("ann@example.com"))
    assert str(heard.value).startswith("KeyError in test_handling.py, line ")
    assert heard.value.__suppress_context__  # the worker sends the traceback as well


def test_a_missing_setting_is_heard_of_in_words() -> None:
    heard = failing_with(SettingsError("SEALING_KEY is missing: no key seals the passwords.", "Make one."))
    assert str(heard.value) == "SEALING_KEY is missing"


def test_a_handler_works_inside_the_trace_of_the_host() -> None:
    @handled
    def handler(context: func.Context) -> str:
        return current_traceparent()

    assert handler(context=CONTEXT) == TRACE  # type: ignore[arg-type]
    assert current_traceparent() == ""

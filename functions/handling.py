"""What is around every handler: it is kept from those who may not ask, the host's trace goes on inside, and no error
leaves with words of others."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import cast

import azure.functions as func

from functions.answers import answer
from mailferry.access import refusal
from mailferry.errors import MailferryError
from mailferry.telemetry.discreet import own_words, place_of
from mailferry.telemetry.spans import part_of

log = logging.getLogger(__name__)


class FunctionFailed(Exception):
    """Stands for an error that left a handler. The host sends its text as telemetry, so it has only words of ours."""


def for_everybody[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """An HTTP handler that answers without sign-in and without key: what it says is no secret."""
    handler.for_everybody = True  # type: ignore[attr-defined]
    return handler


def handled[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """The handler as it is registered. It takes the invocation's `context`; the worker calls it by keywords. One with a
    `request` is of the HTTP API, and is run for those whose role allows it."""
    guarded = not hasattr(handler, "for_everybody")

    @wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        context = cast(func.Context, kwargs["context"])
        with part_of(context.trace_context.trace_parent):
            request = cast("func.HttpRequest | None", kwargs.get("request")) if guarded else None
            refused = refusal(request.method, request.headers) if request else None
            if refused:
                return cast(R, answer({"error": refused.cause, "remedy": refused.remedy}, refused.status))
            try:
                return handler(*args, **kwargs)
            except Exception as error:
                log.exception("The function %s failed.", context.function_name)
                said = own_words(error.cause) if isinstance(error, MailferryError) else place_of(error)
                raise FunctionFailed(said) from None

    return run

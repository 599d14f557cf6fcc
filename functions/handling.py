"""What is around every handler: the host's trace goes on inside, and no error leaves with words of others."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import cast

import azure.functions as func

from mailferry.errors import MailferryError
from mailferry.telemetry.discreet import own_words, place_of
from mailferry.telemetry.spans import part_of

log = logging.getLogger(__name__)


class FunctionFailed(Exception):
    """Stands for an error that left a handler. The host sends its text as telemetry, so it has only words of ours."""


def handled[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """The handler as it is registered. It takes the invocation's `context`; the worker calls it by keywords."""

    @wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        context = cast(func.Context, kwargs["context"])
        with part_of(context.trace_context.trace_parent):
            try:
                return handler(*args, **kwargs)
            except Exception as error:
                log.exception("The function %s failed.", context.function_name)
                said = own_words(error.cause) if isinstance(error, MailferryError) else place_of(error)
                raise FunctionFailed(said) from None

    return run

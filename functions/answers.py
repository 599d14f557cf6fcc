"""How the HTTP API says what it has to say: JSON that nobody keeps."""

import json
from collections.abc import Iterable
from dataclasses import asdict

import azure.functions as func

from mailferry.errors import MailferryError
from mailferry.report.shelf import Report, ReportFile
from mailferry.report.status import Json


def answer(body: Json, status: int = 200) -> func.HttpResponse:
    """The response with this body."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        mimetype="application/json",
    )


def refused(error: MailferryError, status: int) -> func.HttpResponse:
    """The response that says why not, and what to do."""
    return answer({"error": error.cause, "remedy": error.remedy}, status)


def files(found: Iterable[ReportFile]) -> list[Json]:
    """Reports as they are listed."""
    return [{**asdict(each), "modified": each.modified.isoformat()} for each in found]


def file(found: Report) -> func.HttpResponse:
    """A report with its content."""
    return func.HttpResponse(found.data, headers=dict(found.headers), mimetype=found.content_type)

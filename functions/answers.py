"""How the HTTP API says what it has to say: JSON that nobody keeps."""

import json

import azure.functions as func

from mailferry.report.status import Json


def answer(body: Json, status: int = 200) -> func.HttpResponse:
    """The response with this body."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        mimetype="application/json",
    )

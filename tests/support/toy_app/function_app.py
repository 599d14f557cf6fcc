"""A function app that writes down what happened to it, for the tests of devhost.

Every invocation adds a line of JSON to the file `TOY_DIARY` names. What a message asks for is in its text.
"""

import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


def write_down(function: str, **facts: object) -> None:
    line = json.dumps({"function": function, "at": time.time(), **facts}) + "\n"
    with Path(os.environ["TOY_DIARY"]).open("a") as diary:
        diary.write(line)


@app.queue_trigger("message", "%TOY_JOBS%", "MigrationStorage")
def work(message: func.QueueMessage, context: func.Context) -> None:
    """`ok`, `fail`, `sleep SECONDS`, `fail-once`: done as said."""
    text = message.get_body().decode()
    write_down("work", text=text, count=message.dequeue_count, id=message.id)
    verb, _, argument = text.partition(" ")
    if verb == "sleep":
        time.sleep(float(argument))
        write_down("work-slept", text=text)
    if verb == "fail" or (verb == "fail-once" and message.dequeue_count == 1):
        raise RuntimeError("told to fail")


@app.queue_trigger("message", "toy-jobs-poison", "MigrationStorage")
def bury(message: func.QueueMessage) -> None:
    """Fails for what asks to fail even here."""
    text = message.get_body().decode()
    write_down("bury", text=text, count=message.dequeue_count)
    if text == "fail even here":
        raise RuntimeError("told to fail")


@app.queue_trigger("message", "toy-fan", "MigrationStorage")
@app.queue_output("out", "toy-leaves", "MigrationStorage")
def fan(message: func.QueueMessage, out: func.Out[str]) -> None:
    out.set(message.get_body().decode().upper())


@app.queue_trigger("message", "toy-leaves", "MigrationStorage")
async def leaf(message: func.QueueMessage) -> None:
    write_down("leaf", text=message.get_body().decode())


@app.blob_trigger("blob", "batches/{name}.csv", "MigrationStorage", source=func.BlobSource.EVENT_GRID)
@app.queue_output("out", "%TOY_JOBS%", "MigrationStorage")
def ingest(blob: func.InputStream, out: func.Out[str]) -> None:
    """Writes down the blob; a CSV of the text `job: X` makes a job X."""
    content = blob.read().decode()
    write_down("ingest", name=blob.name, uri=blob.uri, length=blob.length, content=content)
    if content.startswith("job: "):
        out.set(content.removeprefix("job: ").strip())


@app.timer_trigger("timer", "%TOY_SCHEDULE%")
def tick(timer: func.TimerRequest) -> None:
    write_down("tick", past_due=timer.past_due)
    time.sleep(float(os.environ.get("TOY_TICK_SECONDS", "0")))
    write_down("tick-end")


@app.timer_trigger("timer", "0 0 3 * * *")
def nightly(timer: func.TimerRequest) -> None:
    write_down("nightly", past_due=timer.past_due)


@app.timer_trigger("timer", "00:01:00", run_on_startup=True)
def hello(timer: func.TimerRequest) -> None:
    write_down("hello", past_due=timer.past_due)


@app.route("open/{word}/{number:int?}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def open_door(req: func.HttpRequest) -> func.HttpResponse:
    answer = {"route": dict(req.route_params), "query": dict(req.params), "agent": req.headers.get("x-agent")}
    return func.HttpResponse(json.dumps(answer), mimetype="application/json", headers={"x-toy": "yes"})


@app.route("keyed", methods=["POST"])
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), status_code=201)


@app.route("inner", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
async def inner(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("inner")


@app.route("open/broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("told to fail")


if "TOY_MIGRATION" in os.environ:
    # A file of {"batch": {"refused": ..., "mailboxes": [...]}} shown as Mailferry's API would show it.

    def migration() -> dict[str, dict[str, object]]:
        document: dict[str, dict[str, object]] = json.loads(Path(os.environ["TOY_MIGRATION"]).read_text())
        return document

    @app.route("batches", methods=["GET"])
    def batches(req: func.HttpRequest) -> func.HttpResponse:
        summaries = [{"batch": name, "status": "Syncing"} for name in migration()]
        return func.HttpResponse(json.dumps({"batches": summaries}), mimetype="application/json")

    @app.route("batches/{batch}", methods=["GET"])
    def batch(req: func.HttpRequest) -> func.HttpResponse:
        """One mailbox a page."""
        name = req.route_params["batch"]
        found = migration()[name]
        mailboxes = found["mailboxes"]
        assert isinstance(mailboxes, list)
        page = int(req.params.get("next", "0"))
        following = str(page + 1) if page + 1 < len(mailboxes) else None
        answer = {"batch": name, "refused": found.get("refused"), "mailboxes": mailboxes[page : page + 1]}
        return func.HttpResponse(json.dumps(answer | {"next": following}), mimetype="application/json")

"""What the Graph client sends, how long it waits, and what it makes of every kind of answer."""

from __future__ import annotations

import email.utils
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest

from mailferry.errors import Busy, LoginRefused, ProtocolError, ServerError, Transient, Unreachable
from mailferry.target.claims import GRAPH_SCOPE
from mailferry.target.graph import PATIENCE, Answer, Found, Graph, Refused, segment
from tests.support.graph_stub import BATCH, GraphStub, Json, Reply, Tokens, refusal

ANN = Reply(200, {"userPrincipalName": "ann@contoso.com"})
THROTTLED = refusal(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")


@pytest.fixture
def stub() -> Iterator[GraphStub]:
    with GraphStub() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def graph(stub: GraphStub, waits: list[float]) -> Iterator[Graph]:
    with Graph(Tokens(), base_url=stub.url, timeout=5.0, wait=waits.append) as client:
        yield client


def throttled(seconds: object) -> Reply:
    return refusal(429, "ApplicationThrottled", "Slow down.", Retry_After=str(seconds))


def users(count: int) -> list[str]:
    return [f"/users/u{number}" for number in range(count)]


def texts(answers: list[Answer]) -> list[str]:
    return [answer.text("id") if isinstance(answer, Found) else repr(answer) for answer in answers]


def with_users(stub: GraphStub, count: int) -> None:
    for path in users(count):
        stub.on(path, Reply(200, {"id": path}))


# --- asking ---------------------------------------------------------------------------------------------------------


def test_one_path_is_a_plain_get_with_the_token_of_the_scope(stub: GraphStub) -> None:
    stub.on("/users/ann@contoso.com", ANN)
    tokens = Tokens()
    with Graph(tokens, base_url=stub.url, scope="https://graph.microsoft.us/.default") as graph:
        found = graph.get("/users/ann@contoso.com?$select=userPrincipalName")
    assert isinstance(found, Found)
    assert found.text("userPrincipalName") == "ann@contoso.com"
    [(line, headers)] = stub.requests
    assert line == "GET /v1.0/users/ann@contoso.com?$select=userPrincipalName"
    assert headers["Authorization"] == f"Bearer {Tokens.TOKEN}"
    assert tokens.scopes == ["https://graph.microsoft.us/.default"]


def test_without_another_scope_it_is_that_of_the_public_cloud(stub: GraphStub) -> None:
    tokens = Tokens()
    with Graph(tokens, base_url=stub.url) as graph:
        graph.get("/users/x")
    assert tokens.scopes == [GRAPH_SCOPE]


def test_many_paths_go_in_batches_of_twenty_and_come_back_in_order(graph: Graph, stub: GraphStub) -> None:
    with_users(stub, 45)
    assert texts(graph.get_all(users(45))) == users(45)
    assert [line for line, _ in stub.requests] == [f"POST {BATCH}"] * 3


def test_all_requests_use_one_connection(graph: Graph, stub: GraphStub) -> None:
    with_users(stub, 45)
    graph.get_all(users(45))
    graph.get("/users/u1")
    assert stub.connections == 1


def test_a_connection_that_was_idle_for_long_is_not_trusted(
    graph: Graph, stub: GraphStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_users(stub, 1)
    graph.get("/users/u0")
    now = time.monotonic()
    monkeypatch.setattr("mailferry.target.graph.time.monotonic", lambda: now + 241)
    graph.get("/users/u0")
    assert stub.connections == 2


def test_a_netrc_file_does_not_replace_the_token(
    graph: Graph, stub: GraphStub, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    graph.get("/users/x")
    assert stub.requests[0][1]["Authorization"] == f"Bearer {Tokens.TOKEN}"


def test_a_segment_keeps_an_address_legible_and_everything_else_harmless() -> None:
    assert segment("o'neil@contoso.com") == "o%27neil@contoso.com"
    assert segment("bob_fabrikam.com#EXT#@contoso.com") == "bob_fabrikam.com%23EXT%23@contoso.com"
    assert segment("a/b?c&d") == "a%2Fb%3Fc%26d"


def test_what_is_missing_or_of_another_type_reads_as_empty() -> None:
    found = Found({"id": 7, "plans": [{"id": "a"}, "b", None], "language": None})
    assert found.text("id") == found.text("nothing") == ""
    assert [row.text("id") for row in found.rows("plans")] == ["a"]
    assert found.rows("id") == ()
    assert found.child("language").text("locale") == ""


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batched", [False, True], ids=["alone", "in a batch"])
@pytest.mark.parametrize(
    ("reply", "denied", "missing"),
    [
        (refusal(401, "InvalidAuthenticationToken", "Access token validation failure."), True, False),
        (refusal(403, "Authorization_RequestDenied", "Insufficient privileges."), True, False),
        (refusal(403, "ErrorAccessDenied", "Access is denied."), True, False),
        (refusal(404, "Request_ResourceNotFound"), False, True),
        (refusal(404, "MailboxNotEnabledForRESTAPI"), False, True),
        (refusal(401, "OrganizationFromTenantGuidNotFound", "The tenant does not exist."), False, True),
        (refusal(400, "ErrorInvalidIdMalformed", "Id is malformed."), False, False),
    ],
    ids=[
        "bad token",
        "no permission for the directory",
        "no permission for mailboxes",
        "no user",
        "no mailbox",
        "no Exchange",
        "bad id",
    ],
)
def test_a_refusal_is_a_value_that_says_whether_it_is_about_permission_or_existence(
    graph: Graph, stub: GraphStub, reply: Reply, denied: bool, missing: bool, batched: bool
) -> None:
    stub.on("/users/x", reply)
    stub.on("/users/y", ANN)
    answer = graph.get_all(["/users/x", "/users/y"])[0] if batched else graph.get("/users/x")
    assert isinstance(answer, Refused)
    assert (answer.denied, answer.missing) == (denied, missing)
    assert answer.code in str(answer.unexpected())
    assert len(stub.asked) == (2 if batched else 1), "a refusal is not asked again"


def test_a_batch_that_is_denied_as_a_whole_denies_each(graph: Graph, stub: GraphStub) -> None:
    stub.on("/$batch", refusal(403, "Authorization_RequestDenied"))
    answers = graph.get_all(users(3))
    assert [isinstance(answer, Refused) and answer.denied for answer in answers] == [True] * 3


# --- throttling -----------------------------------------------------------------------------------------------------


def test_a_short_retry_after_is_waited_for(graph: Graph, stub: GraphStub, waits: list[float]) -> None:
    stub.on("/users/x", throttled(1), ANN)
    assert isinstance(graph.get("/users/x"), Found)
    assert waits == [1.0]


def test_a_long_retry_after_is_handed_on_at_once(graph: Graph, stub: GraphStub, waits: list[float]) -> None:
    stub.on("/users/x", throttled(120), ANN)
    with pytest.raises(Busy, match="429 ApplicationThrottled Slow down") as caught:
        graph.get("/users/x")
    assert (caught.value.delay, caught.value.retry, waits) == (120.0, True, [])


def test_retry_after_may_be_a_date(graph: Graph, stub: GraphStub) -> None:
    stub.on("/users/x", throttled(email.utils.formatdate(time.time() + 300, usegmt=True)))
    with pytest.raises(Busy) as caught:
        graph.get("/users/x")
    assert caught.value.delay == pytest.approx(300, abs=5)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_without_retry_after_it_tries_a_few_times_and_leaves_the_time_to_the_caller(
    graph: Graph, stub: GraphStub, waits: list[float], status: int
) -> None:
    stub.on("/users/x", refusal(status, "UnknownError", ""))
    with pytest.raises(Busy, match=str(status)) as caught:
        graph.get("/users/x")
    assert caught.value.delay is None
    assert waits == [0.25, 0.5, 1.0]
    assert sum(waits) <= PATIENCE


def test_a_retry_after_that_is_no_time_counts_for_none(graph: Graph, stub: GraphStub, waits: list[float]) -> None:
    stub.on("/users/x", throttled("soon"), ANN)
    assert isinstance(graph.get("/users/x"), Found)
    assert waits == [0.25]


def test_a_gateway_that_sends_html_is_busy_like_any_other(graph: Graph, stub: GraphStub) -> None:
    stub.on("/users/x", Reply(503, b"<html>Service Unavailable</html>"), ANN)
    assert isinstance(graph.get("/users/x"), Found)


def test_only_the_throttled_part_of_a_batch_is_asked_again(graph: Graph, stub: GraphStub, waits: list[float]) -> None:
    with_users(stub, 4)
    stub.on("/users/u1", THROTTLED, Reply(200, {"id": "/users/u1"}))
    stub.on("/users/u2", throttled(2), Reply(200, {"id": "/users/u2"}))
    assert texts(graph.get_all(users(4))) == users(4)
    assert sorted(stub.asked) == sorted([*users(4), "/users/u1", "/users/u2"])
    assert waits == [2.0]


def test_one_that_is_throttled_for_long_does_not_cost_the_others(
    graph: Graph, stub: GraphStub, waits: list[float]
) -> None:
    with_users(stub, 3)
    stub.on("/users/u1", throttled(60))
    stub.on("/users/u2", throttled(1), Reply(200, {"id": "/users/u2"}))
    first, second, third = graph.get_all(users(3))
    assert isinstance(first, Found)
    assert isinstance(third, Found)
    assert isinstance(second, Busy)
    assert second.delay == 60.0
    assert waits == [1.0]


def test_a_batch_that_is_throttled_as_a_whole_is_asked_again(graph: Graph, stub: GraphStub, waits: list[float]) -> None:
    with_users(stub, 2)
    stub.on("/$batch", throttled(1))
    assert texts(graph.get_all(users(2))) == users(2)
    assert waits == [1.0]


def test_after_a_batch_that_was_throttled_for_long_no_further_one_is_sent(graph: Graph, stub: GraphStub) -> None:
    with_users(stub, 60)
    stub.on("/$batch", Reply(200), throttled(300))
    answers = graph.get_all(users(60))
    assert [isinstance(answer, Found) for answer in answers] == [True] * 20 + [False] * 40
    assert {answer.delay for answer in answers if isinstance(answer, Busy)} == {300.0}
    assert len(stub.requests) == 2


# --- nonsense and outages -------------------------------------------------------------------------------------------


def test_unanswered_parts_of_a_batch_are_asked_again(graph: Graph, stub: GraphStub) -> None:
    with_users(stub, 6)
    halves = iter([lambda all_: all_[::2]])
    stub.wrapped = lambda responses: next(halves, lambda all_: all_)(responses)
    assert texts(graph.get_all(users(6))) == users(6)
    assert len(stub.requests) == 2


def test_parts_that_are_never_answered_are_busy_and_the_others_are_there(graph: Graph, stub: GraphStub) -> None:
    with_users(stub, 4)
    stub.wrapped = lambda responses: [reply for reply in responses if reply["body"]["id"][-1] in "03"]
    answers = graph.get_all(users(4))
    assert [type(answer) for answer in answers] == [Found, Busy, Busy, Found]
    assert [texts(answers)[place] for place in (0, 3)] == ["/users/u0", "/users/u3"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b'{"userPrincipalName": "ann@conto'),
        Reply(200, b"<html>Sign in to the hotel's network</html>"),
        Reply(200, b"[]"),
        Reply(200, b"\xff\xfe"),
        Reply(302, b"", {"Location": "/elsewhere"}),
        Reply(404, b"<html>404 Not Found</html>"),
        Reply(403, {"error": "not as Graph does it"}),
    ],
    ids=["cut", "html", "no object", "no UTF-8", "redirect", "404 of a web server", "403 of a proxy"],
)
@pytest.mark.parametrize("path", ["/users/x", "/$batch"])
def test_what_is_not_graph_is_never_taken_for_an_answer(graph: Graph, stub: GraphStub, reply: Reply, path: str) -> None:
    stub.on(path, reply)
    answers = graph.get_all(["/users/x"] if path == "/users/x" else users(2))
    assert [type(answer) for answer in answers] == [ProtocolError] * len(answers)
    assert "/elsewhere" not in stub.asked


@pytest.mark.parametrize(
    "broken",
    [{"status": "200"}, {"status": None}, {"body": "text"}, {"body": None}],
    ids=["status as text", "no status", "body as text", "no body"],
)
def test_a_broken_reply_inside_a_batch_spoils_only_itself(graph: Graph, stub: GraphStub, broken: Json) -> None:
    with_users(stub, 2)
    stub.wrapped = lambda responses: [reply | broken if reply["id"] == "1" else reply for reply in responses]
    first, second = graph.get_all(users(2))
    assert isinstance(first, Found)
    assert isinstance(second, ProtocolError)


def test_silence_is_unreachable(stub: GraphStub) -> None:
    stub.hang = threading.Event()
    try:
        with (
            Graph(Tokens(), base_url=stub.url, timeout=0.1) as graph,
            pytest.raises(Unreachable, match=r"did not answer within 0\.1 s"),
        ):
            graph.get("/users/x")
    finally:
        stub.hang.set()


def test_a_refused_connection_is_unreachable_and_says_where_without_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1.0"
        with Graph(Tokens(), base_url=url) as graph, pytest.raises(Unreachable) as caught:
            graph.get("/users/ann@contoso.com")
    assert "127.0.0.1 can't be reached" in str(caught.value)
    assert caught.value.remedy
    assert "ann@" not in str(caught.value)


def test_an_outage_is_found_out_once_however_many_are_asked() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with Graph(tokens := Tokens(), base_url=f"http://127.0.0.1:{taken.getsockname()[1]}") as graph:
            answers = graph.get_all(users(100))
    assert [type(answer) for answer in answers] == [Unreachable] * 100
    assert len(tokens.scopes) == 1


def test_nothing_is_asked_for_nothing(graph: Graph, stub: GraphStub) -> None:
    assert graph.get_all([]) == []
    assert stub.requests == []


class NoTokens(Tokens):
    def __init__(self, error: ServerError) -> None:
        super().__init__()
        self.error = error

    def token(self, scope: str) -> NoReturn:
        super().token(scope)
        raise self.error


def test_no_token_for_graph_is_like_a_missing_permission(stub: GraphStub) -> None:
    refused = LoginRefused("target", "The client secret of the app has expired")
    with Graph(NoTokens(refused), base_url=stub.url) as graph:
        answers = graph.get_all(users(2))
    assert [isinstance(answer, Refused) and answer.denied for answer in answers] == [True, True]
    assert stub.requests == []


def test_an_outage_of_entra_is_an_outage_of_graph(stub: GraphStub) -> None:
    down = Unreachable("target", "login.microsoftonline.com can't be reached")
    with Graph(NoTokens(down), base_url=stub.url) as graph:
        assert graph.get_all(users(2)) == [down, down]


def test_no_token_gets_into_logs_and_errors(graph: Graph, stub: GraphStub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stub.on("/users/u0", refusal(401, "InvalidAuthenticationToken"))
    stub.on("/users/u1", throttled(99))
    answers = graph.get_all(users(2))
    said = caplog.text + "".join(map(repr, answers)) + "".join(str(a) for a in answers if isinstance(a, Transient))
    assert Tokens.TOKEN not in said

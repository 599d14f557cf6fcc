"""A Google service account opens the mailboxes of its domain: with tokens over TLS, and no password anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailferry.model import Status
from tests.support.certificate import write_certificate
from tests.support.gmail.account import claims_of, key_file
from tests.support.gmail.world import BATCH, USER, World, world
from tests.support.imap_sim import At, Bye, Faults
from tests.unit.target.entra_server import Answer, LoopbackServer, serving

OPTIONS = json.dumps({"endpoint": {"login": {"kind": "google-service-account"}}})


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Google, which gives a new token for every assertion about `USER`."""
    write_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with serving(tmp_path) as server:

        def answer() -> Answer:
            user = claims_of(server.asked[-1]["assertion"], f"{server.url}/token")["sub"]
            if user != USER:
                return Answer(400, {"error": "invalid_grant", "error_description": "Invalid email or User ID"})
            return Answer(200, {"access_token": f"ya29.{len(server.asked)}", "expires_in": 3599})

        server.answer = answer
        yield server


def settings(google: LoopbackServer) -> dict[str, str]:
    return {"GOOGLE_SERVICE_ACCOUNT": key_file(), "GOOGLE_TOKEN_URL": f"{google.url}/token"}


def drop(found: World, *users: str) -> None:
    rows = "".join(f"{user},{user}\n" for user in users)
    found.engine.drop(BATCH, f"EmailAddress,UserName\n{rows}", OPTIONS)


def test_mailboxes_are_opened_without_a_password(google: LoopbackServer) -> None:
    with world(settings=settings(google)) as found:
        found.gmail.tokens = [(USER, "ya29.1")]
        found.store.open_account(USER)
        for number in range(5):
            found.put(f"{number}", "\\Inbox")
        drop(found, USER)
        found.run()
        assert found.there() == {"INBOX": ["0", "1", "2", "3", "4"]}
        assert len(google.asked) == 1, "the token is kept for all sessions of its hour"


def test_a_user_google_does_not_know_fails_alone(google: LoopbackServer) -> None:
    with world(settings=settings(google)) as found:
        found.gmail.tokens = [(USER, "ya29.2")]
        found.store.open_account(USER)
        drop(found, "nobody@example.com", USER)
        found.engine.run()
        lines = found.engine.lines(BATCH)
        assert lines[USER].status is Status.SYNCED
        nobody = lines["nobody@example.com"]
        assert nobody.status is Status.FAILED
        assert "knows no user nobody@example.com" in nobody.why
        assert "primary address" in nobody.remedy


def test_a_token_that_gmail_refuses_is_replaced_at_the_next_try(google: LoopbackServer) -> None:
    with world(settings=settings(google)) as found:
        found.gmail.tokens = [(USER, "ya29.2")]
        found.store.open_account(USER)
        drop(found, USER)
        while "Trying again" not in found.engine.line(BATCH).why:
            assert found.engine.step()
        line = found.engine.line(BATCH)
        assert "IMAP is on for the user" in line.remedy
        assert "ya29" not in line.why + line.remedy
        found.run()


def test_a_session_that_expires_is_opened_anew(google: LoopbackServer) -> None:
    faults = Faults(At(3, Bye("Session expired, please login again"), verb="UID FETCH"))
    with world(faults=faults, settings=settings(google)) as found:
        found.gmail.tokens = [(USER, "ya29.1")]
        found.store.open_account(USER)
        for number in range(5):
            found.put(f"{number}", "\\Inbox")
        drop(found, USER)
        found.run()
        assert faults.happened
        assert found.there() == {"INBOX": ["0", "1", "2", "3", "4"]}

"""What it means when Exchange Online refuses a login, in the light of what Graph knows of the mailbox."""

from __future__ import annotations

from typing import cast

import pytest

from mailferry.errors import Busy, LoginRefused
from mailferry.imap import failures
from mailferry.imap.values import Server
from mailferry.target.mailbox_facts import Cause, MailboxFacts, cause_of_refusal, explained, let_in, turned_away

ANN = "ann@contoso.com"
EXCHANGE = Server("target", "outlook.office365.com")
NOT_AUTHENTICATED = cast(LoginRefused, failures.of_login(EXCHANGE, b"AUTHENTICATE failed.", (), oauth=True))
NOT_CONNECTED = cast(LoginRefused, failures.of_refusal(EXCHANGE, b"User is authenticated but not connected."))


def facts(cause: Cause, *, upn: str = ANN, purpose: str = "user", enabled: bool = True) -> MailboxFacts:
    return MailboxFacts(ANN, cause, user_id="id", upn=upn, purpose=purpose, enabled=enabled)


@pytest.mark.parametrize("error", [NOT_AUTHENTICATED, NOT_CONNECTED], ids=["AUTHENTICATE failed", "not connected"])
@pytest.mark.parametrize(
    ("known", "cause", "words"),
    [
        (facts(Cause.USER_MISSING, upn="", purpose=""), Cause.USER_MISSING, "New-Mailbox -Shared"),
        (facts(Cause.LICENCE_MISSING, purpose=""), Cause.LICENCE_MISSING, "Assign one with Exchange Online"),
        (facts(Cause.MAILBOX_MISSING, upn="", purpose=""), Cause.MAILBOX_MISSING, "Get-Mailbox"),
        (facts(Cause.UNLICENSED), Cause.UNLICENSED, "Assign a licence"),
        (facts(Cause.READY, enabled=False), Cause.SIGN_IN_BLOCKED, f'Update-MgUser -UserId "{ANN}" -AccountEnabled'),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else "",
)
def test_a_refused_login_is_explained_by_what_graph_knows(
    error: LoginRefused, known: MailboxFacts, cause: Cause, words: str
) -> None:
    refused = explained(error, known, ANN)
    assert isinstance(refused, LoginRefused)
    assert cause_of_refusal(known, ANN, authenticated=error is NOT_CONNECTED) is cause
    assert words in refused.remedy
    assert error.cause in refused.cause, "the server's own words stay"


@pytest.mark.parametrize("known", [facts(Cause.READY), facts(Cause.READY, purpose="shared", enabled=False)])
def test_if_all_is_well_in_graph_it_is_the_permission_of_the_app(known: MailboxFacts) -> None:
    not_connected = explained(NOT_CONNECTED, known, ANN.upper())
    assert f'Add-MailboxPermission -Identity "{ANN}"' in not_connected.remedy
    not_authenticated = explained(NOT_AUTHENTICATED, known, ANN)
    assert "New-ServicePrincipal" in not_authenticated.remedy
    assert f'Set-CASMailbox -Identity "{ANN}" -ImapEnabled $true' in not_authenticated.remedy


def test_a_refused_login_to_a_mailbox_that_is_being_made_is_tried_again() -> None:
    error = explained(NOT_CONNECTED, facts(Cause.PROVISIONING, purpose=""), ANN)
    assert isinstance(error, Busy)
    assert error.delay == 900.0


@pytest.mark.parametrize(
    "known", [facts(Cause.READY, upn="lee@x"), facts(Cause.NOT_CHECKED, upn="lee@x", purpose="")], ids=["ready", "open"]
)
@pytest.mark.parametrize("error", [NOT_AUTHENTICATED, NOT_CONNECTED], ids=["AUTHENTICATE failed", "not connected"])
def test_a_login_with_another_name_is_tried_again_at_once(error: LoginRefused, known: MailboxFacts) -> None:
    renamed = explained(error, known, ANN)
    assert isinstance(renamed, Busy)
    assert renamed.delay == 1.0
    assert f"The login used {ANN}" in renamed.cause
    assert "the login uses lee@x" in renamed.remedy


@pytest.mark.parametrize("error", [NOT_AUTHENTICATED, NOT_CONNECTED], ids=["AUTHENTICATE failed", "not connected"])
def test_what_graph_knows_for_certain_is_not_tried_again_and_all_else_as_the_refusal_itself(
    error: LoginRefused,
) -> None:
    certain, open_still = (explained(error, facts(cause), ANN) for cause in (Cause.USER_MISSING, Cause.READY))
    assert (certain.retry, certain.delay) == (False, None)
    assert (open_still.retry, open_still.delay) == (error.retry, error.delay)


@pytest.mark.parametrize("error", [NOT_AUTHENTICATED, NOT_CONNECTED], ids=["AUTHENTICATE failed", "not connected"])
def test_where_nothing_was_checked_a_refused_login_stays_as_it_is(error: LoginRefused) -> None:
    assert explained(error, facts(Cause.NOT_CHECKED, upn="", purpose=""), ANN) is error


def test_the_texts_of_exchange_and_of_entra_are_told_apart() -> None:
    entra = LoginRefused("target", "The client secret of the app has expired (AADSTS7000222)", "Make a new one.")
    refusals = (NOT_AUTHENTICATED, NOT_CONNECTED, entra)
    assert [turned_away(error) for error in refusals] == [True, False, False]
    assert [let_in(error) for error in refusals] == [False, True, False]

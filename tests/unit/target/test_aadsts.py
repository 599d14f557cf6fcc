"""Every refusal of Entra that is known has a cause, a remedy, and says whether waiting helps."""

from __future__ import annotations

import pytest

from mailferry.errors import Busy, LoginRefused
from mailferry.target.aadsts import of_answer, of_text


@pytest.mark.parametrize(
    ("code", "cause", "remedy"),
    [
        ("90002", "tenant does not exist", "ENTRA_TENANT_ID"),
        ("900023", "tenant's name makes no sense", "ENTRA_TENANT_ID"),
        ("90038", "national cloud", "ENTRA_AUTHORITY"),
        ("700016", "not known in this tenant", "ENTRA_CLIENT_ID"),
        ("50034", "account is not known in this tenant", "ENTRA_TENANT_ID"),
        ("7000112", "app is disabled", "Enterprise applications"),
        ("7000215", "client secret of the app is wrong", "not its id"),
        ("7000222", "client secret of the app has expired", "new client secret"),
        ("7000218", "not proven who it is", "docs/settings.md"),
        ("700027", "certificate is not the one registered", "Upload the public part"),
        ("1000502", "outside its dates", "new certificate"),
        ("700024", "not valid at this time", "clock"),
        ("70021", "No federated credential", "setup-entra.sh"),
        ("700211", "names this issuer", "setup-entra.sh"),
        ("700212", "names this audience", "api://AzureADTokenExchange"),
        ("700213", "names this identity", "object id"),
        ("7002138", "letter case", "setup-entra.sh"),
        ("700236", "vouch for the app", "tenant of the managed identity"),
        ("500011", "no Exchange Online", "subscription"),
        ("650052", "no subscription", "subscription"),
        ("65001", "consented", "admin consent"),
        ("53003", "Conditional Access", "Sign-in logs"),
    ],
)
def test_a_lasting_fault_comes_with_cause_and_remedy(code: str, cause: str, remedy: str) -> None:
    error = of_text(f"AADSTS{code}: Words of Microsoft's, for 'the app'.\r\nTrace ID: x")
    assert isinstance(error, LoginRefused)
    assert not error.retry
    assert cause in error.cause
    assert f"AADSTS{code}" in error.cause
    assert remedy in error.remedy
    assert error.side == "target"


@pytest.mark.parametrize("code", ["90033", "90055", "50196", "90012", "90024", "50033", "90090"])
def test_an_outage_passes(code: str) -> None:
    error = of_answer({"error": "invalid_request", "error_description": f"AADSTS{code}: The service is away."})
    assert isinstance(error, Busy)
    assert error.retry
    assert f"AADSTS{code}: The service is away." in error.cause


@pytest.mark.parametrize("kind", ["temporarily_unavailable", "server_error"])
def test_what_entra_calls_passing_passes_whatever_its_number(kind: str) -> None:
    assert of_answer({"error": kind, "error_description": "AADSTS12345: Strange."}).retry
    assert of_answer({"error": kind}).retry


def test_an_unknown_number_is_shown_with_its_first_line() -> None:
    error = of_text("AADSTS12345: Strange things.\r\nTrace ID: x")
    assert isinstance(error, LoginRefused)
    assert "AADSTS12345: Strange things." in error.cause
    assert "Trace" not in error.cause
    assert "login.microsoftonline.com/error" in error.remedy


def test_no_secret_and_no_token_is_quoted() -> None:
    answer = {"error": "invalid_client", "error_description": "AADSTS12345: 'hush' and eyJhbGciOi.eyJhdWQ.sig are bad"}
    error = of_answer(answer, ["hush"])
    assert "'***' and *** are bad" in error.cause


def test_an_answer_without_words_is_still_an_answer() -> None:
    assert "no reason given" in of_answer({}).cause

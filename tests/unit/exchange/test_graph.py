"""Graph: who is there, what for, what his folders are called, what may not be asked."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import requests

from tests.support.exchange import HUNGARIAN, ExchangeOnline, Kind, Mailbox, Outage, Switches, Tenant, Trouble, tokens
from tests.unit.exchange.raw import ANN

type Json = dict[str, object]
type Ask = Callable[[str], tuple[int, Json]]


def graph_token(tenant: Tenant) -> str:
    app = tenant.app
    return tokens.issued(tenant, tokens.GRAPH, app.client_id, app.object_id, app.graph_roles)


@pytest.fixture
def session(online: ExchangeOnline) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["Authorization"] = f"Bearer {graph_token(online.tenant)}"
        yield opened


@pytest.fixture
def get(online: ExchangeOnline, session: requests.Session) -> Ask:
    def ask(path: str) -> tuple[int, Json]:
        answer = session.get(online.graph_url + path, timeout=5)
        return answer.status_code, answer.json()

    return ask


def code_of(body: Json) -> object:
    error = body["error"]
    assert isinstance(error, dict)
    return error["code"]


def rows(body: Json) -> list[Json]:
    value = body["value"]
    assert isinstance(value, list)
    return value


def test_users_are_found_by_name_by_id_and_by_address(tenant: Tenant, get: Ask) -> None:
    bob = tenant.add(Mailbox("b.miller@contoso.com", "bob@contoso.com", kind=Kind.SHARED, licensed=False))
    status, user = get(f"/users/{ANN}?$select=id,mail,userPrincipalName,assignedPlans")
    assert status == 200
    assert set(user) == {"id", "mail", "userPrincipalName", "assignedPlans"}
    assert user["id"] == tenant[ANN].id
    assert get(f"/users/{bob.id}?$select=userPrincipalName")[1] == {"userPrincipalName": bob.upn}
    assert code_of(get("/users/bob@contoso.com")[1]) == "Request_ResourceNotFound"
    found = get("/users?$filter=proxyAddresses/any(p:p eq 'smtp:Bob@contoso.com')&$select=userPrincipalName")
    assert found == (200, {"value": [{"userPrincipalName": bob.upn}]})
    assert get("/users?$filter=proxyAddresses/any(p:p eq 'smtp:no@contoso.com')")[1] == {"value": []}
    assert get("/users?$filter=startswith(mail,'b')")[0] == 400


@pytest.mark.parametrize("kind", [Kind.USER, Kind.SHARED, Kind.ROOM, Kind.EQUIPMENT])
def test_mailbox_settings_tell_purpose_and_language(tenant: Tenant, get: Ask, kind: Kind) -> None:
    tenant.add(Mailbox("new@contoso.com", kind=kind, language=HUNGARIAN))
    status, settings = get("/users/new@contoso.com/mailboxSettings?$select=userPurpose,language")
    assert (status, settings["userPurpose"]) == (200, kind.value)
    assert settings["language"] == {"locale": "hu-HU", "displayName": "hu-HU"}


def test_where_there_is_no_mailbox_yet_graph_says_so(tenant: Tenant, get: Ask) -> None:
    tenant.add(Mailbox("none@contoso.com", kind=Kind.NONE))
    tenant.add(Mailbox("soon@contoso.com", ready_at=tenant.clock.now() + timedelta(minutes=5)))
    for user in ("none", "soon"):
        status, body = get(f"/users/{user}@contoso.com/mailboxSettings")
        assert (status, code_of(body)) == (404, "MailboxNotEnabledForRESTAPI")
    assert code_of(get("/users/nobody@contoso.com/mailboxSettings")[1]) == "ErrorInvalidUser"
    assert get("/users/none@contoso.com")[1]["mail"] is None


def test_folders_are_found_by_names_that_are_the_same_in_every_language(tenant: Tenant, get: Ask) -> None:
    upn = tenant.add(Mailbox("other@contoso.com", language=HUNGARIAN)).upn

    def folder(name: str) -> Json:
        return get(f"/users/{upn}/mailFolders/{name}")[1]

    assert folder("sentItems")["displayName"] == "Elküldött elemek"
    assert folder("sentitems")["parentFolderId"] == folder("msgfolderroot")["id"]
    assert folder("conflicts")["parentFolderId"] == folder("syncissues")["id"]
    assert folder("inbox")["displayName"] == "Beérkezett üzenetek"
    assert folder("notes")["displayName"] == "Feljegyzések"
    assert code_of(folder("clutter")) == "ErrorItemNotFound"


def test_graph_may_know_no_other_folders_than_it_documents(tenant: Tenant) -> None:
    with ExchangeOnline(tenant, Switches(graph_knows_other_folders=False)) as online:
        answer = requests.get(
            f"{online.graph_url}/users/{ANN}/mailFolders/notes",
            headers={"Authorization": f"Bearer {graph_token(tenant)}"},
            verify=str(online.certificate),
            timeout=5,
        )
    assert (answer.status_code, code_of(answer.json())) == (400, "ErrorInvalidIdMalformed")


@pytest.mark.parametrize(
    ("role", "path", "code"),
    [
        ("User.Read.All", f"/users/{ANN}", "Authorization_RequestDenied"),
        ("MailboxSettings.Read", f"/users/{ANN}/mailboxSettings", "ErrorAccessDenied"),
        ("Mail.ReadBasic.All", f"/users/{ANN}/mailFolders/inbox", "ErrorAccessDenied"),
        ("Organization.Read.All", "/subscribedSkus", "Authorization_RequestDenied"),
        ("Domain.Read.All", "/domains/contoso.com/serviceConfigurationRecords", "Authorization_RequestDenied"),
    ],
)
def test_what_the_app_may_not_ask_is_forbidden(
    online: ExchangeOnline, session: requests.Session, get: Ask, role: str, path: str, code: str
) -> None:
    assert get(path)[0] == 200
    online.tenant.app.graph_roles.remove(role)
    session.headers["Authorization"] = f"Bearer {graph_token(online.tenant)}"
    status, body = get(path)
    assert (status, code_of(body)) == (403, code)


def test_a_token_for_something_else_is_no_token(session: requests.Session, online: ExchangeOnline, get: Ask) -> None:
    for header in ("", f"Bearer {online.token()}", "Basic x"):
        session.headers["Authorization"] = header
        status, body = get(f"/users/{ANN}")
        assert (status, code_of(body)) == (401, "InvalidAuthenticationToken")


def test_a_batch_is_answered_in_another_order_each_part_for_itself(
    online: ExchangeOnline, session: requests.Session
) -> None:
    online.tenant.trouble.append(Trouble(429, 7, "/mailboxSettings"))

    def batch(*paths: str) -> requests.Response:
        parts = [{"id": str(place), "method": "GET", "url": path} for place, path in enumerate(paths)]
        return session.post(f"{online.graph_url}/$batch", json={"requests": parts}, timeout=5)

    settings = f"/users/{ANN}/mailboxSettings"
    answer = batch(f"/users/{ANN}?$select=id", "/users/no%40contoso.com", settings, settings)
    assert answer.status_code == 200
    parts = answer.json()["responses"]
    assert [(part["id"], part["status"]) for part in parts] == [("3", 429), ("2", 200), ("1", 404), ("0", 200)]
    assert parts[0]["headers"] == {"Retry-After": "7"}
    assert code_of(parts[0]["body"]) == "ApplicationThrottled"
    assert parts[3]["body"] == {"id": online.tenant[ANN].id}
    assert batch(*[settings] * 20).status_code == 200
    assert batch(*[settings] * 21).status_code == 400


def test_graph_throttles_and_is_down(online: ExchangeOnline, session: requests.Session, get: Ask) -> None:
    online.tenant.trouble += [Trouble(429, 3), Trouble(503)]
    answer = session.get(f"{online.graph_url}/users/{ANN}", timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert [get(f"/users/{ANN}")[0] for _ in range(2)] == [503, 200]
    with online.outage(Outage.GRAPH):
        assert get(f"/users/{ANN}")[0] == 503


def test_mail_is_sent_as_json_and_as_mime(online: ExchangeOnline, session: requests.Session) -> None:
    url, mime = f"{online.graph_url}/users/{ANN}/sendMail", b"Subject: x\r\n\r\ndone"
    assert session.post(url, json={"message": {"subject": "x"}}, timeout=5).status_code == 202
    plain = {"Content-Type": "text/plain"}
    assert session.post(url, data=base64.b64encode(mime), headers=plain, timeout=5).status_code == 202
    assert session.post(url, data=mime, headers=plain, timeout=5).status_code == 400
    assert online.tenant.sent_mail == [(ANN, {"message": {"subject": "x"}}), (ANN, mime)]


def test_licences_and_dns_records_are_told(get: Ask) -> None:
    (licence,) = rows(get("/subscribedSkus")[1])
    assert (licence["skuPartNumber"], licence["consumedUnits"]) == ("ENTERPRISEPACK", 1)
    (domain,) = rows(get("/domains")[1])
    assert (domain["id"], domain["isVerified"]) == ("contoso.com", True)
    exchanger, policy, autodiscover = rows(get("/domains/contoso.com/serviceConfigurationRecords")[1])
    assert (exchanger["recordType"], exchanger["mailExchange"]) == ("Mx", "contoso-com.mail.protection.outlook.com")
    assert policy["text"] == "v=spf1 include:spf.protection.outlook.com -all"
    assert autodiscover["canonicalName"] == "autodiscover.outlook.com"
    (proof,) = rows(get("/domains/contoso.com/verificationDnsRecords")[1])
    assert str(proof["text"]).startswith("MS=ms")
    assert get("/domains/fabrikam.com/verificationDnsRecords")[0] == 404
    assert get("/nothing")[0] == 400

"""What is found out about target mailboxes before anything is copied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailferry.errors import Busy, Permanent, ProtocolError, Transient, Unreachable
from mailferry.state.records import from_values, to_values
from mailferry.target.graph import Graph
from mailferry.target.mailbox_facts import Cause, MailboxFacts
from mailferry.target.preflight import Preflight
from tests.support.graph_stub import NOT_FOUND, GraphStub, Json, Reply, Tokens, refusal

ANN = "ann@contoso.com"
PLAN_1 = "9aaf7827-d63c-4b61-89c3-182f06f82e5c"
PLAN_2 = "efb87545-963c-4e0d-99df-69c6916d9eb0"
KIOSK = "4a82b400-a79f-41a4-b4e2-e94f5787b113"
GB = 1 << 30
FOUNDATION = "113feb6c-3fe4-4440-bddc-54d774bf0318"
NO_MAILBOX = refusal(
    404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
)
NO_DIRECTORY = refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
NO_ACCESS = refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


@pytest.fixture
def stub() -> Iterator[GraphStub]:
    with GraphStub() as running:
        yield running


@pytest.fixture
def preflight(stub: GraphStub) -> Iterator[Preflight]:
    with Graph(Tokens(), base_url=stub.url, timeout=5.0, wait=lambda _: None) as graph:
        yield Preflight(graph)


def plan(service_plan: str = PLAN_1, status: str = "Enabled") -> Json:
    return {"service": "exchange", "servicePlanId": service_plan, "capabilityStatus": status}


def user(name: str, *plans: Json, upn: str = "", enabled: bool | None = True) -> Json:
    return {
        "id": f"id-of-{name.partition('@')[0]}",
        "userPrincipalName": upn or name,
        "accountEnabled": enabled,
        "assignedPlans": list(plans),
    }


def mailbox(purpose: str = "user", locale: str = "en-US") -> Reply:
    return Reply(200, {"userPurpose": purpose, "language": {"locale": locale, "displayName": "Some language"}})


def with_user(
    stub: GraphStub, name: str, *plans: Json, settings: Reply, upn: str = "", enabled: bool | None = True
) -> None:
    found = Reply(200, user(name, *plans, upn=upn, enabled=enabled))
    if upn:
        stub.searches[f"'smtp:{name}'"] = Reply(200, {"value": [found.body]})
    else:
        stub.on(f"/users/{name}", found)
    stub.on(f"/users/id-of-{name.partition('@')[0]}/mailboxSettings", settings)


# --- one mailbox ----------------------------------------------------------------------------------------------------


def test_a_user_with_licence_and_mailbox_is_ready(preflight: Preflight, stub: GraphStub) -> None:
    with_user(stub, ANN, plan(), settings=mailbox(locale="hu-HU"))
    facts = preflight.check_one(ANN)
    assert facts == MailboxFacts(
        ANN, Cause.READY, user_id="id-of-ann", upn=ANN, enabled=True, purpose="user", language="hu-HU", room=50 * GB
    )
    assert facts.error() is None
    assert facts.login == ANN


@pytest.mark.parametrize(
    ("plans", "purpose", "gigabytes"),
    [
        ([plan(PLAN_1)], "user", 50),
        ([plan(PLAN_1), plan(PLAN_2)], "user", 100),
        ([plan(PLAN_2, "Suspended"), plan(KIOSK)], "user", 2),
        ([], "shared", 50),
        ([], "user", 0),
        ([plan(PLAN_2)], "shared", 100),
    ],
)
def test_the_licence_tells_how_much_the_mailbox_holds(
    preflight: Preflight, stub: GraphStub, plans: list[Json], purpose: str, gigabytes: int
) -> None:
    with_user(stub, ANN, *plans, settings=mailbox(purpose))
    assert preflight.check_one(ANN).room == gigabytes * GB


@pytest.mark.parametrize("purpose", ["shared", "room", "equipment", "others"])
def test_what_is_nobodys_own_needs_neither_licence_nor_sign_in(
    preflight: Preflight, stub: GraphStub, purpose: str
) -> None:
    with_user(stub, ANN, settings=mailbox(purpose), enabled=False)
    facts = preflight.check_one(ANN)
    assert (facts.cause, facts.purpose, facts.enabled) == (Cause.READY, purpose, False)


def test_an_address_that_is_not_the_user_principal_name_is_found_and_logs_in_with_that(
    preflight: Preflight, stub: GraphStub
) -> None:
    with_user(stub, ANN, plan(), upn="ann.lee@contoso.onmicrosoft.com", settings=mailbox())
    facts = preflight.check_one(ANN)
    assert facts.cause is Cause.READY
    assert facts.login == "ann.lee@contoso.onmicrosoft.com"


def test_an_apostrophe_in_an_address_is_no_end_of_a_filter(preflight: Preflight, stub: GraphStub) -> None:
    stub.searches["'smtp:o''neil@contoso.com'"] = Reply(200, {"value": [user("o'neil@contoso.com", plan(), upn="x@y")]})
    stub.on("/users/id-of-o'neil/mailboxSettings", mailbox())
    assert preflight.check_one("o'neil@contoso.com").login == "x@y"


def test_a_user_nobody_knows_is_missing(preflight: Preflight) -> None:
    facts = preflight.check_one(ANN)
    error = facts.error()
    assert facts.cause is Cause.USER_MISSING
    assert isinstance(error, Permanent)
    assert f"no user with the address {ANN}" in error.cause
    assert f'New-Mailbox -Shared -Name "{ANN}"' in error.remedy


@pytest.mark.parametrize(
    "plans",
    [(), (plan(FOUNDATION),), (plan(status="Suspended"),), (plan(status="Deleted"),)],
    ids=["no plan", "only the plan every licence has", "subscription ended", "licence taken away"],
)
def test_no_mailbox_and_no_licence_needs_a_licence(preflight: Preflight, stub: GraphStub, plans: tuple[Json]) -> None:
    with_user(stub, ANN, *plans, settings=NO_MAILBOX)
    facts = preflight.check_one(ANN)
    error = facts.error()
    assert facts.cause is Cause.LICENCE_MISSING
    assert isinstance(error, Permanent)
    assert "Assign one" in error.remedy


@pytest.mark.parametrize("status", ["Enabled", "Warning"])
def test_a_licence_without_a_mailbox_is_waited_for(preflight: Preflight, stub: GraphStub, status: str) -> None:
    with_user(stub, ANN, plan(FOUNDATION), plan(PLAN_1.upper(), status), settings=NO_MAILBOX)
    facts = preflight.check_one(ANN)
    error = facts.error()
    assert facts.cause is Cause.PROVISIONING
    assert isinstance(error, Busy)
    assert (error.retry, error.delay) == (True, 900.0)
    assert "on premises" in error.remedy


def test_a_tenant_without_exchange_has_no_mailbox(preflight: Preflight, stub: GraphStub) -> None:
    with_user(stub, ANN, settings=refusal(401, "OrganizationFromTenantGuidNotFound", "The tenant does not exist."))
    assert preflight.check_one(ANN).cause is Cause.LICENCE_MISSING


@pytest.mark.parametrize("purpose", ["user", "linked"])
def test_a_mailbox_whose_licence_has_gone_is_copied_to_and_warned_about(
    preflight: Preflight, stub: GraphStub, purpose: str
) -> None:
    with_user(stub, ANN, settings=mailbox(purpose))
    facts = preflight.check_one(ANN)
    assert facts.cause is Cause.UNLICENSED
    assert facts.error() is None
    assert f'Set-Mailbox -Identity "{ANN}" -Type Shared' in facts.remedy


def test_what_graph_leaves_out_is_held_against_nobody(preflight: Preflight, stub: GraphStub) -> None:
    with_user(stub, ANN, settings=Reply(200, {"timeZone": "UTC"}), enabled=None)
    facts = preflight.check_one(ANN)
    assert (facts.cause, facts.language, facts.enabled) == (Cause.READY, "", True)


# --- without permissions --------------------------------------------------------------------------------------------


def test_without_any_permission_the_migration_goes_on_and_says_what_was_not_checked(
    preflight: Preflight, stub: GraphStub
) -> None:
    stub.on(f"/users/{ANN}", NO_DIRECTORY)
    stub.on(f"/users/{ANN}/mailboxSettings", NO_ACCESS)
    facts = preflight.check_one(ANN)
    assert facts == MailboxFacts(ANN, Cause.NOT_CHECKED, not_permitted=("User.Read.All", "MailboxSettings.Read"))
    assert facts.error() is None
    assert facts.login == ANN
    assert "its user principal name and its licence and whether there is a mailbox" in facts.why
    assert "User.Read.All and MailboxSettings.Read" in facts.remedy


def test_a_token_graph_does_not_take_holds_nothing_up(preflight: Preflight, stub: GraphStub) -> None:
    denied = refusal(401, "InvalidAuthenticationToken", "Access token validation failure.")
    stub.on(f"/users/{ANN}", denied)
    stub.on(f"/users/{ANN}/mailboxSettings", denied)
    assert preflight.check_one(ANN).error() is None


@pytest.mark.parametrize("plans", [(plan(),), ()], ids=["licensed", "shared, perhaps"])
def test_a_user_whose_mailbox_may_not_be_looked_at_is_not_checked(
    preflight: Preflight, stub: GraphStub, plans: tuple[Json]
) -> None:
    with_user(stub, ANN, *plans, settings=NO_ACCESS)
    facts = preflight.check_one(ANN)
    assert (facts.cause, facts.not_permitted) == (Cause.NOT_CHECKED, ("MailboxSettings.Read",))
    assert facts.upn == ANN


def test_a_mailbox_whose_user_may_not_be_looked_at_is_not_checked(preflight: Preflight, stub: GraphStub) -> None:
    stub.on(f"/users/{ANN}", NO_DIRECTORY)
    stub.on(f"/users/{ANN}/mailboxSettings", mailbox("shared"))
    facts = preflight.check_one(ANN)
    assert (facts.cause, facts.purpose, facts.not_permitted) == (Cause.NOT_CHECKED, "shared", ("User.Read.All",))


def test_while_graph_takes_no_token_nothing_is_called_missing(preflight: Preflight, stub: GraphStub) -> None:
    stub.on(f"/users/{ANN}", refusal(401, "InvalidAuthenticationToken", "Access token has expired."))
    stub.on(f"/users/{ANN}/mailboxSettings", NO_MAILBOX)
    assert preflight.check_one(ANN).cause is Cause.NOT_CHECKED


def test_without_permission_for_users_a_missing_mailbox_is_just_missing(preflight: Preflight, stub: GraphStub) -> None:
    stub.on(f"/users/{ANN}", NO_DIRECTORY)
    stub.on(f"/users/{ANN}/mailboxSettings", NO_MAILBOX)
    facts = preflight.check_one(ANN)
    assert facts.cause is Cause.MAILBOX_MISSING
    assert isinstance(facts.error(), Permanent)
    assert "User.Read.All" in facts.remedy


# --- outages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(429, "ApplicationThrottled", Retry_After="60"), Busy),
        (refusal(503, "serviceNotAvailable"), Busy),
        (Reply(200, b"{"), ProtocolError),
        (refusal(400, "Request_BadRequest", "Invalid object identifier."), ProtocolError),
    ],
    ids=["throttled", "outage", "nonsense", "bad request"],
)
@pytest.mark.parametrize("path", [f"/users/{ANN}", "/users/id-of-ann/mailboxSettings"])
def test_what_keeps_graph_from_telling_passes_and_is_no_fault_of_the_mailbox(
    preflight: Preflight, stub: GraphStub, path: str, reply: Reply, kind: type[Transient]
) -> None:
    with_user(stub, ANN, plan(), settings=mailbox())
    stub.on(path, reply)
    with pytest.raises(kind) as caught:
        preflight.check_one(ANN)
    assert caught.value.retry


def test_an_unreachable_graph_is_told_apart_from_a_missing_mailbox() -> None:
    with GraphStub() as gone:
        url = gone.url
    with Graph(Tokens(), base_url=url) as graph:
        found = Preflight(graph).check([ANN, "bob@contoso.com"])
    assert {address: type(error) for address, error in found.items()} == {
        ANN: Unreachable,
        "bob@contoso.com": Unreachable,
    }


# --- many mailboxes -------------------------------------------------------------------------------------------------


def test_many_mailboxes_take_few_requests_and_each_gets_its_own_outcome(preflight: Preflight, stub: GraphStub) -> None:
    names = [f"user{number}@contoso.com" for number in range(40)]
    for name in names:
        with_user(stub, name, plan(), settings=mailbox())
    with_user(stub, "user1@contoso.com", settings=NO_MAILBOX)
    with_user(stub, "user2@contoso.com", plan(), settings=NO_MAILBOX)
    stub.on("/users/user3@contoso.com", NOT_FOUND)
    stub.on("/users/user4@contoso.com", NO_DIRECTORY)
    stub.on("/users/user4@contoso.com/mailboxSettings", mailbox())
    stub.on("/users/id-of-user5/mailboxSettings", refusal(429, "ApplicationThrottled", Retry_After="60"))

    found = preflight.check([*names, names[0]])

    odd = {name: outcome for name, outcome in found.items() if getattr(outcome, "cause", None) is not Cause.READY}
    assert list(found) == names
    assert isinstance(odd.pop("user5@contoso.com"), Busy)
    assert {name: outcome.cause for name, outcome in odd.items() if isinstance(outcome, MailboxFacts)} == {
        "user1@contoso.com": Cause.LICENCE_MISSING,
        "user2@contoso.com": Cause.PROVISIONING,
        "user3@contoso.com": Cause.USER_MISSING,
        "user4@contoso.com": Cause.NOT_CHECKED,
    }
    assert len(stub.requests) == 2 + 1 + 2


def test_facts_fit_the_columns_of_a_row(preflight: Preflight, stub: GraphStub) -> None:
    with_user(stub, ANN, settings=NO_ACCESS, enabled=False)
    facts = preflight.check_one(ANN)
    columns = to_values(facts)
    assert columns["cause"] == "NotChecked"
    assert from_values(MailboxFacts, columns) == facts


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_sentence_and_all_but_the_good_one_a_remedy(cause: Cause) -> None:
    facts = MailboxFacts(ANN, cause, upn="upn@contoso.com", not_permitted=("User.Read.All",))
    assert facts.why.endswith(".")
    assert ANN in facts.why or "upn@contoso.com" in facts.why
    assert bool(facts.remedy) == (cause is not Cause.READY)
    assert "{" not in facts.why + facts.remedy


# --- folders --------------------------------------------------------------------------------------------------------


def with_folders(stub: GraphStub, root: str, names: dict[str, str], parents: dict[str, str] | None = None) -> None:
    def body(name: str, display: str) -> Reply:
        parent = (parents or {}).get(name, "msgfolderroot")
        return Reply(200, {"id": f"id-{name}", "displayName": display, "parentFolderId": f"id-{parent}"})

    for name, display in {**names, "msgfolderroot": "Top of Information Store"}.items():
        stub.on(f"{root}/mailFolders/{name}", body(name, display))


def test_folders_are_known_by_their_names_in_the_mailboxs_language(preflight: Preflight, stub: GraphStub) -> None:
    names = {
        "inbox": "Posteingang",
        "sentitems": "Gesendete Elemente",
        "deleteditems": "Gelöschte Elemente",
        "drafts": "Entwürfe",
        "junkemail": "Junk-E-Mail",
        "syncissues": "Synchronisierungsprobleme",
        "conflicts": "Konflikte",
        "notes": "Notizen",
    }
    with_folders(stub, "/users/id-of-ann", names, {"conflicts": "syncissues"})
    stub.on("/users/id-of-ann/mailFolders/journal", refusal(400, "ErrorInvalidIdMalformed", "Id is malformed."))
    stub.on("/users/id-of-ann/mailFolders/calendar", NO_ACCESS)
    assert preflight.folders("id-of-ann") == {
        "inbox": ("INBOX",),
        "sentitems": ("Gesendete Elemente",),
        "deleteditems": ("Gelöschte Elemente",),
        "drafts": ("Entwürfe",),
        "junkemail": ("Junk-E-Mail",),
        "syncissues": ("Synchronisierungsprobleme",),
        "conflicts": ("Synchronisierungsprobleme", "Konflikte"),
        "notes": ("Notizen",),
    }
    assert len(stub.requests) == 1


def test_a_folder_moved_below_one_without_a_well_known_name_is_left_out(preflight: Preflight, stub: GraphStub) -> None:
    with_folders(stub, f"/users/{ANN}", {"drafts": "下書き", "archive": "アーカイブ"}, {"archive": "somewhere"})
    assert preflight.folders(ANN) == {"drafts": ("下書き",)}


def test_without_permission_folders_are_not_known(preflight: Preflight, stub: GraphStub) -> None:
    stub.on("/$batch", *[NO_ACCESS] * 2)
    assert preflight.folders(ANN) is None


def test_a_mailbox_of_which_only_some_folders_were_told_is_asked_again(preflight: Preflight, stub: GraphStub) -> None:
    with_folders(stub, f"/users/{ANN}", {"drafts": "Piszkozatok", "sentitems": "Elküldött elemek"})
    stub.on(f"/users/{ANN}/mailFolders/sentitems", refusal(429, "ApplicationThrottled", Retry_After="30"))
    with pytest.raises(Busy) as caught:
        preflight.folders(ANN)
    assert caught.value.delay == 30.0

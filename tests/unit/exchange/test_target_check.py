"""What is wrong with a target mailbox, its app or the cloud: named with what mends it, or waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from mailferry.model import MailboxLine, Status
from mailferry.state.mailboxes import Mailboxes
from mailferry.target import graph, token
from tests.support.engine import Engine, Time, csv_of, settings_for
from tests.support.exchange import (
    JAPANESE,
    TOKEN_EXPIRES,
    Clock,
    ExchangeOnline,
    Kind,
    Mailbox,
    Outage,
    Provisioning,
    Switches,
    Tenant,
    Trouble,
)
from tests.support.imap_sim import At, SimServer, Store
from tests.unit.exchange.raw import ANN

BOB = "bob@contoso.com"
BATCH = "batch"
#: Longer than any number of tries that is counted would take.
HOURS = timedelta(hours=5)

type Change = Callable[[Migration], object]


@dataclass(frozen=True)
class Migration:
    """Ann's mailbox on its way into a tenant."""

    engine: Engine
    online: ExchangeOnline

    @property
    def tenant(self) -> Tenant:
        return self.online.tenant

    @property
    def line(self) -> MailboxLine:
        return self.engine.lines(BATCH)[ANN]

    def run(self, after: timedelta = timedelta(), then: Change = lambda _: None) -> MailboxLine:
        """All jobs over all waits; `then` happens once so much time has passed, and nothing has failed before."""
        moment, due = self.engine.time() + after, [then]

        def look() -> None:
            if due and self.engine.time() >= moment:
                assert self.line.status is not Status.FAILED, self.line
                due.pop()(self)

        self.engine.run(look)
        assert not due, "all jobs came to an end before"
        return self.line

    @property
    def note(self) -> str:
        """What else there is to know of the mailbox."""
        mailbox = Mailboxes(self.engine.storage).get(self.line.mailbox)
        assert mailbox is not None
        return mailbox.note


@contextmanager
def migrating(
    patch: pytest.MonkeyPatch, ann: Mailbox, *more: Mailbox, switches: Switches | None = None
) -> Iterator[Migration]:
    """Ann, whose address is the same as at the source, and more, each with a message, and the CSV dropped."""
    patch.setattr(token, "FAILURE_SECONDS", 0.0)  # of real time, which doesn't pass here
    patch.setattr(graph, "PATIENCE", 0.0)
    time = Time()
    tenant = Tenant(Clock(source=time))
    users = (ANN, *(mailbox.address for mailbox in more))
    for mailbox in (ann, *more):
        tenant.add(mailbox)
    store = Store()
    for user in users:
        store.add(user, b"INBOX", b"Message-ID: <1@x>\r\nSubject: 1\r\n\r\nhello\r\n")
    with SimServer(store) as source, ExchangeOnline(tenant, switches) as online:
        for name, value in online.environment().items():
            patch.setenv(name, value)
        settings = settings_for((source.host, source.port), (online.imap_host, online.imap_port))
        engine = Engine({**settings, **online.settings()}, time)
        engine.drop(BATCH, csv_of(*users))
        yield Migration(engine, online)


# --- what a person has to mend ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ann", "why", "remedy"),
    [
        (Mailbox("someone.else@contoso.com"), "no user with the address", "New-Mailbox -Shared"),
        (Mailbox(ANN, kind=Kind.NONE, licensed=False), "has no licence with Exchange Online", "Assign one"),
        (Mailbox(ANN, full_access=False), "the app has no full access to it", "Add-MailboxPermission"),
        (Mailbox(ANN, full_access=False, enabled=False), "Sign-in of ann@contoso.com is blocked", "-AccountEnabled"),
        (Mailbox(ANN, full_access=False, licensed=False), "has no licence", "Assign a licence"),
        (
            Mailbox("ann.lee@contoso.com", ANN, kind=Kind.SHARED, licensed=False, full_access=False),
            "no full access",
            'Add-MailboxPermission -Identity "ann.lee@contoso.com"',
        ),
    ],
    ids=["no user", "no licence", "no full access", "sign-in blocked", "licence gone", "shared, no full access"],
)
def test_what_is_wrong_with_the_mailbox_is_named_with_what_mends_it(
    monkeypatch: pytest.MonkeyPatch, ann: Mailbox, why: str, remedy: str
) -> None:
    with migrating(monkeypatch, ann) as migration:
        line = migration.run()
        assert line.status is Status.FAILED
        assert why in line.why
        assert remedy in line.remedy


def test_what_only_one_mailbox_suffers_from_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    with migrating(monkeypatch, Mailbox(ANN, imap_enabled=False), Mailbox(BOB)) as migration:
        line = migration.run(HOURS, lambda waiting: waiting.engine.services.sync.run())  # Bob is let in then
        assert line.status is Status.FAILED
        assert "IMAP is off" in line.why
        assert f'Set-CASMailbox -Identity "{ANN}" -ImapEnabled $true' in line.remedy


def test_a_licence_that_is_gone_is_noted_and_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with migrating(monkeypatch, Mailbox(ANN, licensed=False)) as migration:
        assert migration.run().status is Status.SYNCED
        assert "the user has no licence" in migration.line.why
        assert "-Type Shared" in migration.note


# --- what is waited for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wait:
    """Something that is not as it must be, until it is mended; what the line says meanwhile."""

    name: str
    spoil: Change
    mend: Change
    why: str
    remedy: str = ""
    switches: Switches | None = None


def down(outage: Outage, why: str) -> Wait:
    """An outage of the whole service."""
    return Wait(
        f"outage: {outage.name}",
        lambda migration: migration.tenant.outages.add(outage),
        lambda migration: migration.tenant.outages.clear(),
        why,
    )


def without_role(migration: Migration) -> None:
    migration.tenant.app.exchange_roles.clear()


def made_later(migration: Migration) -> None:
    migration.tenant[ANN].ready_at = migration.tenant.clock.now() + HOURS


def of_the_app(name: str, spoilt: object, good: object, why: str, remedy: str) -> Wait:
    """A setting of the app registration."""

    def mend(migration: Migration) -> None:
        setattr(migration.tenant.app, name, good)
        migration.engine.restart()  # MSAL keeps a refusal for a minute of real time

    return Wait(f"app: {name}", lambda migration: setattr(migration.tenant.app, name, spoilt), mend, why, remedy)


WAITS = (
    *(
        Wait(
            f"still being made: {shows.name}",
            made_later,
            lambda _: None,
            "not made its mailbox yet",
            "Wait",
            Switches(provisioning=shows),
        )
        for shows in Provisioning
    ),
    Wait(
        "soft-deleted, or on premises",
        lambda migration: setattr(migration.tenant[ANN], "kind", Kind.NONE),
        lambda migration: setattr(migration.tenant[ANN], "kind", Kind.USER),
        "not made its mailbox yet",
        "may be on premises",
    ),
    down(Outage.STORE, "Server Unavailable"),
    down(Outage.LOGINS, "AUTHENTICATE failed"),
    down(Outage.ENTRA, "can't give a token now"),
    down(Outage.GRAPH, "asks us to come back later"),
    Wait(
        "the role IMAP.AccessAsApp is missing",
        without_role,
        lambda migration: migration.tenant.app.exchange_roles.add("IMAP.AccessAsApp"),
        "IMAP.AccessAsApp",
        "admin consent",
    ),
    Wait(
        "New-ServicePrincipal was not run",
        lambda migration: migration.tenant.app.registered.clear(),
        lambda migration: migration.tenant.app.registered.add(migration.tenant.app.client_id),
        "does not know the app",
        "New-ServicePrincipal",
    ),
    of_the_app("secret_expired", True, False, "7000222", "secret"),
    of_the_app("disabled", True, False, "7000112", ""),
)


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.name)
def test_what_is_not_the_mailboxs_fault_is_waited_for_however_long(monkeypatch: pytest.MonkeyPatch, wait: Wait) -> None:
    with migrating(monkeypatch, Mailbox(ANN), switches=wait.switches) as migration:
        wait.spoil(migration)

        def mend(waiting: Migration) -> None:
            assert wait.why in waiting.line.why
            assert wait.remedy in waiting.line.remedy
            wait.mend(waiting)

        assert migration.run(HOURS, mend).status is Status.SYNCED
        assert len(migration.tenant[ANN].arrived) == 1


def test_while_nothing_answers_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    with migrating(monkeypatch, Mailbox(ANN)) as migration:
        outage = migration.online.outage(Outage.CONNECTIONS)
        outage.__enter__()
        assert migration.run(HOURS, lambda _: outage.__exit__(None, None, None)).status is Status.SYNCED


def test_logins_that_fail_in_the_midst_of_copying_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with migrating(monkeypatch, Mailbox(ANN), Mailbox(BOB)) as migration:
        faults = migration.tenant[ANN].faults
        faults.before_command(1, lambda: migration.tenant.outages.add(Outage.LOGINS), "APPEND")
        faults.add(At(1, TOKEN_EXPIRES, "APPEND"))
        assert migration.run(HOURS, lambda _: migration.tenant.outages.clear()).status is Status.SYNCED
        assert [len(mailbox.arrived) for mailbox in migration.tenant] == [1, 1]


@pytest.mark.parametrize("missing", ["full_access", "imap_enabled"])
def test_a_permission_that_takes_an_hour_to_take_effect_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    with migrating(monkeypatch, Mailbox(ANN)) as migration:
        ann = migration.tenant[ANN]
        setattr(ann, missing, False)
        assert migration.run(timedelta(hours=1), lambda _: setattr(ann, missing, True)).status is Status.SYNCED


@pytest.mark.parametrize("path", ["/users/ann@contoso.com", "/mailboxSettings", "/mailFolders/sentitems"])
@pytest.mark.parametrize("trouble", [Trouble(429, 120), Trouble(503), Trouble(504)], ids=lambda t: str(t.status))
def test_graph_throttles_one_request_or_one_part_of_a_batch(
    monkeypatch: pytest.MonkeyPatch, trouble: Trouble, path: str
) -> None:
    with migrating(monkeypatch, Mailbox(ANN)) as migration:
        migration.tenant.trouble += [Trouble(trouble.status, trouble.retry_after, path)] * 3
        assert migration.run().status is Status.SYNCED
        assert len(migration.tenant[ANN].arrived) == 1
        assert len(migration.tenant.trouble) < 3, "nothing was throttled"


# --- what needs nobody -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.USER, Kind.SHARED, Kind.ROOM, Kind.EQUIPMENT])
def test_the_login_uses_the_user_principal_name(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    ann = Mailbox("ann.lee@contoso.com", ANN, kind=kind, licensed=kind is Kind.USER)
    with migrating(monkeypatch, ann) as migration:
        assert migration.run().status is Status.SYNCED
        assert ann.figures.failed_logins == 0
        assert len(ann.arrived) == 1


def test_a_user_principal_name_that_changes_between_passes_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with migrating(monkeypatch, Mailbox("ann.lee@contoso.com", ANN)) as migration:
        assert migration.run().status is Status.SYNCED
        migration.tenant["ann.lee@contoso.com"].full_access = False  # as good as gone
        renamed = migration.tenant.add(Mailbox("ann.miller@contoso.com", ANN))
        migration.tenant["ann.lee@contoso.com"].address = "old@contoso.com"
        migration.engine.services.sync.run()
        assert migration.run().status is Status.SYNCED
        assert renamed.figures.requests > 0


def test_without_permissions_on_graph_it_works_and_says_what_was_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with migrating(monkeypatch, Mailbox(ANN)) as migration:
        migration.tenant.app.graph_roles.clear()
        assert migration.run().status is Status.SYNCED
        assert "whether there is a mailbox, and of what kind" in migration.note
        assert "User.Read.All and MailboxSettings.Read" in migration.note
        assert migration.note in migration.line.why


@pytest.mark.parametrize("role", ["User.Read.All", "MailboxSettings.Read", "Mail.ReadBasic.All"])
def test_a_permission_on_graph_that_is_missing_holds_nothing_up(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    with migrating(monkeypatch, Mailbox(ANN, language=JAPANESE)) as migration:
        migration.tenant.app.graph_roles.remove(role)
        assert migration.run().status is Status.SYNCED
        assert (role in migration.note) == (role != "Mail.ReadBasic.All")  # folders go by their marks then


@pytest.mark.parametrize(
    ("ann", "why"),
    [
        (Mailbox(ANN, full_access=False), "let us in, but not to the mailbox"),
        (Mailbox("ann.lee@contoso.com", ANN), "let us in, but not to the mailbox"),
    ],
    ids=["no full access", "another user principal name"],
)
def test_without_permissions_on_graph_exchange_s_own_words_are_explained(
    monkeypatch: pytest.MonkeyPatch, ann: Mailbox, why: str
) -> None:
    with migrating(monkeypatch, ann) as migration:
        migration.tenant.app.graph_roles.clear()
        line = migration.run()
        assert line.status is Status.FAILED
        assert why in line.why
        assert "Add-MailboxPermission" in line.remedy
        assert "user principal name" in line.remedy

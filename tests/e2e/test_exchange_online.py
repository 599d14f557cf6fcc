"""Twenty mailboxes from Dovecot into Exchange Online through devhost, with everything going wrong at once.

Throttling, tokens that end, full mailboxes, messages that are too large, APPENDs that hang, outages, and instances of
the app killed without a word: afterwards each message of the source is there once or is skipped with its reason. What
goes wrong when is random by a seed, which a failure names; `STORM_SEED` in the environment chooses another.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from mailferry.lifecycle.sync import Sync
from mailferry.model import MailboxLine, Status
from mailferry.state.admission import Admission
from mailferry.state.azure import azure_storage
from mailferry.state.batches import Batches
from mailferry.state.clock import utc_now
from mailferry.state.jobs import FolderJob, MailboxJob, send_folder_job, send_mailbox_job
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.state.storage import Storage
from tests.support.dovecot import Dovecot
from tests.support.engine import settings_for
from tests.support.exchange import (
    GENERIC,
    UNAVAILABLE,
    Clock,
    ExchangeOnline,
    Generation,
    OverCap,
    Provisioning,
    Switches,
    Tenant,
)
from tests.support.host import Deployment, deployment
from tests.support.storm.company import FAULTS, FULL, NOT_READY, SPECIAL_USE, Company, Employee
from tests.support.storm.hosts import Hosts
from tests.support.storm.verdict import Verdict, report_differences
from tests.support.storm.weather import OUTAGES, Weather

SEED = int(os.environ.get("STORM_SEED") or random.randrange(1_000_000))
KILLS = int(os.environ.get("STORM_KILLS") or 12)

BATCH = "company"
PASSWORD = "Tr0ub4dor-and-three"
#: How many times faster than ours the simulator's time runs.
FASTER = 20.0
INSTANCES = 2
LOOK_SECONDS = 0.1
#: Looks between two rounds of the timers, and between two times at which somebody gets mail.
SYNC_EVERY, WATCH_EVERY, MORE_EVERY = 30, 40, 10
#: Seconds that no mailbox waits longer; the app's own waits of many minutes can't be sped up across processes.
LONGEST_WAIT = 4.0
#: Seconds after which something must hang. A machine with nothing else to do needs 90, a busy one several times that.
PATIENCE = 900.0
#: A dead worker's folder is free soon, waits are short, chunks and windows small, and some mailboxes wait for a slot.
#: A job whose instance is killed whenever it has just begun is no poison here: nobody is unlucky so often elsewhere.
QUICK = {
    "LEASE_SECONDS": "6",
    "IMAP_TIMEOUT_SECONDS": "6",
    "RETRY_SECONDS": "0.3",
    "RETRY_ATTEMPTS": "20",
    "STALLED_SECONDS": "3",
    "CHUNK_SECONDS": "3",
    "WINDOW_MESSAGES": "15",
    "SOURCE_MAX_CONCURRENT": "16",
    "TARGET_PROFILE": '{"connections": 3, "connections_most": 4}',
    "AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "100",
}
#: What has to have happened before the storm is over, and how often at least.
WORST: Mapping[str, int] = {
    "kills": KILLS,
    "folders a power cut left in doubt": 1,
    "lockouts by throttling": 1,
    "commands throttled": 1,
    "sessions whose token ended": 10,
    "connections over the cap": 1,
    "full mailboxes": len(FULL),
    "mailboxes not ready yet": 1,
    "messages refused for their size": 1,
    **{f"turned away by {outage.name}": 1 for outage in OUTAGES},
    **{f"{verb}: {fault}": 1 for faults in FAULTS for verb, fault, _ in faults},
}


class Migration:
    """The batch on its way: what people and administrators do while it is, and what is seen of it."""

    def __init__(self, company: Company, online: ExchangeOnline, storage: Storage, chance: random.Random) -> None:
        self._company = company
        self._tenant = online.tenant
        self._quota_full = online.switches.quota_full
        self._storage = storage
        self._chance = chance
        self._full: set[int] = set()
        self._awaited = 0

    def lines(self) -> dict[str, MailboxLine]:
        """The mailboxes by address."""
        return {line.address: line for line in Batches(self._storage).lines(BATCH)}

    def has_queued(self) -> bool:
        """Whether a mailbox waits for its first pass."""
        return any(line.status is Status.QUEUED for line in self.lines().values())

    def at_rest(self) -> bool:
        """Whether no mailbox is in a pass or waits for one."""
        batch = Batches(self._storage).get(BATCH)
        return batch is not None and not Admission(self._storage).busy_with(batch.endpoint, BATCH)

    def sync(self) -> None:
        """What the timer of the sync does; done when this returns."""
        Sync(Batches(self._storage), Admission(self._storage)).run()

    def look(self, *, more: bool) -> bool:
        """Do what people do: raise quotas, wait for mailboxes, and with `more`, get mail. Whether all is settled."""
        lines = self.lines()
        failed = [f"{address}: {line.why}" for address, line in lines.items() if "Failed" in line.status]
        assert not failed, f"nothing of this may fail a mailbox: {failed}"
        for employee in self._company.employees:
            if line := lines.get(employee.mailbox.address):
                self._administer(employee, line)
        settled = [employee for employee in self._company.employees if self._settled(employee, lines)]
        if more and settled:
            self._company.trickle(self._chance.choice(settled))
        return len(settled) == len(self._company.employees)

    def unsettled(self) -> str:
        """The mailboxes that are not settled: what screens show of them, and what is true."""
        lines, now = self.lines(), utc_now()
        shown = [f"It is {now:%H:%M:%S}."]
        for employee in self._company.employees:
            if self._settled(employee, lines):
                continue
            line = lines.get(employee.mailbox.address)
            shown.append(f"{employee.mailbox.address}: {line and (line.status, line.updated, line.counts, line.why)}")
            mailbox = line and Mailboxes(self._storage).get(line.mailbox)
            if mailbox:
                admission = Admission(self._storage)
                slot = [slot for slot in admission.slots(mailbox.endpoint) if slot.mailbox == mailbox.id]
                shown.append(f"    {mailbox}, {slot or 'no slot'}")
        return "\n".join(shown)

    def _settled(self, employee: Employee, lines: Mapping[str, MailboxLine]) -> bool:
        """Whether all that the employee has got so far has gone over."""
        line = lines.get(employee.mailbox.address)
        filled = self._company.filled[employee.login]
        return line is not None and line.status is Status.SYNCED and line.counts.messages >= filled

    def reported(self) -> bool:
        """Whether the reports say how things are now."""
        batch, changed = Batches(self._storage).get(BATCH), max(line.updated for line in self.lines().values())
        return batch is not None and batch.reported is not None and batch.reported >= changed

    def figures(self, hosts: Hosts) -> Counter[str]:
        """How often what has happened."""
        tenant, figures = self._tenant, self._tenant.figures
        too_large = sum(line.counts.skipped for line in self.lines().values())
        return Counter(
            {
                "kills": hosts.kills,
                "folders a power cut left in doubt": hosts.in_doubt,
                "lockouts by throttling": sum(usage.lockouts for usage in tenant.usage().values()),
                "commands throttled": figures.throttled,
                "sessions whose token ended": figures.expired,
                "connections over the cap": figures.over_cap,
                "full mailboxes": len(self._full),
                "mailboxes not ready yet": self._awaited,
                "messages refused for their size": too_large,
                **{f"turned away by {outage.name}": times for outage, times in tenant.turned_away.items()},
                **self._company.happened(),
            }
        )

    def _administer(self, employee: Employee, line: MailboxLine) -> None:
        """What an administrator does when he reads why a mailbox waits, and what time does."""
        says_full = "full" if self._quota_full == GENERIC else "Server Unavailable"
        if employee.number in FULL and employee.mailbox.figures.no_room and says_full in line.why:
            employee.mailbox.quota = 50 << 30
            self._full.add(employee.number)
        if employee.number == NOT_READY and "not made its mailbox" in line.why:
            employee.mailbox.ready_at = None
            self._awaited = 1
        if "Trying again" in line.why:
            self._hasten(line.mailbox)

    def _hasten(self, mailbox: str) -> None:
        """Make a wait of many minutes a short one; the job that sleeps as long as the wait was is sent once more."""

        def change(found: Mailbox) -> Mailbox | None:
            soon = utc_now() + timedelta(seconds=LONGEST_WAIT)
            return replace(found, not_before=soon) if found.not_before and found.not_before > soon else None

        hastened = Mailboxes(self._storage).change(mailbox, change)
        if hastened and hastened.planned:
            send_folder_job(self._storage.queues, FolderJob(mailbox, hastened.pass_no), LONGEST_WAIT)
        elif hastened:
            send_mailbox_job(self._storage.queues, MailboxJob(mailbox, hastened.pass_no), LONGEST_WAIT)


@pytest.mark.timeout(PATIENCE + 60)
def test_whatever_goes_wrong_each_message_is_in_exchange_online_once_or_skipped_for_a_reason(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    tenant = Tenant(Clock(FASTER))
    tenant.token_seconds = 15
    switches = drawn(chance)
    print(f"STORM_SEED={SEED}: {switches}")
    with (
        Dovecot(
            separator=".", prefix="INBOX.", storage="maildir", users_password=PASSWORD, special_use=SPECIAL_USE
        ) as source,
        ExchangeOnline(tenant, switches) as online,
        deployment(tmp_path / "data", {**settings(source, online), **QUICK}) as mailferry,
    ):
        company = Company(source, tenant, chance)
        company.begin()
        company.employees[NOT_READY].mailbox.ready_at = tenant.clock.now().replace(year=9999)
        storage = azure_storage({"MigrationStorage": mailferry.connection})
        migration = Migration(company, online, storage, chance)
        storage.blobs.write("batches", f"{BATCH}.csv", company.csv(PASSWORD).encode(), "text/csv")
        log = carry_through(migration, mailferry, online, chance)
        lines = migration.lines()
        verdicts = {
            each.mailbox.address: Verdict(company, each, source, tenant, storage, lines[each.mailbox.address])
            for each in company.employees
        }
        wrong = [sentence for verdict in verdicts.values() for sentence in verdict.wrong]
        assert not wrong, "\n".join(wrong)
        assert online.violations == []
        assert list(report_differences(storage, BATCH, verdicts)) == []
        assert_discreet(log, online, mailferry)
        assert crashes(log) == []


def settings(source: Dovecot, online: ExchangeOnline) -> dict[str, str]:
    """The app's, and what its process needs in its environment."""
    ends = settings_for((source.host, source.port), (online.imap_host, online.imap_port))
    return {**ends, **online.settings(), **online.environment()}


def drawn(chance: random.Random) -> Switches:
    """One of the many Exchange Onlines that there may be."""
    return Switches(
        generation=chance.choice(list(Generation)),
        appenduid=chance.random() < 0.7,
        trycreate=chance.random() < 0.5,
        date_zone=chance.choice((UTC, None)),
        quota_full=chance.choice((GENERIC, UNAVAILABLE)),
        oversize=chance.choice((Switches().oversize, GENERIC)),
        throttle_word=chance.choice(("NO", "BAD")),
        throttle_bye=chance.random() < 0.5,
        connection_cap=2,
        over_cap=chance.choice(list(OverCap)),
        provisioning=chance.choice(list(Provisioning)),
        not_connected_bye=chance.random() < 0.5,
        errors_count_no=chance.random() < 0.5,
        graph_knows_other_folders=chance.random() < 0.5,
        append_seconds=1.0,
        command_seconds=0.1,
    )


def carry_through(migration: Migration, mailferry: Deployment, online: ExchangeOnline, chance: random.Random) -> str:
    """From the first job until all is settled: first the storm until all that is bad has happened, then calm.

    Returns what the instances have logged.
    """
    end = time.monotonic() + PATIENCE
    with Hosts(mailferry, BATCH, chance, at_once=INSTANCES, wanted=KILLS) as hosts:
        with Weather(online, chance) as weather:
            try:
                storm(migration, hosts, weather, end)
            finally:
                figures = migration.figures(hosts)
                print(", ".join(f"{what}: {times}" for what, times in figures.items()))
                print(hosts.log()[-6_000:])
        missing = [what for what, least in WORST.items() if figures[what] < least]
        assert not missing, f"the storm was too mild: {missing}\n{migration.unsettled()}"
        calm(migration, hosts, end)
        print(f"all is settled after {time.monotonic() - end + PATIENCE:.0f} s")
        return hosts.log()


def storm(migration: Migration, hosts: Hosts, weather: Weather, end: float) -> None:
    """Everything at once until the worst has happened."""
    looks = 0
    while time.monotonic() < end:
        looks += 1
        hosts.look()
        weather.look()
        # Passes of those that are Synced go before the first ones, which would never have their turn.
        if looks % SYNC_EVERY == 0 and not migration.has_queued():
            hosts.fire("sync")
        if looks % WATCH_EVERY == 0:
            hosts.fire("watch")
        if looks % 5 == 0:
            migration.look(more=looks % MORE_EVERY == 0)
            figures = migration.figures(hosts)
            if all(figures[what] >= least for what, least in WORST.items()):
                print(f"the storm is over after {looks} looks and {time.monotonic() - end + PATIENCE:.0f} s")
                return
        time.sleep(LOOK_SECONDS)


def calm(migration: Migration, hosts: Hosts, end: float) -> None:
    """Nothing goes wrong any more, until all is settled and reported, and no pass is still to come."""
    looks = 0
    while not ((settled := migration.look(more=False)) and migration.at_rest() and migration.reported()):
        looks += 1
        hosts.look()
        if not settled and migration.at_rest():
            migration.sync()
        if looks % WATCH_EVERY == 0:
            hosts.fire("watch")
        assert time.monotonic() < end, f"not all is settled\n{migration.unsettled()}"
        time.sleep(LOOK_SECONDS)


def assert_discreet(log: str, online: ExchangeOnline, mailferry: Deployment) -> None:
    """No secret is in the log: neither the app's nor a mailbox's, and no token, whole or in part."""
    secrets = (PASSWORD, online.tenant.app.secret, mailferry.settings["SEALING_KEY"], "Bearer ", "dXNlcj0")
    assert [secret for secret in secrets if secret in log] == []
    assert re.search(r"eyJ[\w-]{8}", log) is None


def crashes(log: str) -> list[str]:
    """Functions that ended with an error nobody foresaw."""
    return [line for line in log.splitlines() if "failed after" in line]

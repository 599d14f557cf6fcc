"""`python -m demo`: three mailboxes move from a small IMAP server to a simulated Exchange Online, with the real app."""

from __future__ import annotations

import base64
import csv
import os
import shutil
import sys
import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from rich.console import Console

from demo.accounts import ACCOUNTS, Account
from demo.app import CHECKOUT, App, rows_of
from demo.compare import mailbox_of
from demo.fill import fill
from demo.imap_server import SmallImapServer
from demo.judge import Result, judged, untouched
from demo.mail import GeneratedMessage
from demo.tables import results_table, special_table
from tests.support.exchange import ExchangeOnline, Tenant

DATA = CHECKOUT / ".data" / "demo"
BATCH = "demo"
SOURCE_PASSWORD = "from, here"  # noqa: S105 - of a server that lives for a minute


class Demo:
    """The whole show, step by step; says what it does on `console`."""

    def __init__(self, source: SmallImapServer, target: ExchangeOnline, console: Console) -> None:
        self._source = source
        self._target = target
        self._console = console

    def run(self) -> bool:
        """Whether everything arrived as it should."""
        for account in ACCOUNTS:
            self._fill(account, account.mail())
        total = sum(sum(1 for _ in account.mail()) for account in ACCOUNTS)
        self._say(f"{len(ACCOUNTS)} mailboxes with {total} messages from 2009 on are at the source.")
        self._say(
            "The target is Exchange Online, simulated: Entra, Graph, IMAP over TLS, folders in three languages, a "
            "throttle. The app signs in without a secret: its managed identity vouches for its app registration."
        )
        app, batch = App(DATA, self._settings()), self._csv()
        self._say(f"Dropping {_shown(batch)}; devhost runs the function app and shows how it goes.")
        if not app.run(drop=batch):
            return self._failed("The first pass did not end well; what devhost says is above.")
        first = {account: len(self._target.tenant[account.target].arrived) for account in ACCOUNTS}
        for account in ACCOUNTS:
            self._fill(account, account.new_mail())
        self._say("New mail has arrived at the source; an incremental pass carries it.")
        if not app.run("--fire", "sync"):
            return self._failed("The incremental pass did not end well; what devhost says is above.")
        return self._judge(first, app.reports() / BATCH)

    def _judge(self, first: dict[Account, int], reports: Path) -> bool:
        arrived = {account: self._target.tenant[account.target].arrived for account in ACCOUNTS}
        results = [judged(account, _all_mail(account), found) for account, found in arrived.items()]
        self._console.print(special_table(arrived), results_table(results, first))
        for mailbox in self._target.tenant:
            if refused := mailbox.figures.throttled:
                self._say(f"Exchange throttled {mailbox.upn} (commands refused: {refused}), and was waited for.")
        exact, repaired, skipped = (
            sum(counts) for counts in zip(*((r.exact, r.repaired, r.too_large) for r in results), strict=True)
        )
        self._say(
            f"Exchange received {exact} of {sum(result.source for result in results)} messages byte for byte and "
            f"{repaired} repaired (repaired.csv says how), all with flags and date; {skipped} skipped: too large."
        )
        self._say(f"The report is {_shown(reports / 'summary.html')}; the lists are beside it.")
        wrongs = list(self._wrongs(results, reports))
        for wrong in wrongs:
            self._failed(wrong)
        return not wrongs

    def _wrongs(self, results: list[Result], reports: Path) -> Iterable[str]:
        """What must not be, in words."""
        repaired, skipped = rows_of(reports / "repaired.csv"), rows_of(reports / "skipped.csv")
        for result in results:
            account = result.account
            if result.lost or result.too_many or result.too_large != account.oversize:
                yield f"{account.target} is not what {account.source} is at the source."
            if (result.repaired, result.too_large) != (repaired[account.target], skipped[account.target]):
                yield f"The reports list other messages of {account.target} as repaired or skipped."
            source = mailbox_of(self._source.host, self._source.port, account.source, SOURCE_PASSWORD)
            if not untouched(_all_mail(account), source):
                yield f"{account.source} has been changed at the source."
        for violation in self._target.violations:
            yield f"Exchange was sent what no client may send: {violation}"

    def _fill(self, account: Account, mail: Iterable[GeneratedMessage]) -> None:
        fill(self._source.host, self._source.port, account.source, SOURCE_PASSWORD, mail)

    def _settings(self) -> dict[str, str]:
        return {
            "SOURCE_HOST": self._source.host,
            "SOURCE_PORT": str(self._source.port),
            "SOURCE_SECURITY": "none",
            **self._target.settings(),
            **self._target.environment(),
            "ENTRA_CLIENT_SECRET": "",
            "ENTRA_MANAGED_IDENTITY": self._target.tenant.app.identity_client_id,
            "SEALING_KEY": base64.b64encode(os.urandom(32)).decode(),
        }

    def _csv(self) -> Path:
        path = DATA / f"{BATCH}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("EmailAddress", "UserName", "Password"))
            rows.writerows((account.target, account.source, SOURCE_PASSWORD) for account in ACCOUNTS)
        return path

    def _say(self, text: str) -> None:
        self._console.print(f"[bold]demo:[/bold] {text}", highlight=False, soft_wrap=True)

    def _failed(self, text: str) -> bool:
        self._console.print(f"[bold red]demo: {text}[/bold red]", soft_wrap=True)
        return False


def _all_mail(account: Account) -> Iterable[GeneratedMessage]:
    return chain(account.mail(), account.new_mail())


def _shown(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def main() -> int:
    start = time.monotonic()
    console = Console()
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    tenant = Tenant(domain="new.example")
    for account in ACCOUNTS:
        tenant.add(account.mailbox())
    with SmallImapServer(SOURCE_PASSWORD) as source, ExchangeOnline(tenant, tls=True) as target:
        done = Demo(source, target, console).run()
    console.print(f"[bold]demo:[/bold] All is stopped again, after {time.monotonic() - start:.0f} s.", highlight=False)
    return 0 if done else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

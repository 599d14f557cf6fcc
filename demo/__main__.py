"""`python -m demo`: three mailboxes move from one small IMAP server to another, through the real app."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from demo.compare import Contents, count_of, mailbox_of
from demo.fill import fill
from demo.imap_server import SmallImapServer
from demo.mail import GeneratedMessage, messages, oversize
from devhost.azurite import Azurite

CHECKOUT = Path(__file__).resolve().parent.parent
DATA = CHECKOUT / ".data" / "demo"
BATCH = "demo"
SOURCE_PASSWORD = "from, here"  # noqa: S105 - of servers that live for a minute
TARGET_PASSWORD = "to there"  # noqa: S105
MAX_MESSAGE_BYTES = 5_000_000
END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Account:
    """One of the three: where its mail is, where it goes, and how much of it there is."""

    source: str
    target: str
    seed: int
    count: int
    oversize: bool = False

    def mail(self) -> Iterator[GeneratedMessage]:
        """What is there from the start."""
        # pymap keeps no keywords (its PERMANENTFLAGS), so Mailferry would rightly leave them out.
        yield from messages(self.seed, self.count, keywords=False)
        if self.oversize:
            yield oversize(MAX_MESSAGE_BYTES)

    def new_mail(self) -> Iterator[GeneratedMessage]:
        """What arrives while the migration is on: old folders and a new one."""
        yield from messages(
            self.seed + 1_000,
            5,
            folders=("INBOX", "Sent", "Neu/2026"),
            first=dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC),
            last=dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC),
            keywords=False,
        )


ACCOUNTS = (
    Account("anna", "anna.lindstrom@new.example", 11, 140),
    Account("olga", "olga.petrova@new.example", 12, 110, oversize=True),
    Account("taro", "taro.yamada@new.example", 13, 62),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One account, source against target, after a pass."""

    account: Account
    folders: int
    at_source: int
    arrived: int
    too_large: int
    lost: int
    too_many: int

    @property
    def exact(self) -> bool:
        return self.lost == self.too_many == 0


class Demo:
    """The whole show, step by step; says what it does on `console`."""

    def __init__(self, source: SmallImapServer, target: SmallImapServer, console: Console) -> None:
        self._source = source
        self._target = target
        self._console = console

    def run(self) -> bool:
        """Whether everything arrived as it should."""
        for account in ACCOUNTS:
            self._fill(account, account.mail())
        total = sum(result.at_source for result in self._results())
        self._say(f"{len(ACCOUNTS)} mailboxes with {total} messages from 2009 on are at the source.")
        settings, batch = self._settings(), self._csv()
        self._say(f"Dropping {_shown(batch)}; devhost runs the function app and shows how it goes.")
        if not self._devhost(settings, drop=batch):
            return self._failed("The first pass did not end well; what devhost says is above.")
        first = {result.account: result.arrived for result in self._results()}
        for account in ACCOUNTS:
            self._fill(account, account.new_mail())
        self._say("New mail has arrived at the source; an incremental pass carries it.")
        if not self._devhost(settings, "--fire", "sync"):
            return self._failed("The incremental pass did not end well; what devhost says is above.")
        return self._judge(first)

    def _judge(self, first: dict[Account, int]) -> bool:
        results = self._results()
        self._console.print(_table(results, first))
        total, arrived, skipped = (
            sum(each) for each in zip(*((r.at_source, r.arrived, r.too_large) for r in results), strict=True)
        )
        self._say(
            f"{arrived} of {total} messages are in the target, byte for byte, with flags and dates; "
            f"{skipped} skipped: too large."
        )
        for report in _download_reports():
            if report.suffix == ".html":
                self._say(f"The report is {_shown(report)}; the lists are beside it.")
        if not all(result.exact for result in results) or skipped != sum(account.oversize for account in ACCOUNTS):
            return self._failed("Source and target differ in more than the message that is too large.")
        return True

    def _fill(self, account: Account, mail: Iterator[GeneratedMessage]) -> None:
        fill(self._source.host, self._source.port, account.source, SOURCE_PASSWORD, mail)

    def _results(self) -> list[Result]:
        return [
            _compared(
                account,
                mailbox_of(self._source.host, self._source.port, account.source, SOURCE_PASSWORD),
                mailbox_of(self._target.host, self._target.port, account.target, TARGET_PASSWORD),
            )
            for account in ACCOUNTS
        ]

    def _settings(self) -> Path:
        values = {
            "SOURCE_HOST": self._source.host,
            "SOURCE_PORT": str(self._source.port),
            "SOURCE_SECURITY": "none",
            "TARGET_HOST": self._target.host,
            "TARGET_PORT": str(self._target.port),
            "TARGET_SECURITY": "none",
            "TARGET_AUTH": "login",
            "TARGET_PASSWORD": TARGET_PASSWORD,
            "SEALING_KEY": base64.b64encode(os.urandom(32)).decode(),
            "MAX_MESSAGE_BYTES": str(MAX_MESSAGE_BYTES),
        }
        sample = json.loads((CHECKOUT / "local.settings.sample.json").read_text("utf-8"))
        path = DATA / "settings.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"IsEncrypted": False, "Values": {**sample["Values"], **values}}, indent=2), "utf-8")
        return path

    def _csv(self) -> Path:
        path = DATA / f"{BATCH}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("EmailAddress", "UserName", "Password"))
            rows.writerows((account.target, account.source, SOURCE_PASSWORD) for account in ACCOUNTS)
        return path

    def _devhost(self, settings: Path, *more: str, drop: Path | None = None) -> bool:
        run = [sys.executable, "-m", "devhost", "--data", str(DATA), "--settings", str(settings), "--http-port", "0"]
        run += ["--until-idle", *more]
        host = subprocess.Popen(run, cwd=CHECKOUT, env=_environment(settings))  # noqa: S603 - our own program
        try:
            if drop is not None and not self._drop(drop, host):
                return False
            return host.wait() == 0
        finally:
            _end(host)

    def _drop(self, batch: Path, host: subprocess.Popen[bytes]) -> bool:
        command = [sys.executable, "-m", "devhost", "drop", str(batch), "--data", str(DATA), "--wait", "60"]
        drop = subprocess.Popen(command, cwd=CHECKOUT)  # noqa: S603 - our own program
        try:
            while drop.poll() is None and host.poll() is None:
                time.sleep(0.1)
            return drop.poll() == 0
        finally:
            _end(drop)

    def _say(self, text: str) -> None:
        self._console.print(f"[bold]demo:[/bold] {text}", highlight=False, soft_wrap=True)

    def _failed(self, text: str) -> bool:
        self._console.print(f"[bold red]demo: {text}[/bold red]", soft_wrap=True)
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(settings: Path) -> dict[str, str]:
    """Ours, without what would overrule the demo's settings."""
    overruled = json.loads(settings.read_text("utf-8"))["Values"]
    return {name: value for name, value in os.environ.items() if name not in overruled}


def _compared(account: Account, source: Contents, target: Contents) -> Result:
    too_large = {hashlib.sha256(mail.body).hexdigest() for mail in account.mail() if len(mail.body) > MAX_MESSAGE_BYTES}
    missing = [
        (fingerprint, count)
        for folder, here in source.items()
        for fingerprint, count in (here - target.get(folder, Counter())).items()
    ]
    skipped = sum(count for (digest, _, _), count in missing if digest in too_large)
    lost = sum(count for _, count in missing) - skipped
    at_source = count_of(source)
    arrived = at_source - skipped - lost
    return Result(account, len(source), at_source, arrived, skipped, lost, count_of(target) - arrived)


def _table(results: list[Result], first: dict[Account, int]) -> Table:
    table = Table(title="Source against target, message by message", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("mailbox", no_wrap=True)
    for heading in ("folders", "source", "first pass", "second", "too large", "lost", "twice"):
        table.add_column(heading, justify="right")
    for result in results:
        before = first[result.account]
        table.add_row(
            result.account.source,
            *map(str, (result.folders, result.at_source, before, result.arrived - before)),
            *map(str, (result.too_large, result.lost, result.too_many)),
        )
    return table


def _download_reports() -> list[Path]:
    paths = []
    with (
        Azurite(DATA / "azurite") as azurite,
        BlobServiceClient.from_connection_string(azurite.connection_string) as service,
        service.get_container_client("reports") as container,
    ):
        for name in container.list_blob_names():
            path = DATA / "reports" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(container.download_blob(name).readall())
            paths.append(path)
    return paths


def _shown(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def main() -> int:
    start = time.monotonic()
    console = Console()
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    with SmallImapServer(SOURCE_PASSWORD) as source, SmallImapServer(TARGET_PASSWORD) as target:
        done = Demo(source, target, console).run()
    console.print(f"[bold]demo:[/bold] All is stopped again, after {time.monotonic() - start:.0f} s.", highlight=False)
    return 0 if done else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

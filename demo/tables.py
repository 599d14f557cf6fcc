"""What the demo shows at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from demo.accounts import SPECIAL, Account
from demo.judge import Result
from tests.support.exchange import Arrival, Kind


def results_table(results: Sequence[Result], first: Mapping[Account, int]) -> Table:
    """A row for each mailbox; `first` is how many messages had arrived after the first pass."""
    table = _table("Source against target, message by message", "mailbox")
    for heading in ("source", "first", "second", "exact", "repaired", "skipped", "lost", "twice"):
        table.add_column(heading, justify="right")
    for result in results:
        before = first[result.account]
        after = result.exact + result.repaired + result.too_many
        numbers = (result.source, before, after - before, result.exact, result.repaired, result.too_large)
        table.add_row(result.account.source, *map(str, (*numbers, result.lost, result.too_many)))
    return table


def special_table(arrived: Mapping[Account, Sequence[Arrival]]) -> Table:
    """Where the source's special folders belong in each mailbox, and how many messages arrived there."""
    table = _table("Special folders, as each mailbox calls its own", "source")
    for account in arrived:
        kind = ", shared" if account.kind is Kind.SHARED else ""
        table.add_column(f"{account.source} ({account.language}{kind})")
    counts = {account: Counter(arrival.folder for arrival in found) for account, found in arrived.items()}
    for folder in SPECIAL:
        places = {account: account.target_folder(folder) for account in arrived}
        table.add_row(folder, *(f"{place}: {counts[account][place]}" for account, place in places.items()))
    return table


def _table(title: str, first: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    return table

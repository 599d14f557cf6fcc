"""`python -m benchmarks.cost`: what docs/cost.md reckons, from its own prices and assumptions and what was measured.

Measured figures are read by name from docs/performance.md, the alert rules from infra/queries/alerts.json; a figure
that isn't there any more under its name is a KeyError with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.markdown import END, paragraph, table
from benchmarks.programs import CHECKOUT

BEGIN = "<!-- Written by `python -m benchmarks.cost` from here -->"
PAGE = CHECKOUT / "docs/cost.md"
PERFORMANCE = CHECKOUT / "docs/performance.md"
ALERTS = CHECKOUT / "infra/queries/alerts.json"

MAILBOXES = (100, 1_000, 10_000)
#: Hours of a month, as Azure's price calculator has them.
MONTH_HOURS = 730
ROUNDS_A_DAY = 24 * 60 // 5
DAYS_A_MONTH = 30
#: Seconds for which a process remembers an unwrapped key (mailferry.secrets.remembered).
KEY_SECONDS = 300
#: What infra/modules/private-endpoints.bicep makes.
ENDPOINTS, ZONES = 7, 4

BILLED = "billed s per 1,000 messages, instances shared"
OPERATIONS = "storage operations per 1,000 messages"

#: A page's tables: the figure of a row and column, by both names.
type Figures = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """What 1,000 messages take."""

    seconds: float
    operations: float
    executions: float
    kilobytes: float  #: of mail


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that the formula takes."""

    prices: Mapping[str, float]
    assumed: Mapping[str, float]
    throttled: Measured  #: one mailbox at a time, under a budget of Exchange's
    together: Measured  #: ten at once that share instances, not throttled
    frequent_rules: int
    rare_rules: int


def read_inputs(page: str, performance: str, alerts: str) -> Inputs:
    """The inputs from the texts of the two pages and of the list of alerts."""
    own = figures(page)
    throttled = _section(performance, "### Throttled")
    shared = _section(performance, "### What it costs")
    minutes = [_minutes(alert["frequency"]) for alert in json.loads(alerts)]
    messages = throttled["messages", "ordinary mail"]
    size = throttled["mean size", "ordinary mail"] * 1000
    return Inputs(
        {row: value for (row, column), value in own.items() if column == "dollars"},
        {row: value for (row, column), value in own.items() if column == "value"},
        Measured(
            throttled[BILLED, "ordinary mail"],
            throttled[OPERATIONS, "ordinary mail"],
            1000 * throttled["executions", "ordinary mail"] / messages,
            size,
        ),
        Measured(
            shared["10 3", BILLED],
            shared["10 3", OPERATIONS],
            1000 * throttled["executions", "ordinary mail"] / messages,
            size,
        ),
        sum(minute < 15 for minute in minutes),
        sum(minute >= 15 for minute in minutes),
    )


def costs(mailboxes: int, inputs: Inputs, measured: Measured) -> dict[str, float]:
    """Dollars of a migration of so many mailboxes, by item."""
    price, assumed = inputs.prices, inputs.assumed
    days, months = assumed["days in sync"], assumed["months the deployment stands"]
    per_mailbox = assumed["messages of a mailbox"] + days * assumed["new messages of a mailbox and day"]
    thousands = mailboxes * per_mailbox / 1000
    passes = mailboxes * days
    rounds = ROUNDS_A_DAY * DAYS_A_MONTH * months

    def all_of(of_messages: float, unit: str) -> float:
        return thousands * of_messages + passes * assumed[f"{unit} of a pass"] + rounds * assumed[f"{unit} of a round"]

    seconds = all_of(measured.seconds, "seconds")
    executions = thousands * measured.executions + passes + rounds
    rules = (
        inputs.frequent_rules * price["alert rule looking every 5 minutes, month"]
        + inputs.rare_rules * price["alert rule looking every 15 minutes or less often, month"]
    )
    return {
        "functions": seconds * assumed["GB of an instance"] * price["GB-second"],
        "executions": executions * price["execution"],
        "storage operations": all_of(measured.operations, "operations") * price["storage operation"],
        "Key Vault": seconds / KEY_SECONDS * price["key operation"],
        "Log Analytics": all_of(assumed["kB per 1,000 messages"], "kB") / 1e6 * price["GB of logs"],
        "alert rules": rules * months,
        "outbound mail": thousands * measured.kilobytes / 1e6 * price["GB out"],
    }


def extras(mailboxes: int, inputs: Inputs) -> dict[str, float]:
    """Dollars of what is switched on by parameters."""
    price, months = inputs.prices, inputs.assumed["months the deployment stands"]
    days = inputs.assumed["days in sync"]
    per_mailbox = inputs.assumed["messages of a mailbox"] + days * inputs.assumed["new messages of a mailbox and day"]
    gigabytes = mailboxes * per_mailbox / 1000 * inputs.throttled.kilobytes / 1e6
    hours = MONTH_HOURS * months
    return {
        "`FIXED_OUTBOUND_ADDRESS`": hours * (price["NAT gateway, hour"] + price["public address, hour"])
        + 2 * gigabytes * price["NAT gateway, GB"],
        "`PRIVATE_ENDPOINTS`": hours * ENDPOINTS * price["private endpoint, hour"]
        + ZONES * months * price["private DNS zone, month"],
    }


def examples(inputs: Inputs) -> str:
    """The measured inputs and the worked examples as Markdown."""
    careful = {count: costs(count, inputs, inputs.throttled) for count in MAILBOXES}
    good = {count: costs(count, inputs, inputs.together) for count in MAILBOXES}
    added = {count: extras(count, inputs) for count in MAILBOXES}
    rows = [(item, *(_dollars(careful[count][item]) for count in MAILBOXES)) for item in careful[MAILBOXES[0]]]
    sums = [sum(careful[count].values()) for count in MAILBOXES]
    rows += [
        ("**all of it**", *(f"**{_dollars(total)}**" for total in sums)),
        ("of that a mailbox", *(_dollars(total / count) for total, count in zip(sums, MAILBOXES, strict=True))),
        ("the functions, ten mailboxes at once", *(_dollars(good[count]["functions"]) for count in MAILBOXES)),
    ]
    rows += [
        (f"in addition, with {item}", *(_dollars(added[count][item]) for count in MAILBOXES)) for item in added[100]
    ]
    notes = paragraph("""
        From [performance.md](performance.md): *throttled* is one mailbox alone under a budget of Exchange's, ordinary
        mail, the careful assumption with which the examples are reckoned; *ten at once* share their instances and are
        not throttled. Executions are those of the throttled run in both.
    """)
    return "\n\n".join(
        [
            "## Measured",
            notes,
            table(("per 1,000 messages", "throttled", "ten at once"), _measured(inputs)),
            "## Worked examples",
            table(("dollars", *(f"{count:,} mailboxes" for count in MAILBOXES)), rows),
        ]
    )


def figures(page: str) -> Figures:
    """Every figure in the tables of a page. A row is named by its cells up to the first that is no bare number, or by
    its first two cells where those are numbers."""
    found: dict[tuple[str, str], float] = {}
    names: Sequence[str] = ()
    before: Sequence[str] = ()
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells and all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            names = before
        elif cells and names:
            row = " ".join(cells[:2]) if _number(cells[0]) is not None else cells[0]
            found |= {(row, name): value for name, cell in zip(names, cells, strict=False) for value in _some(cell)}
        elif not cells:
            names = ()
        before = cells
    return found


def page_with_examples(page: str, text: str) -> str:
    """The page with this text between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _section(page: str, heading: str) -> Figures:
    """The figures below a heading, up to the next."""
    _, found, rest = page.partition(f"{heading}\n")
    if not found:
        raise KeyError(heading)
    return figures(re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0])


def _measured(inputs: Inputs) -> Iterable[Sequence[str]]:
    pair = (inputs.throttled, inputs.together)
    yield "billed seconds", *(f"{one.seconds:.1f}" for one in pair)
    yield "storage operations", *(f"{one.operations:,.0f}" for one in pair)
    yield "executions", *(f"{one.executions:.1f}" for one in pair)
    yield "kB of mail", *(f"{one.kilobytes:,.0f}" for one in pair)


def _number(cell: str) -> float | None:
    found = re.fullmatch(r"\**([\d,]+(?:\.\d+)?)( \w+)?\**", cell)
    return float(found[1].replace(",", "")) if found else None


def _some(cell: str) -> Iterable[float]:
    value = _number(cell)
    return () if value is None else (value,)


def _minutes(frequency: str) -> int:
    """The minutes of an ISO 8601 duration such as PT5M or PT6H."""
    found = re.fullmatch(r"PT(\d+)([MH])", frequency)
    if not found:
        raise KeyError(frequency)
    return int(found[1]) * (60 if found[2] == "H" else 1)


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:,.2f}"


def current(files: Sequence[Path] = (PAGE, PERFORMANCE, ALERTS)) -> str:
    """The page as its inputs want it now."""
    page, performance, alerts = (file.read_text("utf-8") for file in files)
    return page_with_examples(page, examples(read_inputs(page, performance, alerts)))


if __name__ == "__main__":
    PAGE.write_text(current(), "utf-8")
    print(f"{PAGE} is up to date.")

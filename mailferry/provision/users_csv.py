"""A CSV of users to be made: `UserPrincipalName,GivenName,Surname,DisplayName,UsageLocation,Licence`."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailferry.intake.csv_records import declared_separator, records_from
from mailferry.intake.csv_text import decoded
from mailferry.intake.problems import StructureRefused
from mailferry.model import Problem

REQUIRED = ("UserPrincipalName", "DisplayName", "UsageLocation", "Licence")
COLUMNS = (*REQUIRED, "GivenName", "Surname")
_SYNONYMS = {"license": "licence"}
_KNOWN = {column.casefold(): column for column in COLUMNS}

#: Most users of one file.
MAX_ROWS = 50_000
_LONGEST = 256

# What Entra takes (Microsoft, "user resource type"): letters, digits and ' . - _ ! # ^ ~ before the @.
_UPN = re.compile(r"[A-Za-z0-9'._!#^~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_SKU = re.compile(r"[A-Za-z0-9_]{1,100}")
_HEADER = f"Its first line must name {','.join(COLUMNS)}, separated by comma, semicolon or tab."


@dataclass(frozen=True, slots=True)
class User:
    """One user to be there. `location` is a country (ISO 3166-1), `sku` a licence's skuPartNumber such as `SPE_E3`."""

    line: int
    upn: str
    display: str
    location: str
    sku: str
    given: str = ""
    surname: str = ""


def read_users(data: bytes) -> tuple[list[User], list[Problem]]:
    """The users, and what is wrong with other rows. Raises StructureRefused when the file as a whole can't be used."""
    text, _ = decoded(data)
    lines = list(io.StringIO(text, newline=""))
    if not lines:
        raise StructureRefused.because("The file is empty.", _HEADER)
    first, declared = declared_separator(lines)
    head = lines[first] if first < len(lines) else ""
    separator = declared or max((",", ";", "\t"), key=head.count)
    records = [record for record in records_from(lines, first, separator) if not record.blank]
    if broken := next((record for record in records if record.cells is None), None):
        raise StructureRefused.because("The quotes on this line don't fit.", "Close every quote.", broken.line)
    names = [_column(cell) for cell in (records[0].cells or [])] if records else []
    if missing := [column for column in REQUIRED if column not in names]:
        raise StructureRefused.because(f"The column {missing[0]} is missing.", _HEADER, 1)
    if len(records) - 1 > MAX_ROWS:
        raise StructureRefused.because(f"The file has more than {MAX_ROWS:,} users.", "Split it into several files.")
    users: list[User] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for record in records[1:]:
        found = _user(record.line, names, record.cells or [], seen)
        if isinstance(found, User):
            seen.add(found.upn.casefold())
            users.append(found)
        else:
            problems.append(found)
    return users, problems


def _column(cell: str) -> str:
    word = cell.strip().casefold().replace(" ", "")
    return _KNOWN.get(_SYNONYMS.get(word, word), "")


def _user(line: int, names: Sequence[str], cells: Sequence[str], seen: set[str]) -> User | Problem:
    if len(cells) != len(names):
        return Problem(
            line, "", f"The row has {len(cells)} cells, the header {len(names)}.", "Fill in what is missing."
        )
    row = {name: cell.strip() for name, cell in zip(names, cells, strict=True) if name}
    upn, location, sku = row["UserPrincipalName"], row["UsageLocation"].upper(), row["Licence"]
    if not _UPN.fullmatch(upn):
        remedy = "Write it like anna@contoso.com, in letters without accents."
        return Problem(line, "UserPrincipalName", "This can't be a user principal name.", remedy)
    if upn.casefold() in seen:
        return Problem(line, "UserPrincipalName", f"{upn} is there twice.", "Keep one row for each user.")
    if not row["DisplayName"] or any(len(cell) > _LONGEST for cell in row.values()):
        return Problem(line, "DisplayName", "DisplayName is empty, or a cell too long.", "Write 1 to 256 characters.")
    if not _COUNTRY.fullmatch(location):
        return Problem(line, "UsageLocation", "UsageLocation is no country.", "Write its two letters, like DE.")
    if not _SKU.fullmatch(sku):
        return Problem(line, "Licence", "Licence is no skuPartNumber.", "Write one like SPE_E3 or EXCHANGESTANDARD.")
    return User(line, upn, row["DisplayName"], location, sku, row.get("GivenName", ""), row.get("Surname", ""))

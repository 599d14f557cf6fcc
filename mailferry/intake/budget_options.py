"""What an endpoint says about how many bytes may be read of it: `"budget": {"megabytes": 2500, "per": "day"}`."""

from __future__ import annotations

from enum import StrEnum

from mailferry.budget import UNSAID, Budget, Of, Per
from mailferry.intake.json_object import JsonObject, check_keys, wrong

#: Megabytes of the largest budget, a petabyte: no line carries more in a day.
_MOST = 1_000_000_000
_KEYS = ("megabytes", "per", "of")
_BUDGET = 'an object like {"megabytes": 2500, "per": "day", "of": "mailbox"}, or "none" for no limit'


def budget(section: JsonObject, path: str, problems: list[str]) -> Budget:
    """The endpoint's `budget`; without one, what its provider is known to give."""
    if "budget" not in section:
        return UNSAID
    found = section["budget"]
    if isinstance(found, str) and found.strip().casefold() == "none":
        return Budget(0)
    if not isinstance(found, JsonObject):
        problems.append(wrong(path, found, _BUDGET))
        return UNSAID
    check_keys(found, path, _KEYS, problems)
    megabytes = found.get("megabytes")
    if not isinstance(megabytes, int) or isinstance(megabytes, bool) or not 1 <= megabytes <= _MOST:
        problems.append(wrong(f"{path}.megabytes", megabytes, f"a whole number from 1 to {_MOST:,}"))
        megabytes = None
    per, of = _word(found, path, "per", Per.DAY, problems), _word(found, path, "of", Of.MAILBOX, problems)
    return Budget(megabytes, per, of)


def _word[E: StrEnum](found: JsonObject, path: str, key: str, otherwise: E, problems: list[str]) -> E:
    value = found.get(key, otherwise.value)
    word = value.strip().casefold() if isinstance(value, str) else None
    known = next((one for one in type(otherwise) if one.value == word), None)
    if known is None:
        allowed = " or ".join(f'"{one.value}"' for one in type(otherwise))
        problems.append(wrong(f"{path}.{key}", value, allowed))
    return known or otherwise

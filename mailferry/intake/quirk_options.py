"""What an options file says of its server's peculiarities: fields of `mailferry.source.profile.Profile`, overruled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from mailferry.intake.json_object import JsonObject, check_keys, wrong

_EXAMPLE = 'an object like {"fetch_messages": 50}'
_NAMES_MOST = 100


def quirks(section: JsonObject, path: str, problems: list[str]) -> str:
    """The quirks of the endpoint at this path as a JSON object; empty when it names none."""
    found = section.get("quirks", JsonObject())
    if not isinstance(found, JsonObject):
        problems.append(wrong(f"{path}.quirks", found, _EXAMPLE))
        return ""
    check_keys(found, f"{path}.quirks", tuple(_ALLOWED), problems)
    for name, (taken, allowed) in _ALLOWED.items():
        if name in found and not taken(found[name]):
            problems.append(wrong(f"{path}.quirks.{name}", found[name], allowed))
    return json.dumps(found, ensure_ascii=False, sort_keys=True) if found else ""


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000


def _names(value: object) -> bool:
    names = value if isinstance(value, list) and len(value) <= _NAMES_MOST else [None]
    return all(isinstance(name, str) and name.strip() for name in names)


#: What each may be set to, and how that is said.
_ALLOWED: Mapping[str, tuple[Callable[[object], bool], str]] = MappingProxyType(
    {
        "select": (_flag, "true or false"),
        "fetch_messages": (_number, "a whole number to 1,000,000, 0 for no limit"),
        "compress": (_flag, "true or false"),
        "folder_limit": (_number, "a whole number to 1,000,000, 0 for no limit"),
        "not_mail": (_names, f'a list of at most {_NAMES_MOST} names of folders like ["Contacts"]'),
    }
)

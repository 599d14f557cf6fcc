"""What an options file says about messages: who is told what."""

from __future__ import annotations

import re

from mailferry.intake.json_object import JsonObject, check_keys, wrong
from mailferry.notify.wanted import NOBODY, Notify, UserMail

#: Administrators of one batch; a group's address reaches more.
MOST_ADDRESSES = 20

_ADDRESS = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII)
_NOTIFY = 'an object like {"addresses": ["it@contoso.com"], "users": "dry-run"}'
_USERS = " or ".join(f'"{word.value}"' for word in UserMail)


def notify(top: JsonObject, problems: list[str]) -> Notify:
    """Who is told; nobody when the file doesn't say. Users by a dry run unless it says more."""
    if "notify" not in top:
        return NOBODY
    found = top["notify"]
    if not isinstance(found, JsonObject):
        problems.append(wrong("$.notify", found, _NOTIFY))
        return NOBODY
    check_keys(found, "$.notify", ("addresses", "users"), problems)
    return Notify(_addresses(found, problems), _users(found, problems))


def _addresses(section: JsonObject, problems: list[str]) -> tuple[str, ...]:
    found = section.get("addresses", [])
    if not isinstance(found, list) or len(found) > MOST_ADDRESSES:
        allowed = f'a list of at most {MOST_ADDRESSES} addresses like ["it@contoso.com"]'
        problems.append(wrong("$.notify.addresses", found, allowed))
        return ()
    for place, address in enumerate(found):
        if not (isinstance(address, str) and _ADDRESS.fullmatch(address)):
            problems.append(wrong(f"$.notify.addresses[{place}]", address, 'an address like "it@contoso.com"'))
    return tuple(dict.fromkeys(address for address in found if isinstance(address, str)))


def _users(section: JsonObject, problems: list[str]) -> UserMail:
    value = section.get("users", UserMail.DRY_RUN.value)
    word = next((word for word in UserMail if word.value == value), None)
    if word is None:
        problems.append(wrong("$.notify.users", value, _USERS))
    return word or UserMail.OFF

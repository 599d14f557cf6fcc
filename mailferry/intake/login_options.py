"""What an options file says about logging in to the source. Passwords are never in it: the CSV's column has them."""

from __future__ import annotations

from mailferry.imap.values import BY_PASSWORD, LoginKind, LoginWay
from mailferry.intake.json_object import JsonObject, check_keys, wrong

_KEYS = ("kind", "user", "separator")
_KINDS = " or ".join(f'"{kind.value}"' for kind in LoginKind)
_LOGIN = 'an object like {"kind": "master", "user": "admin", "separator": "*"}'
_NAMED = frozenset({LoginKind.MASTER, LoginKind.SASL_PLAIN, LoginKind.PROXYAUTH})


def login_way(section: JsonObject, path: str, problems: list[str]) -> LoginWay:
    """The endpoint's `login`; without one, everybody has a password of their own."""
    if "login" not in section:
        return BY_PASSWORD
    found = section["login"]
    if not isinstance(found, JsonObject):
        problems.append(wrong(path, found, _LOGIN))
        return BY_PASSWORD
    secret = "password" in found
    if secret:
        problems.append(
            f"{path}.password must not be in this file, which is kept as it is: take it out, and fill the CSV's column "
            "Password with it."
        )
    check_keys(found, path, (*_KEYS, "password") if secret else _KEYS, problems)
    kind = _kind(found.get("kind"))
    if kind is None:
        problems.append(wrong(f"{path}.kind", found.get("kind"), _KINDS))
        return BY_PASSWORD
    admin = _text(found, "user", kind in _NAMED, f"{path}.user", f"the administrator's name, for {kind}", problems)
    separator = BY_PASSWORD.separator
    if "separator" in found:
        what = f"what stands between the two names, for {LoginKind.MASTER} only"
        separator = _text(found, "separator", kind is LoginKind.MASTER, f"{path}.separator", what, problems)
    return LoginWay(kind, admin, separator)


def _kind(value: object) -> LoginKind | None:
    word = value.strip().casefold() if isinstance(value, str) else None
    return next((kind for kind in LoginKind if kind.value == word), None)


def _text(found: JsonObject, key: str, wanted: bool, path: str, what: str, problems: list[str]) -> str:
    """The value of a key that this kind of login has (`wanted`) or has not."""
    value = found.get(key)
    text = value.strip() if isinstance(value, str) else ""
    if wanted and (not text or not text.isprintable()):
        problems.append(wrong(path, value, what) if key in found else f"{path} is missing: {what}.")
    elif key in found and not wanted:
        problems.append(f"{path} has no meaning for the kind {found['kind']}; leave it out.")
    return text

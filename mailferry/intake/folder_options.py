"""What an options file says about folders: which go over, and where to."""

from __future__ import annotations

import re
from typing import TypeGuard

from mailferry.intake.json_object import JsonObject, check_keys, wrong
from mailferry.transfer.folder_rules import FolderRule

_UNSTORABLE = re.compile("\0")
_RULE_KEYS = ("from", "to", "regex", "merge")
_SOURCE = 'the path of a folder, a pattern or a role like "\\\\Sent"'
_TARGET = 'the path of a folder in the target like "Old mailbox/Mail"'
_RULE = 'an object like {"from": "Lists/*", "to": "Mailing lists/*"}'


def patterns(top: JsonObject, key: str, problems: list[str]) -> tuple[str, ...]:
    """A list of patterns, each once."""
    found = top.get(key, [])
    if not isinstance(found, list):
        problems.append(wrong(f"$.{key}", found, 'a list of folder names or patterns like ["INBOX", "Projects/*"]'))
        return ()
    taken = []
    for place, pattern in enumerate(found):
        if _is_name(pattern) and (problem := FolderRule(pattern.strip(), None).source_problem()):
            problems.append(f"$.{key}[{place}] {problem}.")
        elif _is_name(pattern):
            taken.append(pattern.strip())
        else:
            problems.append(wrong(f"$.{key}[{place}]", pattern, "a folder name or a pattern"))
    return tuple(dict.fromkeys(taken))


def rules(top: JsonObject, key: str, problems: list[str]) -> tuple[FolderRule, ...]:
    """The rules for folders, in their order."""
    found = top.get(key, [])
    if not isinstance(found, list):
        problems.append(wrong(f"$.{key}", found, f"a list of rules, each {_RULE}"))
        return ()
    read = [_rule(f"$.{key}[{place}]", rule, problems) for place, rule in enumerate(found)]
    return tuple(rule for rule in read if rule)


def root_folder(top: JsonObject, key: str, problems: list[str]) -> str:
    """The target folder below which everything goes; empty when the file names none."""
    if key not in top:
        return ""
    path = _path(f"$.{key}", top[key], _TARGET, problems)
    if "*" in path:
        problems.append(wrong(f"$.{key}", path, f"{_TARGET}, without *"))
    elif path and (problem := FolderRule("*", path).target_problem()):
        problems.append(f"$.{key} {problem}.")
    return path


def _rule(place: str, value: object, problems: list[str]) -> FolderRule | None:
    if not isinstance(value, JsonObject):
        problems.append(wrong(place, value, _RULE))
        return None
    check_keys(value, place, _RULE_KEYS, problems)
    regex, merge = _switch(place, value, "regex", problems), _switch(place, value, "merge", problems)
    source = _path(f"{place}.from", value.get("from"), _SOURCE, problems)
    target = None
    if "to" not in value:
        problems.append(f"{place}.to is missing; null leaves folders out.")
    elif value["to"] is not None:
        target = _path(f"{place}.to", value["to"], f"{_TARGET}, or null to leave folders out", problems)
    rule = FolderRule(source, target, regex, merge)
    if problem := rule.source_problem():
        problems.append(f"{place}.from {problem}.")
    elif source and target and (problem := rule.target_problem()):
        problems.append(f"{place}.to {problem}.")
    return rule


def _path(place: str, value: object, allowed: str, problems: list[str]) -> str:
    if _is_name(value):
        return value.strip()
    problems.append(wrong(place, value, allowed))
    return ""


def _switch(place: str, value: JsonObject, key: str, problems: list[str]) -> bool:
    found = value.get(key, False)
    if not isinstance(found, bool):
        problems.append(wrong(f"{place}.{key}", found, "true or false"))
    return found is True


def _is_name(value: object) -> TypeGuard[str]:
    """Whether it can name a folder: there is something in it, and nothing that no text of a table can hold."""
    return isinstance(value, str) and bool(value.strip(" /")) and not _UNSTORABLE.search(value)

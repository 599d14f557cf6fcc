from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_map import Mapping, Wishes, map_folders
from mailferry.transfer.folder_rules import FolderRule
from mailferry.transfer.name_rules import EXCHANGE, PLAIN, NameRules
from tests.support.folder_lists import (
    folder,
)

WORDS = [
    "a",
    "A",
    "ä",
    "Ä",
    "ss",
    "ß",
    ".",
    "..",
    "/",
    "a/b",
    "a_b",
    "INBOX",
    "inbox",
    "Sent",
    "sent",
    "Calendar",
    "Notes_imported",
    "foo",
    "Foo",
    "ﬁ",
    "İ",
    "ı",
    "ä",
    "foo.",
    "...",
]


SPACED = ["", " ", "\t", "a ", " a.", "a (2)", "A (2)", "Sent Items", "INBOX ", "x" * 260, "x" * 255 + "y"]


NASTY = st.sampled_from([*WORDS, *SPACED])


PARTS = NASTY | st.text(max_size=4)


PATHS = st.lists(PARTS, min_size=1, max_size=4).map(tuple)


ATTRIBUTES = st.sets(
    st.sampled_from(["\\sent", "\\trash", "\\noselect", "\\archive", "\\junk", NOT_PERSONAL]), max_size=2
)


FOLDERS = st.lists(st.builds(lambda path, marks: folder(path, *marks), PATHS, ATTRIBUTES), max_size=14)


RULES = {
    "exchange": EXCHANGE,
    "slash": PLAIN("/"),
    "dot": PLAIN("."),
    "flat": PLAIN(""),
    "narrow": NameRules("/", True, frozenset({"notes"}), max_part=12, max_depth=2),
}


def key(path: tuple[str, ...], rules: NameRules) -> tuple[str, ...]:
    """Written anew, not taken from the code under test: when two paths are one folder under the rules."""
    parts = [unicodedata.normalize("NFC", part) for part in path]
    if rules.case_insensitive:
        parts = [unicodedata.normalize("NFC", part.casefold()) for part in parts]
    if parts[0].isascii() and parts[0].upper() == "INBOX":
        parts[0] = "INBOX"
    return tuple(parts)


def is_legal(path: tuple[str, ...], rules: NameRules) -> bool:
    return (
        1 <= len(path) <= rules.max_depth
        and unicodedata.normalize("NFC", path[0]).casefold() not in rules.reserved
        and all(
            part
            and part == part.strip()
            and not part.endswith(".")
            and len(part.encode("utf-16-le")) <= 2 * rules.max_part
            and not (rules.separator and rules.separator in part)
            and not any(unicodedata.category(char) in ("Cc", "Cs") for char in part)
            for part in path
        )
    )


@settings(max_examples=300, deadline=None)
@given(FOLDERS, FOLDERS, st.sampled_from([*RULES]), st.randoms(use_true_random=False))
def test_any_folders_get_distinct_legal_targets_in_any_order(
    source: list[ListedFolder], existing: list[ListedFolder], kind: str, dice: random.Random
) -> None:
    rules = RULES[kind]
    target = [item for item in existing if is_legal(item.path, rules)]
    mappings = map_folders(source, target, rules)
    assert {mapping.source.name for mapping in mappings} == {item.name for item in source}
    assert len({key(mapping.target, rules) for mapping in mappings}) == len(mappings)
    assert all(is_legal(mapping.target, rules) and mapping.why for mapping in mappings)
    own = [mapping for mapping in mappings if NOT_PERSONAL not in mapping.source.attributes]
    inboxes = [mapping for mapping in own if key(mapping.source.path, rules) == ("INBOX",)]
    assert [mapping.target[0].upper() for mapping in inboxes[:1]] == ["INBOX"][: len(inboxes)]
    shuffled, elsewhere = list(source), list(target)
    dice.shuffle(shuffled)
    dice.shuffle(elsewhere)
    assert map_folders(shuffled, elsewhere, rules) == mappings


@settings(max_examples=300, deadline=None)
@given(FOLDERS, FOLDERS, FOLDERS, st.sampled_from([*RULES]))
def test_folders_of_others_change_nothing_for_the_folders_of_the_mailbox(
    source: list[ListedFolder], others: list[ListedFolder], target: list[ListedFolder], kind: str
) -> None:
    own = [
        ListedFolder(b"own" + item.name, item.path, item.attributes - {NOT_PERSONAL, "\\noselect"}) for item in source
    ]
    foreign = [ListedFolder(item.name, item.path, item.attributes | {NOT_PERSONAL}) for item in others]
    names = {item.name for item in own}
    mappings = map_folders([*foreign, *own], target, RULES[kind])
    found = tuple(mapping for mapping in mappings if mapping.source.name in names)
    assert found == map_folders(own, target, RULES[kind])


SOURCES = st.sampled_from(["a", "A", "*", "*o*", "a/*", "inbox", "\\Sent", "INBOX/?", "foo"])
TARGETS = st.sampled_from(
    [None, "x", "X/y", "inbox", "\\Sent", "\\Archive/a", "Notes", "a", "foo", "a (2)", "x" * 300, " . ", "a\x00b/c"]
)
FOLDER_RULES = st.lists(st.builds(FolderRule, SOURCES, TARGETS, merge=st.booleans()), max_size=4)
ROOTS = st.sampled_from(["", "", "Old/mail", "\\Archive", "a", "INBOX"])


@settings(max_examples=300, deadline=None)
@given(FOLDERS, FOLDERS, FOLDER_RULES, ROOTS, st.sampled_from([*RULES]), st.randoms(use_true_random=False))
def test_two_folders_merge_only_by_a_rule_that_says_so_and_are_told(
    source: list[ListedFolder],
    existing: list[ListedFolder],
    folder_rules: list[FolderRule],
    root: str,
    kind: str,
    dice: random.Random,
) -> None:
    rules, wishes = RULES[kind], Wishes(rules=folder_rules, root=root)
    target = [item for item in existing if is_legal(item.path, rules)]
    mappings = map_folders(source, target, rules, wishes)
    assert all(is_legal(mapping.target, rules) and mapping.why for mapping in mappings)
    together: dict[tuple[str, ...], list[Mapping]] = {}
    for mapping in mappings:
        if not mapping.excluded:
            together.setdefault(key(mapping.target, rules), []).append(mapping)
    for group in together.values():
        merged = [found for mapping in group if (found := re.match(r"The rule folders\[(\d)\]", mapping.why))]
        assert sum(folder_rules[int(found[1])].merge for found in merged) >= len(group) - 1
        assert len(group) == 1 or all("It shares that folder with" in mapping.why for mapping in group)
    shuffled = list(source)
    dice.shuffle(shuffled)
    assert map_folders(shuffled, target, rules, wishes) == mappings


@settings(max_examples=300, deadline=None)
@given(FOLDERS, FOLDERS, FOLDERS, FOLDER_RULES, st.sampled_from([*RULES]))
def test_folders_keep_their_place_whatever_comes_later(
    source: list[ListedFolder],
    later: list[ListedFolder],
    existing: list[ListedFolder],
    folder_rules: list[FolderRule],
    kind: str,
) -> None:
    rules = RULES[kind]
    target = [item for item in existing if is_legal(item.path, rules)]
    settled = {mapping.source.name: mapping.target for mapping in map_folders(source, target, rules)}
    made = [*target, *(folder(path) for path in settled.values())]
    unmerged = [replace(rule, merge=False) for rule in folder_rules]
    mappings = map_folders([*source, *later], made, rules, Wishes(rules=unmerged), settled=settled)
    found = {mapping.source.name: mapping.target for mapping in mappings}
    assert found.items() >= settled.items()
    assert len({key(path, rules) for path in found.values()}) == len(found)


@settings(max_examples=200, deadline=None)
@given(FOLDERS, st.sampled_from(["exchange", "slash", "dot"]))
def test_children_follow_their_parents_that_have_no_role(source: list[ListedFolder], kind: str) -> None:
    mappings = map_folders([without_role(item) for item in source], [], RULES[kind])
    found = {mapping.source.path: mapping.target for mapping in mappings}
    for path, target in found.items():
        if path[:-1] in found:
            assert target[:-1] == found[path[:-1]]


def without_role(item: ListedFolder) -> ListedFolder:
    """The folder below a parent that keeps its name from being taken for a role, which would lead it elsewhere."""
    return ListedFolder(item.name, ("·", *item.path), frozenset())

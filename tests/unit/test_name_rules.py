from __future__ import annotations

import unicodedata

import pytest

from mailferry.imap import names
from mailferry.transfer.folder_map import map_folders
from mailferry.transfer.name_rules import EXCHANGE, PLAIN, NameRules
from tests.support.folder_lists import (
    EXCHANGE_FOLDERS,
    folder,
    listed,
    mapped,
    why,
)


@pytest.mark.parametrize(
    ("part", "target", "because"),
    [
        ("a/b", "a_b", "separates"),
        ("a\tb", "a_b", "control"),
        ("a\ud800", "a_", "control"),
        (" a. .", "a", "space"),
        ("...", "_", "empty"),
        ("", "_", "empty"),
        ("x" * 300, "x" * 250, "at most 250"),
        ("😀" * 200, "😀" * 125, "at most 250"),
        ("Calendar", "Calendar_imported", "reserved"),
        ("Kalender ", "Kalender_imported", "reserved"),
        ("FILES", "FILES_imported", "reserved"),
    ],
)
def test_a_name_the_target_cannot_hold_is_changed_as_little_as_needed_and_explained(
    part: str, target: str, because: str
) -> None:
    (mapping,) = map_folders([folder((part,))], EXCHANGE_FOLDERS, EXCHANGE)
    assert mapping.target == (target,)
    assert because in mapping.why


def test_reserved_names_are_free_below_the_top_and_their_children_follow() -> None:
    source = listed("Projects/Calendar", "Notes", "Notes/Old")
    assert mapped(source) == {
        "Projects/Calendar": "Projects/Calendar",
        "Notes": "Notes_imported",
        "Notes/Old": "Notes_imported/Old",
    }
    assert "“Notes_imported”" in why(source, "Notes/Old")


def test_names_that_differ_by_case_stay_apart_with_their_own_children() -> None:
    assert mapped(listed("foo", "Foo", "foo/a", "Foo/a", "Foo/b")) == {
        "foo": "foo",
        "foo/a": "foo/a",
        "Foo": "Foo (2)",
        "Foo/a": "Foo (2)/a",
        "Foo/b": "Foo (2)/b",
    }
    assert "“foo” has that name already" in why(listed("foo", "Foo"), "Foo")


def test_names_that_differ_by_case_keep_their_names_where_case_counts() -> None:
    assert mapped(listed("foo", "Foo"), PLAIN("/")) == {"foo": "foo", "Foo": "Foo"}


def test_a_number_never_takes_the_name_of_another_folder() -> None:
    assert mapped(listed("foo", "Foo", "foo (2)")) == {"foo": "foo", "Foo": "Foo (3)", "foo (2)": "foo (2)"}


def test_a_changed_name_gives_way_to_a_folder_that_has_it_by_right() -> None:
    assert mapped([folder(("a/b",)), folder(("a_b",))], PLAIN("/")) == {"a/b": "a_b (2)", "a_b": "a_b"}


def test_two_names_that_differ_in_unicode_form_only_stay_apart() -> None:
    composed, decomposed = "Bücher", unicodedata.normalize("NFD", "Bücher")
    assert set(mapped(listed(composed, decomposed)).values()) == {"Bücher", "Bücher (2)"}


def test_long_names_that_begin_alike_stay_apart_and_short_enough() -> None:
    found = mapped([folder("x" * 300 + "a"), folder("x" * 300 + "b")])
    assert set(found.values()) == {"x" * 250, "x" * 246 + " (2)"}


def test_folders_deeper_than_the_target_allows_are_lifted() -> None:
    rules = NameRules("/", case_insensitive=True, max_depth=2)
    assert mapped(listed("a/b/c", "a/b/c/d"), rules) == {"a/b/c": "a/b_c", "a/b/c/d": "a/b_c_d"}


def test_a_server_without_hierarchy_gets_flat_names() -> None:
    assert mapped(listed("a/b", "c/b"), PLAIN("")) == {"a/b": "a_b", "c/b": "c_b"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("Ａｂｃ", "abc"),
        ("ﬁle", "file"),
        ("foo", "f\u200boo"),
        ("foo", "foo "),
        ("foo", "foo..\u00a0"),
        ("foo", " foo"),
        ("Izmir", "ızmir"),
        ("İzmir", "izmir"),
        ("ｶﾞ", "ガ"),
        ("めも", "メモ"),
    ],
)
def test_names_that_a_server_may_take_for_one_stay_apart(one: str, other: str) -> None:
    found = map_folders([folder((one,)), folder((other,))], [], EXCHANGE)
    assert len({mapping.target for mapping in found}) == 2
    assert any(mapping.target[0].endswith(" (2)") for mapping in found)


@pytest.mark.parametrize(
    "part", ["Ｃalendar", "calendar\u200b", " CALENDAR. ", "Outbox", "Sync Issues", "Conversation history"]
)
def test_no_spelling_of_a_reserved_name_gets_through(part: str) -> None:
    (mapping,) = map_folders([folder((part,))], [], EXCHANGE)
    assert mapping.target[0].endswith("_imported")


def test_a_name_of_invisible_characters_gets_a_visible_one() -> None:
    assert mapped([folder(("\u200b\u2060",))]) == {"\u200b\u2060": "_"}


def test_a_tree_of_three_hundred_levels_stays_and_a_deeper_one_is_lifted() -> None:
    deep = tuple(f"n{level}" for level in range(302))
    source = [folder(deep[:300]), folder(deep)]
    found = {mapping.source.name: mapping.target for mapping in map_folders(source, [], EXCHANGE)}
    assert found[source[0].name] == deep[:300]
    assert len(found[source[1].name]) == 300
    assert found[source[1].name][-1] == "n299_n300_n301"


def test_a_path_of_thousands_of_parts_is_one_more_folder_and_no_more_work() -> None:
    deep = tuple("d" * 5_000)
    (mapping,) = map_folders([folder(deep)], [], EXCHANGE)
    assert mapping.target == (*deep[:299], "_".join(deep)[:250])


def test_a_path_that_fits_no_command_line_is_lifted_too() -> None:
    deep = tuple(f"{'楽' * 100}{level}" for level in range(60))
    source = [folder(deep[:depth]) for depth in range(1, 61)]
    found = [mapping.target for mapping in map_folders(source, [], EXCHANGE)]
    assert len(set(found)) == 60
    assert all(len(names.encode("/".join(path))) <= 8_000 for path in found)
    assert "8,000 bytes" in why(source, "/".join(deep))

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.values import ListedFolder
from mailferry.transfer import folder_roles
from mailferry.transfer.folder_map import Mapping, map_folders
from mailferry.transfer.name_rules import EXCHANGE, PLAIN, NameRules

SOURCE_SEPARATOR = "\x1f"


def folder(path: str | tuple[str, ...], *attributes: str) -> ListedFolder:
    parts = path if isinstance(path, tuple) else tuple(path.split("/"))
    return ListedFolder(SOURCE_SEPARATOR.join(parts).encode("utf-8", "surrogatepass"), parts, frozenset(attributes))


def listed(*paths: str) -> list[ListedFolder]:
    return [folder(path) for path in paths]


EXCHANGE_FOLDERS = [
    *listed("Archive", "Calendar", "Contacts", "INBOX", "Outbox"),
    folder("Drafts", "\\drafts"),
    folder("Junk Email", "\\junk"),
    folder("Sent Items", "\\sent"),
    folder("Deleted Items", "\\trash"),
]


def targets(mappings: tuple[Mapping, ...]) -> dict[str, str]:
    return {"/".join(mapping.source.path): "/".join(mapping.target) for mapping in mappings}


def mapped(source: list[ListedFolder], rules: NameRules = EXCHANGE) -> dict[str, str]:
    return targets(map_folders(source, EXCHANGE_FOLDERS, rules))


def why(source: list[ListedFolder], path: str, rules: NameRules = EXCHANGE) -> str:
    mappings = map_folders(source, EXCHANGE_FOLDERS, rules)
    return next(mapping.why for mapping in mappings if "/".join(mapping.source.path) == path)


def test_inbox_goes_to_inbox_whatever_its_case() -> None:
    assert mapped(listed("Inbox", "Inbox/Work")) == {"Inbox": "INBOX", "Inbox/Work": "INBOX/Work"}


def test_a_dotless_i_makes_another_folder_than_inbox() -> None:
    assert mapped(listed("INBOX", "ınbox")) == {"INBOX": "INBOX", "ınbox": "ınbox"}


def test_a_stray_root_folder_called_inbox_in_the_target_is_not_taken_for_it() -> None:
    target = [folder("Inbox"), folder("INBOX")]
    assert map_folders(listed("INBOX"), target, EXCHANGE)[0].target == ("INBOX",)


def test_a_second_spelling_of_inbox_gets_a_folder_of_its_own() -> None:
    assert mapped(listed("inbox", "INBOX", "inbox/a", "INBOX/a")) == {
        "INBOX": "INBOX",
        "INBOX/a": "INBOX/a",
        "inbox": "inbox (2)",
        "inbox/a": "inbox (2)/a",
    }


def test_marked_folders_go_to_the_folders_the_target_marks() -> None:
    source = [
        folder("Kram", "\\sent"),
        folder("Müll", "\\trash"),
        folder("[Gmail]/Spam", "\\junk"),
        folder("E", "\\drafts"),
    ]
    assert mapped(source) == {
        "Kram": "Sent Items",
        "Müll": "Deleted Items",
        "[Gmail]/Spam": "Junk Email",
        "E": "Drafts",
    }


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Sent", "Sent Items"),
        ("Sent Messages", "Sent Items"),
        ("INBOX/Sent", "Sent Items"),
        ("Gesendete Elemente", "Sent Items"),
        ("GESENDET", "Sent Items"),
        ("Éléments envoyés", "Sent Items"),
        (unicodedata.normalize("NFD", "Éléments  envoyés"), "Sent Items"),
        ("Elküldött elemek", "Sent Items"),
        ("送信済みアイテム", "Sent Items"),
        ("已发送", "Sent Items"),
        ("보낸 편지함", "Sent Items"),
        ("Отправленные", "Sent Items"),
        ("Απεσταλμένα", "Sent Items"),
        ("Entwürfe", "Drafts"),
        ("Kladder", "Drafts"),
        ("Taslaklar", "Drafts"),
        ("Papierkorb", "Deleted Items"),
        ("Elementi eliminati", "Deleted Items"),
        ("Prullenbak", "Deleted Items"),
        ("Roskakori", "Deleted Items"),
        ("Кошик", "Deleted Items"),
        ("Spam", "Junk Email"),
        ("Wiadomości-śmieci", "Junk Email"),
        ("Skräppost", "Junk Email"),
        ("Archiv", "Archive"),
        ("Projects/Sent", "Projects/Sent"),
    ],
)
def test_well_known_names_find_their_role_at_the_top_and_below_inbox_only(name: str, target: str) -> None:
    assert mapped([folder(name)]) == {name: target}


def test_no_name_stands_for_two_roles() -> None:
    words = [word for table in folder_roles._ROLE_NAMES.values() for word in folder_roles._words(table)]
    assert len(words) == len(set(words))


def test_the_target_is_searched_by_name_when_it_marks_nothing() -> None:
    target = listed("INBOX", "Gesendete Elemente")
    assert targets(map_folders([folder("Sent", "\\sent")], target, EXCHANGE)) == {"Sent": "Gesendete Elemente"}


def test_a_role_the_target_has_no_folder_for_keeps_its_own_name() -> None:
    mappings = map_folders([folder("Gesendet", "\\sent")], listed("INBOX"), EXCHANGE)
    assert mappings[0].target == ("Gesendet",)


def test_only_one_folder_takes_a_role_and_a_mark_beats_a_name() -> None:
    assert mapped([folder("Sent"), folder("Out", "\\sent"), folder("Gesendet")]) == {
        "Out": "Sent Items",
        "Sent": "Sent",
        "Gesendet": "Gesendet",
    }


def test_of_two_names_of_a_role_the_one_the_target_uses_takes_it() -> None:
    assert mapped(listed("Sent", "Sent Items")) == {"Sent Items": "Sent Items", "Sent": "Sent"}


def test_a_marked_folder_does_not_push_an_equal_name_into_its_target() -> None:
    assert mapped([folder("Out", "\\sent"), folder("sent items")]) == {
        "Out": "Sent Items",
        "sent items": "sent items (2)",
    }


def test_children_of_a_role_follow_it() -> None:
    assert mapped(listed("Gesendet", "Gesendet/2019"))["Gesendet/2019"] == "Sent Items/2019"


def test_a_second_run_finds_what_the_first_created() -> None:
    source = listed("INBOX", "Sent", "Gesendet", "foo", "Foo", "a/b", "A/B", "Notes", "INBOX/Trash")
    for rules in (EXCHANGE, PLAIN("/")):
        first = map_folders(source, listed("INBOX"), rules)
        made = [folder(mapping.target) for mapping in first]
        assert targets(map_folders(source, [*listed("INBOX"), *made], rules)) == targets(first)


def test_the_target_of_an_earlier_pass_stays_when_a_new_folder_would_take_its_name() -> None:
    old, new = folder("foo"), folder("FOO")
    assert targets(map_folders([new], [], EXCHANGE)) == {"FOO": "FOO"}
    settled = map_folders([new, old], [], EXCHANGE, settled={new.name: ("FOO",)})
    assert targets(settled) == {"FOO": "FOO", "foo": "foo (2)"}


def test_a_folder_that_holds_only_others_is_excluded_but_its_children_are_not() -> None:
    mappings = map_folders([folder("A", "\\noselect"), folder("A/B")], [], EXCHANGE)
    assert [(mapping.target, mapping.excluded) for mapping in mappings] == [(("A",), True), (("A", "B"), False)]
    assert "no mail" in mappings[0].why


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


def test_mail_goes_into_an_existing_folder_in_its_spelling() -> None:
    target = listed("PROJECTS/Alpha")
    source = listed("Projects", "Projects/alpha")
    assert targets(map_folders(source, target, EXCHANGE)) == {
        "Projects": "PROJECTS",
        "Projects/alpha": "PROJECTS/Alpha",
    }


def test_folders_deeper_than_the_target_allows_are_lifted() -> None:
    rules = NameRules("/", case_insensitive=True, max_depth=2)
    assert mapped(listed("a/b/c", "a/b/c/d"), rules) == {"a/b/c": "a/b_c", "a/b/c/d": "a/b_c_d"}


def test_a_server_without_hierarchy_gets_flat_names() -> None:
    assert mapped(listed("a/b", "c/b"), PLAIN("")) == {"a/b": "a_b", "c/b": "c_b"}


def test_a_folder_listed_twice_is_mapped_once() -> None:
    assert len(map_folders([folder("a"), folder("a", "\\haschildren")], [], EXCHANGE)) == 1


def test_two_folders_of_one_path_get_two_targets() -> None:
    source = [ListedFolder(b"one", ("a",)), ListedFolder(b"two", ("a",))]
    assert [mapping.target for mapping in map_folders(source, [], EXCHANGE)] == [("a",), ("a (2)",)]


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        ((), (), ["INBOX", "[Gmail]/All", "Projects", "Projects/A", "Projects/A/x", "Projektil"]),
        (("projects",), (), ["Projects", "Projects/A", "Projects/A/x"]),
        (("Projects/",), (), ["Projects", "Projects/A", "Projects/A/x"]),
        (("Projects/*",), (), ["Projects/A", "Projects/A/x"]),
        (("Pro*",), ("Projects/A",), ["Projects", "Projektil"]),
        (("inbox",), (), ["INBOX"]),
        ((), ("[Gmail]",), ["INBOX", "Projects", "Projects/A", "Projects/A/x", "Projektil"]),
        (("[Gmail]/*",), (), ["[Gmail]/All"]),
        (("Projects",), ("*",), []),
    ],
)
def test_folders_are_taken_or_left_by_pattern(include: list[str], exclude: list[str], kept: list[str]) -> None:
    source = listed("INBOX", "Projects", "Projects/A", "Projects/A/x", "Projektil", "[Gmail]/All")
    mappings = map_folders(source, [], EXCHANGE, include, exclude)
    assert ["/".join(mapping.source.path) for mapping in mappings if not mapping.excluded] == kept
    assert all(mapping.why for mapping in mappings)


def test_a_filter_never_moves_a_folder_elsewhere() -> None:
    source = listed("foo", "Foo", "Sent", "Gesendet")
    assert targets(map_folders(source, [], EXCHANGE, exclude=["Sent"])) == targets(map_folders(source, [], EXCHANGE))


def shared(path: str, *attributes: str) -> ListedFolder:
    return folder(path, NOT_PERSONAL, *attributes)


def test_folders_of_others_are_left_out_and_it_is_said_why() -> None:
    mappings = map_folders([folder("INBOX"), shared("user/bob"), shared("user/bob/Sent")], EXCHANGE_FOLDERS, EXCHANGE)
    assert [mapping.excluded for mapping in mappings] == [False, True, True]
    assert {mapping.why for mapping in mappings if mapping.excluded} == {
        "It belongs to another user or is shared; migrate it with its owner's mailbox, or name it in include_folders."
    }


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        (["user/bob"], [], ["user/bob", "user/bob/Work"]),
        (["USER/bob/*"], [], ["user/bob/Work"]),
        (["user"], ["user/bob/Work"], ["user/bob", "user/eve"]),
        (["user"], ["user"], []),
        (["INBOX"], [], ["INBOX"]),
        (["*"], [], ["INBOX", "Work"]),
        (["*/Work", "/*", "?*"], [], ["INBOX", "Work"]),
        (["*", "user/eve"], [], ["INBOX", "user/eve", "Work"]),
    ],
)
def test_folders_of_others_are_taken_when_a_pattern_names_them(
    include: list[str], exclude: list[str], kept: list[str]
) -> None:
    source = [*listed("INBOX", "Work"), shared("user/bob"), shared("user/bob/Work"), shared("user/eve")]
    mappings = map_folders(source, EXCHANGE_FOLDERS, EXCHANGE, include, exclude)
    assert ["/".join(mapping.source.path) for mapping in mappings if not mapping.excluded] == kept


def test_a_folder_of_others_takes_no_role_by_mark_or_name() -> None:
    assert mapped([shared("bob", "\\sent"), shared("Gesendet"), folder("Sent"), shared("Papierkorb")]) == {
        "Sent": "Sent Items",
        "Gesendet": "Gesendet",
        "Papierkorb": "Papierkorb",
        "bob": "bob",
    }


def test_a_folder_of_others_in_the_target_is_no_place_for_a_role_or_a_folder_of_that_name() -> None:
    target = [folder("INBOX"), shared("bob", "\\sent"), shared("Trash"), shared("user/bob")]
    mappings = map_folders(listed("Sent", "Papierkorb", "user/bob"), target, PLAIN("/"))
    assert targets(mappings) == {"Sent": "Sent", "Papierkorb": "Papierkorb", "user/bob": "user/bob (2)"}
    assert "because another user's folder or a shared one has that name already" in mappings[-2].why


def test_a_folder_of_others_pushes_no_folder_of_the_mailbox_to_another_name() -> None:
    source = [shared("foo"), shared("foo (2)"), shared("foo (2)/x"), folder("Foo"), folder("fOO")]
    found = mapped(source)
    assert found["fOO"] == "fOO"
    assert found["Foo"] == "Foo (2)"
    assert found["foo"] == "foo (3)"
    assert found["foo (2)/x"] == "foo (2) (2)/x"


def test_the_root_of_the_folders_of_others_pushes_none_either() -> None:
    source = [folder("USERS", "\\noselect"), shared("USERS/bob"), shared("SHARED/x"), *listed("Users", "Shared")]
    assert mapped(source) == {
        "Shared": "Shared",
        "SHARED/x": "SHARED (2)/x",
        "Users": "Users",
        "USERS": "USERS (2)",
        "USERS/bob": "USERS (2)/bob",
    }


def test_an_inbox_without_mail_stays_the_inbox_though_only_folders_of_others_lie_below_it() -> None:
    source = [folder("INBOX", "\\noselect"), shared("INBOX/shared/x")]
    assert mapped(source) == {"INBOX": "INBOX", "INBOX/shared/x": "INBOX/shared/x"}


def test_what_people_look_at_first_is_copied_first() -> None:
    source = [
        folder("Trash"),
        folder("Spam"),
        folder("Archive"),
        folder("Alpha"),
        folder("Zeta"),
        folder("Entwürfe"),
        folder("Sent"),
        folder("INBOX"),
        folder("Beta"),
    ]
    order = [mapping.source.path[0] for mapping in map_folders(source, EXCHANGE_FOLDERS, EXCHANGE)]
    assert order == ["INBOX", "Sent", "Entwürfe", "Alpha", "Beta", "Zeta", "Archive", "Spam", "Trash"]


def test_a_view_of_other_folders_is_copied_but_said_to_be_one() -> None:
    (mapping,) = map_folders([folder("[Gmail]/All Mail", "\\all")], [], EXCHANGE)
    assert not mapping.excluded
    assert "view of mail" in mapping.why


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

from __future__ import annotations

import pytest

from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_map import Wishes, map_folders
from mailferry.transfer.name_rules import EXCHANGE, PLAIN
from tests.support.folder_lists import (
    EXCHANGE_FOLDERS,
    folder,
    listed,
    mapped,
    shared,
    targets,
)


def test_a_folder_that_holds_only_others_is_excluded_but_its_children_are_not() -> None:
    mappings = map_folders([folder("A", "\\noselect"), folder("A/B")], [], EXCHANGE)
    assert [(mapping.target, mapping.excluded) for mapping in mappings] == [(("A",), True), (("A", "B"), False)]
    assert "no mail" in mappings[0].why


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
    mappings = map_folders(source, [], EXCHANGE, Wishes(include, exclude))
    assert ["/".join(mapping.source.path) for mapping in mappings if not mapping.excluded] == kept
    assert all(mapping.why for mapping in mappings)


GMAIL = [
    folder("INBOX"),
    folder("[Google Mail]/Papierkorb", "\\trash"),
    folder("[Google Mail]/Spam", "\\junk"),
    folder("Trash talk"),
]


@pytest.mark.parametrize(
    ("source", "pattern", "left_out"),
    [
        (listed("Trash", "Trash/2019", "Spam"), "Deleted Items", ["Trash", "Trash/2019"]),
        (listed("Gelöschte Objekte", "Spam"), "deleted  items", ["Gelöschte Objekte"]),
        (listed("Deleted Items", "Trash"), "Papierkorb", ["Deleted Items"]),
        (listed("Junk-E-Mail", "Trash"), "Junk Email", ["Junk-E-Mail"]),
        (listed("Junk", "Spam"), "Spam", ["Spam"]),
        (listed("Sent", "Gesendet/2019"), "Gesendet", ["Gesendet/2019"]),
        (listed("INBOX/Trash", "Work/Trash"), "Corbeille", ["INBOX/Trash"]),
        (listed("Trash", "Work"), "Work/Deleted Items", []),
        (listed("Trash"), "INBOX/Papierkorb", ["Trash"]),
        (listed("Trash"), "Deleted*", []),
        (listed("Work"), "Deleted Items", []),
        (listed("INBOX", "Work"), "Posteingang", ["INBOX"]),
        (listed("INBOX", "Posteingang"), "Posteingang", ["Posteingang"]),
        (GMAIL, "[Gmail]/Trash", ["[Google Mail]/Papierkorb"]),
        (GMAIL, "[Gmail]/Bin", ["[Google Mail]/Papierkorb"]),
        (GMAIL, "Junk Email", ["[Google Mail]/Spam"]),
    ],
)
def test_a_usual_name_means_the_folder_of_its_role_unless_a_folder_is_called_so(
    source: list[ListedFolder], pattern: str, left_out: list[str]
) -> None:
    excluding = map_folders(source, EXCHANGE_FOLDERS, EXCHANGE, Wishes(exclude=[pattern]))
    assert sorted("/".join(mapping.source.path) for mapping in excluding if mapping.excluded) == left_out
    assert {mapping.why for mapping in excluding if mapping.excluded} <= {f"It is excluded by “{pattern}”."}
    including = map_folders(source, EXCHANGE_FOLDERS, EXCHANGE, Wishes(include=[pattern]))
    assert sorted("/".join(mapping.source.path) for mapping in including if not mapping.excluded) == left_out


def test_a_filter_never_moves_a_folder_elsewhere() -> None:
    source = listed("foo", "Foo", "Sent", "Gesendet")
    without = map_folders(source, [], EXCHANGE, Wishes(exclude=["Sent"]))
    assert targets(without) == targets(map_folders(source, [], EXCHANGE))


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
    mappings = map_folders(source, EXCHANGE_FOLDERS, EXCHANGE, Wishes(include, exclude))
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


def test_a_name_that_no_server_and_no_table_takes_is_left_out_and_said_so() -> None:
    long, twin = folder("x" * 40_000), folder("X" * 40_000)
    mappings = map_folders([long, twin, folder("INBOX")], [], EXCHANGE)
    assert [mapping.excluded for mapping in mappings] == [False, True, True]
    assert "more than 20,000 bytes" in mappings[1].why
    assert all(len(mapping.why) < 1_000 for mapping in mappings)

from __future__ import annotations

import pytest

from mailferry.transfer.folder_map import Wishes, map_folders
from mailferry.transfer.folder_rules import FolderRule, from_text, to_text
from mailferry.transfer.name_rules import EXCHANGE
from tests.support.folder_lists import (
    EXCHANGE_FOLDERS,
    exchange_folders,
    folder,
    listed,
    mapped_by,
    shared,
    targets,
    why,
)


@pytest.mark.parametrize(
    ("rule", "path", "target"),
    [
        (FolderRule("Projects/Old", "Attic/Old"), "projects/OLD", "Attic/Old"),
        (FolderRule("Projects/Old/", "/Attic/"), "Projects/Old", "Attic"),
        (FolderRule("Projects", "Attic"), "Projects/Old", "Attic/Old"),
        (FolderRule("Projects", "Attic"), "Projects2", "Projects2"),
        (FolderRule("[Gmail]/All Mail", "\\Archive"), "[Gmail]/All Mail", "Archive"),
        (FolderRule("Lists/*", "Mailing lists/*"), "Lists/Python/Dev", "Mailing lists/Python/Dev"),
        (FolderRule("Lists.*", "Lists/*"), "lists.Ünï", "Lists/Ünï"),
        (FolderRule("*-*", "*/*"), "a-b-c", "a/b-c"),
        (FolderRule("**", "Old/*"), "a/b", "Old/a/b"),
        (FolderRule("20??", "Years"), "2019", "Years"),
        (FolderRule("20??", "Years"), "20190", "20190"),
        (FolderRule(r"(\d{4})/(.+)", r"\2/\1", regex=True), "2019/Bills", "Bills/2019"),
        (FolderRule("lists/(.*)", r"L/\1", regex=True), "LISTS/x", "L/x"),
        (FolderRule("lists", "L", regex=True), "lists2", "lists2"),
        (FolderRule("(x)?lists", r"\1", regex=True), "lists", "lists"),
        (FolderRule("Work", "Calendar/Work"), "Work", "Calendar_imported/Work"),
        (FolderRule("Work", "a\tb/ c. "), "Work", "a_b/c"),
        (FolderRule("Work", "inbox/Work"), "Work", "INBOX/Work"),
        (FolderRule("Work", "\\sent/Work"), "Work", "Sent Items/Work"),
        (FolderRule("\\Sent", "Sent before 2026"), "Gesendet", "Sent before 2026"),
        (FolderRule("INBOX", "Old mail"), "INBOX", "Old mail"),
    ],
)
def test_a_rule_sends_a_folder_to_its_target(rule: FolderRule, path: str, target: str) -> None:
    assert not rule.source_problem()
    assert not rule.target_problem()
    assert mapped_by([folder(path)], rule) == {path: target}


def test_the_first_rule_that_fits_decides_and_is_named() -> None:
    wishes = Wishes(rules=[FolderRule("x", "y"), FolderRule("a*", "A/*"), FolderRule("ab", "B")])
    assert why(listed("ab"), "ab", wishes=wishes) == "The rule folders[1] sends it to “A/b”."


def test_a_role_in_a_target_is_the_folder_of_the_mailbox_whatever_its_language() -> None:
    wishes = Wishes(rules=[FolderRule("Old sent", "\\Sent/Old"), FolderRule("Trash", "\\Archive/Trash")])
    found = targets(map_folders(listed("Old sent", "Trash"), exchange_folders("hu"), EXCHANGE, wishes))
    assert found == {"Old sent": "Elküldött elemek/Old", "Trash": "Archívum/Trash"}


def test_null_leaves_a_folder_out_with_what_is_below_it() -> None:
    source = listed("Lists", "Lists/a", "Lists/a/b", "Listserv", "Spam", "Spam/x")
    rules = FolderRule("Lists/a/b", "Kept"), FolderRule("Lists", None), FolderRule("\\Junk", None)
    assert mapped_by(source, *rules) == {"Listserv": "Listserv", "Lists/a/b": "Kept"}
    assert why(source, "Lists/a", wishes=Wishes(rules=rules)) == "The rule folders[1] leaves it out."


def test_what_is_left_out_changes_nothing_for_the_others() -> None:
    source = listed("foo", "Foo", "Sent", "Gesendet")
    assert mapped_by(source, FolderRule("foo", None)).items() <= mapped_by(source).items()


def test_two_folders_with_one_target_stay_apart_and_it_is_said_how_to_merge_them() -> None:
    source, rules = listed("a", "b", "X"), [FolderRule("a", "X"), FolderRule("b", "X")]
    assert mapped_by(source, *rules) == {"a": "X", "b": "X (2)", "X": "X (3)"}
    assert "“a” has that name already" in why(source, "b", wishes=Wishes(rules=rules))
    assert "“merge”: true" in why(source, "b", wishes=Wishes(rules=rules))


def test_a_rule_that_says_so_merges_folders_and_everyone_is_told() -> None:
    source = listed("a", "b", "b/c", "X", "X/c")
    rules = [FolderRule("a", "x", merge=True), FolderRule("b", "X", merge=True)]
    assert mapped_by(source, *rules) == {"a": "x", "b": "X", "b/c": "X/c", "X": "X", "X/c": "X/c (2)"}
    assert "It shares that folder with “b”, “X”." in why(source, "a", wishes=Wishes(rules=rules))
    assert "It shares that folder with “a”, “b”." in why(source, "X", wishes=Wishes(rules=rules))


def test_many_merged_folders_are_not_all_listed() -> None:
    source = [folder(f"Lists/{number:03d}") for number in range(100)]
    wishes = Wishes(rules=[FolderRule("Lists/*", "Lists", merge=True)])
    assert why(source, "Lists/050", wishes=wishes).endswith("“Lists/000”, “Lists/001”, “Lists/002” and 96 more.")


def test_a_folder_can_be_merged_into_a_special_one() -> None:
    source = [folder("Sent", "\\sent"), folder("Sent 2019"), folder("INBOX"), folder("Posteingang")]
    rules = [FolderRule("Sent *", "\\Sent", merge=True), FolderRule("Posteingang", "INBOX", merge=True)]
    assert mapped_by(source, *rules) == {
        "INBOX": "INBOX",
        "Posteingang": "INBOX",
        "Sent": "Sent Items",
        "Sent 2019": "Sent Items",
    }


def test_no_rule_merges_into_a_folder_of_others_or_one_that_is_not_for_mail() -> None:
    target = [*listed("Stuff", "Stuff/Chats"), shared("bob")]
    wishes = Wishes(rules=[FolderRule("a", "stuff/chats", merge=True), FolderRule("b", "bob", merge=True)])
    found = map_folders(listed("a", "b"), target, EXCHANGE, wishes, {"conversationhistory": ("Stuff", "Chats")})
    assert targets(found) == {"a": "Stuff/Chats (2)", "b": "bob (2)"}
    assert found[0].why == (
        "The rule folders[0] sends it to “Stuff/Chats (2)”: a folder that is not for mail has that name already."
    )


def test_inbox_gives_way_only_to_a_rule_about_itself() -> None:
    source = listed("INBOX", "Posteingang")
    assert mapped_by(source, FolderRule("Posteingang", "INBOX")) == {"INBOX": "INBOX", "Posteingang": "INBOX (2)"}
    rules = FolderRule("Posteingang", "INBOX"), FolderRule("INBOX", "Old")
    assert mapped_by(source, *rules) == {"INBOX": "Old", "Posteingang": "INBOX"}


def test_a_root_holds_everything_that_no_rule_sends_elsewhere() -> None:
    source = [*listed("INBOX", "INBOX/a", "Calendar", "x"), folder("Sent", "\\sent")]
    assert mapped_by(source, FolderRule("x", "y"), root="Old mailbox") == {
        "INBOX": "Old mailbox/INBOX",
        "INBOX/a": "Old mailbox/INBOX/a",
        "Calendar": "Old mailbox/Calendar",
        "Sent": "Old mailbox/Sent",
        "x": "y",
    }
    told = why(source, "Sent", wishes=Wishes(root="Old mailbox"))
    assert told == "It keeps its name. Everything goes below “Old mailbox” (root_folder)."
    assert why(source, "INBOX/a", wishes=Wishes(root="Old mailbox")) == "It keeps its name."


def test_a_root_can_be_the_archive_of_every_mailbox() -> None:
    found = map_folders(listed("INBOX"), exchange_folders("ja"), EXCHANGE, Wishes(root="\\Archive/Old"))
    assert targets(found) == {"INBOX": "アーカイブ/Old/INBOX"}


def test_a_rule_that_comes_after_the_first_pass_moves_nothing_and_says_so() -> None:
    settled = {folder("a").name: ("a",)}
    assert mapped_by(listed("a"), FolderRule("a", "A new place"), settled=settled) == {"a": "a"}
    found = map_folders(listed("a"), [], EXCHANGE, Wishes(rules=[FolderRule("a", "b")]), settled=settled)
    assert found[0].why == "It keeps the target of the earlier passes; the rule folders[0] came after them."


def test_rules_say_where_but_not_whether() -> None:
    source = [folder("a"), folder("b"), shared("bob")]
    wishes = Wishes(include=["b"], rules=[FolderRule("a", "A"), FolderRule("bob", "Bob")])
    found = map_folders(source, EXCHANGE_FOLDERS, EXCHANGE, wishes)
    assert {mapping.source.path[0]: mapping.excluded for mapping in found} == {"a": True, "b": False, "bob": True}


def test_a_rule_for_a_folder_of_others_takes_nothing_from_the_mailbox() -> None:
    assert mapped_by([folder("X"), shared("bob")], FolderRule("bob", "X")) == {"X": "X"}


def test_rules_survive_a_column_of_a_table() -> None:
    rules = (FolderRule("a", None), FolderRule("(ä)", r"\1", True, True))
    assert from_text(to_text(rules)) == rules
    assert from_text("") == ()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (FolderRule("a", "b/*"), "wants 1 of *, but from has 0"),
        (FolderRule("*", "*/*"), "wants 2 of *, but from has 1"),
        (FolderRule("(a)", r"\2", regex=True), "wants 2 groups (…) in brackets, but from has 1"),
        (FolderRule("a", "/ /"), "is empty"),
        (FolderRule("a", "\\Snt"), "the roles are \\Sent, \\Drafts"),
    ],
)
def test_a_target_that_can_not_be_filled_is_explained(rule: FolderRule, words: str) -> None:
    assert words in rule.target_problem()


def test_a_role_nobody_knows_is_explained() -> None:
    assert "the roles are \\Sent" in FolderRule("\\Sent/x", None).source_problem()

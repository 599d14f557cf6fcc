from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_map import Wishes, map_folders
from mailferry.transfer.name_rules import EXCHANGE, PLAIN
from tests.support.folder_lists import (
    EXCHANGE_FOLDERS,
    folder,
    listed,
    mapped,
    targets,
)


def test_inbox_goes_to_inbox_whatever_its_case() -> None:
    assert mapped(listed("Inbox", "Inbox/Work")) == {"Inbox": "INBOX", "Inbox/Work": "INBOX/Work"}


def test_a_dotless_i_makes_another_folder_than_inbox() -> None:
    assert mapped(listed("INBOX", "ınbox"), PLAIN("/")) == {"INBOX": "INBOX", "ınbox": "ınbox"}
    assert mapped(listed("INBOX", "ınbox")) == {"INBOX": "INBOX", "ınbox": "ınbox (2)"}  # Turkish ignores the dot


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


def test_mail_goes_into_an_existing_folder_in_its_spelling() -> None:
    target = listed("PROJECTS/Alpha")
    source = listed("Projects", "Projects/alpha")
    assert targets(map_folders(source, target, EXCHANGE)) == {
        "Projects": "PROJECTS",
        "Projects/alpha": "PROJECTS/Alpha",
    }


def test_a_folder_listed_twice_is_mapped_once() -> None:
    assert len(map_folders([folder("a"), folder("a", "\\haschildren")], [], EXCHANGE)) == 1


def test_two_folders_of_one_path_get_two_targets() -> None:
    source = [ListedFolder(b"one", ("a",)), ListedFolder(b"two", ("a",))]
    assert [mapping.target for mapping in map_folders(source, [], EXCHANGE)] == [("a",), ("a (2)",)]


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


def test_folders_that_come_later_find_the_others_where_they_were() -> None:
    first = map_folders(listed("b", "B", "b/x", "Sent"), EXCHANGE_FOLDERS, EXCHANGE)
    settled = {mapping.source.name: mapping.target for mapping in first}
    later = [*listed("b", "B", "b/x", "Sent", "b (2)", "b/X"), folder("Post", "\\sent")]
    found = targets(map_folders(later, EXCHANGE_FOLDERS, EXCHANGE, settled=settled))
    assert found.items() >= targets(first).items()
    assert len(set(found.values())) == len(found)


def test_a_full_folder_gets_one_more_for_what_it_can_not_hold() -> None:
    rules = replace(EXCHANGE, max_children=4)
    source = [folder("p"), *(folder(f"p/{name}") for name in "abcdefgh"), folder("p/a/x")]
    mappings = map_folders(source, [], rules)
    found = targets(mappings)
    assert found["p/c"] == "p/c"
    assert found["p/d"] == "p/More folders/d"
    assert found["p/h"] == "p/More folders/More folders/h"
    assert found["p/a/x"] == "p/a/x"
    told = next(mapping.why for mapping in mappings if mapping.source.path == ("p", "d"))
    assert told == "It goes to “p/More folders/d”, because a folder holds at most 4 others there."


def test_what_is_in_a_full_folder_already_stays_there() -> None:
    rules = replace(EXCHANGE, max_children=3)
    source = listed("p/a", "p/b", "p/c", "p/d")
    first = map_folders(source, [], rules)
    made = [folder(mapping.target) for mapping in first]
    assert targets(map_folders(source, made, rules)) == targets(first)


def test_a_mailbox_of_ten_thousand_folders_fits_into_exchange() -> None:
    source = [folder(("p", f"{number:05d}")) for number in range(10_500)]
    found = map_folders(source, [], EXCHANGE)
    children = Counter(path[:-1] for path in {mapping.target for mapping in found} | {("p", "More folders")})
    assert children == {("p",): 10_000, ("p", "More folders"): 501}


def test_thousands_of_names_that_differ_at_the_end_only_stay_apart() -> None:
    found = map_folders([folder(("x" + " " * number,)) for number in range(3_000)], [], EXCHANGE)
    assert len({mapping.target for mapping in found}) == 3_000


def test_no_folder_gets_more_children_than_it_holds_by_numbering_them() -> None:
    rules = replace(EXCHANGE, max_children=4)
    found = map_folders([folder(("p", "x" + " " * number)) for number in range(9)], [], rules)
    paths = {mapping.target for mapping in found}
    assert len(paths) == 9
    parents = {path[:depth] for path in paths for depth in range(1, len(path))}
    assert max(Counter(path[:-1] for path in paths | parents).values()) == 4


def test_a_role_names_a_folder_to_leave_out_or_to_take_in_any_language() -> None:
    folders = (
        ListedFolder(b"INBOX", ("INBOX",), frozenset()),
        ListedFolder(b"Papierkorb", ("Papierkorb",), frozenset()),
        ListedFolder(b"Papierkorb/2019", ("Papierkorb", "2019"), frozenset()),
        ListedFolder(b"X", ("X",), frozenset({"\\sent"})),
    )

    def left_out(wishes: Wishes) -> list[bytes]:
        return [found.source.name for found in map_folders(folders, (), EXCHANGE, wishes) if found.excluded]

    assert sorted(left_out(Wishes(exclude=("\\Trash",)))) == [b"Papierkorb", b"Papierkorb/2019"]
    assert sorted(left_out(Wishes(include=("inbox", "\\SENT")))) == [b"Papierkorb", b"Papierkorb/2019"]
    assert len(left_out(Wishes(include=("\\Archive",)))) == len(folders)

from __future__ import annotations

import unicodedata

import pytest

from mailferry.transfer import folder_names
from mailferry.transfer.folder_map import Wishes, map_folders
from mailferry.transfer.folder_rules import FolderRule
from mailferry.transfer.name_rules import EXCHANGE
from tests.support.folder_lists import (
    exchange_folders,
    folder,
    graph_folders,
    listed,
    local_name,
    mapped,
    targets,
)


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
    words = [word for table in folder_names._ROLE_NAMES.values() for word in folder_names._words(table)]
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


LANGUAGES = ["de", "hu", "ja", "sw"]
IN_TABLES = ["de", "hu", "ja"]
NOT_FOR_MAIL = ["outbox", "calendar", "contacts", "tasks", "notes", "journal", "conversationhistory", "syncissues"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_special_folders_are_found_in_a_mailbox_of_any_language(language: str) -> None:
    source = [folder("Sent", "\\sent"), folder("Entwürfe"), folder("Spam"), folder("INBOX/Trash", "\\trash")]
    assert targets(map_folders(source, exchange_folders(language), EXCHANGE)) == {
        "Sent": local_name(language, "\\sent"),
        "Entwürfe": local_name(language, "\\drafts"),
        "Spam": local_name(language, "\\junk"),
        "INBOX/Trash": local_name(language, "\\trash"),
    }


def test_names_come_decoded_from_a_hungarian_mailbox() -> None:
    sent = next(item for item in exchange_folders("hu") if "\\sent" in item.attributes)
    assert (sent.name, sent.path) == (b"Elk&APw-ld&APY-tt elemek", ("Elküldött elemek",))


@pytest.mark.parametrize("language", LANGUAGES)
def test_graph_knows_the_archive_that_exchange_does_not_mark(language: str) -> None:
    mappings = map_folders(
        listed("Archives/2019", "Archives"), exchange_folders(language), EXCHANGE, well_known=graph_folders(language)
    )
    archive = local_name(language, "archive")
    assert targets(mappings) == {"Archives": archive, "Archives/2019": f"{archive}/2019"}


@pytest.mark.parametrize("language", IN_TABLES)
def test_without_graph_the_archive_is_known_by_its_name(language: str) -> None:
    source = [folder("Old", "\\archive")]
    found = map_folders(source, exchange_folders(language), EXCHANGE)
    assert targets(found) == {"Old": local_name(language, "archive")}


def test_with_graph_no_folder_is_taken_for_the_archive_by_its_name() -> None:
    source = [folder("Old", "\\archive")]
    target = [*exchange_folders("sw"), folder("Archive")]
    assert targets(map_folders(source, target, EXCHANGE, well_known=graph_folders("sw"))) == {"Old": "Kumbukumbu"}
    without = {name: path for name, path in graph_folders("sw").items() if name != "archive"}
    assert targets(map_folders(source, target, EXCHANGE, well_known=without)) == {"Old": "Old"}


@pytest.mark.parametrize("use", [*NOT_FOR_MAIL, "rss", "conflicts"])
@pytest.mark.parametrize("language", IN_TABLES)
def test_mail_never_goes_into_a_folder_that_is_not_for_mail(language: str, use: str) -> None:
    name = local_name(language, use)
    for spelling in (name, name.upper(), f"{name}/x/y"):
        (mapping,) = map_folders([folder(spelling)], exchange_folders(language), EXCHANGE)
        assert mapping.target[0].endswith("_imported")
        assert mapping.why


@pytest.mark.parametrize("use", [*NOT_FOR_MAIL, "conflicts"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_with_graph_not_in_a_language_without_a_table_either(language: str, use: str) -> None:
    source = [folder(local_name(language, use)), folder(f"{local_name(language, use)}/x")]
    for mapping in map_folders(source, exchange_folders(language), EXCHANGE, well_known=graph_folders(language)):
        assert mapping.target[0].endswith("_imported")


def test_a_rule_does_not_lead_into_them_either() -> None:
    wishes = Wishes(rules=[FolderRule("a", "Kalenda/x")], root="Kazi")
    found = map_folders(listed("a", "b"), exchange_folders("sw"), EXCHANGE, wishes, graph_folders("sw"))
    assert targets(found) == {"a": "Kalenda_imported/x", "b": "Kazi_imported/b"}


def test_a_folder_that_is_not_for_mail_keeps_mail_out_wherever_it_was_moved_to() -> None:
    known = {"conversationhistory": ("Stuff", "Chats")}
    found = map_folders(listed("Stuff/chats"), listed("Stuff/Chats"), EXCHANGE, well_known=known)
    assert targets(found) == {"Stuff/chats": "Stuff/chats (2)"}
    assert "not for mail" in found[0].why


def test_no_name_stands_for_a_role_and_for_something_else() -> None:
    assert not folder_names.NOT_FOR_MAIL & folder_names.ROLE_OF_NAME.keys()

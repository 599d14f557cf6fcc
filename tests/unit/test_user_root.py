from __future__ import annotations

import pytest

from mailferry.errors import FolderGone
from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_map import map_folders
from mailferry.transfer.name_rules import EXCHANGE
from mailferry.transfer.user_root import below


def folder(name: str, *attributes: str, separator: str = "/", prefix: str = "") -> ListedFolder:
    path = tuple(name.removeprefix(prefix).split(separator))
    return ListedFolder(name.encode(), path, frozenset(attributes))


def paths(folders: list[ListedFolder], root: str, separator: str = "/") -> list[str]:
    return ["/".join(found.path) for found in below(folders, root, separator)]


USERS = [
    folder("INBOX"),
    *(folder(f"users/{name}", NOT_PERSONAL) for name in ("anna", "anna/Sent", "anna/Old/2009", "annabel", "Anna")),
    folder("Sent"),
]


@pytest.mark.parametrize("root", ["/users/anna", "users/anna", "users/anna/"])
def test_only_the_folders_below_the_root_are_the_mailbox_and_its_own_mail_is_the_inbox(root: str) -> None:
    assert paths(USERS, root) == ["INBOX", "Sent", "Old/2009"]


def test_they_are_the_mailboxs_own_now_and_go_to_their_roles() -> None:
    target = [folder("INBOX"), folder("Sent Items", "\\sent")]
    mappings = map_folders(below(USERS, "users/anna", "/"), target, EXCHANGE)
    assert {mapping.source.name: (mapping.target, mapping.excluded) for mapping in mappings} == {
        b"users/anna": (("INBOX",), False),
        b"users/anna/Sent": (("Sent Items",), False),
        b"users/anna/Old/2009": (("Old", "2009"), False),
    }


@pytest.mark.parametrize("root", ["", "/", "//"])
def test_a_root_that_names_nothing_is_the_whole_mailbox(root: str) -> None:
    assert below(USERS, root, "/") == USERS


def test_a_root_that_holds_only_folders_is_none_itself() -> None:
    folders = [folder("users/anna", "\\noselect"), folder("users/anna/INBOX"), folder("users/anna/x")]
    assert paths(folders, "users/anna") == ["INBOX", "x"]


def test_a_root_with_mail_and_an_inbox_below_it_keeps_its_name() -> None:
    assert paths([folder("mail/anna"), folder("mail/anna/Inbox")], "mail/anna") == ["anna", "Inbox"]


@pytest.mark.parametrize("root", ["shared.anna", "/shared/anna", "INBOX.shared.anna", "inbox/shared/anna"])
def test_the_servers_own_spelling_and_the_plans_are_both_taken(root: str) -> None:
    names = ("INBOX", "INBOX.shared.anna", "INBOX.shared.anna.x/y", "INBOX.Sent")
    folders = [folder(name, separator=".", prefix="INBOX.") for name in names]
    assert [found.path for found in below(folders, root, ".")] == [("INBOX",), ("x/y",)]


def test_the_prefix_of_the_namespace_is_the_whole_of_it() -> None:
    folders = [folder(name, separator=".", prefix="INBOX.") for name in ("INBOX", "INBOX.Sent", "INBOX.a.b")]
    assert paths(folders, "INBOX", ".") == ["INBOX", "Sent", "a/b"]


def test_a_server_without_a_hierarchy_has_roots_of_one_name() -> None:
    assert paths([folder("INBOX"), folder("anna")], "anna", "") == ["INBOX"]


@pytest.mark.parametrize("root", ["users/ANNA", "users/ann", "nobody"])
def test_a_root_that_is_not_there_is_an_error_and_no_empty_mailbox(root: str) -> None:
    with pytest.raises(FolderGone, match="UserRoot") as caught:
        below(USERS, root, "/")
    assert "server's own case" in caught.value.remedy

"""Made-up mail reaches real servers exactly, so a later comparison of two accounts means something."""

from __future__ import annotations

from collections import Counter

import pytest

from demo.compare import count_of
from tests.support.compare import assert_same_mail
from tests.support.dovecot import Dovecot
from tests.support.mail import FOLDERS, fill_user, mail_of, messages, odd_messages, oversize


def test_the_same_seed_makes_the_same_mail_and_another_seed_other_mail() -> None:
    assert list(messages(1, 200)) == list(messages(1, 200))
    assert not set(messages(1, 200)) & set(messages(2, 200))


def test_generated_mail_holds_what_real_mailboxes_hold() -> None:
    mail = list(messages(1, 2_000))
    bodies = [message.body for message in mail]
    assert {message.folder for message in mail} == set(FOLDERS)
    assert {message.internaldate.year for message in mail} == set(range(2009, 2027))
    assert any(b"Message-ID" not in body for body in bodies)
    assert any(not body.endswith(b"\r\n") for body in bodies)
    assert any(b"\n" in body.replace(b"\r\n", b"") for body in bodies)
    assert any(count > 1 for count in Counter(mail).values())
    assert any(message.flags == () for message in mail)


def test_an_oversize_message_is_at_least_that_large() -> None:
    assert 5_000_000 <= len(oversize(5_000_000).body) < 6_000_000


def test_two_accounts_filled_alike_are_the_same_on_servers_with_different_folder_names(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    odd = odd_messages()
    for server in (source_server, target_server):
        fill_user(server, user, messages(3, 300))
        fill_user(server, user, odd.values())
    source = mail_of(source_server, user)
    assert_same_mail(source, mail_of(target_server, user))
    assert count_of(source) == 300 + len(odd)


def test_a_comparison_finds_one_flag_that_differs(source_server: Dovecot, target_server: Dovecot, user: str) -> None:
    mail = list(messages(4, 20))
    fill_user(source_server, user, mail)
    fill_user(target_server, user, [*mail[:-1], next(messages(5, 1, folders=[mail[-1].folder]))])
    with pytest.raises(AssertionError, match="2 differences"):
        assert_same_mail(mail_of(source_server, user), mail_of(target_server, user))


def test_an_account_can_be_filled_again_into_folders_that_exist(target_server: Dovecot, user: str) -> None:
    for _ in range(2):
        fill_user(target_server, user, messages(6, 50))
    once: Counter[int] = Counter(count for folder in mail_of(target_server, user).values() for count in folder.values())
    assert all(count % 2 == 0 for count in once)

"""`python -m benchmarks.copy_mailbox` copies a mailbox exactly, and its exit code says whether it did."""

from __future__ import annotations

import pytest

from benchmarks.copy_mailbox import main
from benchmarks.figures import Figures
from tests.support.compare import assert_same_mail
from tests.support.dovecot import Dovecot
from tests.support.mail import fill_user, mail_of, messages


def arguments(source: Dovecot, target: Dovecot, *users: str, password: str) -> list[str]:
    servers = ["--source", f"{source.host}:{source.port}", "--target", f"{target.host}:{target.port}"]
    return [*servers, "--security", "none", "--password", password, "--user", *users]


def test_mailboxes_are_copied_side_by_side_and_counted(
    source_server: Dovecot, target_server: Dovecot, user: str, capsys: pytest.CaptureFixture[str]
) -> None:
    users = [f"{number}{user.partition('@')[0]}" for number in range(2)]  # logins need no @
    for number, one in enumerate(users):
        fill_user(source_server, one, messages(number, 30))
    assert main(arguments(source_server, target_server, *users, password=source_server.users_password)) == 0
    for one in users:
        assert_same_mail(mail_of(source_server, one), mail_of(target_server, one))
    assert Figures.read(capsys.readouterr().out).messages == 60


def test_a_refused_login_ends_with_exit_code_1_and_words(
    source_server: Dovecot, target_server: Dovecot, user: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(source_server, target_server, user, password="wrong")) == 1
    assert "Failed" in capsys.readouterr().out

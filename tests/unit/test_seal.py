"""Passwords are sealed for one mailbox and one key."""

import pytest

from mailferry.errors import SealBroken
from mailferry.secrets.seal import Seal, new_data_key


def test_a_password_comes_back_whatever_characters_it_has() -> None:
    seal = Seal(new_data_key())
    for password in ("", "p,w;\"'", "pässwörd 密码 \U0001f511", "x" * 10_000):
        assert seal.open(seal.close(password, "box"), "box") == password


def test_the_same_password_never_seals_the_same_and_never_shows() -> None:
    seal = Seal(new_data_key())
    first, second = seal.close("hunter2hunter2", "box"), seal.close("hunter2hunter2", "box")
    assert first != second
    assert "hunter2" not in first


def test_a_seal_does_not_open_for_another_mailbox() -> None:
    seal = Seal(new_data_key())
    with pytest.raises(SealBroken):
        seal.open(seal.close("pw", "one"), "two")


def test_a_seal_does_not_open_with_another_data_key() -> None:
    with pytest.raises(SealBroken):
        Seal(new_data_key()).open(Seal(new_data_key()).close("pw", "box"), "box")

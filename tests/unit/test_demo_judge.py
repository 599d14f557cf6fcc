"""The demo's judge knows a message that was lost, doubled, misplaced or changed from one that arrived."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pytest

from demo.accounts import ACCOUNTS, MESSAGE_LIMIT, Account
from demo.judge import judged, untouched
from demo.mail import GeneratedMessage
from tests.support.exchange import GERMAN, Arrival

ACCOUNT = Account("joerg", "joerg@new.example", GERMAN, seed=1, count=40)
MAIL = list(ACCOUNT.mail())
SENT = next(number for number, message in enumerate(MAIL) if message.folder == "Sent")


def arrival_of(message: GeneratedMessage, account: Account = ACCOUNT) -> Arrival:
    date = f"{message.internaldate:%d-%b-%Y %H:%M:%S %z}"
    return Arrival(account.target_folder(message.folder), 1, 1, message.body, message.flags, date, 0.0)


ARRIVED = [arrival_of(message) for message in MAIL]


def fates(arrived: list[Arrival]) -> tuple[int, int, int, int]:
    result = judged(ACCOUNT, MAIL, arrived)
    assert result.source == len(MAIL)
    return result.exact, result.repaired, result.lost, result.too_many


def test_all_that_arrived_as_it_was_is_exact_in_whatever_order() -> None:
    assert fates(ARRIVED[::-1]) == (40, 0, 0, 0)


def test_special_mail_belongs_into_the_special_folders_of_the_mailbox() -> None:
    assert ARRIVED[SENT].folder == "Gesendete Elemente"
    assert [account.target_folder("Sent") for account in ACCOUNTS[1:]] == ["Sent Items", "送信済みアイテム"]


def test_one_less_is_lost() -> None:
    assert fates(ARRIVED[1:]) == (39, 0, 1, 0)


def test_one_more_is_twice() -> None:
    assert fates([*ARRIVED, ARRIVED[7]]) == (40, 0, 0, 1)


@pytest.mark.parametrize(
    "changed",
    [
        replace(ARRIVED[SENT], folder="Sent"),
        replace(ARRIVED[SENT], flags=("\\Deleted",)),
        replace(ARRIVED[SENT], internaldate="01-Jan-2000 00:00:00 +0000"),
        replace(ARRIVED[SENT], internaldate=None),
        replace(ARRIVED[SENT], body=ARRIVED[SENT].body.replace(b"example.org", b"example.com")),
    ],
    ids=["folder", "flags", "date", "no date", "content"],
)
def test_a_message_in_another_place_or_form_is_lost_and_one_too_many(changed: Arrival) -> None:
    assert fates([*ARRIVED[:SENT], changed, *ARRIVED[SENT + 1 :]]) == (39, 0, 1, 1)


def test_a_message_that_says_the_same_in_other_lines_is_repaired() -> None:
    folded = replace(ARRIVED[SENT], body=ARRIVED[SENT].body.replace(b" ", b"\r\n "))
    assert fates([*ARRIVED[:SENT], folded, *ARRIVED[SENT + 1 :]]) == (39, 1, 0, 0)


def test_what_is_over_the_limit_is_too_large_and_not_lost() -> None:
    account = replace(ACCOUNT, oversize=True)
    arrived = [arrival_of(message) for message in account.mail() if len(message.body) <= MESSAGE_LIMIT]
    result = judged(account, account.mail(), arrived)
    assert (result.exact, result.too_large, result.lost, result.too_many) == (40, 1, 0, 0)


def test_a_source_with_one_message_less_has_been_touched() -> None:
    source: dict[str, Counter[tuple[str, frozenset[str], int]]] = {}
    for message in MAIL:
        one = sha256(message.body).hexdigest(), frozenset(message.flags), int(message.internaldate.timestamp())
        source.setdefault(message.folder, Counter())[one] += 1
    assert untouched(MAIL, source)
    assert not untouched(MAIL[1:], source)
    assert not untouched([*MAIL, MAIL[0]], source)

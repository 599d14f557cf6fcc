"""The corpus is what it says it is, and nothing in it makes identities, headlines or repairs fail."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from mailferry.imap.body import Body
from mailferry.imap.dates import instant_of
from mailferry.imap.identity import identity_of
from mailferry.imap.values import Identity, Message
from mailferry.source.headline import HEADLINE_LIMIT, headline_of
from mailferry.transfer.repair import WRAPPED, Repair, everything, repairs
from tests.support.odd_mail import CORPUS, Letter, odd_messages
from tests.support.odd_mail.corpus import THEMES
from tests.support.odd_mail.substance import attachment

GENERIC = "Command Argument Error. 11"
#: What servers say to a message they don't take, and the longest line that is known of them.
REFUSALS = ((GENERIC, 9_800), ("Message contains invalid header", None), ("Bad flags, bare newlines or dates", None))

_EMPTY_LINE = re.compile(rb"\r?\n\r?\n|\r\r")


def letters() -> list[tuple[str, Letter]]:
    return [(name, letter) for name, case in CORPUS.items() for letter in case.letters]


def message_of(letter: Letter) -> Message:
    return Message(1, letter.flags, letter.internaldate, Body(letter.body))


def identity(body: bytes, letter: Letter) -> Identity:
    """As the server's answer to FETCH of its header fields gives it."""
    header = _EMPTY_LINE.split(b"\n" + body, maxsplit=1)[0]
    return identity_of(header, len(body), instant_of(letter.internaldate))


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    names = [case.name for theme in THEMES for case in theme.cases()]
    assert len(names) == len(set(names)) == len(CORPUS) > 150
    assert all(case.theme and case.maker and case.letters for case in CORPUS.values())


def test_every_message_is_the_same_whenever_it_is_made() -> None:
    assert {case.name: case for theme in THEMES for case in theme.cases()} == CORPUS


def test_only_those_that_are_meant_to_be_alike_share_an_identity() -> None:
    """And even they can be told apart by their size, unless they are the same."""
    alike = defaultdict(set)
    for name, letter in letters():
        alike[identity(letter.body, letter).key].add((name, letter.body))
    shared = [found for found in alike.values() if len(found) > 1]
    assert {CORPUS[name].theme for found in shared for name, _ in found} == {"alike", "hardly a message"}
    assert all(len({len(body) for _, body in found}) == len({body for _, body in found}) for found in shared)


def test_most_of_it_can_be_put_into_any_server() -> None:
    storable = odd_messages()
    assert len(storable) > len(CORPUS) * 3 // 4
    assert {name.partition(":")[0] for name in storable} == {case.theme for case in CORPUS.values()}


@pytest.mark.parametrize("name", CORPUS)
def test_it_has_an_identity_and_a_headline(name: str) -> None:
    for letter in CORPUS[name].letters:
        header = letter.body.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        for part in (letter.body, header, header[: len(header) // 2], letter.body[-100:]):
            assert len(identity_of(part, len(letter.body), None).key) == 16
            title = headline_of(part, len(letter.body), letter.internaldate)
            assert max(len(title.subject), len(title.date)) <= HEADLINE_LIMIT
            assert (title.subject + title.date).isprintable()


@pytest.mark.parametrize("name", CORPUS)
def test_it_can_be_repaired_up_to_the_last_rung_which_holds_the_original(name: str) -> None:
    for letter in CORPUS[name].letters:
        message = message_of(letter)
        for reason, line_bytes in REFUSALS:
            *others, last = repairs(message, reason, line_bytes)
            assert all(repair.changes for repair in others)
            assert last.changes.endswith(WRAPPED)
            assert attachment(bytes(last.message.body)) == letter.body
        everything(message, 9_800)


@pytest.mark.parametrize("name", CORPUS)
def test_a_repaired_one_is_known_again_by_its_identity(name: str) -> None:
    for letter in CORPUS[name].letters:
        message = message_of(letter)
        key = identity(letter.body, letter).key
        found: list[Repair] = [everything(message, 9_800), *repairs(message, GENERIC, 9_800)]
        assert [repair.changes for repair in found if identity(bytes(repair.message.body), letter).key != key] == []

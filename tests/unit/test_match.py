"""Messages of two servers are told apart by identity, and doubles are counted as doubles."""

import hashlib
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.values import Identity
from mailferry.transfer.match import TargetIndex


def identity(name: str, size: int = 100, received: int | None = 1_000, dated: int | None = 900) -> Identity:
    return Identity(hashlib.blake2b(name.encode(), digest_size=16).digest(), size, received, dated)


def test_a_message_is_found_by_its_key_alone_when_we_sent_it() -> None:
    index = TargetIndex([(7, identity("a", size=1, received=None, dated=None))])
    assert index.claim({3: identity("a")}, strict=False) == [(3, 7)]


def test_foreign_mail_with_the_same_message_id_but_nothing_else_alike_is_another_message() -> None:
    index = TargetIndex([(7, identity("a", size=1, received=2, dated=3))])
    assert index.claim({3: identity("a")}, strict=True) == []


def test_foreign_mail_whose_size_was_rewritten_is_found_by_its_date() -> None:
    index = TargetIndex([(7, identity("a", size=999))])
    assert index.claim({3: identity("a")}, strict=True) == [(3, 7)]


def test_doubles_are_counted_as_doubles() -> None:
    index = TargetIndex([(7, identity("a")), (8, identity("a"))])
    assert index.claim({1: identity("a"), 2: identity("a"), 3: identity("a")}, strict=False) == [(1, 7), (2, 8)]
    assert index.claim({3: identity("a")}, strict=False) == []


def test_of_two_bodies_with_one_message_id_the_one_that_is_there_is_matched() -> None:
    index = TargetIndex([(7, identity("a", size=200))])
    wanted = {1: identity("a", size=100), 2: identity("a", size=200)}
    assert index.claim(wanted, strict=False) == [(2, 7)]


def test_messages_that_stand_for_another_already_are_left_out() -> None:
    index = TargetIndex([(7, identity("a")), (8, identity("a"))], taken={7})
    assert index.claim({1: identity("a"), 2: identity("a")}, strict=True) == [(1, 8)]


messages = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), max_size=12)


@given(messages, messages)
def test_every_uid_is_used_once_and_as_many_are_matched_as_can_be(
    source: list[tuple[str, int]], target: list[tuple[str, int]]
) -> None:
    uids = count(1)
    wanted = {next(uids): identity(name, size) for name, size in source}
    found = {next(uids): identity(name, size) for name, size in target}
    pairs = TargetIndex(found.items()).claim(wanted, strict=False)
    assert len({p.source for p in pairs}) == len({p.target for p in pairs}) == len(pairs)
    assert all(wanted[p.source].key == found[p.target].key for p in pairs)
    names = [name for name, _ in source], [name for name, _ in target]
    assert len(pairs) == sum(min(names[0].count(name), names[1].count(name)) for name in "abc")

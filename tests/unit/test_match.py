"""Messages of two servers are told apart by identity, and doubles are counted as doubles."""

import hashlib
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.values import Identity, MessageSize
from mailferry.state.marks import pack_marks, unpack_marks
from mailferry.transfer.match import pair, pair_by_date


def identity(name: str, size: int = 100, received: int | None = 1_000, dated: int | None = 900) -> Identity:
    return Identity(hashlib.blake2b(name.encode(), digest_size=16).digest(), size, received, dated)


def test_a_message_is_found_by_its_key_alone_when_we_sent_it() -> None:
    there = [(7, identity("a", size=1, received=None, dated=None))]
    assert pair([(3, identity("a"))], there, strict=False) == [(3, 7)]


def test_foreign_mail_with_the_same_message_id_but_nothing_else_alike_is_another_message() -> None:
    there = [(7, identity("a", size=1, received=2, dated=3))]
    assert pair([(3, identity("a"))], there, strict=True) == []


def test_what_neither_of_two_messages_has_is_no_likeness() -> None:
    nothing = identity("a", size=1, received=None, dated=None)
    there = [(7, identity("a", size=2, received=None, dated=None))]
    assert pair([(3, nothing)], there, strict=True) == []


def test_foreign_mail_whose_size_was_rewritten_is_found_by_its_date() -> None:
    assert pair([(3, identity("a"))], [(7, identity("a", size=999))], strict=True) == [(3, 7)]


def test_doubles_are_counted_as_doubles() -> None:
    here, there = [(uid, identity("a")) for uid in (1, 2, 3)], [(uid, identity("a")) for uid in (7, 8)]
    assert pair(here, there, strict=False) == [(1, 7), (2, 8)]


def test_of_two_bodies_with_one_message_id_the_one_that_is_there_is_matched() -> None:
    here = [(1, identity("a", size=100)), (2, identity("a", size=200))]
    assert pair(here, [(7, identity("a", size=200))], strict=False) == [(2, 7)]


def test_messages_that_stand_for_another_already_are_left_out() -> None:
    here, there = [(uid, identity("a")) for uid in (1, 2)], [(uid, identity("a")) for uid in (7, 8)]
    assert pair(here, there, {7}, strict=True) == [(1, 8)]


messages = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), max_size=12)


@given(messages, messages)
def test_every_uid_is_used_once_and_as_many_are_matched_as_can_be(
    source: list[tuple[str, int]], target: list[tuple[str, int]]
) -> None:
    uids = count(1)
    wanted = {next(uids): identity(name, size) for name, size in source}
    found = {next(uids): identity(name, size) for name, size in target}
    pairs = pair(wanted.items(), found.items(), strict=False)
    assert len({p.source for p in pairs}) == len({p.target for p in pairs}) == len(pairs)
    assert all(wanted[p.source].key == found[p.target].key for p in pairs)
    names = [name for name, _ in source], [name for name, _ in target]
    assert len(pairs) == sum(min(names[0].count(name), names[1].count(name)) for name in "abc")


def test_a_message_of_which_only_size_and_date_are_known_is_found_by_its_date_and_among_equals_by_its_size() -> None:
    sent = [MessageSize(1, 500, 1_000), MessageSize(2, 90, 1_000), MessageSize(3, 100, 2_000)]
    there = [(7, identity("a", size=95)), (8, identity("b", size=600)), (9, identity("c", size=100, received=3_000))]
    assert pair_by_date(sent, there, lambda _: True) == [(1, 8), (2, 7)]
    assert pair_by_date(sent, there, lambda uid: uid == 2) == [(2, 7)]
    assert pair_by_date(sent, [(6, identity("d", size=90)), *there], lambda _: False) == [(2, 6)]


def test_a_message_without_a_date_is_not_found_by_it() -> None:
    assert pair_by_date([MessageSize(1, 100)], [(7, identity("a", received=None))], lambda _: True) == []


def test_a_double_is_found_once_by_its_date() -> None:
    sent = [MessageSize(uid, 100, 1_000) for uid in (1, 2, 3)]
    assert pair_by_date(sent, [(uid, identity("a")) for uid in (7, 8)], lambda _: False) == [(1, 7), (2, 8)]


def test_marks_come_back_as_they_were() -> None:
    told = [MessageSize(1, 0), MessageSize(2, 150 << 20, -1), MessageSize(2**32 - 1, 2**40, 2**40)]
    assert list(unpack_marks(pack_marks(told)).values()) == [*told[:2], MessageSize(2**32 - 1, 2**32 - 1, 2**40)]

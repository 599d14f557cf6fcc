"""Pages of a list: nothing missed and nothing twice, whatever the order, also while the list changes."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.errors import RequestRefused
from mailferry.report.paging import Asked, Columns, asked_of


@dataclass(frozen=True)
class Thing:
    id: str
    name: str = ""
    size: int = 0


COLUMNS: Columns[Thing] = Columns(
    unique=lambda thing: thing.id,
    orders={"name": lambda thing: thing.name.casefold(), "size": lambda thing: thing.size},
    texts=lambda thing: (thing.name,),
)


def read(things: list[Thing], most: int, **query: str) -> list[Thing]:
    """All pages, one after the other."""
    found: list[Thing] = []
    following = ""
    while True:
        page = COLUMNS.page(things, asked_of({**query, "most": str(most), "next": following}))
        assert page.first == len(found)
        found += page.rows
        if page.next is None:
            assert len(found) == page.matches
            return found
        following = page.next


@given(
    st.lists(st.tuples(st.text("aBü", max_size=2), st.integers(0, 3)), max_size=20),
    st.integers(1, 7),
    st.sampled_from(["", "name", "-name", "size", "-size"]),
)
def test_all_pages_together_are_the_sorted_list(values: list[tuple[str, int]], most: int, sort: str) -> None:
    things = [Thing(str(number), name, size) for number, (name, size) in enumerate(values)]
    found = read(things, most, sort=sort)
    assert sorted(thing.id for thing in found) == sorted(thing.id for thing in things)
    order = COLUMNS.orders[sort.removeprefix("-") or "name"]
    assert [order(thing) for thing in found] == sorted(map(order, things), reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", ["size", "-size"])
def test_what_comes_or_goes_between_two_pages_hides_nothing(sort: str) -> None:
    things = [Thing(str(n), size=n * 10) for n in range(10)]
    page = COLUMNS.page(things, Asked(4, sort=sort))
    rest = [thing for thing in things if thing not in page.rows]
    changed = [*rest, Thing("new", size=-5 if sort == "size" else 500)]
    assert page.next
    after = COLUMNS.page(changed, Asked(10, page.next, sort))
    assert sorted(thing.id for thing in after.rows) == sorted(thing.id for thing in rest)


def test_a_search_finds_text_in_any_case() -> None:
    things = [Thing("1", "Anna Müller"), Thing("2", "Bob"), Thing("3", "ANNA")]
    assert [thing.id for thing in read(things, 1, search="anna")] == ["3", "1"]
    assert read(things, 5, search="nobody") == []


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        ({"most": "0"}, "most is '0'"),
        ({"most": "1001"}, "most is '1001'"),
        ({"most": "٣x"}, "most is"),
        ({"most": "٣"}, "most is"),
        ({"most": "0000000011111"}, "most is"),
        ({"most": "1" * 5000}, "most is"),
        ({"next": base64.urlsafe_b64encode(b"[" * 20_000).decode()}, "not a token"),
        ({"sort": "password"}, "can't be sorted by 'password'"),
        ({"next": "nonsense"}, "not a token"),
        ({"next": "W10="}, "not a token"),
        ({"next": "bnVsbA=="}, "not a token"),
        ({"sort": "size", "next": "WyJzaXplIiwgIngiLCAiMSJd"}, "not a token"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_with_a_remedy(query: dict[str, str], cause: str) -> None:
    with pytest.raises(RequestRefused, match=cause) as refused:
        COLUMNS.page([Thing("1")], asked_of(query))
    assert refused.value.remedy


def test_a_token_belongs_to_its_order() -> None:
    page = COLUMNS.page([Thing("1"), Thing("2")], Asked(1, sort="name"))
    with pytest.raises(RequestRefused, match="not a token"):
        COLUMNS.page([Thing("1")], asked_of({"sort": "-name", "next": page.next or ""}))

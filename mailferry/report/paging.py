"""Pages of long lists: sorted, filtered and searched here, so that whoever asks gets only what is shown."""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mailferry.errors import RequestRefused

#: Rows of one page, at most.
PAGE = 1_000
_NUMBER = re.compile(r"[0-9]{1,9}")
#: Characters of a search.
_SEARCH_MOST = 200

#: What rows are sorted by.
type Order = str | int | float


@dataclass(frozen=True, slots=True)
class Asked:
    """A page as it is asked for: `next` is the token of the page before, `sort` a column (with `-` before it from the
    highest down), `status` keeps those rows only (empty: all), `search` those with this text."""

    most: int = PAGE
    next: str = ""
    sort: str = ""
    status: frozenset[str] = frozenset()
    search: str = ""


#: What is asked for without a query.
FIRST_PAGE = Asked()


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Rows of one page. `first` counts those before them, `matches` all that pass the filters; `next` is the token of
    the page after, None on the last."""

    rows: list[T]
    first: int
    matches: int
    next: str | None


@dataclass(frozen=True, slots=True)
class Columns[T]:
    """A list's columns: `unique` names a row, `orders` has what it can be sorted by (the first is the usual order), and
    `texts` what is searched."""

    unique: Callable[[T], str]
    orders: Mapping[str, Callable[[T], Order]]
    texts: Callable[[T], tuple[str, ...]]

    def page(self, rows: Iterable[T], asked: Asked) -> Page[T]:
        """The page of these rows. Pages follow one another by the rows' values, not by their number: what was not
        changed between two of them is neither missed nor seen twice. Raises RequestRefused."""
        column = asked.sort.removeprefix("-") or next(iter(self.orders))
        if column not in self.orders:
            raise RequestRefused(
                f"The list can't be sorted by {column[:60]!r}.",
                f"It can by {', '.join(self.orders)}; with a minus sign before it from the highest down.",
            )
        order, words = self.orders[column], asked.search.casefold()
        found = [
            (order(row), self.unique(row), row)
            for row in rows
            if not words or any(words in text.casefold() for text in self.texts(row))
        ]
        found.sort(key=_place)
        down = asked.sort.startswith("-")
        first = _after(found, asked, down=down) if asked.next else 0
        if down:
            found.reverse()
        shown = found[first : first + asked.most]
        more = first + len(shown) < len(found)
        return Page([row for *_, row in shown], first, len(found), _token(asked.sort, shown[-1]) if more else None)


def most_of(params: Mapping[str, str]) -> int:
    """How many rows the query of an HTTP request asks for, at most. Raises RequestRefused."""
    most = params.get("most", str(PAGE))
    if not _NUMBER.fullmatch(most) or not 1 <= int(most) <= PAGE:
        raise RequestRefused(f"most is {most[:60]!r}.", f"Give a number from 1 to {PAGE}.")
    return int(most)


def asked_of(params: Mapping[str, str], following: str = "next") -> Asked:
    """The page that the query of an HTTP request asks for; its token is called `following`. Raises RequestRefused."""
    status = frozenset(word for word in params.get("status", "").split(",") if word)
    search = params.get("search", "").strip()[:_SEARCH_MOST]
    return Asked(most_of(params), params.get(following, ""), params.get("sort", ""), status, search)


def no_token() -> RequestRefused:
    """The error for a `next` that no page has given."""
    return RequestRefused(
        "next is not a token of this list.",
        "Give what the page before had in next, and the same sort; leave it out for the first page.",
    )


def _place[T](entry: tuple[Order, str, T]) -> tuple[Order, str]:
    return entry[0], entry[1]


def _after[T](found: list[tuple[Order, str, T]], asked: Asked, *, down: bool) -> int:
    """How many rows, in the order they are shown in, do not come after the place that the token names."""
    try:
        sort, value, unique = json.loads(base64.urlsafe_b64decode(asked.next))
        place = (value, str(unique))
        first = len(found) - bisect_left(found, place, key=_place) if down else bisect_right(found, place, key=_place)
    except (ValueError, TypeError, RecursionError):  # no token at all, or of a column with values of another kind
        sort = None
    if sort != asked.sort:
        raise no_token()
    return first


def _token[T](sort: str, entry: tuple[Order, str, T]) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, *_place(entry)]).encode()).decode()

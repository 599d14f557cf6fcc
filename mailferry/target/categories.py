"""Outlook categories of messages in the target, written through Microsoft Graph (permission Mail.ReadWrite).

Source: Microsoft Graph, "Update message", "List messages" (`internetMessageId` can be filtered by).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from mailferry.errors import Transient
from mailferry.target.graph import Answer, Found, Graph, Refused, segment

#: Messages that are looked up, and changed, in one `$batch`.
AT_ONCE = 20
#: Characters of a category, and what separates two of them in Outlook's own fields.
_LONGEST, _SEPARATORS = 255, re.compile(r"[,;]")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,900}>")


@dataclass(frozen=True, slots=True)
class Wish:
    """A message, by its Message-ID, shall have these categories besides those it has."""

    message_id: str
    categories: Sequence[str]


def category_of(label: str) -> str:
    """A label as the name of a category."""
    return _SEPARATORS.sub(" ", label).strip()[:_LONGEST]


@dataclass(frozen=True, slots=True)
class Categories:
    """Writes categories."""

    graph: Graph

    def add(self, user: str, wishes: Sequence[Wish]) -> bool:
        """Give these messages of the user their categories; what has them already stays, and so do others' categories.

        Every copy of a message gets them. Whoever has no Message-ID, or is not there, is left out. Returns False when
        the app may not do this. Raises `Transient` errors; what was written by then is found written the next time.
        """
        able = [wish for wish in wishes if _MESSAGE_ID.fullmatch(wish.message_id)]
        found = self._through(self.graph.get_all([_search(user, wish.message_id) for wish in able]))
        if found is None:
            return False
        changes = [change for wish, answer in zip(able, found, strict=True) for change in _changes(user, wish, answer)]
        return self._through(self.graph.patch_all(changes)) is not None

    def _through(self, answers: Iterable[Answer]) -> list[Found | Refused] | None:
        """The answers, None when the app lacks the permission. Raises the passing error to be waited for longest."""
        answers = list(answers)
        passing = [answer for answer in answers if isinstance(answer, Transient)]
        if passing:
            raise max(passing, key=lambda error: error.delay or 0.0)
        through = [answer for answer in answers if not isinstance(answer, Transient)]
        denied = any(isinstance(answer, Refused) and answer.denied for answer in through)
        return None if denied else through


def _search(user: str, message_id: str) -> str:
    wanted = quote("internetMessageId eq '{}'".format(message_id.replace("'", "''")))
    return f"/users/{segment(user)}/messages?$filter={wanted}&$select=id,categories"


def _changes(user: str, wish: Wish, answer: Found | Refused) -> Iterable[tuple[str, Mapping[str, object]]]:
    for message in answer.rows("value") if isinstance(answer, Found) else ():
        has = message.body.get("categories")
        there = [one for one in has if isinstance(one, str)] if isinstance(has, list) else []
        lacking = [one for one in map(category_of, wish.categories) if one and one not in there]
        if lacking:
            path = f"/users/{segment(user)}/messages/{segment(message.text('id'))}"
            yield path, {"categories": [*there, *dict.fromkeys(lacking)]}

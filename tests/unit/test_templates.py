"""Templates of messages: what is refused, and what their values can't do."""

from __future__ import annotations

import pytest

from mailferry.errors import TemplateRefused
from mailferry.notify.templates import read_template
from mailferry.notify.wanted import Kind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Hello", "no subject"),
        (b"Subject: \n\nHello", "no subject"),
        (b"Subject: x\nHello", "no subject"),
        (b"Subject: x\n\n\xff", "UTF-8"),
        (b"Subject: {password}\n\nx", "{password}, which nothing fills"),
    ],
)
def test_a_template_that_can_not_be_used_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(TemplateRefused) as caught:
        read_template(data, Kind.BEFORE, "templates/before.txt")
    assert words in caught.value.cause
    assert caught.value.remedy


def test_what_looks_like_a_placeholder_in_a_value_stays_what_it_is_and_a_subject_is_one_line() -> None:
    made = read_template(b"\xef\xbb\xbfsubject: {batch}\r\n\r\n{address} {x: 1}", Kind.BEFORE, "before.txt")
    text = made.text({"batch": "a\r\nBcc: b", "address": "{source}"})
    assert (text.subject, text.body) == ("a Bcc: b", "{source} {x: 1}")

"""What is cut from sentences before they are sent."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.telemetry.discreet import own_words, place_of, without_names
from mailferry.telemetry.filter import OwnWords


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("imap.a.org said no: [AUTHENTICATIONFAILED] not ann@a.org", "imap.a.org said no [AUTHENTICATIONFAILED]"),
        ("The folder 'Me's and ann's' is no longer on imap.a.org: gone", "The folder “…” is no longer on imap.a.org"),
        ("The server didn't answer within 60 s", "The server didn't answer within 60 s"),
        ("Not carried: “Secret” and 2 more", "Not carried"),
        ("The mailbox of ann@a.org (Ann) is not there", "The mailbox of … (…) is not there"),
        ("60 messages are in the target.", "60 messages are in the target."),
        ("It has been full since 2026-01-02 10:30 UTC.", "It has been full since 2026-01-02 10:30 UTC."),
    ],
)  # fmt: skip
def test_only_our_own_words_are_sent(said: str, sent: str) -> None:
    assert own_words(said, ["Ann"]) == sent


def test_a_remedy_keeps_its_colons() -> None:
    assert without_names("Make room: raise the quota of “Ann's box”.") == "Make room: raise the quota of “…”."


def test_a_name_is_not_cut_out_of_another_word() -> None:
    assert without_names("Plan to annul what Ann planned", ["ann"]) == "Plan to annul what … planned"


@given(st.text(), st.text(min_size=1))
def test_nothing_a_server_says_behind_a_colon_is_sent(before: str, after: str) -> None:
    mark = "m4rk-of-the-mailbox"
    assert mark not in own_words(f"{before}refused: {after}{mark}{after}")


@given(st.text(), st.sampled_from(["“{}”", '"{}"', " '{}' "]))
def test_nothing_in_quotation_marks_is_sent(around: str, quotes: str) -> None:
    mark = "m4rk"
    assert mark not in own_words("The folder " + quotes.format(f"{around}{mark}{around}") + " is gone")


def sent_of(record: logging.LogRecord) -> logging.LogRecord:
    return OwnWords().filter(record)


def test_a_log_line_keeps_its_template_and_loses_what_others_said() -> None:
    record = logging.makeLogRecord(
        {"msg": "Mailbox %s: %s Again in %d s.", "args": ("id", ValueError("cut: ann@a.org said 'x'"), 3)}
    )
    assert sent_of(record).getMessage() == "Mailbox id: cut Again in 3 s."
    assert "ann@a.org" in record.getMessage()  # the console's copy


def test_of_an_exception_class_and_place_are_sent() -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError("secret")
    assert place_of(caught.value).startswith("KeyError in test_discreet.py, line ")
    record = logging.makeLogRecord({"msg": "It failed.", "exc_info": (caught.type, caught.value, caught.tb)})
    sent = sent_of(record)
    text = logging.Formatter().format(sent)
    assert "secret" not in text.replace('raise KeyError("secret")', "")
    assert "test_discreet.py" in text
    assert sent.exc_info
    assert sent.exc_info[0] is KeyError

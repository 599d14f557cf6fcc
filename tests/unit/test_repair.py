"""The repair ladder changes as little as it can, and says what it changed."""

from mailferry.imap.values import Message
from mailferry.transfer.repair import LONGEST_LINE, repairs


def message(body: bytes, flags: tuple[str, ...] = ()) -> Message:
    return Message(1, flags, "01-Jan-2020 00:00:00 +0000", body)


def test_a_message_without_any_fault_is_not_changed() -> None:
    assert list(repairs(message(b"Subject: x\r\n\r\nfine\r\n", ("\\Seen",)))) == []


def test_the_ladder_climbs_from_the_smallest_change() -> None:
    body = b"Subject: x\r\n\r\nnul\0 and bare\nline " + b"y" * (LONGEST_LINE + 5)
    steps = list(repairs(message(body, ("\\Seen", "$Label1"))))
    assert steps[0].changes == "keywords left out"
    assert steps[0].message.flags == ("\\Seen",)
    assert steps[0].message.body == body
    assert steps[1].message.body == body + b"\r\n"
    assert b"\0" not in steps[2].message.body
    assert b"\nline" in steps[2].message.body
    assert b"bare\r\nline" in steps[3].message.body
    assert max(map(len, steps[4].message.body.split(b"\r\n"))) <= LONGEST_LINE
    assert steps[4].changes.count(",") >= 4


def test_folding_loses_no_byte() -> None:
    body = b"a" * (3 * LONGEST_LINE) + b"\r\n"
    *_, last = repairs(message(body))
    assert last.message.body.replace(b"\r\n", b"") == body.replace(b"\r\n", b"")
    assert last.message.body.endswith(b"\r\n")
    assert not last.message.body.endswith(b"\r\n\r\n")

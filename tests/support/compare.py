"""Asserts that two accounts hold the same mail, message by message: bytes, flags, INTERNALDATE."""

from __future__ import annotations

from demo.compare import Contents, Fingerprint, count_of, differences, mailbox_of

__all__ = ["Contents", "Fingerprint", "assert_same_mail", "count_of", "differences", "mailbox_of"]


def assert_same_mail(source: Contents, target: Contents) -> None:
    """Fail with the first differences in words. Folders the target has on top, but empty, are no difference."""
    found = differences(source, target)
    shown = "\n".join(found[:20])
    assert not found, f"{len(found)} differences between source and target:\n{shown}"
    missing = set(source) - set(target)
    assert not missing, f"the target lacks the folders {sorted(missing)}"

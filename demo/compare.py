"""Reads whole accounts with a plain IMAP client and says whether two of them hold the same mail, byte for byte."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from itertools import batched

from imapclient import IMAPClient

from demo.fill import TIMEOUT_SECONDS, Naming

#: SHA-256 of the bytes, flags without \Recent, INTERNALDATE in seconds since 1970.
Fingerprint = tuple[str, frozenset[str], int]
#: What a folder holds; a message that is there twice counts twice.
Contents = Mapping[str, Counter[Fingerprint]]

FETCH_AT_ONCE = 100


def mailbox_of(host: str, port: int, user: str, password: str) -> dict[str, Counter[Fingerprint]]:
    """Every folder of an account, empty ones too, as paths with `/` without the server's prefix; changes nothing."""
    with IMAPClient(host, port, ssl=False, timeout=TIMEOUT_SECONDS) as client:
        client.normalise_times = False  # zones stay, so seconds since 1970 are exact
        client.login(user, password)
        naming = Naming.of(client)
        return {
            naming.path(name): _folder(client, name)
            for flags, _, name in client.list_folders()
            if b"\\noselect" not in {flag.lower() for flag in flags}
        }


def differences(source: Contents, target: Contents) -> list[str]:
    """What is missing from the target and what it has too much, one sentence each; empty folders don't count."""
    found = []
    for folder in sorted({*source, *target}):
        here, there = source.get(folder, Counter()), target.get(folder, Counter())
        found += [f"{folder}: missing {_words(one)} × {count}" for one, count in (here - there).items()]
        found += [f"{folder}: too many {_words(one)} × {count}" for one, count in (there - here).items()]
    return found


def count_of(contents: Contents) -> int:
    """How many messages there are in all folders."""
    return sum(messages.total() for messages in contents.values())


def _folder(client: IMAPClient, name: str) -> Counter[Fingerprint]:
    client.select_folder(name, readonly=True)
    found: Counter[Fingerprint] = Counter()
    for uids in batched(client.search(), FETCH_AT_ONCE, strict=False):
        for item in client.fetch(uids, ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"]).values():
            flags = frozenset(flag.decode() for flag in item[b"FLAGS"] if flag.lower() != b"\\recent")
            digest = hashlib.sha256(item[b"BODY[]"]).hexdigest()
            found[digest, flags, int(item[b"INTERNALDATE"].timestamp())] += 1
    return found


def _words(one: Fingerprint) -> str:
    digest, flags, seconds = one
    return f"{digest[:12]} ({' '.join(sorted(flags)) or 'no flags'}; {seconds})"

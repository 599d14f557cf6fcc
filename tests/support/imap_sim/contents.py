"""What a user has in a store, in the form in which `tests.support.compare` compares two accounts."""

from __future__ import annotations

import hashlib
from collections import Counter

from imapclient.datetime_util import parse_to_datetime
from imapclient.imap_utf7 import decode

from demo.compare import Fingerprint
from tests.support.imap_sim.behaviour import Behaviour
from tests.support.imap_sim.store import Store, StoredMessage


def contents(store: Store, user: str, behaviour: Behaviour | None = None) -> dict[str, Counter[Fingerprint]]:
    """Every folder by its path, with `/` and without the server's prefix, as `demo.compare.mailbox_of` would read it.

    Raises ValueError for an INTERNALDATE that is no date.
    """
    behaviour = behaviour or Behaviour()
    return {
        _path(name, behaviour): Counter(_fingerprint(message) for message in store.messages(user, name))
        for name in store.names(user)
    }


def _path(name: bytes, behaviour: Behaviour) -> str:
    path: str = decode(name.removeprefix(behaviour.prefix))
    return path.replace(behaviour.separator.decode(), "/")


def _fingerprint(message: StoredMessage) -> Fingerprint:
    received = parse_to_datetime(message.internaldate.encode("ascii"), normalise=False)
    return hashlib.sha256(message.body).hexdigest(), frozenset(message.flags), int(received.timestamp())

"""Rotation: data keys that an older wrapping key has wrapped are wrapped by the newest, so that the old can go."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from mailferry.errors import MailferryError
from mailferry.secrets.seal import KeyWrapper, split
from mailferry.state.batches import Batch, Batches

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Keeps every batch's data key wrapped by the newest wrapping key. No password is opened for that."""

    batches: Batches
    keys: KeyWrapper

    def run(self) -> None:
        """Wrap again what an older key has wrapped. What can't be wrapped now is said, and tried by the next run."""
        try:
            newest = self.keys.newest()
        except MailferryError as error:
            log.warning("The key that seals passwords can't be used. %s %s", error.cause, error.remedy)
            return
        for batch in list(self.batches.all()):
            if batch.wrapped_key and split(batch.wrapped_key)[0] != newest:
                self._wrap_again(batch)

    def _wrap_again(self, batch: Batch) -> None:
        try:
            wrapped = self.keys.wrap(self.keys.unwrap(batch.wrapped_key))
        except MailferryError as error:
            log.warning("Batch %s: its data key can't be wrapped anew. %s %s", batch.name, error.cause, error.remedy)
            return
        self.batches.change(
            batch.name,
            lambda found: replace(found, wrapped_key=wrapped) if found.wrapped_key == batch.wrapped_key else found,
        )
        log.info("Batch %s: its data key is wrapped by %s now.", batch.name, split(wrapped)[0])

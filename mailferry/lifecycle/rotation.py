"""Rotation: data keys that an older wrapping key has wrapped are wrapped by the newest, so that the old can go."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from mailferry.errors import MailferryError
from mailferry.secrets.seal import KeyWrapper, split
from mailferry.state.batches import Batch, Batches
from mailferry.state.plans import Plan, Plans

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Keeps the data keys of all batches and plans wrapped by the newest wrapping key. No password is opened for that.

    A step of a plan that runs meanwhile is not recorded; the watch has it repeated.
    """

    batches: Batches
    plans: Plans
    keys: KeyWrapper

    def run(self) -> None:
        """Wrap again what an older key has wrapped. What can't be wrapped now is said, and tried by the next run."""
        try:
            newest = self.keys.newest()
        except MailferryError as error:
            log.warning("The key that seals passwords can't be used. %s %s", error.cause, error.remedy)
            return
        for batch in list(self.batches.all()):
            if wrapped := self._wrapped_again(f"Batch {batch.name}", batch.wrapped_key, newest):
                self._change_batch(batch, wrapped)
        for plan in list(self.plans.all()):
            if wrapped := self._wrapped_again(f"Plan {plan.name}", plan.wrapped_key, newest):
                self._change_plan(plan, wrapped)

    def _wrapped_again(self, whose: str, before: bytes, newest: str) -> bytes:
        """The key as the newest wrapping key wraps it; empty when it is wrapped so already, or can't be."""
        if not before or split(before)[0] == newest:
            return b""
        try:
            wrapped = self.keys.wrap(self.keys.unwrap(before))
        except MailferryError as error:
            log.warning("%s: its data key can't be wrapped anew. %s %s", whose, error.cause, error.remedy)
            return b""
        log.info("%s: its data key is wrapped by %s now.", whose, split(wrapped)[0])
        return wrapped

    def _change_batch(self, batch: Batch, wrapped: bytes) -> None:
        self.batches.change(
            batch.name,
            lambda found: replace(found, wrapped_key=wrapped) if found.wrapped_key == batch.wrapped_key else found,
        )

    def _change_plan(self, plan: Plan, wrapped: bytes) -> None:
        self.plans.put(
            plan.name,
            lambda found: (
                replace(found, wrapped_key=wrapped) if found and found.wrapped_key == plan.wrapped_key else None
            ),
        )

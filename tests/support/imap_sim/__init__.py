"""An IMAP server of our own for tests: exact, and obedient to a schedule of faults."""

from tests.support.imap_sim.behaviour import BARE, RICH, Behaviour
from tests.support.imap_sim.contents import contents
from tests.support.imap_sim.faults import At, Bye, Call, Cut, CutUnanswered, CutWithin, Fault, Faults, Stall
from tests.support.imap_sim.server import Heard, SimServer
from tests.support.imap_sim.store import Store, StoredMessage

__all__ = [
    "BARE",
    "RICH",
    "At",
    "Behaviour",
    "Bye",
    "Call",
    "Cut",
    "CutUnanswered",
    "CutWithin",
    "Fault",
    "Faults",
    "Heard",
    "SimServer",
    "Stall",
    "Store",
    "StoredMessage",
    "contents",
]

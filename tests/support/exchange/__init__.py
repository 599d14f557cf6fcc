"""Exchange Online as it really behaves, on loopback: IMAP, Entra, Graph and the managed identity's endpoint."""

from tests.support.exchange.budget import Budget, Figures, Usage
from tests.support.exchange.clock import Clock
from tests.support.exchange.faults import CONNECTION_CLOSED, TOKEN_EXPIRES, Hang, Refuse, Stray
from tests.support.exchange.languages import ENGLISH, GERMAN, HUNGARIAN, JAPANESE
from tests.support.exchange.mailbox import Arrival, Broken, Kind, Mailbox
from tests.support.exchange.online import ExchangeOnline, Heard
from tests.support.exchange.switches import GENERIC, UNAVAILABLE, Generation, OverCap, Provisioning, Switches
from tests.support.exchange.tenant import App, Outage, Tenant, Trouble

__all__ = [
    "CONNECTION_CLOSED",
    "ENGLISH",
    "GENERIC",
    "GERMAN",
    "HUNGARIAN",
    "JAPANESE",
    "TOKEN_EXPIRES",
    "UNAVAILABLE",
    "App",
    "Arrival",
    "Broken",
    "Budget",
    "Clock",
    "ExchangeOnline",
    "Figures",
    "Generation",
    "Hang",
    "Heard",
    "Kind",
    "Mailbox",
    "Outage",
    "OverCap",
    "Provisioning",
    "Refuse",
    "Stray",
    "Switches",
    "Tenant",
    "Trouble",
    "Usage",
]

"""Runs Exchange Online on its own: `python -m tests.support.exchange`. Says what to put into local.settings.json."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from contextlib import suppress

from tests.support.exchange.languages import ENGLISH, GERMAN, HUNGARIAN, JAPANESE
from tests.support.exchange.mailbox import Kind, Mailbox
from tests.support.exchange.online import ExchangeOnline
from tests.support.exchange.switches import Generation, Switches
from tests.support.exchange.tenant import Tenant


def _some_users() -> list[Mailbox]:
    """One of each kind, in four languages."""
    return [
        Mailbox("anna@contoso.com", language=ENGLISH),
        Mailbox("bernd@contoso.com", language=GERMAN),
        Mailbox("csilla@contoso.com", language=HUNGARIAN),
        Mailbox("daichi@contoso.com", language=JAPANESE),
        Mailbox("office@contoso.com", kind=Kind.SHARED, licensed=False),
        Mailbox("room@contoso.com", kind=Kind.ROOM, licensed=False),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.exchange", description=__doc__)
    parser.add_argument("users", nargs="*", help="user principal names of mailboxes; without any, six made-up ones")
    parser.add_argument(
        "--port",
        type=int,
        default=9993,
        help="of IMAP; Entra and Graph have the next, the managed identity's endpoint the one after that; 0: any",
    )
    parser.add_argument("--tls", action="store_true", help="IMAP with TLS, and a certificate of its own")
    parser.add_argument("--generation", choices=[one.name.lower() for one in Generation], default="classic")
    parser.add_argument("--append-ms", type=float, default=100.0, help="milliseconds an APPEND takes")
    return parser.parse_args()


def main() -> None:
    """Serve until Ctrl+C."""
    chosen = _arguments()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
    tenant = Tenant()
    for mailbox in [Mailbox(user) for user in chosen.users] or _some_users():
        tenant.add(mailbox)
    switches = Switches(generation=Generation[chosen.generation.upper()], append_seconds=chosen.append_ms / 1000)
    imap, https, http = (chosen.port and chosen.port + place for place in range(3))
    with ExchangeOnline(tenant, switches, tls=chosen.tls, imap_port=imap, https_port=https, http_port=http) as online:
        print(f"Exchange Online, simulated, with {', '.join(one.upn for one in tenant)}.")
        print('For "Values" in local.settings.json:')
        print(json.dumps({**online.settings(), **online.environment()}, indent=2))
        with suppress(KeyboardInterrupt):
            print("Ctrl+C ends it, and forgets everything.", flush=True)
            threading.Event().wait()
        print(f"\n{tenant.figures}")


if __name__ == "__main__":
    main()

"""A throw-away Cyrus IMAP on loopback: Debian's own server, unpacked; any user, one password."""

from __future__ import annotations

import shutil
import struct
from io import BufferedIOBase
from pathlib import Path

from tests.support.password_socket import PasswordSocket
from tests.support.throwaway import HOST, ThrowAwayServer
from tests.support.unpacked import CYRUS, library_path

IMAPD_CONF = """
configdirectory: {base}/conf
defaultpartition: default
partition-default: {base}/spool
servername: {base.name}
cyrus_user: mail
cyrus_group: mail
admins: {admin}
proxyservers: {proxy}
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {base}/passwords
failedloginpause: 0
autocreate_quota: 0
virtdomains: off
unixhierarchysep: {slashes}
altnamespace: {slashes}
"""
CYRUS_CONF = """
START {{
  recover cmd="{base}/usr/lib/cyrus/bin/ctl_cyrusdb -C {base}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{base}/usr/lib/cyrus/bin/imapd -C {base}/imapd.conf" listen="{host}:{port}" prefork=1
}}
EVENTS {{
}}
"""


class Cyrus(ThrowAwayServer):
    """One server: every user has the password `users_password`, and a mailbox from the first login on.

    Names of users hold no dot. `admin` owns the server; `proxy` may act for others by SASL PLAIN (RFC 4616), both with
    the same password. Folders are `INBOX.A.B`, with `slashes` `A/B` (unixhierarchysep and altnamespace).

    Facts about Cyrus to know in a test: it refuses messages with NUL, without a header, and empty ones; turns bare LF
    and CR into CRLF, and 8-bit letters of a header into X.
    """

    name = "Cyrus"
    admin = "admin"
    proxy = "migration"

    def __init__(self, root: Path | None = None, *, slashes: bool = False) -> None:
        super().__init__(root)
        self.slashes = slashes
        self._passwords: PasswordSocket | None = None

    def check(self) -> None:
        """Raise `ServerMissing` when it was not unpacked."""
        CYRUS.check()

    def prepare(self) -> None:
        """Copy the programs into `base`, where user `mail` may run them, and write the configuration."""
        shutil.copytree(CYRUS.tree, self.base, symlinks=True, dirs_exist_ok=True)
        for name in ("conf", "spool"):
            (self.base / name).mkdir()
            shutil.chown(self.base / name, "mail", "mail")
        slashes = "yes" if self.slashes else "no"
        known = IMAPD_CONF.format(base=self.base, admin=self.admin, proxy=self.proxy, slashes=slashes)
        (self.base / "imapd.conf").write_text(known)
        (self.base / "cyrus.conf").write_text(CYRUS_CONF.format(base=self.base, host=HOST, port=self.port))
        self._passwords = PasswordSocket(self.base / "passwords", self._judge)

    def command(self) -> str:
        """Its master process, as user `mail`: Cyrus won't run as root."""
        libraries = library_path(self.base, Path("/"))
        plugins = next(folder for folder in libraries.split(":") if folder.endswith("/sasl2"))
        return (
            f"LD_LIBRARY_PATH={libraries} SASL_PATH={plugins} setpriv --reuid mail --regid mail --init-groups "
            f'"$1/usr/lib/cyrus/bin/master" -D -C "$1/imapd.conf" -M "$1/cyrus.conf" -p "$1/conf/pid"'
        )

    def greeting(self) -> bytes:
        """It greets with the name of its folder."""
        return self.base.name.encode()

    def stop(self) -> None:
        """End the server and remove everything it wrote."""
        super().stop()
        if self._passwords:
            self._passwords.close()
            self._passwords = None

    def _judge(self, asked: BufferedIOBase, answer: BufferedIOBase) -> None:
        """As saslauthd does: user, password, service and realm, each with its length; one string back."""
        words = [asked.read(struct.unpack(">H", asked.read(2))[0]) for _ in range(4)]
        verdict = b"OK" if words[1] == self.users_password.encode() else b"NO"
        answer.write(struct.pack(">H", len(verdict)) + verdict)

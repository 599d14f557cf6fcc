"""A throw-away Dovecot on loopback: Debian's own server, any user, one password, gone when its owner is gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.support.certificate import write_certificate

HOST = "127.0.0.1"
PROGRAM = "/usr/sbin/dovecot"
START_SECONDS = 20.0
STOP_SECONDS = 30.0

#: The guard owns the server. It ends it when its standard input closes: on purpose, or because pytest was killed.
GUARD = """
(%(program)s -F -c "$1/dovecot.conf" >>"$1/log" 2>&1; echo "$?" >"$1/ended") &
read _
doveadm -c "$1/dovecot.conf" stop 2>/dev/null
wait
rm -rf -- "$1"
"""

CONFIGURATION = """
base_dir = {base}/run
state_dir = {base}/state
instance_name = {name}
login_greeting = {name} ready
log_path = {base}/log
protocols = imap
listen = {host}
ssl = {ssl}
disable_plaintext_auth = no
auth_failure_delay = 0
default_internal_user = dovecot
default_internal_group = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_fsync = never
mail_location = {storage}:{base}/mail/%u
mail_max_userip_connections = 500
auth_mechanisms = plain login
auth_master_user_separator = *
passdb {{
  driver = static
  args = "password={master_password}"
  master = yes
  username_filter = {master_name}
}}
passdb {{
  driver = static
  args = "password={password}"
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={base}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
{special_use}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  client_limit = 2000
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service imap {{
  process_limit = 400
}}
{extra}
"""


class DovecotMissing(RuntimeError):
    """This machine has no Dovecot, so nothing that needs a real IMAP server can be tested."""

    def __init__(self) -> None:
        super().__init__("Dovecot is not installed: run `make test`, it installs it (Debian package dovecot-imapd)")


class DovecotFailed(RuntimeError):
    """Dovecot did not start, or a doveadm command failed; the message ends with its own words."""


class Dovecot:
    """One server: `with Dovecot() as server:`, then log in at `server.host`, `server.port` as anybody.

    Every user has the password `users_password`. `user*admin` (the `master` pair) opens any mailbox too.
    With `tls`, `port` offers STARTTLS, `tls_port` speaks TLS at once, and `certificate` is the self-signed PEM file,
    good for `localhost` and 127.0.0.1. `special_use` maps folder names to attributes such as `\\Sent`; these folders
    exist from the first login on. `extra` is appended to the configuration as it is.

    Facts about Dovecot to know in a test: it gives bare LF back as CRLF and NUL as 0x80, whatever was appended, and
    stores an INTERNALDATE that lies in the future as the present.
    """

    host = HOST

    def __init__(
        self,
        root: Path | None = None,
        *,
        separator: str = "/",
        prefix: str = "",
        storage: Literal["sdbox", "maildir"] = "sdbox",
        users_password: str = "pw",  # noqa: S107 - a server that lives for one test
        master: tuple[str, str] = ("admin", "adminpw"),
        tls: bool = False,
        special_use: Mapping[str, str] | None = None,
        extra: str = "",
    ) -> None:
        self._root = root
        self._separator = separator
        self._prefix = prefix
        self._storage = storage
        self.users_password = users_password
        self.master = master
        self._tls = tls
        self._special_use = dict(special_use or {})
        self._extra = extra
        self._guard: subprocess.Popen[bytes] | None = None
        self.base = Path()
        self.port = 0
        self.tls_port = 0

    @property
    def certificate(self) -> Path:
        """The self-signed certificate clients must trust (only with `tls`)."""
        return self.base / "certificate.pem"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it greets. A port somebody else took in between is replaced by another one."""
        if not Path(PROGRAM).exists():
            raise DovecotMissing
        for _ in range(5):
            self._launch()
            if self._greets():
                return
            words = self.log()
            self.stop()
            if "already in use" not in words:
                break
        raise DovecotFailed(f"Dovecot did not start:\n{words}")

    def stop(self) -> None:
        """End the server and remove everything it wrote."""
        if self._guard is None:
            return
        try:
            self._guard.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._guard.pid, signal.SIGKILL)  # the guard leads a session of its own
            self._guard.communicate()
            shutil.rmtree(self.base, ignore_errors=True)
        self._guard = None

    def log(self) -> str:
        """What the server logged so far."""
        path = self.base / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def doveadm(self, *arguments: str) -> str:
        """Run doveadm against this server, for what IMAP can't do: `("mailbox", "update", "-u", user, …)`."""
        command = ["doveadm", "-c", str(self.base / "dovecot.conf"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DovecotFailed(f"doveadm {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _launch(self) -> None:
        # A short path: the sockets below it must stay under the 108 bytes of sockaddr_un.
        self.base = Path(tempfile.mkdtemp(prefix="mf", dir=self._root))
        self.base.chmod(0o755)  # mail processes run as user `mail`
        for name in ("run", "state", "mail", "home"):
            (self.base / name).mkdir()
        for name in ("mail", "home"):
            shutil.chown(self.base / name, "mail", "mail")
        self.port, self.tls_port = _free_ports()
        if self._tls:
            write_certificate(self.base)
        (self.base / "dovecot.conf").write_text(self._configuration())
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD % {"program": PROGRAM}, "dovecot-guard", str(self.base)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for pytest; the guard hears of it when the pipe closes
        )

    def _configuration(self) -> str:
        extra = self._extra
        if self._tls:
            extra += f"\nssl_cert = <{self.certificate}\nssl_key = <{self.base / 'key.pem'}\n"
        return CONFIGURATION.format(
            base=self.base,
            name=self.base.name,
            host=HOST,
            ssl="yes" if self._tls else "no",
            storage=self._storage,
            master_name=self.master[0],
            master_password=self.master[1],
            password=self.users_password,
            separator=self._separator,
            prefix=self._prefix,
            special_use="\n".join(_mailbox(name, use) for name, use in self._special_use.items()),
            port=self.port,
            tls_port=self.tls_port if self._tls else 0,
            extra=extra,
        )

    def _greets(self) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and not (self.base / "ended").exists():
            # The greeting carries this server's own name: another process may have won the port.
            if self.base.name.encode() in _greeting(self.port):
                return True
            time.sleep(0.02)
        return False


def _mailbox(name: str, use: str) -> str:
    return f'  mailbox "{name}" {{\n    special_use = {use}\n    auto = subscribe\n  }}'


def _greeting(port: int) -> bytes:
    try:
        with socket.create_connection((HOST, port), 1) as connection:
            return connection.recv(4096)
    except OSError:
        return b""


def _free_ports() -> tuple[int, int]:
    with socket.create_server((HOST, 0)) as first, socket.create_server((HOST, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]

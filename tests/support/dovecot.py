"""A throw-away Dovecot on loopback: Debian's own server, any user, one password, gone when its owner is gone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tests.support.certificate import write_certificate
from tests.support.throwaway import HOST, ServerFailed, ServerMissing, ThrowAwayServer

PROGRAM = "/usr/sbin/dovecot"

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


class Dovecot(ThrowAwayServer):
    """One server: `with Dovecot() as server:`, then log in at `server.host`, `server.port` as anybody.

    Every user has the password `users_password`. `user*admin` (the `master` pair) opens any mailbox too.
    With `tls`, `port` offers STARTTLS, `tls_port` speaks TLS at once, and `certificate` is the self-signed PEM file,
    good for `localhost` and 127.0.0.1. `special_use` maps folder names to attributes such as `\\Sent`; these folders
    exist from the first login on. `extra` is appended to the configuration as it is.

    Facts about Dovecot to know in a test: it gives bare LF back as CRLF and NUL as 0x80, whatever was appended, and
    stores an INTERNALDATE that lies in the future as the present.
    """

    name = "Dovecot"
    end = 'doveadm -c "$1/dovecot.conf" stop 2>/dev/null'

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
        super().__init__(root, users_password=users_password)
        self._separator = separator
        self._prefix = prefix
        self._storage = storage
        self.master = master
        self._tls = tls
        self._special_use = dict(special_use or {})
        self._extra = extra

    @property
    def certificate(self) -> Path:
        """The self-signed certificate clients must trust (only with `tls`)."""
        return self.base / "certificate.pem"

    def check(self) -> None:
        """Raise `ServerMissing` when Dovecot is not installed."""
        if not Path(PROGRAM).exists():
            raise ServerMissing(
                "Dovecot is not installed: run `make test`, it installs it (Debian package dovecot-imapd)"
            )

    def prepare(self) -> None:
        """Write the configuration, and the folders it names."""
        for name in ("run", "state", "mail", "home"):
            (self.base / name).mkdir()
        for name in ("mail", "home"):
            shutil.chown(self.base / name, "mail", "mail")
        if self._tls:
            write_certificate(self.base)
        (self.base / "dovecot.conf").write_text(self._configuration())

    def command(self) -> str:
        """In the foreground, with this configuration alone."""
        return f'{PROGRAM} -F -c "$1/dovecot.conf"'

    def greeting(self) -> bytes:
        """It greets with the name of its folder."""
        return self.base.name.encode()

    def doveadm(self, *arguments: str) -> str:
        """Run doveadm against this server, for what IMAP can't do: `("mailbox", "update", "-u", user, …)`."""
        command = ["doveadm", "-c", str(self.base / "dovecot.conf"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerFailed(f"doveadm {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

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


def _mailbox(name: str, use: str) -> str:
    return f'  mailbox "{name}" {{\n    special_use = {use}\n    auto = subscribe\n  }}'

"""A throw-away Courier IMAP on loopback: Debian's own server, unpacked, in a chroot; any user, one password."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path

from tests.support.password_socket import PasswordSocket
from tests.support.throwaway import HOST, ThrowAwayServer
from tests.support.unpacked import COURIER, library_path

#: Letters of a maildir's file name for flags (cr.yp.to/proto/maildir.html).
_LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
#: Where its programs look for who knows the passwords; nothing can change that, hence the chroot.
_PASSWORDS = Path("run/courier/authdaemon/socket")


class Courier(ThrowAwayServer):
    """One server, configured as Debian does: any user has the password `users_password` and a maildir from the first
    login on. Folders are `INBOX.A.B`. `per_address`: connections that it bears from one address (MAXPERIP).

    Facts about Courier to know in a test: it has no LITERAL+, gives bare LF back as CRLF and adds one to the end,
    and doesn't keep on EXAMINE and STATUS which UIDs it gave.
    """

    name = "Courier"

    def __init__(self, root: Path | None = None, *, per_address: int = 20) -> None:
        super().__init__(root)
        self._per_address = per_address
        self._passwords: PasswordSocket | None = None
        self._files = itertools.count(1)

    def check(self) -> None:
        """Raise `ServerMissing` when it was not unpacked."""
        COURIER.check()

    def prepare(self) -> None:
        """Copy the programs into `base`, which is `/` to them."""
        shutil.copytree(COURIER.tree, self.base, symlinks=True, dirs_exist_ok=True)
        mail = pwd.getpwnam("mail")
        (self.base / "etc/passwd").write_text(f"mail:x:{mail.pw_uid}:{mail.pw_gid}::/:/bin/false\n")
        (self.base / _PASSWORDS).parent.mkdir(parents=True)
        self._passwords = PasswordSocket(self.base / _PASSWORDS, self._judge)

    def command(self) -> str:
        """As its own script does. GAM_CLIENT_ID keeps the file watchers of two servers apart."""
        libraries = library_path(self.base, self.base)
        most = self._per_address
        return (
            f'set -a; . "$1/etc/courier/imapd"; LD_LIBRARY_PATH={libraries}; GAM_CLIENT_ID={self.base.name}; '
            f'exec chroot "$1" /usr/sbin/couriertcpd -address={HOST} -maxprocs=$MAXDAEMONS -maxperip={most} '
            f"$TCPDOPTS {self.port} /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir"
        )

    def greeting(self) -> bytes:
        """It greets as every Courier does."""
        return b"Courier-IMAP ready"

    def stop(self) -> None:
        """End the server and remove everything it wrote."""
        super().stop()
        if self._passwords:
            self._passwords.close()
            self._passwords = None

    def deliver(self, user: str, folder: str, body: bytes, received: datetime, flags: tuple[str, ...] = ()) -> None:
        """Put a message into a folder (`A/B`) as a local delivery does: a file in the maildir. Without keywords."""
        maildir = self._maildir(user, "" if folder == "INBOX" else "." + folder.replace("/", "."))
        letters = "".join(sorted(letter for flag, letter in _LETTERS.items() if flag in flags))
        path = maildir / "cur" / f"{int(received.timestamp())}.M{next(self._files)}.host:2,{letters}"
        path.write_bytes(body)
        shutil.chown(path, "mail", "mail")
        os.utime(path, (received.timestamp(), received.timestamp()))  # Courier's INTERNALDATE

    def _maildir(self, user: str, folder: str = "") -> Path:
        """The maildir of a user's folder, made when it isn't there."""
        top = self.base / "mail" / user / "Maildir"
        for maildir in (top, top / folder):
            if not (maildir / "cur").exists():
                for path in (maildir.parent, maildir, *(maildir / name for name in ("new", "tmp", "cur"))):
                    path.mkdir(parents=True, exist_ok=True)
                    shutil.chown(path, "mail", "mail")
        return top / folder

    def _judge(self, asked: BufferedIOBase, answer: BufferedIOBase) -> None:
        """As authdaemond does: environment lines, then AUTH with service, kind, user and password; the account back."""
        line = asked.readline()
        while not line.startswith(b"AUTH "):
            line = asked.readline()
        _, _, user, password, *_ = asked.read(int(line.split()[1])).decode().split("\n")
        if password != self.users_password:
            answer.write(b"FAIL\n")
            return
        self._maildir(user)
        mail, home = pwd.getpwnam("mail"), f"/mail/{user}"
        account = f"UID={mail.pw_uid}\nGID={mail.pw_gid}\nHOME={home}\nADDRESS={user}\nMAILDIR={home}/Maildir\n.\n"
        answer.write(account.encode())

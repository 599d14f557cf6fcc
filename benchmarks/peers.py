"""The other tools: how each copies one mailbox from one server to another, set up as its own manual advises.

Where a tool has an option for speed or for keeping dates that an administrator would choose, it is chosen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
#: The environment variable that names imapsync's script; Debian has no package of it.
IMAPSYNC = "IMAPSYNC"


@dataclass(frozen=True, slots=True)
class Login:
    """One end of a copy, on loopback and without TLS."""

    port: int
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Task:
    """One mailbox to copy. `folder` is empty and for the tool's files; the target's own store may be written to
    directly through `target_configuration`, its dovecot.conf."""

    source: Login
    target: Login
    folder: Path
    target_configuration: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool: its program, the command that prints its version, and the one that does a task, in the task's folder."""

    name: str
    program: str
    version: Sequence[str]
    command: Callable[[Task], list[str]]

    @property
    def installed(self) -> bool:
        return shutil.which(self.program) is not None

    def version_words(self) -> str:
        """Such as `1.4.4`: the first number with a dot in what the tool says about itself."""
        said = subprocess.run(self.version, capture_output=True, text=True, check=False)
        found = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
        return found[0] if found else "?"


def peers() -> list[Peer]:
    """All that are known here; imapsync only where the environment names it."""
    known = [
        Peer("mbsync", "mbsync", ["mbsync", "--version"], _mbsync),
        Peer("doveadm backup (tuned)", "doveadm", ["dovecot", "--version"], _doveadm_tuned),
        Peer("doveadm backup", "doveadm", ["dovecot", "--version"], _doveadm),
        Peer("offlineimap", "offlineimap", ["offlineimap", "--version"], _offlineimap),
        Peer("imapcopy", "imapcopy", ["imapcopy", "-h"], _imapcopy),
    ]
    script = os.environ.get(IMAPSYNC)
    return [*known, Peer("imapsync", script, [script, "--version"], _imapsync)] if script else known


def _mbsync(task: Task) -> list[str]:
    """isync; commands are pipelined without a limit, as its default is."""

    def account(name: str, login: Login) -> str:
        return (
            f"IMAPAccount {name}\nHost {HOST}\nPort {login.port}\nUser {login.user}\nPass {login.password}\n"
            f"SSLType None\nAuthMechs LOGIN\n\nIMAPStore {name}\nAccount {name}\n\n"
        )

    _write(
        task.folder / "mbsyncrc",
        account("source", task.source),
        account("target", task.target),
        "Channel all\nFar :source:\nNear :target:\nPatterns *\nCreate Near\nSync Pull\nCopyArrivalDate yes\n",
        f"SyncState {task.folder}/\n",
    )
    return ["mbsync", "--quiet", "--config", "mbsyncrc", "--all"]


def _imapcopy(task: Task) -> list[str]:
    source, target = task.source, task.target
    _write(
        task.folder / "ImapCopy.cfg",
        f"SourceServer {HOST}\nSourcePort {source.port}\nDestServer {HOST}\nDestPort {target.port}\n",
        f'Copy "{source.user}" "{source.password}" "{target.user}" "{target.password}"\n',
    )
    return ["imapcopy"]


def _offlineimap(task: Task) -> list[str]:
    """With as many connections as its documentation advises for one account."""

    def repository(name: str, login: Login, more: str) -> str:
        return (
            f"[Repository {name}]\ntype = IMAP\nremotehost = {HOST}\nremoteport = {login.port}\n"
            f"remoteuser = {login.user}\nremotepass = {login.password}\nauth_mechanisms = LOGIN\n"
            f"ssl = no\nstarttls = no\nmaxconnections = 3\n{more}\n"
        )

    _write(
        task.folder / "offlineimaprc",
        f"[general]\naccounts = all\nmetadata = {task.folder}/metadata\nui = quiet\n\n",
        "[Account all]\nlocalrepository = target\nremoterepository = source\n\n",
        repository("source", task.source, "readonly = yes\n"),
        repository("target", task.target, ""),
    )
    return ["offlineimap", "-c", "offlineimaprc", "-o"]


def _doveadm(task: Task) -> list[str]:
    """Dovecot's dsync: reads the source with IMAP, writes into the target's own store, past its IMAP server."""
    return _dsync(task)


def _doveadm_tuned(task: Task) -> list[str]:
    """With what Dovecot's guide to migration from other servers recommends."""
    return _dsync(task, "imapc_features=rfc822.size fetch-headers", "mail_prefetch_count=20")


def _dsync(task: Task, *more: str) -> list[str]:
    login = task.source
    server = (f"imapc_host={HOST}", f"imapc_port={login.port}")
    user = (f"imapc_user={login.user}", f"imapc_password={login.password}")
    options = [word for setting in (*server, *user, *more) for word in ("-o", setting)]
    command = ["doveadm", "-c", str(task.target_configuration), *options]
    return [*command, "backup", "-R", "-u", task.target.user, "imapc:"]


def _imapsync(task: Task) -> list[str]:
    def end(number: int, login: Login) -> list[str]:
        words = {"host": HOST, "port": str(login.port), "user": login.user, "password": login.password}
        given = [word for name, value in words.items() for word in (f"--{name}{number}", value)]
        return [*given, f"--nossl{number}", f"--notls{number}"]

    script = os.environ[IMAPSYNC]
    quiet = ["--nolog", "--noreleasecheck", "--tmpdir", str(task.folder)]
    return [script, *end(1, task.source), *end(2, task.target), *quiet]


def _write(path: Path, *text: str) -> None:
    path.touch(mode=0o600)
    path.write_text("".join(text), "utf-8")

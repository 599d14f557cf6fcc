"""IMAP servers whose Debian packages can't be installed beside Dovecot, or each other: unpacked into `.cache/servers`.

    python -m tests.support.unpacked

downloads them with all that this machine lacks of what they need, and installs nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.throwaway import ServerMissing

SERVERS = Path(__file__).resolve().parents[2] / ".cache" / "servers"

#: What a simulated installation would put onto the machine; upgrades, which name the old version first, are left out.
_NEW = re.compile(r"^Inst (\S+) \(", re.MULTILINE)
#: Asked for by their packages, of no use to a server that runs for a test.
_UNWANTED = re.compile(r"exim4|gawk")
#: Folders of a package that nothing runs from.
_IDLE = ("usr/share", "usr/include", "var")
_LIBRARY = re.compile(r"(?:=>|^)\s*(/\S+) \(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A server by its packages. `jailed`: programs that run in a chroot, so that all libraries must be in there."""

    packages: Sequence[str]
    jailed: Sequence[str] = ()

    @property
    def tree(self) -> Path:
        """Where its files are, as they would be in `/`."""
        return SERVERS / self.packages[0]

    def check(self) -> None:
        """Raise `ServerMissing` when it was not unpacked."""
        if not self.tree.exists():
            packages = " ".join(self.packages)
            raise ServerMissing(f"{self.tree} is missing: run `make test`, it unpacks the Debian packages {packages}")

    def fetch(self) -> None:
        """Download and unpack it, unless that was done."""
        if self.tree.exists():
            return
        print(f"Unpacking {' '.join(self.packages)} ...", flush=True)
        SERVERS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SERVERS) as folder:
            tree = Path(folder, "tree")
            tree.mkdir()
            try:
                downloaded = self._downloaded(Path(folder))
            except subprocess.CalledProcessError:  # the package lists are missing, or older than the packages
                _run("apt-get", "update")
                downloaded = self._downloaded(Path(folder))
            for package in downloaded:
                _run("dpkg", "-x", str(package), str(tree))
            for idle in _IDLE:
                shutil.rmtree(tree / idle, ignore_errors=True)
            for library in {path for program in self.jailed for path in _libraries(tree, tree / program)}:
                copy = tree / library.relative_to("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(library, copy)
            tree.chmod(0o755)
            tree.rename(self.tree)

    def _downloaded(self, folder: Path) -> Iterable[Path]:
        said = _run("apt-get", "install", "--simulate", "--no-install-recommends", *self.packages)
        wanted = {*self.packages, *(name for name in _NEW.findall(said) if not _UNWANTED.match(name))}
        _run("apt-get", "download", *sorted(wanted), folder=folder)
        return folder.glob("*.deb")


CYRUS = Unpacked(("cyrus-imapd", "cyrus-common", "libsasl2-modules", "libsasl2-modules-db"))
COURIER = Unpacked(
    ("courier-imap", "courier-base", "courier-authlib", "gamin"),
    ("usr/sbin/couriertcpd", "usr/lib/courier/courier/imaplogin", "usr/bin/imapd", "usr/libexec/gam_server"),
)


def library_path(tree: Path, root: Path) -> str:
    """LD_LIBRARY_PATH for what was unpacked into `tree`, as seen by a program to which `root` is `/`."""
    folders = {library.parent for library in tree.rglob("*.so*")}
    return ":".join(sorted(f"/{folder.relative_to(root)}" for folder in folders))


def _libraries(tree: Path, program: Path) -> Iterator[Path]:
    """This machine's libraries that the program is linked with, the loader included."""
    said = _run("ldd", str(program), environment={"LD_LIBRARY_PATH": library_path(tree, Path("/"))})
    found = (Path(path) for path in _LIBRARY.findall(said))
    return (path for path in found if not path.is_relative_to(tree))


def _run(*command: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """What the command says. Raises CalledProcessError; its words have gone to stderr, or explain themselves below."""
    variables = {**os.environ, "LC_ALL": "C", **(environment or {})}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Fetch all of them; ends with apt-get's own words when that can't be done."""
    try:
        for server in (CYRUS, COURIER):
            server.fetch()
    except subprocess.CalledProcessError as failed:
        raise SystemExit(f"{' '.join(failed.cmd)}:\n{failed.stderr}") from None


if __name__ == "__main__":
    main()

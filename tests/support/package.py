"""What is deployed: the files that `.funcignore` leaves over."""

from __future__ import annotations

import shutil
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[2]


def packaged() -> list[str]:
    """Paths of the files in the package, sorted. What is not ours, such as `.venv`, is not even looked into."""
    ignored = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    found: list[str] = []
    for folder, folders, files in ROOT.walk():
        inside = folder.relative_to(ROOT)
        folders[:] = [name for name in folders if not ignored.match_file(f"{inside / name}/")]
        found += [str(inside / name) for name in files if not ignored.match_file(str(inside / name))]
    return sorted(found)


def unpack(folder: Path) -> None:
    """Put the package into a folder, as Azure builds it."""
    for name in packaged():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)

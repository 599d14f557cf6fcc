"""What an administrator is told of a folder's target: short sentences, the reason before the detail."""

from __future__ import annotations

from collections.abc import Sequence

from mailferry.transfer.folder_roles import is_inbox

type Path = tuple[str, ...]


#: Characters of a path that are shown in a sentence.
_SHOWN_MOST = 300


def shown(path: Path) -> str:
    """A path as people read it in a sentence."""
    text = "/".join(path)
    return text if len(text) <= _SHOWN_MOST else f"{text[:_SHOWN_MOST]}…"


def because(reasons: Sequence[str]) -> str:
    """The reasons as the end of a sentence, each once."""
    return " and ".join(dict.fromkeys(reasons))


def why_so_called(source: Path, path: Path, reasons: Sequence[str], exists: bool, root: Path) -> str:
    """Why a folder that no rule and no role leads elsewhere has its target; `reasons` kept it from its own name."""
    above = source[:-1]
    if reasons and path[-1] == source[-1]:
        return f"It goes to “{shown(path)}”, because {because(reasons)}."
    if reasons:
        text = f"It is called “{path[-1]}” in the target, because {because(reasons)}."
    elif exists:
        text = "It goes to the folder of the same name that the target has."
    else:
        text = "It keeps its name."
    below = (*root, *above)
    if not above and root:
        text += f" Everything goes below “{shown(root)}” (root_folder)."
    elif above and path[:-1] != below and not _same_inbox(path[:-1], below):
        text += f" It follows its parent, which is “{shown(path[:-1])}” there."
    return text


def _same_inbox(one: Path, other: Path) -> bool:
    return one[1:] == other[1:] and is_inbox(one[:1]) and is_inbox(other[:1])

"""What a mailbox's own folders are called in its language, found by the names Graph has for them in every language."""

from __future__ import annotations

from mailferry.errors import Transient
from mailferry.target.graph import Found, Graph, Refused, segment

type Path = tuple[str, ...]

#: The permission that reading folder names takes.
FOLDERS_PERMISSION = "Mail.ReadBasic.All"

_ROOT = "msgfolderroot"
_INBOX = "inbox"
#: The first are documented (Microsoft Graph, "mailFolder resource type"), the last five are not, though Graph knows
#: them as Exchange Web Services did; a name it doesn't take is left out. Together they fit one batch.
_NAMES = (
    _ROOT,
    _INBOX,
    "sentitems",
    "drafts",
    "deleteditems",
    "junkemail",
    "archive",
    "outbox",
    "conversationhistory",
    "clutter",
    "syncissues",
    "conflicts",
    "localfailures",
    "serverfailures",
    "calendar",
    "contacts",
    "tasks",
    "notes",
    "journal",
)


def well_known_folders(graph: Graph, user: str) -> dict[str, Path] | None:
    """Path over IMAP of each folder that Graph knows by a name of its own, as `{"sentitems": ("Gesendete Elemente",)}`.

    `user` is an id or user principal name. A mailbox need not have all of them. None when the app may not read folder
    names (FOLDERS_PERMISSION). Raises `Transient` errors.
    """
    query = "$select=id,displayName,parentFolderId"
    answers = graph.get_all([f"/users/{segment(user)}/mailFolders/{name}?{query}" for name in _NAMES])
    found: dict[str, Found] = {}
    for name, answer in zip(_NAMES, answers, strict=True):
        if isinstance(answer, Transient):
            raise answer
        if isinstance(answer, Found):
            found[name] = answer
    if not found and any(isinstance(answer, Refused) and answer.denied for answer in answers):
        return None
    return _paths(found)


def _paths(found: dict[str, Found]) -> dict[str, Path]:
    """Paths from the root down; a folder somebody has moved to where no well-known folder leads is left out."""
    root = found.pop(_ROOT, Found({})).text("id")
    names = {folder.text("id"): name for name, folder in found.items() if folder.text("id")}

    def path(name: str) -> Path | None:
        # IMAP calls the inbox INBOX in every language.
        own = "INBOX" if name == _INBOX else found[name].text("displayName")
        parent = found[name].text("parentFolderId")
        if parent == root:
            return (own,)
        above = path(names[parent]) if parent in names else None
        return (*above, own) if above else None

    paths = {name: path(name) for name in found}
    return {name: found_path for name, found_path in paths.items() if found_path}

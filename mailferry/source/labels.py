"""What Gmail's labels mean: which of them are folders to a mail program, and in which one a message is at home.

Source: "IMAP Extensions" in Google's documentation (X-GM-LABELS: system labels in English whatever the language, the
user's in modified UTF-7 as LIST writes the folder, nested ones with `/`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mailferry.imap import names
from mailferry.imap.values import ListedFolder

#: What stands before a label in the name of its folder. No name on a server holds it (RFC 3501 §5.1), so that the
#: folder of a label is never taken for one that a server could open.
_MARK = b"\0"
#: The home of a message without any label that is a folder: what Gmail calls archived.
ARCHIVED = b""
#: Labels that are a folder to everybody, by the mark of the folder that Gmail shows (RFC 6154), INBOX having none; the
#: first that a message has is its home.
_SYSTEM = {b"\\draft": "\\drafts", b"\\inbox": "", b"\\sent": "\\sent"}
_SHOWN = {b"\\draft": ("Drafts",), b"\\inbox": ("INBOX",), b"\\sent": ("Sent",), ARCHIVED: ("Archive",)}
#: What is a flag of the message as well (`\\Flagged`), Gmail's guess at what matters, and what All Mail doesn't show.
_NO_LABELS = frozenset({b"\\starred", b"\\important", b"\\muted", b"\\trash", b"\\junk", b"\\spam"})
#: Marks of folders that hold nothing of their own: All Mail, Starred, Important (with XLIST's names for them).
_VIEWS = frozenset({"\\all", "\\allmail", "\\flagged", "\\starred", "\\important"})
#: Put on a folder of which nothing but its messages says that All Mail doesn't show them: Chats, in every language.
NOT_IN_ALL = "\\x-not-in-all-mail"
#: Marks of the folders that All Mail doesn't show.
_APART = frozenset({"\\junk", "\\spam", "\\trash", NOT_IN_ALL})


def folder_of(label: bytes) -> bytes:
    """The name under which a label's folder stands in the state."""
    return _MARK + label


def label_of(folder: bytes) -> bytes | None:
    """The label whose folder this is; None for a folder that the server can open."""
    return folder.removeprefix(_MARK) if folder.startswith(_MARK) else None


def all_mail(listed: Iterable[ListedFolder]) -> ListedFolder | None:
    """The folder that shows all messages but those in Spam and Trash; None when the account hides it from IMAP."""
    return next((f for f in listed if f.selectable and f.attributes & {"\\all", "\\allmail"}), None)


def may_be_apart(folder: ListedFolder, store: ListedFolder) -> bool:
    """Whether a folder that lies beside All Mail (`store`), unmarked, may hold what is not shown there. It may as well
    be a label that somebody has called so."""
    beside = len(store.path) > 1 and folder.path[:-1] == store.path[:-1] and folder.selectable
    marked = folder.attributes & {*_APART, *_VIEWS, *_SYSTEM.values()}
    return beside and not marked and (folder.status is None or folder.status.messages > 0)


def known(labels: Iterable[bytes]) -> list[bytes]:
    """The labels that say where a message belongs, each once; the system's in lower case."""
    plain = (label.lower() if label.startswith(b"\\") else label for label in labels)
    return [label for label in dict.fromkeys(plain) if label not in _NO_LABELS]


def ranked(labels: Iterable[bytes]) -> list[bytes]:
    """The labels in whose folders a message can be at home, the best first.

    Drafts, inbox and sent mail are where every mail program shows them. Of the user's own, the deepest comes first,
    because mail often has the labels above it as well; then they go by name.
    """
    system = [label for label in _SYSTEM if label in labels]
    own = sorted((label for label in labels if not label.startswith(b"\\")), key=_place)
    return [*system, *own] or [ARCHIVED]


def label_folders(listed: Sequence[ListedFolder], labels: Collection[bytes]) -> list[ListedFolder]:
    """The account as a mail program with folders would see it: one folder a label, those of `labels` that the account
    hides from IMAP included; Archive for what has none; Spam and Trash as they are.
    """
    apart = [f for f in listed if f.attributes & _APART or not f.selectable]
    shown: dict[bytes, ListedFolder] = {}
    for folder in listed:
        if folder.selectable and not folder.attributes & (_APART | _VIEWS):
            label = _label(folder)
            shown.setdefault(label, ListedFolder(folder_of(label), folder.path, folder.attributes))
    hidden = (label for label in sorted({*labels, b"\\inbox", ARCHIVED}) if label not in shown)
    return [*apart, *shown.values(), *map(_hidden, hidden)]


def readable(label: bytes) -> str:
    """The label for a person."""
    return "/".join(_SHOWN.get(label) or names.path_of(label, b"/", b""))


def _label(folder: ListedFolder) -> bytes:
    """The label whose messages a folder shows."""
    if folder.is_inbox:
        return b"\\inbox"
    return next((label for label, mark in _SYSTEM.items() if mark in folder.attributes), folder.name)


def _place(label: bytes) -> tuple[int, str, bytes]:
    return -label.count(b"/"), names.decode(label).casefold(), label


def _hidden(label: bytes) -> ListedFolder:
    mark = "\\archive" if label == ARCHIVED else _SYSTEM.get(label)
    path = _SHOWN.get(label) or names.path_of(label, b"/", b"")
    return ListedFolder(folder_of(label), path, frozenset({mark} if mark else ()))

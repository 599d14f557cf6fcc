"""Which folder has which role: one of RFC 6154's marks for the folders every mailbox has.

At the target the server's mark or Microsoft Graph decides; a name stands for a role only where neither says anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_names import ROLE_OF_NAME, folded, word

#: The roles, and what each is called to an administrator.
ROLE_WORDS = {
    "\\sent": "Sent",
    "\\drafts": "Drafts",
    "\\trash": "Trash",
    "\\junk": "Junk",
    "\\archive": "Archive",
}
_SYNONYMS = {"\\spam": "\\junk"}  # XLIST, which Gmail and others spoke before RFC 6154

#: Marks of views that servers offer as folders (RFC 6154): what they show lies in other folders too.
VIEWS = frozenset({"\\all", "\\flagged", "\\important", "\\allmail", "\\starred"})

# Graph's names for folders, in every language the same (Microsoft Graph, "mailFolder resource type").
_WELL_KNOWN_ROLES = {
    "\\sent": "sentitems",
    "\\drafts": "drafts",
    "\\trash": "deleteditems",
    "\\junk": "junkemail",
    "\\archive": "archive",
}
_HOLD_MAIL = frozenset({*_WELL_KNOWN_ROLES.values(), "inbox", "msgfolderroot", "clutter"})


def is_inbox(path: tuple[str, ...]) -> bool:
    """INBOX in any ASCII case (RFC 3501 §5.1); `ınbox`, which Python upper-cases to the same, is another folder."""
    return len(path) == 1 and path[0].isascii() and path[0].upper() == "INBOX"


def is_personal(folder: ListedFolder) -> bool:
    """Whether the folder is the mailbox's own, neither another user's nor shared (RFC 2342)."""
    return NOT_PERSONAL not in folder.attributes


def marked_roles(folder: ListedFolder) -> list[str]:
    """The roles that the server marks the folder with (RFC 6154)."""
    attributes = {_SYNONYMS.get(attribute, attribute) for attribute in folder.attributes}
    return [role for role in ROLE_WORDS if role in attributes]


def source_roles(folders: Sequence[ListedFolder], target: Iterable[ListedFolder]) -> dict[bytes, str]:
    """Role of each source folder that has one. A mark beats a name; a name that the target uses too beats others."""
    roles: dict[bytes, str] = {}
    spelt = {word(folder.path[-1]) for folder in target if len(folder.path) == 1 and is_personal(folder)}
    able = _able(folders)
    for role in ROLE_WORDS:
        marked = [folder for folder in able if role in marked_roles(folder) and folder.name not in roles]
        named = [folder for folder in able if _named_role(folder) == role]
        named.sort(key=lambda folder: (len(folder.path), word(folder.path[-1]) not in spelt))
        if chosen := next(iter(marked + named), None):
            roles[chosen.name] = role
    return roles


def target_role(
    folders: Sequence[ListedFolder],
    role: str,
    own: tuple[str, ...],
    well_known: Mapping[str, tuple[str, ...]] | None,
) -> ListedFolder | None:
    """The target's folder of a role: the marked one, the one Graph names, or, without Graph, one with such a name.

    Of those with such a name the one called as the source's (`own`) comes first, because that is the folder an
    earlier pass made when the target had none of that role.
    """
    able = _able(folders)
    marked = [folder for folder in able if role in marked_roles(folder)]
    if well_known is not None:
        known = tuple(map(folded, well_known.get(_WELL_KNOWN_ROLES[role], ())))
        found = [folder for folder in able if tuple(map(folded, folder.path)) == known]
    else:
        found = [folder for folder in able if _named_role(folder) == role]
        own_key = tuple(map(word, own))
        found.sort(key=lambda folder: (tuple(map(word, folder.path)) != own_key, len(folder.path)))
    return next(iter(marked + found), None)


def not_for_mail(well_known: Mapping[str, tuple[str, ...]] | None) -> list[tuple[str, ...]]:
    """Paths of the target's folders that hold no mail (calendar, outbox, …), as Graph knows them."""
    return [path for name, path in (well_known or {}).items() if name not in _HOLD_MAIL]


def _named_role(folder: ListedFolder) -> str:
    """The role that the folder's name stands for, at the top or right below INBOX; empty for any other folder."""
    below_inbox = len(folder.path) == 2 and is_inbox(folder.path[:1])
    if marked_roles(folder) or not (len(folder.path) == 1 or below_inbox):
        return ""
    return ROLE_OF_NAME.get(word(folder.path[-1]), "")


def _able(folders: Iterable[ListedFolder]) -> list[ListedFolder]:
    """The folders that may have a role: another user's Sent is not this one's."""
    return [folder for folder in folders if folder.selectable and is_personal(folder) and not is_inbox(folder.path)]

"""Folder lists as servers give them, and folder maps in a form that is easy to compare."""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence

from mailferry.imap import names
from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_map import NO_WISHES, Mapping, Wishes, map_folders
from mailferry.transfer.folder_rules import FolderRule
from mailferry.transfer.name_rules import EXCHANGE, NameRules

SOURCE_SEPARATOR = "\x1f"


def folder(path: str | tuple[str, ...], *attributes: str) -> ListedFolder:
    parts = path if isinstance(path, tuple) else tuple(path.split("/"))
    return ListedFolder(SOURCE_SEPARATOR.join(parts).encode("utf-8", "surrogatepass"), parts, frozenset(attributes))


def listed(*paths: str) -> list[ListedFolder]:
    return [folder(path) for path in paths]


def shared(path: str, *attributes: str) -> ListedFolder:
    return folder(path, NOT_PERSONAL, *attributes)


EXCHANGE_FOLDERS = [
    *listed("Archive", "Calendar", "Contacts", "INBOX", "Outbox"),
    folder("Drafts", "\\drafts"),
    folder("Junk Email", "\\junk"),
    folder("Sent Items", "\\sent"),
    folder("Deleted Items", "\\trash"),
]

# What an Exchange mailbox lists in its language: special-use marks though SPECIAL-USE isn't advertised, none on
# Archive, and the folders that aren't for mail among the others.
_LOCALISED = {
    "de": {
        "\\drafts": "Entwürfe",
        "\\junk": "Junk-E-Mail",
        "\\sent": "Gesendete Elemente",
        "\\trash": "Gelöschte Elemente",
        "archive": "Archiv",
        "outbox": "Postausgang",
        "calendar": "Kalender",
        "contacts": "Kontakte",
        "tasks": "Aufgaben",
        "notes": "Notizen",
        "journal": "Journal",
        "conversationhistory": "Aufgezeichnete Unterhaltungen",
        "rss": "RSS-Feeds",
        "syncissues": "Synchronisierungsprobleme",
        "conflicts": "Synchronisierungsprobleme/Konflikte",
    },
    "hu": {
        "\\drafts": "Piszkozatok",
        "\\junk": "Levélszemét",
        "\\sent": "Elküldött elemek",
        "\\trash": "Törölt elemek",
        "archive": "Archívum",
        "outbox": "Postázandó üzenetek",
        "calendar": "Naptár",
        "contacts": "Névjegyek",
        "tasks": "Feladatok",
        "notes": "Feljegyzések",
        "journal": "Napló",
        "conversationhistory": "Beszélgetések előzményei",
        "rss": "RSS-hírcsatornák",
        "syncissues": "Szinkronizálási hibák",
        "conflicts": "Szinkronizálási hibák/Ütközések",
    },
    "ja": {
        "\\drafts": "下書き",
        "\\junk": "迷惑メール",
        "\\sent": "送信済みアイテム",
        "\\trash": "削除済みアイテム",
        "archive": "アーカイブ",
        "outbox": "送信トレイ",
        "calendar": "予定表",
        "contacts": "連絡先",
        "tasks": "タスク",
        "notes": "メモ",
        "journal": "履歴",
        "conversationhistory": "会話の履歴",
        "rss": "RSS フィード",
        "syncissues": "同期の失敗",
        "conflicts": "同期の失敗/競合",
    },
    # A language no table of names is kept for.
    "sw": {
        "\\drafts": "Rasimu",
        "\\junk": "Barua Taka",
        "\\sent": "Vipengee Vilivyotumwa",
        "\\trash": "Vipengee Vilivyofutwa",
        "archive": "Kumbukumbu",
        "outbox": "Kikasha Toezi",
        "calendar": "Kalenda",
        "contacts": "Waasiliani",
        "tasks": "Kazi",
        "notes": "Vidokezo",
        "journal": "Shajara",
        "conversationhistory": "Historia ya Mazungumzo",
        "rss": "Milisho ya RSS",
        "syncissues": "Masuala ya Ulandanishi",
        "conflicts": "Masuala ya Ulandanishi/Migongano",
    },
}
_GRAPH_NAMES = {"\\drafts": "drafts", "\\junk": "junkemail", "\\sent": "sentitems", "\\trash": "deleteditems"}


def exchange_folders(language: str) -> list[ListedFolder]:
    """What LIST shows of an Exchange mailbox in a language, names in modified UTF-7 and decoded again."""
    found = [ListedFolder(b"INBOX", ("INBOX",), frozenset({"\\marked", "\\hasnochildren"}))]
    for use, path in _LOCALISED[language].items():
        name = names.encode(path)
        marks = {"\\hasnochildren", use} if use.startswith("\\") else {"\\hasnochildren"}
        found.append(ListedFolder(name, names.path_of(name, b"/", b""), frozenset(marks)))
    return found


def graph_folders(language: str) -> dict[str, tuple[str, ...]]:
    """The paths of the same mailbox by Graph's well-known names; RSS has none."""
    paths = {_GRAPH_NAMES.get(use, use): tuple(path.split("/")) for use, path in _LOCALISED[language].items()}
    return {"inbox": ("INBOX",), **{name: path for name, path in paths.items() if name != "rss"}}


def local_name(language: str, use: str) -> str:
    """What the folder of a use (`\\sent`, `archive`, `outbox`) is called in a language."""
    return _LOCALISED[language][use]


def targets(mappings: tuple[Mapping, ...]) -> dict[str, str]:
    return {"/".join(mapping.source.path): "/".join(mapping.target) for mapping in mappings}


def mapped(source: Sequence[ListedFolder], rules: NameRules = EXCHANGE, wishes: Wishes = NO_WISHES) -> dict[str, str]:
    """Where each folder goes in an English Exchange mailbox."""
    return targets(map_folders(source, EXCHANGE_FOLDERS, rules, wishes))


def mapped_by(
    source: Sequence[ListedFolder],
    *rules: FolderRule,
    root: str = "",
    settled: MappingABC[bytes, tuple[str, ...]] | None = None,
) -> dict[str, str]:
    """Where rules send the folders of a mailbox; those they leave out are missing."""
    found = map_folders(source, EXCHANGE_FOLDERS, EXCHANGE, Wishes(rules=rules, root=root), settled=settled)
    return targets(tuple(mapping for mapping in found if not mapping.excluded))


def why(source: Sequence[ListedFolder], path: str, rules: NameRules = EXCHANGE, wishes: Wishes = NO_WISHES) -> str:
    """What is said of one folder."""
    mappings = map_folders(source, EXCHANGE_FOLDERS, rules, wishes)
    return next(mapping.why for mapping in mappings if "/".join(mapping.source.path) == path)

"""What Exchange calls a mailbox's own folders in some languages, and what they are: mail or not, marked or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ENGLISH, GERMAN, HUNGARIAN, JAPANESE = "en-US", "de-DE", "hu-HU", "ja-JP"


@dataclass(frozen=True, slots=True)
class DefaultFolder:
    """A folder every mailbox has: Graph's well-known name, names by language, and how LIST marks it.

    `above` is the well-known name of the folder it lies in. `graph` is False for those that Graph has no name for.
    Special-use marks come although the capability isn't advertised, and Archive has none (MailKit issue 1282).
    """

    name: str
    names: Mapping[str, str]
    attributes: tuple[bytes, ...] = ()
    above: str = ""
    graph: bool = True


def _called(english: str, german: str, hungarian: str, japanese: str) -> Mapping[str, str]:
    return {ENGLISH: english, GERMAN: german, HUNGARIAN: hungarian, JAPANESE: japanese}


_MARKED = b"\\Marked"

#: All of them, parents first. INBOX is called so in every language.
DEFAULT_FOLDERS = (
    DefaultFolder("inbox", _called("INBOX", "INBOX", "INBOX", "INBOX"), (_MARKED,)),
    DefaultFolder("drafts", _called("Drafts", "Entwürfe", "Piszkozatok", "下書き"), (_MARKED, b"\\Drafts")),
    DefaultFolder(
        "sentitems",
        _called("Sent Items", "Gesendete Elemente", "Elküldött elemek", "送信済みアイテム"),
        (_MARKED, b"\\Sent"),
    ),
    DefaultFolder(
        "deleteditems",
        _called("Deleted Items", "Gelöschte Elemente", "Törölt elemek", "削除済みアイテム"),
        (_MARKED, b"\\Trash"),
    ),
    DefaultFolder("junkemail", _called("Junk Email", "Junk-E-Mail", "Levélszemét", "迷惑メール"), (_MARKED, b"\\Junk")),
    DefaultFolder("archive", _called("Archive", "Archiv", "Archívum", "アーカイブ")),
    DefaultFolder("outbox", _called("Outbox", "Postausgang", "Postázandó üzenetek", "送信トレイ")),
    DefaultFolder("notes", _called("Notes", "Notizen", "Feljegyzések", "メモ")),
    DefaultFolder("journal", _called("Journal", "Journal", "Napló", "履歴")),
    DefaultFolder("tasks", _called("Tasks", "Aufgaben", "Feladatok", "タスク")),
    DefaultFolder("contacts", _called("Contacts", "Kontakte", "Névjegyek", "連絡先")),
    DefaultFolder("calendar", _called("Calendar", "Kalender", "Naptár", "予定表")),
    DefaultFolder(
        "birthdays", _called("Birthdays", "Geburtstage", "Születésnapok", "誕生日"), above="calendar", graph=False
    ),
    DefaultFolder(
        "holidays",
        _called("United States holidays", "Feiertage in Deutschland", "Magyarország ünnepei", "日本の休日"),
        above="calendar",
        graph=False,
    ),
    DefaultFolder(
        "conversationhistory",
        _called("Conversation History", "Aufgezeichnete Unterhaltungen", "Beszélgetések előzményei", "会話の履歴"),
    ),
    DefaultFolder("rssfeeds", _called("RSS Feeds", "RSS-Feeds", "RSS-hírcsatornák", "RSS フィード"), graph=False),
    DefaultFolder(
        "syncissues",
        _called("Sync Issues", "Synchronisierungsprobleme", "Szinkronizálási problémák", "同期の失敗"),
    ),
    DefaultFolder("conflicts", _called("Conflicts", "Konflikte", "Ütközések", "競合"), above="syncissues"),
    DefaultFolder(
        "localfailures",
        _called("Local Failures", "Lokale Fehler", "Helyi hibák", "ローカル エラー"),
        above="syncissues",
    ),
    DefaultFolder(
        "serverfailures",
        _called("Server Failures", "Serverfehler", "Kiszolgálóhibák", "サーバー エラー"),
        above="syncissues",
    ),
)

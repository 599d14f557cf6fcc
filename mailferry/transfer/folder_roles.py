"""What mail programs and servers call their folders in every language, and which folder has which role.

A role is one of RFC 6154's marks for the folders every mailbox has; a name stands for one only where none is marked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.values import ListedFolder

# Exchange's folders that hold no mail, as a mailbox names them in its own language: they are listed over IMAP like
# any other, and mail put there shows up nowhere sensible. "Files" is refused by CREATE ("Folder name is reserved").
_NOT_FOR_MAIL = """
files|outbox|sync issues|rss feeds|rss subscriptions|conversation history|conversation action settings|
quick step settings|suggested contacts|social activity notifications|working set|news feed|recoverable items|
calendar|contacts|tasks|notes|journal|
kalender|kontakte|aufgaben|notizen|postausgang|synchronisierungsprobleme|aufgezeichnete unterhaltungen|rss-feeds|
calendrier|tâches|boîte d'envoi|problèmes de synchronisation|historique des conversations|flux rss|
calendario|contactos|tareas|notas|diario|bandeja de salida|problemas de sincronización|
historial de conversaciones|fuentes rss|attività|contatti|note|posta in uscita|problemi di sincronizzazione|
cronologia conversazioni|feed rss|calendário|contatos|tarefas|a enviar|caixa de saída|
agenda|contactpersonen|taken|notities|logboek|postvak uit|synchronisatieproblemen|gespreksgeschiedenis|
kalendarz|kontakty|zadania|notatki|dziennik|skrzynka nadawcza|naptár|névjegyek|feladatok|feljegyzések|napló|
postázandó üzenetek|kalendář|úkoly|poznámky|deník|pošta k odeslání|kontakter|uppgifter|anteckningar|utkorgen|
kalenteri|yhteystiedot|tehtävät|muistiinpanot|lähtevät|opgaver|noter|udbakke|oppgaver|notater|utboks|
календарь|контакты|задачи|заметки|дневник|исходящие|календар|контакти|завдання|нотатки|вихідні|
takvim|kişiler|görevler|notlar|günlük|giden kutusu|ημερολόγιο|επαφές|εργασίες|σημειώσεις|εξερχόμενα|
予定表|連絡先|タスク|メモ|履歴|送信トレイ|日历|联系人|任务|便笺|日记|发件箱|行事曆|連絡人|工作|記事|寄件匣|
일정|연락처|작업|메모|업무 일지|보낼 편지함
"""

# What programs call the folders of each role when the server doesn't mark them (RFC 6154), one language after another.
_ROLE_NAMES = {
    "\\sent": """
sent|sent items|sent messages|sent mail|sent-mail|sentmail|gesendet|gesendete elemente|gesendete objekte|
gesendete nachrichten|gesendete mails|envoyés|éléments envoyés|messages envoyés|courrier envoyé|enviados|
elementos enviados|mensajes enviados|correo enviado|posta inviata|inviati|inviata|messaggi inviati|itens enviados|
mensagens enviadas|e-mails enviados|verzonden|verzonden items|verzonden berichten|wysłane|elementy wysłane|
wysłane elementy|elküldött|elküldött elemek|elküldött üzenetek|odeslané|odeslaná pošta|odeslané zprávy|skickat|
skickade objekt|skickade meddelanden|skickade|sendt|sendt post|sendte elementer|sendte meddelelser|sendte|
sendte meldinger|lähetetyt|lähetetyt viestit|отправленные|отправленные элементы|надіслані|надіслані елементи|
відправлені|gönderilmiş|gönderilmiş öğeler|gönderilenler|gönderilen|απεσταλμένα|σταλμένα|送信済み|送信済みアイテム|
送信済みメール|已发送|已发送邮件|已发邮件|寄件備份|已傳送|보낸 편지함|보낸편지함|보낸 메일함|
odoslané|odoslaná pošta|trimise|elemente trimise|poslano|poslane stavke|изпратени|изпратени елементи|saadetud""",
    "\\drafts": """
drafts|draft|entwürfe|entwurf|brouillons|brouillon|borradores|borrador|bozze|bozza|rascunhos|rascunho|concepten|
concept|kopie robocze|szkice|wersje robocze|robocze|piszkozatok|koncepty|rozepsané|utkast|kladder|kladde|kladd|
luonnokset|черновики|чернетки|taslaklar|taslak|πρόχειρα|下書き|草稿|草稿箱|임시 보관함|임시보관함|임시 보관 메일|ciorne|
skice|osnutki|чернови|mustandid""",
    "\\trash": """
trash|deleted|deleted items|deleted messages|bin|wastebasket|rubbish|papierkorb|gelöscht|gelöschte elemente|
gelöschte objekte|gelöschte nachrichten|corbeille|éléments supprimés|messages supprimés|supprimés|papelera|eliminados|
elementos eliminados|mensajes eliminados|cestino|posta eliminata|elementi eliminati|
eliminati|posta cancellata|lixo|lixeira|
itens excluídos|itens eliminados|mensagens excluídas|prullenbak|verwijderd|verwijderde items|kosz|elementy usunięte|
usunięte|usunięte elementy|kuka|lomtár|törölt elemek|törölt üzenetek|koš|odstraněná pošta|odstraněné|smazané|
papperskorg|papperskorgen|borttaget|borttagna objekt|papirkurv|slettet post|slettet|slettede elementer|slettede|
slettede meldinger|roskakori|poistetut|корзина|удаленные|удалённые|удаленные элементы|кошик|видалені|
видалені елементи|çöp|çöp kutusu|silinmiş öğeler|silinenler|κάδος|απορρίμματα|διαγραμμένα|
ゴミ箱|ごみ箱|削除済みアイテム|已删除|已删除邮件|废件箱|垃圾桶|刪除的郵件|휴지통|지운 편지함|지운편지함|
kôš|odstránená pošta|coș de gunoi|elemente șterse|smeće|кошче|изтрити елементи|prügikast""",
    "\\junk": """
junk|junk email|junk e-mail|junk mail|spam|bulk mail|spamverdacht|unerwünscht|unerwünschte werbung|
courrier indésirable|indésirables|pourriel|pourriels|correo no deseado|no deseado|correo basura|posta indesiderata|
indesiderata|lixo eletrônico|lixo eletrónico|e-mail de lixo|ongewenst|ongewenste e-mail|ongewenste mail|
wiadomości-śmieci|wiadomości śmieci|niechciane|levélszemét|nevyžádaná pošta|nevyžádané|skräppost|skräp|uønsket mail|
uønsket post|uønsket e-post|søppelpost|roskaposti|спам|нежелательная почта|небажана пошта|небажана|önemsiz|
önemsiz e-posta|istenmeyen|ανεπιθύμητη αλληλογραφία|ανεπιθύμητα|迷惑メール|垃圾邮件|垃圾郵件|정크 메일|스팸|스팸메일|
스팸 메일함|nevyžiadaná pošta|mesaje nedorite|neželjena pošta|neželena pošta|нежелана поща|rämpspost""",
    "\\archive": """
archive|archives|archived|archiv|archivo|archivos|archivio|archivados|arquivo|arquivo morto|archief|archiwum|
archívum|arkiv|arkisto|архив|архів|arşiv|αρχείο|アーカイブ|存档|归档|封存|보관|보관함|archív|arhiva|arhivă|arhiiv""",
}
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


def folded(name: str) -> str:
    """The form in which two names are compared without regard to case: one Unicode form (NFC), case folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _word(name: str) -> str:
    return " ".join(folded(name).split())


def _words(table: str) -> frozenset[str]:
    return frozenset(_word(name) for name in table.split("|") if name.strip())


_ROLE_OF_NAME = {name: role for role, table in _ROLE_NAMES.items() for name in _words(table)}

#: Names, as `folded` makes them, of Exchange's folders that aren't for mail; a name that a role has too is left out.
NOT_FOR_MAIL = _words(_NOT_FOR_MAIL) - _ROLE_OF_NAME.keys()


def is_inbox(path: tuple[str, ...]) -> bool:
    """INBOX in any ASCII case (RFC 3501 §5.1); `ınbox`, which Python upper-cases to the same, is another folder."""
    return len(path) == 1 and path[0].isascii() and path[0].upper() == "INBOX"


def is_personal(folder: ListedFolder) -> bool:
    """Whether the folder is the mailbox's own, neither another user's nor shared (RFC 2342)."""
    return NOT_PERSONAL not in folder.attributes


def marked_roles(folder: ListedFolder) -> list[str]:
    """The roles that the server marks the folder with (RFC 6154)."""
    attributes = {_SYNONYMS.get(attribute, attribute) for attribute in folder.attributes}
    return [role for role in _ROLE_NAMES if role in attributes]


def _named_role(folder: ListedFolder) -> str:
    """The role that the folder's name stands for, at the top or right below INBOX; empty for any other folder."""
    below_inbox = len(folder.path) == 2 and is_inbox(folder.path[:1])
    if marked_roles(folder) or not (len(folder.path) == 1 or below_inbox):
        return ""
    return _ROLE_OF_NAME.get(_word(folder.path[-1]), "")


def _able(folders: Iterable[ListedFolder]) -> list[ListedFolder]:
    """The folders that may have a role: another user's Sent is not this one's."""
    return [folder for folder in folders if folder.selectable and is_personal(folder) and not is_inbox(folder.path)]


def source_roles(folders: Sequence[ListedFolder], target: Iterable[ListedFolder]) -> dict[bytes, str]:
    """Role of each source folder that has one. A mark beats a name; a name that the target uses too beats others."""
    roles: dict[bytes, str] = {}
    spelt = {_word(folder.path[-1]) for folder in target if len(folder.path) == 1 and is_personal(folder)}
    able = _able(folders)
    for role in _ROLE_NAMES:
        marked = [folder for folder in able if role in marked_roles(folder) and folder.name not in roles]
        named = [folder for folder in able if _named_role(folder) == role]
        named.sort(key=lambda folder: (len(folder.path), _word(folder.path[-1]) not in spelt))
        if chosen := next(iter(marked + named), None):
            roles[chosen.name] = role
    return roles


def target_role(folders: Sequence[ListedFolder], role: str, own: tuple[str, ...]) -> ListedFolder | None:
    """The target's folder of a role: the marked one; else one with such a name, the source's own name first.

    Its own name first, because that is the folder an earlier pass made when the target had none of that role.
    """
    able = _able(folders)
    marked = [folder for folder in able if role in marked_roles(folder)]
    named = [folder for folder in able if _named_role(folder) == role]
    own_key = tuple(map(_word, own))
    named.sort(key=lambda folder: (tuple(map(_word, folder.path)) != own_key, len(folder.path)))
    return next(iter(marked + named), None)

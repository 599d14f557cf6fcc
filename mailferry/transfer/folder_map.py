"""Which target folder each source folder's mail goes to, so that no two of them merge and every name is legal.

Pure: it is given both folder lists and what names the target can hold. The same folders give the same mapping in
whatever order they were listed, and whatever is included or excluded. A folder that appears later may still change
what its neighbours would get, so a caller that has a mapping from an earlier pass hands it in as `settled`.
"""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace

from mailferry.imap.values import ListedFolder

type Path = tuple[str, ...]

_IMPORTED = "_imported"


@dataclass(frozen=True, slots=True)
class NameRules:
    """What folder names a target can hold.

    `separator` is empty on a server without hierarchy. `reserved` are top-level names, casefolded, that can't be
    created or aren't for mail. `max_part` is the longest part in UTF-16 units (Exchange counts those; for most
    names they are its characters), `max_depth` the most parts.
    """

    separator: str
    case_insensitive: bool
    reserved: frozenset[str] = frozenset()
    max_part: int = 250
    max_depth: int = 300


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where one source folder goes. `why` is one or more sentences for an administrator.

    An excluded folder isn't copied; `target` is then where it would have gone.
    """

    source: ListedFolder
    target: Path
    why: str
    excluded: bool = False


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
_ROLE_WORDS = {
    "\\sent": "Sent",
    "\\drafts": "Drafts",
    "\\trash": "Trash",
    "\\junk": "Junk",
    "\\archive": "Archive",
}
_SYNONYMS = {"\\spam": "\\junk"}  # XLIST, which Gmail and others spoke before RFC 6154

# Views that servers offer as folders (RFC 6154): what they show lies in other folders too.
_VIEWS = {"\\all", "\\flagged", "\\important", "\\allmail", "\\starred"}

_FIRST = ("inbox", "\\sent", "\\drafts")
_LAST = ("\\archive", "\\junk", "\\trash")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _word(name: str) -> str:
    return " ".join(_folded(name).split())


def _words(table: str) -> frozenset[str]:
    return frozenset(_word(name) for name in table.split("|") if name.strip())


_ROLE_ORDER = (*_ROLE_NAMES, "")
_ROLE_OF_NAME = {word: role for role, table in _ROLE_NAMES.items() for word in _words(table)}

#: Exchange Online: facts from its IMAP service and from what isync and imapsync met there.
EXCHANGE = NameRules("/", case_insensitive=True, reserved=_words(_NOT_FOR_MAIL) - _ROLE_OF_NAME.keys())


def PLAIN(separator: str) -> NameRules:  # noqa: N802 - one of two sets of rules, named like the other
    """The rules of an ordinary IMAP server, by its hierarchy separator (empty when it has no hierarchy)."""
    return NameRules(separator, case_insensitive=False, max_depth=300 if separator else 1)


def map_folders(
    source: Sequence[ListedFolder],
    target: Sequence[ListedFolder],
    rules: NameRules,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    settled: MappingABC[bytes, Path] | None = None,
) -> tuple[Mapping, ...]:
    """Map every source folder, in the order in which they should be copied.

    `include` and `exclude` are shell patterns on the decoded path, joined by `/`, without regard to case; a pattern
    that is a folder's own path covers its children too. Nothing included means everything; exclude wins.
    `settled` gives the targets of an earlier pass by the source folder's `name`; those stay as they are.
    """
    folders = _in_order(source)
    roles = _source_roles(folders, target)
    plan = _Plan(folders, target, rules, roles, settled or {})
    mappings = (
        _filtered(Mapping(folder, *plan.found(folder)), include, exclude)
        for folder in sorted(folders, key=lambda folder: _rank(folder, roles))
    )
    return tuple(mappings)


# --- order and roles ----------------------------------------------------------------------------------------------


def _is_inbox(path: Path) -> bool:
    """INBOX in any ASCII case (RFC 3501 §5.1); `ınbox`, which Python upper-cases to the same, is another folder."""
    return len(path) == 1 and path[0].isascii() and path[0].upper() == "INBOX"


def _in_order(source: Iterable[ListedFolder]) -> list[ListedFolder]:
    """Each folder once, by name: parents before children, `foo` before `Foo`; INBOX spelt so before other spellings."""
    once: dict[bytes, ListedFolder] = {}
    for folder in source:
        twin = once.get(folder.name)
        attributes = folder.attributes | (twin.attributes if twin else frozenset())
        kept = min(twin.path, folder.path) if twin else folder.path
        once[folder.name] = replace(folder, path=kept or ("",), attributes=attributes)
    return sorted(once.values(), key=_order)


def _order(folder: ListedFolder) -> tuple[object, ...]:
    path = folder.path
    return tuple(map(_folded, path)), path != ("INBOX",), tuple(part.swapcase() for part in path), path, folder.name


def _rank(folder: ListedFolder, roles: dict[bytes, str]) -> int:
    """Mail people look at first is copied first; what they look at least comes last."""
    role = "inbox" if _is_inbox(folder.path) else roles.get(folder.name, "")
    if role in _FIRST:
        return _FIRST.index(role) - len(_FIRST)
    return 1 + _LAST.index(role) if role in _LAST else 0


def _marked(folder: ListedFolder) -> list[str]:
    attributes = {_SYNONYMS.get(attribute, attribute) for attribute in folder.attributes}
    return [role for role in _ROLE_NAMES if role in attributes]


def _named(folder: ListedFolder) -> str:
    """The role that the folder's name stands for, at the top or right below INBOX; empty for any other folder."""
    below_inbox = len(folder.path) == 2 and _is_inbox(folder.path[:1])
    if _marked(folder) or not (len(folder.path) == 1 or below_inbox):
        return ""
    return _ROLE_OF_NAME.get(_word(folder.path[-1]), "")


def _source_roles(folders: Sequence[ListedFolder], target: Iterable[ListedFolder]) -> dict[bytes, str]:
    """Role of each source folder that has one. A mark beats a name; a name that the target uses too beats others."""
    roles: dict[bytes, str] = {}
    spelt = {_word(folder.path[-1]) for folder in target if len(folder.path) == 1}
    able = [folder for folder in folders if folder.selectable and not _is_inbox(folder.path)]
    for role in _ROLE_NAMES:
        marked = [folder for folder in able if role in _marked(folder) and folder.name not in roles]
        named = [folder for folder in able if _named(folder) == role]
        named.sort(key=lambda folder: (len(folder.path), _word(folder.path[-1]) not in spelt))
        if chosen := next(iter(marked + named), None):
            roles[chosen.name] = role
    return roles


def _target_role(folders: Sequence[ListedFolder], role: str, own: Path) -> ListedFolder | None:
    """The target's folder of a role: the marked one; else one with such a name, the source's own name first.

    Its own name first, because that is the folder an earlier pass made when the target had none of that role.
    """
    able = [folder for folder in folders if folder.selectable and not _is_inbox(folder.path)]
    marked = [folder for folder in able if role in _marked(folder)]
    named = [folder for folder in able if _named(folder) == role]
    own_key = tuple(map(_word, own))
    named.sort(key=lambda folder: (tuple(map(_word, folder.path)) != own_key, len(folder.path)))
    return next(iter(marked + named), None)


# --- names --------------------------------------------------------------------------------------------------------


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(part: str, units: int) -> str:
    """The part's beginning in at most so many UTF-16 units, never half a character."""
    if _units(part) <= units:
        return part
    kept = part.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
    return kept.rstrip().rstrip(". ") or "_"


def _legal(part: str, rules: NameRules, top: bool) -> tuple[str, list[str]]:
    """A part as the target can hold it, and what had to be changed, in words."""
    changes: list[str] = []
    name = unicodedata.normalize("NFC", part)

    def change(to: str, what: str) -> None:
        nonlocal name
        if to != name:
            name = to
            changes.append(what)

    if rules.separator:
        change(name.replace(rules.separator, "_"), f"{rules.separator} separates folders there")
    clean = "".join("_" if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in name)
    change(clean, "control characters can't be part of a name")
    change(_trimmed(name), "names can't begin or end with a space or end with a dot")
    change(name or "_", "a name can't be empty")
    if top and _folded(name) in rules.reserved:
        change(
            _cut(name, rules.max_part - len(_IMPORTED)) + _IMPORTED, "that name is reserved for another purpose there"
        )
    change(_cut(name, rules.max_part), f"a name has at most {rules.max_part} characters there")
    return name, changes


def _trimmed(name: str) -> str:
    shorter = name.strip().rstrip(".")
    return shorter if shorter == name else _trimmed(shorter)


@dataclass(frozen=True, slots=True)
class _Node:
    """A place in the source's tree: a listed folder, or a parent that is only implied by its children."""

    path: Path
    name: bytes | None
    part: str
    changes: tuple[str, ...]


class _Plan:
    """Gives every place in the source's tree a target path of its own."""

    def __init__(
        self,
        folders: Sequence[ListedFolder],
        target: Sequence[ListedFolder],
        rules: NameRules,
        roles: dict[bytes, str],
        settled: MappingABC[bytes, Path],
    ) -> None:
        self._rules = rules
        self._target = sorted(target, key=_order)
        self._existing = self._spellings()
        self._claimed: dict[Path, str] = {}  # key of a target path -> source path that has it
        self._placed: dict[tuple[Path, bytes | None], tuple[Path, str]] = {}
        self._nodes = self._tree(folders)
        self._main = {node.path: node for node in reversed(self._nodes)}
        self._wished = self._wishes()
        self._claimed[("INBOX",)] = "INBOX"
        self._place_all(folders, roles, settled)

    def found(self, folder: ListedFolder) -> tuple[Path, str]:
        """Target path and reason of a source folder."""
        return self._placed[(folder.path, folder.name)]

    # The tree.

    def _tree(self, folders: Sequence[ListedFolder]) -> list[_Node]:
        """All places, parents before children, names that can stay before names that must change."""
        listed = {folder.path for folder in folders}
        implied = {folder.path[:depth] for folder in folders for depth in range(1, len(folder.path))} - listed
        places: list[tuple[Path, bytes | None]] = [(folder.path, folder.name) for folder in folders]
        places += [(path, None) for path in implied]
        nodes = [
            _Node(path, name, part, tuple(changes))
            for path, name in places
            for part, changes in [_legal(path[-1], self._rules, top=len(path) == 1)]
        ]
        nodes.sort(
            key=lambda node: (len(node.path), bool(node.changes), _order(ListedFolder(node.name or b"", node.path)))
        )
        return nodes

    def _wishes(self) -> dict[Path, set[str]]:
        """By source parent, the keys of the names its children would like, which no number may take from them."""
        wished: dict[Path, set[str]] = {}
        for node in self._nodes:
            wished.setdefault(node.path[:-1], set()).add(self._key_of(node.part))
        return wished

    def _place_all(
        self, folders: Sequence[ListedFolder], roles: dict[bytes, str], settled: MappingABC[bytes, Path]
    ) -> None:
        for folder in folders:
            if path := settled.get(folder.name):
                self._claim(self._node(folder), path, "It keeps the target of the earlier passes.")
        for folder in folders:
            if _is_inbox(folder.path) and not self._has(self._node(folder)):
                self._claim_inbox(self._node(folder))
                break
        for folder in sorted(folders, key=lambda folder: _ROLE_ORDER.index(roles.get(folder.name, ""))):
            if folder.name in roles and not self._has(self._node(folder)):
                self._place_role(self._node(folder), roles[folder.name], bool(_marked(folder)))
        for node in self._nodes:
            if not self._has(node):
                self._place(node)

    def _node(self, folder: ListedFolder) -> _Node:
        main = self._main[folder.path]
        if main.name == folder.name:
            return main
        return next(node for node in self._nodes if node.name == folder.name)

    def _has(self, node: _Node) -> bool:
        return (node.path, node.name) in self._placed

    # Keys: two target paths with the same key are the same folder.

    def _key_of(self, part: str) -> str:
        return _folded(part) if self._rules.case_insensitive else unicodedata.normalize("NFC", part)

    def _key(self, path: Path) -> Path:
        first = "INBOX" if _is_inbox(path[:1]) else self._key_of(path[0])
        return (first, *map(self._key_of, path[1:]))

    def _spellings(self) -> dict[Path, list[Path]]:
        """The target's own paths, parents that aren't listed too, by key."""
        spelt: dict[Path, list[Path]] = {}
        for folder in self._target:
            for depth in range(1, len(folder.path) + 1):
                path = folder.path[:depth]
                same = spelt.setdefault(self._key(path), [])
                if path not in same:
                    same.append(path)
        return spelt

    def _spelt(self, path: Path) -> tuple[Path, bool]:
        """The path with its last part as the target spells it, and whether the target has it."""
        same = self._existing.get(self._key(path), [])
        if not same or path in same:
            return path, bool(same)
        return (*path[:-1], same[0][-1]), True

    # Placing.

    def _claim(self, node: _Node, path: Path, why: str) -> None:
        self._claimed[self._key(path)] = _shown(node.path)
        self._placed[(node.path, node.name)] = path, why

    def _claim_inbox(self, node: _Node) -> None:
        path, _ = self._spelt(("INBOX",))
        self._claim(node, path, "INBOX goes to INBOX.")

    def _parent(self, node: _Node) -> tuple[Path, Path]:
        """Source path and target path of the place above."""
        above = node.path[:-1]
        if not above:
            return (), ()
        parent = self._main[above]
        for depth in range(1, len(above)):  # a role may ask for a deep place before its parents' turn
            self._place(self._main[above[:depth]])
        self._place(parent)
        return above, self._placed[(parent.path, parent.name)][0]

    def _place(self, node: _Node) -> None:
        """Give a place its own name below its parent's target, changed only as far as it must be."""
        if self._has(node):
            return
        if node.name is None and _is_inbox(node.path):
            self._claim_inbox(node)  # only implied by its children, or spelt otherwise there: never a second INBOX
            return
        above, parent = self._parent(node)
        part, reasons = node.part, list(node.changes)
        if len(parent) >= self._rules.max_depth:
            part = _cut(f"{parent[-1]}_{part}", self._rules.max_part)
            parent = parent[:-1]
            reasons.append(f"folders are at most {self._rules.max_depth} deep there")
        path, exists = self._spelt((*parent, part))
        if (rival := self._claimed.get(self._key(path))) is not None:
            reasons.append(f"“{rival}” has that name already")
            path, exists = self._numbered(node, parent, part)
        self._claim(node, path, _why(above, path, reasons, exists))

    def _numbered(self, node: _Node, parent: Path, part: str) -> tuple[Path, bool]:
        wished = self._wished[node.path[:-1]]
        number = 2
        while True:
            suffix = f" ({number})"
            name = _cut(part, self._rules.max_part - len(suffix)) + suffix
            path, exists = self._spelt((*parent, name))
            if self._key(path) not in self._claimed and self._key_of(name) not in wished:
                return path, exists
            number += 1

    def _place_role(self, node: _Node, role: str, marked: bool) -> None:
        found = _target_role(self._target, role, node.path)
        if found is None or self._key(found.path) in self._claimed:
            self._place(node)
            return
        known = "is marked as" if marked else "has a usual name of"
        why = f"It {known} the {_ROLE_WORDS[role]} folder; the target's is “{_shown(found.path)}”."
        self._claim(node, found.path, why)


def _shown(path: Path) -> str:
    return "/".join(path)


def _why(above: Path, path: Path, reasons: Sequence[str], exists: bool) -> str:
    if reasons:
        text = f"It is called “{path[-1]}” in the target, because {' and '.join(reasons)}."
    elif exists:
        text = "It goes to the folder of the same name that the target has."
    else:
        text = "It keeps its name."
    if above and path[:-1] != above and not _same_inbox(path[:-1], above):
        text += f" It follows its parent, which is “{_shown(path[:-1])}” there."
    return text


def _same_inbox(one: Path, other: Path) -> bool:
    return one[1:] == other[1:] and _is_inbox(one[:1]) and _is_inbox(other[:1])


# --- include and exclude ------------------------------------------------------------------------------------------


def _filtered(mapping: Mapping, include: Sequence[str], exclude: Sequence[str]) -> Mapping:
    if not mapping.source.selectable:
        return replace(mapping, why="It holds only other folders and no mail.", excluded=True)
    path = mapping.source.path
    if pattern := _covering(exclude, path):
        return replace(mapping, why=f"It is excluded by “{pattern}”.", excluded=True)
    if include and not _covering(include, path):
        return replace(mapping, why="It is not among the folders to include.", excluded=True)
    if mapping.source.attributes & _VIEWS:
        return replace(mapping, why=f"{mapping.why} The source marks it as a view of mail that other folders hold too.")
    return mapping


def _covering(patterns: Iterable[str], path: Path) -> str:
    """The first pattern that covers the path, or an empty string."""
    name = _folded(_shown(path))
    return next((pattern for pattern in patterns if _covers(_folded(pattern.strip("/")), name)), "")


def _covers(pattern: str, name: str) -> bool:
    if name == pattern or name.startswith(f"{pattern}/"):
        return bool(pattern)
    # "[Gmail]/*" means the folder [Gmail], though in a shell it would be one letter.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))

"""What Exchange, mail programs and servers call their folders in every language."""

from __future__ import annotations

import unicodedata

# Exchange's folders that hold no mail, as a mailbox names them in its own language: they are listed over IMAP like
# any other, and mail put there shows up nowhere sensible. "Files" is refused by CREATE ("Folder name is reserved").
_NOT_FOR_MAIL = """
files|outbox|sync issues|rss feeds|rss subscriptions|conversation history|conversation action settings|
quick step settings|suggested contacts|social activity notifications|working set|news feed|recoverable items|
yammer root|externalcontacts|personmetadata|
calendar|contacts|tasks|notes|journal|
kalender|kontakte|aufgaben|notizen|postausgang|synchronisierungsprobleme|aufgezeichnete unterhaltungen|
unterhaltungsverlauf|gesprächsverlauf|rss-feeds|rss-abonnements|
calendrier|tâches|boîte d'envoi|boîte d’envoi|problèmes de synchronisation|historique des conversations|
historique de conversation|flux rss|
calendario|contactos|tareas|notas|diario|bandeja de salida|problemas de sincronización|
historial de conversaciones|fuentes rss|suscripciones de rss|attività|contatti|note|posta in uscita|
problemi di sincronizzazione|cronologia conversazioni|feed rss|calendário|contatos|tarefas|a enviar|caixa de saída|
problemas de sincronização|histórico de conversas|histórico de conversações|feeds rss|
agenda|contactpersonen|taken|notities|logboek|postvak uit|synchronisatieproblemen|gespreksgeschiedenis|
kalendarz|kontakty|zadania|notatki|dziennik|skrzynka nadawcza|problemy z synchronizacją|historia konwersacji|
źródła danych rss|kanały informacyjne rss|
naptár|névjegyek|partnerek|névjegyalbum|feladatok|feljegyzések|jegyzetek|napló|postázandó üzenetek|postázandó|
szinkronizálási hibák|szinkronizálási problémák|beszélgetések előzményei|beszélgetési előzmények|rss-hírcsatornák|
kalendář|úkoly|poznámky|deník|pošta k odeslání|problémy se synchronizací|potíže se synchronizací|
historie konverzací|informační kanály rss|kontakter|uppgifter|anteckningar|utkorgen|synkroniseringsproblem|
konversationshistorik|rss-flöden|kalenteri|yhteystiedot|tehtävät|muistiinpanot|päiväkirja|lähtevät|
synkronointiongelmat|keskusteluhistoria|rss-syötteet|opgaver|noter|udbakke|synkroniseringsproblemer|samtaleoversigt|
rss-kilder|oppgaver|notater|logg|utboks|samtalelogg|rss-feeder|
календарь|контакты|задачи|заметки|дневник|исходящие|ошибки синхронизации|журнал бесед|rss-каналы|
календар|контакти|завдання|нотатки|щоденник|вихідні|проблеми синхронізації|журнал розмов|rss-канали|
бележки|изходящи|takvim|kişiler|görevler|notlar|günlük|giden kutusu|eşitleme sorunları|konuşma geçmişi|rss akışları|
ημερολόγιο|επαφές|εργασίες|σημειώσεις|εξερχόμενα|ιστορικό συνομιλιών|τροφοδοσίες rss|
kalendár|úlohy|denník|pošta na odoslanie|contacte|activități|sarcini|jurnal|mesaje de ieșire|
kalendar|kontakti|zadaci|bilješke|dnevnik|izlazna pošta|koledar|stiki|opravila|beležke|
التقويم|جهات الاتصال|المهام|الملاحظات|دفتر اليومية|علبة الصادر|לוח שנה|אנשי קשר|משימות|פתקים|יומן|דואר יוצא|
ปฏิทิน|ที่ติดต่อ|งาน|บันทึกย่อ|กล่องจดหมายออก|lịch|liên hệ|nhiệm vụ|ghi chú|nhật ký|hộp thư đi|
予定表|連絡先|タスク|仕事|メモ|履歴|送信トレイ|会話の履歴|同期の失敗|同期の問題|rss フィード|rss 購読|
日历|联系人|任务|便笺|日记|发件箱|对话历史记录|同步问题|rss 源|行事曆|連絡人|工作|記事|日誌|寄件匣|交談記錄|
同步處理問題|rss 摘要|일정|연락처|작업|메모|업무 일지|보낼 편지함|대화 내용|동기화 문제|rss 피드
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
junk|junk email|junk e-mail|junk-e-mail|junk mail|spam|bulk mail|spamverdacht|unerwünscht|unerwünschte werbung|
courrier indésirable|indésirables|pourriel|pourriels|correo no deseado|no deseado|correo basura|posta indesiderata|
indesiderata|lixo eletrônico|lixo eletrónico|e-mail de lixo|ongewenst|ongewenste e-mail|ongewenste mail|
wiadomości-śmieci|wiadomości śmieci|niechciane|levélszemét|nevyžádaná pošta|nevyžádané|skräppost|skräp|uønsket mail|
uønsket post|uønsket e-post|søppelpost|søppel-e-post|roskaposti|спам|нежелательная почта|небажана пошта|небажана|
önemsiz|önemsiz e-posta|istenmeyen|ανεπιθύμητη αλληλογραφία|ανεπιθύμητα|迷惑メール|垃圾邮件|垃圾郵件|정크 메일|스팸|
스팸메일|스팸 메일함|nevyžiadaná pošta|mesaje nedorite|neželjena pošta|neželena pošta|нежелана поща|rämpspost""",
    "\\archive": """
archive|archives|archived|archiv|archivo|archivos|archivio|archivados|arquivo|arquivo morto|archief|archiwum|
archívum|arkiv|arkisto|архив|архів|arşiv|αρχείο|アーカイブ|存档|归档|封存|보관|보관함|archív|arhiva|arhivă|arhiiv""",
}

# What programs show in the place of INBOX, which every server calls so: people know it by these names only.
_INBOX_NAMES = """
posteingang|boîte de réception|courrier entrant|bandeja de entrada|recibidos|posta in arrivo|caixa de entrada|
a receber|postvak in|skrzynka odbiorcza|odebrane|beérkezett üzenetek|doručená pošta|inkorgen|inkorg|indbakke|innboks|
saapuneet|postilaatikko|входящие|вхідні|gelen kutusu|εισερχόμενα|受信トレイ|受信箱|收件箱|收件匣|받은 편지함|
mesaje primite|primljena pošta|prejeto|входяща поща|sisendkaust
"""


def folded(name: str) -> str:
    """The form in which two names are compared without regard to case: one Unicode form (NFC), case folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def word(name: str) -> str:
    """The form in which names are looked up in the tables: folded, with single spaces."""
    return " ".join(folded(name).split())


def _words(table: str) -> list[str]:
    return [word(name) for name in table.split("|") if name.strip()]


#: The role (RFC 6154) that a name, as `word` makes it, stands for.
ROLE_OF_NAME = {name: role for role, table in _ROLE_NAMES.items() for name in _words(table)}

#: Names, as `word` makes them, under which people know INBOX.
INBOX_NAMES = frozenset(_words(_INBOX_NAMES))

#: Names, as `word` makes them, of Exchange's folders that aren't for mail; none of them stands for a role.
NOT_FOR_MAIL = frozenset(_words(_NOT_FOR_MAIL))

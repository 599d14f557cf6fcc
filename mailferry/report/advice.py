"""What a validation advises: of one mailbox in its own row, of a batch as a list. Each has a cause and a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailferry.report.csv_cells import human_bytes
from mailferry.source.introduction import EXCHANGE, GOOGLE
from mailferry.state.batches import Batch
from mailferry.state.validations import Validation
from mailferry.transfer.folder_misfits import Misfit

_GB = 1 << 30
#: Bytes of a mailbox that deserves a batch of its own.
LARGE = 10 * _GB
#: Bytes that a mailbox holds by the usual licences: Exchange Online Plan 1 and Plan 2.
PLAN_1, PLAN_2 = 50 * _GB, 100 * _GB

#: Mailboxes of a batch: as many as a person can keep in view, and as many as Microsoft's own migration takes.
_BATCH_GOOD, _BATCH_MOST = 100, 2_000
#: Mailboxes of a migration from which on managing and reporting are a task of their own.
_MANY = 50_000
_SHOWN = 5
#: What the source counts beyond its folders is nothing to speak of below so many bytes, and below this part of it all.
_HIDDEN_LEAST, _HIDDEN_PART = 100 << 20, 5

#: An address belongs to one batch.
_MOVE = "remove {them} (operation remove), and once gone drop {them} in another CSV"
_LARGER = "Give it a licence with Exchange Online Plan 2 (100 GB), or enable its archive and move old mail there"

_HIDDEN = (
    "Look for folders that are hidden from IMAP (the server's settings, the webmail's folder options) and for what "
    "else counts there, such as deleted mail that is kept or files; show what shall go over, then revalidate."
)
_SPELLING = "Correct the pattern in the options (a folder's whole path, / between its parts), and drop them again."


@dataclass(frozen=True, slots=True)
class Advice:
    """`about` names the subject in a few words."""

    about: str
    cause: str
    remedy: str


def too_large(found: Validation) -> str:
    """Why the mailbox does not fit the target; empty when it does, as far as is known."""
    if found.free is not None and found.bytes > found.free:
        return f"It has {human_bytes(found.bytes)}, but the target mailbox has room for {human_bytes(found.free)}."
    if found.room:
        if found.bytes <= found.room:
            return ""
        return f"It has {human_bytes(found.bytes)}, but its licence holds {human_bytes(found.room)}."
    if found.bytes > PLAN_1:
        holds = (
            "neither Plan 1 (50 GB) nor Plan 2 (100 GB) holds" if found.bytes > PLAN_2 else "Plan 1 (50 GB) can't hold"
        )
        return f"It has {human_bytes(found.bytes)}, which {holds}; its licence is not known."
    return ""


def hidden(found: Validation) -> str:
    """That the source counts much more towards its quota than its folders hold; empty when it does not, or when not
    everything was measured."""
    if found.used is None or found.left_out or found.unselected:
        return ""
    if found.used - found.bytes < max(_HIDDEN_LEAST, found.used // _HIDDEN_PART):
        return ""
    return (
        f"The source counts {human_bytes(found.used)} towards its quota, but the folders that it lists hold "
        f"{human_bytes(found.bytes)}."
    )


def unfit(found: Validation) -> str:
    """Which patterns fit no folder of the mailbox and are worth a word about it; empty when none is."""
    misfits = (Misfit(*each) for each in found.unfit)
    return " ".join(misfit.words for misfit in misfits if misfit.told)


def for_mailbox(found: Validation) -> str:
    """What to do about one mailbox before it is started; empty for nothing."""
    full = found.free is not None and found.bytes > found.free
    larger = "Raise the quota of the target mailbox" if full else _LARGER
    advice = [f"{larger}, or leave mail out (messages_after, exclude_folders)."] if too_large(found) else []
    if hidden(found):
        advice.append(_HIDDEN)
    if unfit(found):
        advice.append(_SPELLING)
    if found.bytes >= LARGE:
        advice.append(f'Put it into a batch of its own: {_MOVE.format(them="it")} with "priority": 9.')
    if found.too_large:
        advice.append("Its messages that are too large stand in validation-oversize.csv.")
    return " ".join(advice)


def for_batch(
    batch: Batch, mailboxes: int, everywhere: int, limit: int, found: Sequence[tuple[str, Validation]]
) -> list[Advice]:
    """The advice about a batch of so many mailboxes, of `everywhere` in all validated batches; `limit` is the size of
    the largest message that goes over, `found` what was found of which address."""
    advice = [_of_number(mailboxes), _of_all(everywhere), _of_choice(batch, found), *_of_patterns(found)]
    advice += [
        _of_licences(found),
        _of_large(found),
        _of_messages(found, limit),
        _of_exchange(found),
        _of_google(found),
    ]
    return [one for one in advice if one]


def _of_number(mailboxes: int) -> Advice | None:
    if mailboxes <= _BATCH_GOOD:
        return None
    most = f" Microsoft's own migration takes no more than {_BATCH_MOST:,} in one." if mailboxes > _BATCH_MOST else ""
    return Advice(
        "Size of the batch",
        f"The batch has {mailboxes:,} mailboxes; 50 to 100 are easier to watch and to correct.{most}",
        "Cut it by department or place, 50 to 100 mailboxes each, and let 5 to 10 such batches run side by side. What "
        f"goes elsewhere: {_MOVE.format(them='it')}. Next time, a plan proposes such batches by itself.",
    )


def _of_all(everywhere: int) -> Advice | None:
    if everywhere <= _MANY:
        return None
    return Advice(
        "More than 50,000 mailboxes",
        f"All validated batches together have {everywhere:,} mailboxes. From {_MANY:,} on, guides to IMAP migration "
        "advise tools of others, for their management and reports.",
        "Make a deployment for each region or company, migrate a pilot of 100 first, and plan who watches the reports.",
    )


def _of_choice(batch: Batch, found: Sequence[tuple[str, Validation]]) -> Advice | None:
    if not batch.selection.words:
        return None
    left = sum(each.unselected for _, each in found)
    return Advice(
        "Messages that are left out",
        f"The options choose among messages ({batch.selection.words}): {left:,} are left out, and not counted here.",
        "If that is not what you meant, correct the options, drop them with the CSV again, and revalidate.",
    )


def _of_patterns(found: Sequence[tuple[str, Validation]]) -> list[Advice]:
    """About each pattern that fits no folder of any mailbox."""
    patterns = [{(option, pattern): near for option, pattern, near in each.unfit} for _, each in found]
    nowhere = set(patterns[0]).intersection(*patterns) if patterns else set[tuple[str, str]]()
    return [
        Advice(
            "Patterns that fit no folder",
            f"{Misfit(*key, next(filter(None, (near[key] for near in patterns)), '')).words} That holds for every "
            "mailbox that was looked at.",
            _SPELLING,
        )
        for key in sorted(nowhere)
    ]


def _of_licences(found: Sequence[tuple[str, Validation]]) -> Advice | None:
    fat = [address for address, each in found if too_large(each)]
    if not fat:
        return None
    return Advice(
        "Licences",
        f"{_named(fat)} {_has(fat)} more mail than {'its' if len(fat) == 1 else 'their'} licence holds.",
        f"{_LARGER}. A mailbox that is full stops, and goes on when there is room.",
    )


def _of_large(found: Sequence[tuple[str, Validation]]) -> Advice | None:
    large = [address for address, each in found if each.bytes >= LARGE]
    if not large or len(large) == len(found) == 1:
        return None
    return Advice(
        "Large mailboxes",
        f"{_named(large)} {_has(large)} 10 GB or more.",
        f"Put them into a batch of their own, so that they do not hold up the others: {_MOVE.format(them='them')} with "
        '"priority": 9.',
    )


def _of_messages(found: Sequence[tuple[str, Validation]], limit: int) -> Advice | None:
    messages = sum(each.too_large for _, each in found)
    if not messages:
        return None
    return Advice(
        "Messages that are too large",
        f"{messages:,} messages are larger than {human_bytes(limit)} and would be skipped.",
        "See validation-oversize.csv. Up to 150 MB go over where MAX_MESSAGE_BYTES and the mailbox allow it "
        "(Set-Mailbox -MaxReceiveSize 150MB); of the others, save the attachments elsewhere.",
    )


def _of_exchange(found: Sequence[tuple[str, Validation]]) -> Advice | None:
    if not any(each.software == EXCHANGE for _, each in found):
        return None
    return Advice(
        "The source is Exchange",
        "The source is a Microsoft Exchange server. By IMAP only messages go over: contacts, calendars, tasks, rules "
        "and permissions stay.",
        "Take Microsoft's own ways where you can: a hybrid migration (Exchange 2010 and later), cutover (2003 and "
        "later, up to 2,000 mailboxes) or staged (2003 and 2007). They carry contacts and calendars too.",
    )


def _of_google(found: Sequence[tuple[str, Validation]]) -> Advice | None:
    if not any(each.software == GOOGLE for _, each in found):
        return None
    return Advice(
        "The source is Google",
        "By IMAP only messages go over: contacts, calendars, and what lies in Drive, Sites and Forms stay. Google lets "
        "about 2,500 MB a day out of each mailbox, which the estimated duration takes into account.",
        "Move contacts and calendars with Microsoft's Google Workspace migration or as files (vCard, iCalendar), and "
        "Drive with the Migration Manager of the SharePoint admin centre.",
    )


def _named(addresses: Sequence[str]) -> str:
    more = len(addresses) - _SHOWN
    return ", ".join(addresses[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _has(addresses: Sequence[str]) -> str:
    return "has" if len(addresses) == 1 else "have"

"""A company of twenty mailboxes on their way to Exchange Online: their mail, and what each has to go through."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.support.dovecot import Dovecot
from tests.support.exchange import (
    CONNECTION_CLOSED,
    ENGLISH,
    GERMAN,
    HUNGARIAN,
    JAPANESE,
    TOKEN_EXPIRES,
    UNAVAILABLE,
    Budget,
    Hang,
    Kind,
    Mailbox,
    Refuse,
    Tenant,
)
from tests.support.imap_sim import At, Cut, CutUnanswered
from tests.support.imap_sim.faults import Fault
from tests.support.mail import GeneratedMessage, fill_user, messages, odd_messages, oversize

MAILBOXES = 20
#: Special folders at the source by their marks; no program can know them by these names.
SPECIAL_USE = {
    "Fertig": "\\Sent",
    "Halbes": "\\Drafts",
    "Weg": "\\Trash",
    "Lästig": "\\Junk",
    "Alt": "\\Archive",
}
#: The last two are called as folders of the target's that hold no mail, in one language or another.
FOLDERS = ("INBOX", "Fertig", "Weg", "Alt", "日本語/請求書", "Projekte/R&D & Labs", "Kalender", "Notes")
#: How many messages a mailbox has at first besides odd ones, doubles and large ones; some have more, in one folder.
MESSAGES, MANY = 35, 110
#: How many messages come at a time later on.
TRICKLE = 4
#: Bytes of the largest message that a mailbox takes, in the proportions of Exchange Online's 35, 45 and 150 MB, and of
#: the message that some have.
LIMITS = (350_000, 450_000, 1_500_000)
LARGE = 470_000
#: Larger odd messages are left out: nothing is odd about them but that they take long.
ODD_MOST = 250_000

FULL = (0, 3)
NOT_READY = 6
THROTTLED = (1, 2, 8, 9)
CROWDED = (7, 12, 16, 19)
WITH_LARGE = (1, 4, 5, 10, 12, 15)
#: Those whose user principal name is not their address.
RENAMED = (4, 13)

#: What a full mailbox has room for, as a share of its mail, and bytes of the largest message in it: without that and
#: one other no message would say that it is full.
ROOM = 0.4
FULL_ODD_MOST = 4_000
#: What a throttled mailbox may do, in the simulator's seconds.
BUDGET = Budget(requests_per_second=0.25, bytes_per_second=30_000, window_seconds=60)

#: What goes wrong at single commands of a mailbox, and when such a command comes at the latest; each of these to two.
#: An APPEND that hangs makes sure that somebody looks what has arrived, and that hangs too.
FAULTS: Sequence[Sequence[tuple[str, Fault, int]]] = (
    (("APPEND", Hang(stored=True), 12), ("UID FETCH", Hang(), 1)),
    (("APPEND", Hang(stored=False), 12),),
    (("APPEND", CutUnanswered(), 12), ("UID FETCH", Hang(), 1)),
    (("APPEND", Cut(), 12),),
    (("APPEND", Refuse(UNAVAILABLE), 12), ("SELECT", Refuse(UNAVAILABLE), 3)),
    (("APPEND", TOKEN_EXPIRES, 12), ("SELECT", Hang(), 3)),
    (("APPEND", CONNECTION_CLOSED, 12),),
)


@dataclass(frozen=True, slots=True)
class Employee:
    """One of them: login at the source, mailbox at the target."""

    number: int
    login: str
    mailbox: Mailbox


class Company:
    """Everybody, and how many messages were put into whose mailbox at the source."""

    def __init__(self, source: Dovecot, tenant: Tenant, chance: random.Random) -> None:
        self._source = source
        self._chance = chance
        self.employees = [_employee(number, tenant) for number in range(MAILBOXES)]
        self.filled: Counter[str] = Counter()

    def begin(self) -> None:
        """Fill the mailboxes at the source, and lay out what is to go wrong."""
        odd = self._chance.sample([m for m in odd_messages().values() if len(m.body) <= ODD_MOST], k=300)
        for employee in self.employees:
            mail = self._mail(employee, odd[employee.number :: MAILBOXES])
            self._fill(employee, mail)
            if employee.number in FULL:
                employee.mailbox.quota = int(ROOM * sum(len(message.body) for message in mail))
        for faults, employee in zip(
            (*FAULTS, *FAULTS), self._chance.sample(self.employees, 2 * len(FAULTS)), strict=True
        ):
            for verb, fault, latest in faults:
                employee.mailbox.faults.add(At(self._chance.randint(1, latest), fault, verb))

    def csv(self, password: str) -> str:
        """Of everybody."""
        lines = (f"{each.mailbox.address},{each.login},{password}\n" for each in self.employees)
        return "EmailAddress,UserName,Password\n" + "".join(lines)

    def trickle(self, employee: Employee) -> None:
        """New mail arrives at the source."""
        self._fill(employee, list(self._messages(TRICKLE, FOLDERS[:3])))

    def happened(self) -> Counter[str]:
        """The faults at single commands that have happened."""
        return Counter(f"{at.verb}: {at.fault}" for each in self.employees for at in each.mailbox.faults.happened)

    def _mail(self, employee: Employee, odd: Sequence[GeneratedMessage]) -> list[GeneratedMessage]:
        mail = list(self._messages(MESSAGES, FOLDERS))
        if employee.number in CROWDED:
            mail += self._messages(MANY, FOLDERS[:1])
        mail += [replace(message, folder=self._chance.choice(FOLDERS)) for message in odd]
        if employee.number in FULL:
            mail = [message for message in mail if len(message.body) <= FULL_ODD_MOST]
        mail += [double for message in self._chance.sample(mail, k=2) for double in (message, message)]
        if employee.number in WITH_LARGE:
            mail.append(oversize(LARGE, folder="Alt", seed=employee.number))
        self._chance.shuffle(mail)
        return mail

    def _messages(self, count: int, folders: Sequence[str]) -> list[GeneratedMessage]:
        return list(messages(self._chance.randrange(1 << 30), count, folders=folders, median_bytes=700))

    def _fill(self, employee: Employee, mail: Sequence[GeneratedMessage]) -> None:
        fill_user(self._source, employee.login, mail)
        self.filled[employee.login] += len(mail)


def _employee(number: int, tenant: Tenant) -> Employee:
    name, kind = f"user{number:02}", (Kind.USER, Kind.USER, Kind.USER, Kind.SHARED, Kind.ROOM)[number % 5]
    mailbox = Mailbox(
        f"{name}{'.renamed' if number in RENAMED else ''}@contoso.com",
        address=f"{name}@contoso.com",
        kind=kind,
        licensed=kind is Kind.USER,
        language=(GERMAN, HUNGARIAN, JAPANESE, ENGLISH)[number % 4],
        message_limit=LIMITS[number % 3],
        budget=BUDGET if number in THROTTLED else None,
    )
    return Employee(number, name, tenant.add(mailbox))

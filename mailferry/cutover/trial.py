"""A test message by way of the domain's new MX: sent as a stranger would, then looked for in the target mailbox."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from mailferry.cutover.compare import State, verdicts
from mailferry.cutover.expected import expected_of
from mailferry.cutover.records import RecordReader
from mailferry.cutover.smtp import Smtp
from mailferry.domain_name import domain_name, domain_of
from mailferry.errors import FolderGone, OperationRefused, ServerError, TrialRefused
from mailferry.imap.identity import identity_of
from mailferry.intake.csv_file import address_key
from mailferry.intake.json_object import check_keys, parsed, refusal, wrong
from mailferry.report.status import Json
from mailferry.state.clock import Clock, utc_now
from mailferry.state.mailboxes import Mailbox, Mailboxes, mailbox_id
from mailferry.state.trials import Trial, Trials
from mailferry.target.graph import Graph
from mailferry.target.mailbox import TargetMailbox
from mailferry.transfer.sessions import Sessions

log = logging.getLogger(__name__)

#: UIDs at the end of a folder among which the message is looked for.
LAST = 200

_BODY = 'Send {"mailbox": "anna@contoso.com"}: an address of the domain whose mailbox is in a batch.'
_ADDRESS = "Name an address of the domain whose mailbox is in a batch."
_JUNK = "\\junk"
_JUNK_NAMES = frozenset({("Junk Email",), ("Junk",)})
_TEXT = "This message was sent to see whether mail reaches this mailbox by way of the domain's MX. Delete it.\n"
_WAIT = (
    "Look again in a minute. If it is still missing after an hour, look at the message trace and the quarantine "
    "in the Exchange admin centre."
)
_IN_JUNK = (
    "Nothing has to be done: mail arrives. The function app is no sender that the SPF record of the sender's domain "
    "names, so Exchange Online takes it for junk."
)


@dataclass(frozen=True, slots=True)
class MxTrials:
    """Sends and looks. It connects to hosts of Microsoft 365 only, whatever a domain's records say."""

    mailboxes: Mailboxes
    trials: Trials
    sessions: Sessions
    graph: Graph | None
    sender: str
    reader: RecordReader = field(default_factory=RecordReader)
    smtp: Smtp = field(default_factory=Smtp)
    clock: Clock = utc_now

    def send(self, text: str, body: bytes) -> Json:
        """Send one to the mailbox that the request names, and look once.

        Raises DomainRefused, DomainMissing, DnsFailed, BatchRefused, OperationRefused, TrialRefused, SmtpFailed.
        """
        domain = domain_name(text)
        mailbox = self._mailbox(domain, _address_in(body))
        if not mailbox.address.isascii():
            raise TrialRefused(
                f"{mailbox.address!r} can't be written to by plain SMTP: it has letters beyond ASCII.",
                "Choose another mailbox of the domain, or send a message from any mailbox outside the tenant.",
            )
        if not self.sender:
            raise TrialRefused("NOTIFY_FROM is not set.", "Set it to the address the test message shall come from.")
        records = self.reader.read(domain)
        mx = verdicts(records, expected_of(domain, self.graph))[0]
        if mx.state is not State.OK:
            raise TrialRefused(f"The MX of {domain} does not lead to Microsoft 365 alone: {mx.why}", mx.remedy)
        host = min(records.mx.values, key=lambda value: int(value.split()[0])).split()[1]
        message = self._message(mailbox.address)
        said = self.smtp.send(host, self.sender, mailbox.address, message)
        trial = Trial(domain, mailbox.address, str(message["Message-ID"]), host, said, self.clock())
        self.trials.write(trial)
        return self._looked(trial, mailbox)

    def look(self, text: str) -> Json:
        """Look for the domain's last one again; None when there is none. Raises DomainRefused, OperationRefused."""
        trial = self.trials.get(domain_name(text))
        return self._looked(trial, self._mailbox(trial.domain, trial.address)) if trial else None

    def _mailbox(self, domain: str, address: str) -> Mailbox:
        if domain_of(address) != domain:
            raise OperationRefused(f"{address!r} is no address of {domain}.", _ADDRESS)
        mailbox = self.mailboxes.get(mailbox_id(address_key(address)))
        if mailbox is None:
            raise OperationRefused(f"The mailbox {address!r} is in no batch.", _ADDRESS)
        return mailbox

    def _message(self, to: str) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, "Mailferry test message"
        message["Date"] = format_datetime(self.clock())
        message["Message-ID"] = make_msgid("mailferry", self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody who is away answers
        message.set_content(_TEXT)
        return message

    def _looked(self, trial: Trial, mailbox: Mailbox) -> Json:
        why, remedy = "", ""
        if not trial.folder:
            try:
                with closing(self.sessions.target(mailbox)) as target:
                    trial = replace(trial, folder=_folder_of(target, trial.message_id))
                self.trials.write(trial)
            except ServerError as error:
                log.warning("The mailbox of a test message could not be looked into: %s", error.cause)
                why, remedy = error.cause, error.remedy
        if not trial.folder:
            why, remedy = why or "It was accepted, and is not in the mailbox yet.", remedy or _WAIT
        elif trial.folder != "INBOX":
            why, remedy = f"It has arrived, in {trial.folder}.", _IN_JUNK
        shown: dict[str, Json] = {**asdict(trial), "sent": trial.sent.isoformat()}
        return {**shown, "arrived": bool(trial.folder), "why": why, "remedy": remedy}


def _address_in(body: bytes) -> str:
    top = parsed(body, "request", _BODY)
    problems: list[str] = []
    check_keys(top, "$", ("mailbox",), problems)
    address = top.get("mailbox")
    if not isinstance(address, str):
        problems.append(wrong("$.mailbox", address, "an address of the domain"))
    if problems:
        raise refusal(problems, _BODY)
    return str(address)


def _folder_of(target: TargetMailbox, message_id: str) -> str:
    """The folder that has the message, of INBOX and those for junk; empty when none has."""
    key = identity_of(f"Message-ID: {message_id}\r\n".encode(), 0, None).key
    for folder in target.folders():
        if not (folder.is_inbox or _JUNK in folder.attributes or folder.path in _JUNK_NAMES):
            continue
        try:
            uidnext = target.select(folder.name).status.uidnext
        except FolderGone:
            continue
        if any(identity.key == key for _, identity in target.identities(max(1, uidnext - LAST))):
            return "INBOX" if folder.is_inbox else "/".join(folder.path)
    return ""

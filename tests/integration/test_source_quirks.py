"""Source servers played with what is peculiar to them: the mailbox arrives, and without the quirk it would not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from mailferry.imap.compress import ENOUGH, Pace
from mailferry.imap.values import Login, Security, Server
from mailferry.model import MailboxLine, Status
from mailferry.source.mailbox import SourceMailbox
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import BARE, RICH, Behaviour, SimServer, Store
from tests.support.imap_sim.commands import COMMANDS
from tests.support.imap_sim.logins import login
from tests.support.imap_sim.messages import places_of, uid_fetch, uid_set
from tests.support.imap_sim.protocol import Arguments, Hangup, Refused
from tests.support.imap_sim.session import Answer, Command, Session, State

ANN = "ann@example.test"
#: A server on which everybody comes in by LOGIN.
PASSWORDS = Behaviour(tuple(name for name in RICH if not name.startswith("AUTH=")))


def stored(*folders: bytes, each: int = 3) -> Store:
    store = Store()
    for folder in folders:
        store.create(ANN, folder)
        for number in range(each):
            store.add(ANN, folder, b"Message-ID: <%d@%d>\r\n\r\n%d\r\n" % (number, len(folder), number))
    return store


@contextmanager
def migrated(
    mail: Store,
    behaviour: Behaviour | None = None,
    quirks: Mapping[str, object] | None = None,
    table: Mapping[str, Command] = COMMANDS,
    **settings: str,
) -> Iterator[tuple[Engine, Store, SimServer]]:
    """The engine after one pass, what has arrived, and the source."""
    arrived = Store()
    with SimServer(mail, behaviour, table=table) as source, SimServer(arrived) as target:
        engine = Engine(settings_for((source.host, source.port), (target.host, target.port), **settings))
        engine.drop("batch", csv_of(ANN), json.dumps({"endpoint": {"quirks": quirks or {}}}))
        engine.run()
        yield engine, arrived, source


def bodies(store: Store, folder: bytes) -> list[bytes]:
    return sorted(bytes(message.body) for message in store.messages(ANN, folder))


# Yahoo, AOL: a folder shows its newest 10,000 messages.


def cut_off(messages: int, limit: int) -> MailboxLine:
    with migrated(stored(b"INBOX", b"Small", each=messages), quirks={"folder_limit": limit}) as (engine, _, _):
        return engine.line("batch")


def test_of_a_folder_that_is_cut_off_a_person_hears() -> None:
    line = cut_off(5, limit=5)
    assert (line.status, line.counts.copied) == (Status.SYNCED, 10)
    assert "shows only the newest messages of “INBOX”, “Small”" in line.why
    assert "so that older ones come into view" in line.remedy


def test_at_the_host_that_shows_all_the_rest_is_carried_and_nothing_twice() -> None:
    newest, everything, arrived = Store(), Store(), Store()
    for number in range(8):
        body = b"Message-ID: <%d@x>\r\n\r\n%d\r\n" % (number, number)
        everything.add(ANN, b"INBOX", body)
        if number >= 3:
            newest.add(ANN, b"INBOX", body)
    with SimServer(newest) as usual, SimServer(everything) as export, SimServer(arrived) as target:
        engine = Engine(settings_for((usual.host, usual.port), (target.host, target.port)))
        engine.drop("batch", csv_of(ANN), '{"endpoint": {"quirks": {"folder_limit": 5}}}')
        engine.run()
        engine.drop("batch", csv_of(ANN), json.dumps({"endpoint": {"port": export.port}}))
        engine.services.sync.run()
        engine.run()
        line = engine.line("batch")
    assert (line.counts.copied, line.counts.adopted, line.remedy) == (3, 5, "")
    assert bodies(arrived, b"INBOX") == bodies(everything, b"INBOX")


def test_a_folder_with_fewer_messages_is_whole() -> None:
    line = cut_off(4, limit=5)
    assert (line.why, line.remedy) == ("8 messages are in the target.", "")


def test_the_answers_of_yahoo_are_understood() -> None:
    """ID is answered with NIL, and what is short comes as a quoted string."""

    def identification(session: Session, arguments: Arguments) -> Answer:
        arguments.group()
        return Answer("OK ID completed", [b"* ID NIL\r\n"])

    def quoting(session: Session, arguments: Arguments) -> Answer:
        answer = uid_fetch(session, arguments)
        return Answer(answer.completion, [line.replace(b"{2}\r\nhi", b'"hi"') for line in answer.untagged])

    mail = Store()
    mail.add(ANN, b"INBOX", b"hi")
    table = {
        **COMMANDS,
        "ID": Command(identification, State.ANY),
        "UID FETCH": Command(quoting, State.SELECTED),
    }
    with migrated(mail, table=table) as (engine, arrived, _):
        assert engine.line("batch").status is Status.SYNCED
        assert bodies(arrived, b"INBOX") == [b"hi"]


# hMailServer: a strange greeting, no NAMESPACE, sizes that are wrong.


@pytest.mark.parametrize("claimed", [lambda body: len(body) * 1_000_000, lambda body: len(body) // 9])
def test_an_hmailserver_needs_no_quirk(claimed: Callable[[bytes], int]) -> None:
    behaviour = Behaviour(BARE, greeting="OK IMAPrev1", separator=b".", size=claimed)
    with migrated(stored(b"INBOX", b"Kunden.Alt"), behaviour) as (engine, arrived, _):
        assert engine.line("batch").counts.copied == 6
        assert len(bodies(arrived, b"Kunden/Alt")) == 3


# Zimbra: folders of contacts and appointments among those of mail.

ZIMBRA = Behaviour(greeting="OK mail.example.com Zimbra IMAP4rev1 server ready")
ZIMBRAS = (b"INBOX", b"Contacts", b"Emailed Contacts", b"Contacts/Suppliers", b"Calendar", b"Projects/Contacts")


def test_zimbras_contacts_and_appointments_are_not_carried_as_mail() -> None:
    with migrated(stored(*ZIMBRAS), ZIMBRA) as (engine, arrived, _):
        assert sorted(name for name in arrived.names(ANN) if bodies(arrived, name)) == [b"INBOX", b"Projects/Contacts"]
        assert "It holds contacts, appointments or the like and no mail" in engine.report("batch", "folders.csv")


def test_without_the_quirk_they_would_be() -> None:
    with migrated(stored(*ZIMBRAS), ZIMBRA, {"not_mail": []}) as (_, arrived, _):
        assert len(bodies(arrived, b"Contacts")) == 3


# Rackspace, GoDaddy: no place just now.


@pytest.mark.parametrize(
    "words",
    [
        "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=16)",
        "NO [UNAVAILABLE] Account is temporarily unavailable.",
    ],
)
def test_a_provider_without_a_place_just_now_is_waited_for(words: str) -> None:
    refusals = iter([words, words])

    def crowded(session: Session, arguments: Arguments) -> Answer:
        if refusal := next(refusals, None):
            raise Refused(refusal)
        return login(session, arguments)

    table = {**COMMANDS, "LOGIN": Command(crowded, State.ANY)}
    with migrated(stored(b"INBOX"), PASSWORDS, table=table) as (engine, _, _):
        line = engine.line("batch")
        assert (line.status, line.counts.copied) == (Status.SYNCED, 3)


# MDaemon, SmarterMail: everybody's own password, `/` between folders, and mail that is known by its Message-ID.


@pytest.mark.parametrize("software", ["MDaemon", "SmarterMail"])
def test_mail_of_a_server_whose_uids_begin_anew_is_known_by_its_message_id(software: str) -> None:
    mail = stored(b"INBOX", b"Kunden/Alt")
    behaviour = Behaviour(BARE, greeting=f"OK mail.example.com IMAP4rev1 {software} 24.0.1 ready", separator=b"/")
    with migrated(mail, behaviour) as (engine, arrived, source):
        with SourceMailbox.open(Server("source", source.host, source.port, Security.NONE), Login(ANN, "pw")) as session:
            assert session.introduction().software == software
        for folder in (b"INBOX", b"Kunden/Alt"):
            mail.new_uidvalidity(ANN, folder)
        mail.add(ANN, b"INBOX", b"Message-ID: <new@x>\r\n\r\nnew\r\n")
        engine.services.sync.run()
        engine.run()
        assert engine.line("batch").counts.copied == 1
        assert bodies(arrived, b"INBOX") == bodies(mail, b"INBOX")
        assert bodies(arrived, b"Kunden/Alt") == bodies(mail, b"Kunden/Alt")


# A server that gives new UIDs in every session, and calls them so.


def test_uids_that_last_for_a_session_need_no_quirk() -> None:
    def renumbering(session: Session, arguments: Arguments) -> Answer:
        answer = login(session, arguments)
        for folder in session.store.names(ANN):
            session.store.new_uidvalidity(ANN, folder)
        return answer

    mail = stored(b"INBOX", b"Sent", each=40)
    mail.add(ANN, b"INBOX", b"Message-ID: <0@5>\r\n\r\n0\r\n")  # as another one is
    with (
        SimServer(mail, PASSWORDS, table={**COMMANDS, "LOGIN": Command(renumbering, State.ANY)}) as source,
        SimServer(Store()) as target,
    ):
        engine = Engine(settings_for((source.host, source.port), (target.host, target.port)))
        engine.drop("batch", csv_of(ANN))
        engine.run()
        mail.add(ANN, b"INBOX", b"Message-ID: <new>\r\n\r\nnew\r\n")
        engine.services.sync.run()
        engine.run()
        for folder in (b"INBOX", b"Sent"):
            assert bodies(target.store, folder) == bodies(mail, folder)
        assert target.verbs().count("APPEND") <= 82


# Switches for servers that nobody has met yet, or that are met too late.


def hanging_up_over(most: int) -> Mapping[str, Command]:
    """A server that ends the connection when a command asks for more messages' bodies than that."""

    def modest(session: Session, arguments: Arguments) -> Answer:
        asked = str(arguments)
        if "BODY.PEEK[]" in asked:
            with session.store.lock:
                uids = session.selected.uids
            if len(list(places_of(uid_set(Arguments([b" " + asked.partition(" (")[0].encode()])), uids))) > most:
                raise Hangup("Too much at once")
        return uid_fetch(session, arguments)

    return {**COMMANDS, "UID FETCH": Command(modest, State.SELECTED)}


def test_a_server_that_bears_few_messages_in_a_command_is_asked_for_few() -> None:
    with migrated(stored(b"INBOX", each=30), quirks={"fetch_messages": 10}, table=hanging_up_over(10)) as (_, there, _):
        assert len(bodies(there, b"INBOX")) == 30


def test_without_the_quirk_it_never_gives_them() -> None:
    table = hanging_up_over(10)
    with migrated(stored(b"INBOX", each=30), table=table, RETRY_ATTEMPTS="1") as (engine, _, _):
        assert engine.line("batch").status is Status.FAILED


def test_with_select_no_folder_is_examined() -> None:
    with migrated(stored(b"INBOX", b"Sent"), quirks={"select": True}) as (engine, _, source):
        assert engine.line("batch").counts.copied == 6
        assert "SELECT" in source.verbs()
        assert "EXAMINE" not in source.verbs()


@pytest.mark.parametrize("quirks", ["", '{"compress": false}'])
def test_a_connection_that_must_not_be_compressed_stays_as_it_is(quirks: str) -> None:
    def refuse(session: Session, arguments: Arguments) -> Answer:
        raise Refused("NO Not now")

    table = {**COMMANDS, "COMPRESS": Command(refuse, State.LOGGED_IN)}
    with SimServer(stored(b"INBOX"), Behaviour((*RICH, "COMPRESS=DEFLATE")), table=table) as server:
        where = Server("source", server.host, server.port, Security.NONE)
        with SourceMailbox.open(where, Login(ANN, "pw"), quirks) as source:
            source.examine(b"INBOX")
            source._connection.wire.pace = Pace(received=ENOUGH, waited=1e6, elapsed=1e6)
            assert len(list(source.messages([1, 2, 3]))) == 3
    assert ("COMPRESS" in server.verbs()) == (not quirks)

"""The table of Exchange's commands, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.exchange import appends, folders, logins, messages, searches
from tests.support.exchange.session import ExchangeSession
from tests.support.imap_sim import folders as plain_folders
from tests.support.imap_sim import logins as plain_logins
from tests.support.imap_sim.session import Command, State

#: Anything else is answered with `BAD Command Error. 10`; of what Exchange can do besides (IDLE, COPY, DELETE, RENAME,
#: commands by sequence number) a migration needs nothing.
COMMANDS: Mapping[str, Command[ExchangeSession]] = {
    "CAPABILITY": Command(plain_logins.capability, State.ANY),
    "NOOP": Command(plain_logins.noop, State.ANY),
    "ID": Command(plain_logins.identification, State.ANY),
    "LOGOUT": Command(logins.logout, State.ANY),
    "LOGIN": Command(logins.login, State.ANY),
    "AUTHENTICATE": Command(logins.authenticate, State.ANY),
    "NAMESPACE": Command(plain_folders.namespace, State.LOGGED_IN),
    "LIST": Command(folders.list_folders, State.LOGGED_IN),
    "LSUB": Command(folders.list_subscribed, State.LOGGED_IN),
    "STATUS": Command(folders.status, State.LOGGED_IN),
    "EXAMINE": Command(folders.examine, State.LOGGED_IN),
    "SELECT": Command(folders.select, State.LOGGED_IN),
    "UNSELECT": Command(plain_folders.unselect, State.SELECTED),
    "CREATE": Command(folders.create, State.LOGGED_IN),
    "SUBSCRIBE": Command(plain_folders.subscribe, State.LOGGED_IN),
    "APPEND": Command(appends.append, State.LOGGED_IN),
    "UID FETCH": Command(messages.uid_fetch, State.SELECTED),
    "UID SEARCH": Command(searches.uid_search, State.SELECTED),
    "UID STORE": Command(messages.uid_store, State.SELECTED),
    "EXPUNGE": Command(messages.expunge, State.SELECTED),
    "UID EXPUNGE": Command(messages.uid_expunge, State.SELECTED),
    "UID COPY": Command(messages.uid_copy, State.SELECTED),
    "UID MOVE": Command(messages.uid_move, State.SELECTED),
}

"""The table of commands.

A server that does something in its own way has a table of its own, made of this one:
`COMMANDS | {"LIST": Command(exchange_list, State.LOGGED_IN)}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.imap_sim import changes, folders, logins, messages
from tests.support.imap_sim.session import Command, State

COMMANDS: Mapping[str, Command] = {
    "CAPABILITY": Command(logins.capability, State.ANY),
    "NOOP": Command(logins.noop, State.ANY),
    "ID": Command(logins.identification, State.ANY),
    "LOGOUT": Command(logins.logout, State.ANY),
    "LOGIN": Command(logins.login, State.ANY),
    "AUTHENTICATE": Command(logins.authenticate, State.ANY),
    "NAMESPACE": Command(folders.namespace, State.LOGGED_IN),
    "LIST": Command(folders.list_folders, State.LOGGED_IN),
    "STATUS": Command(folders.status, State.LOGGED_IN),
    "EXAMINE": Command(folders.examine, State.LOGGED_IN),
    "SELECT": Command(folders.select, State.LOGGED_IN),
    "UNSELECT": Command(folders.unselect, State.SELECTED),
    "CREATE": Command(folders.create, State.LOGGED_IN),
    "SUBSCRIBE": Command(folders.subscribe, State.LOGGED_IN),
    "APPEND": Command(messages.append, State.LOGGED_IN),
    "UID FETCH": Command(messages.uid_fetch, State.SELECTED),
    "UID SEARCH": Command(messages.uid_search, State.SELECTED),
    "UID STORE": Command(changes.uid_store, State.SELECTED),
    "UID COPY": Command(changes.uid_copy, State.SELECTED),
    "UID MOVE": Command(changes.uid_move, State.SELECTED),
    "UID EXPUNGE": Command(changes.uid_expunge, State.SELECTED),
}

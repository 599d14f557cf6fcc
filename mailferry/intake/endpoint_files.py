"""Takes definitions of endpoints in, tries whether their servers can be reached, and answers beside the reports."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial

from mailferry.errors import BatchRefused, ServerError
from mailferry.imap.client import opened
from mailferry.imap.connection import Connection
from mailferry.intake.endpoint_options import Source, read_endpoint
from mailferry.intake.json_object import text_of
from mailferry.model import Endpoint
from mailferry.source.introduction import Introduction, introduction_of
from mailferry.source.profile import Profile, profile_of
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.definitions import Definition, Definitions
from mailferry.state.storage import Blob, Blobs

log = logging.getLogger(__name__)

#: Where the definitions lie in the container of batches, and the answers in that of reports.
FOLDER = "endpoints/"

_SUFFIX = ".json"
#: Seconds that a server may be silent when its connection is tried, and servers that are tried in a round, at once.
_TRY_SECONDS = 10.0
_TRIES = 8

_STAY = "The batches in elsewhere stay with the server that they began with, until their CSVs are dropped again."


@dataclass(frozen=True, slots=True)
class EndpointFiles:
    """Looks after the files `endpoints/<name>.json`. Taking one in again changes nothing more."""

    definitions: Definitions
    admission: Admission
    batches: Batches
    blobs: Blobs
    container: str
    answers: str
    clock: Clock = utc_now

    def run(self) -> None:
        """Take in what has changed, and try the servers that were not tried yet, so many that a round stays short."""
        there = [(blob.name, blob.etag) for blob in self.blobs.list(self.container, FOLDER)]
        known = {FOLDER + definition.file: definition for definition in self.definitions.all()}
        changed = [name for name, etag in there if name not in known or known[name].etag != etag]
        taken = [definition for name in changed if (definition := _each(self._take, name))]
        untried = [known[name] for name, _ in there if name in known and name not in changed]
        to_try = [one for one in (*taken, *untried) if not one.refused and one.tested != one.etag]
        with ThreadPoolExecutor(_TRIES) as pool:
            list(pool.map(partial(_each, self._try), to_try[:_TRIES]))

    def test(self, name: str) -> dict[str, object] | None:
        """Take in the endpoint's newest file if that was not done, and try its server now: what came of it, as `one`
        has it. None when there is no such endpoint."""
        file = name + _SUFFIX
        newest, found = self.blobs.info(self.container, FOLDER + file), self.definitions.get(file)
        if newest and (found is None or found.etag != newest.etag):
            found = self._take(FOLDER + file)
        if found and not found.refused:
            self._try(found)
        return self.one(name)

    def all(self) -> list[dict[str, object]]:
        """Every endpoint that has a file, or had one, as `one` has it."""
        return [self._shown(definition) for definition in self.definitions.all()]

    def one(self, name: str) -> dict[str, object] | None:
        """The endpoint: what its file said when it was right last (`definition`), and what came of trying its server
        (`ok`, None before that; `why` and `remedy`); None when there is no such endpoint."""
        found = self.definitions.get(name + _SUFFIX)
        return self._shown(found) if found else None

    def _shown(self, definition: Definition) -> dict[str, object]:
        name = definition.file.removesuffix(_SUFFIX)
        answer = self.blobs.read(self.answers, f"{FOLDER}{name}{_SUFFIX}")
        found = {"endpoint": name, "at": None, "ok": None, "why": "Its server is not tried yet.", "remedy": ""}
        found |= json.loads(answer.data) if answer else {}
        return {**found, "definition": json.loads(definition.text) if definition.text else None}

    def named(self, name: str) -> Source:
        """The endpoint as its newest file says. Raises `BatchRefused`."""
        file = name + _SUFFIX
        newest = self.blobs.info(self.container, FOLDER + file)
        found = self.definitions.get(file)
        if newest and (found is None or found.etag != newest.etag):
            found = self._take(FOLDER + file)
        if found is None:
            known = ", ".join(self._names()) or "none"
            raise BatchRefused(f"there is no {FOLDER}{file}, and none was taken in before; known are: {known}.")
        if found.refused:
            raise BatchRefused(f"{FOLDER}{file} can't be used. {found.refused}")
        return read_endpoint(name, found.text.encode())

    def _names(self) -> Iterator[str]:
        return (found.file.removesuffix(_SUFFIX) for found in self.definitions.all() if found.text)

    def _take(self, path: str) -> Definition | None:
        """Look at the file, and keep what it says: its server is used so from the next chunk on."""
        blob = self.blobs.read(self.container, path)
        if blob is None:
            return None
        file = path.removeprefix(FOLDER)
        before = self.definitions.get(file) or Definition(file)
        try:
            source = _read(file, blob)
        except BatchRefused as refused:
            log.warning("%s is refused: %s", path, refused.cause)
            found = replace(before, etag=blob.etag, refused=refused.cause)
            self._answer(file, {"ok": False, "why": refused.cause, "remedy": refused.remedy})
        else:
            log.info("%s is taken in.", path)
            found = replace(
                before,
                etag=blob.etag,
                text=text_of(blob.data),
                refused="",
            )
            self.admission.define(source.endpoint)
        self.definitions.write(found)
        return found

    def _try(self, definition: Definition) -> None:
        """Connect as a mailbox of the endpoint would, up to the login, and say what came of it."""
        name = definition.file.removesuffix(_SUFFIX)
        endpoint = read_endpoint(name, definition.text.encode()).endpoint
        answer: dict[str, object] = {
            "host": endpoint.host,
            "port": endpoint.port,
            "security": endpoint.security.value,
            "certificate": _certificate(endpoint),
            "addresses": _addresses(endpoint),
            "elsewhere": self._elsewhere(name, endpoint),
        }
        stay = _STAY if answer["elsewhere"] else ""
        try:
            met, quirks = _met(endpoint)
        except ServerError as error:
            answer |= {"ok": False, "why": error.cause, "remedy": f"{error.remedy} {stay}".strip()}
        else:
            answer |= {"ok": True, "why": "The server answers. Whether logins work, the option validate shows."}
            answer |= {"remedy": stay, "software": met.software, "identification": met.identification}
            answer |= {"greeting": met.greeting, "capabilities": list(met.capabilities), "quirks": quirks}
        self._answer(definition.file, answer)
        self.definitions.write(replace(definition, tested=definition.etag))

    def _elsewhere(self, name: str, endpoint: Endpoint) -> list[str]:
        """Batches that began with another server of this name: they stay with it until they are dropped again."""
        return [
            batch.name
            for batch in self.batches.all()
            if batch.endpoint_name == name and batch.endpoint not in ("", endpoint.id) and not batch.closed
        ]

    def _answer(self, file: str, answer: dict[str, object]) -> None:
        name = file.removesuffix(_SUFFIX)
        whole = {"endpoint": name, "at": self.clock().isoformat(), **answer}
        data = json.dumps(whole, ensure_ascii=False, indent=2).encode()
        self.blobs.write(self.answers, f"{FOLDER}{name}{_SUFFIX}", data, "application/json")


def _each[A, B](work: Callable[[A], B], thing: A) -> B | None:
    """Do it; one file that storage fails for must not keep the watch from the others."""
    try:
        return work(thing)
    except Exception:
        log.exception("A definition of an endpoint could not be dealt with; the next round tries again.")
        return None


def _read(file: str, blob: Blob) -> Source:
    if not file.endswith(_SUFFIX):
        cause = f"{FOLDER}{file} is no definition of an endpoint: those are called {FOLDER}<name>{_SUFFIX}."
        raise BatchRefused(cause, f"Take it out of the folder {FOLDER}: batches are never looked for there.")
    return read_endpoint(file.removesuffix(_SUFFIX), blob.data)


def _certificate(endpoint: Endpoint) -> str:
    """What is done about the server's certificate; one that is checked and wrong fails the connection."""
    if endpoint.security == "none":
        return "none: the connection is not protected"
    return "checked" if endpoint.check_certificate else "not checked: whoever sits in between can read everything"


def _addresses(endpoint: Endpoint) -> list[str]:
    """What the server's name resolves to."""
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(place[4][0]) for place in found))
    return []


def _met(endpoint: Endpoint) -> tuple[Introduction, dict[str, object]]:
    """What the server says before anybody logs in, and what is done otherwise for it, as fields of its profile.

    Raises what is wrong with host, port, protection or certificate.
    """
    server = endpoint.server(_TRY_SECONDS)
    with Connection(server, opened(server)) as connection:
        plain, known = asdict(Profile()), asdict(profile_of(connection, endpoint.quirks))
        return introduction_of(connection), {name: value for name, value in known.items() if value != plain[name]}

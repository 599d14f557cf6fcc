"""Stands for the Azure CLI and Microsoft Graph behind it: what scripts/setup-entra.sh asks of them, in memory.

`az` on the PATH is a few lines of shell that hand its arguments to this process. Knows exactly the requests and the
JMESPath queries of that script; anything else is an error, as is what Graph would refuse.
"""

from __future__ import annotations

import json
import re
import socketserver
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

type Row = dict[str, Any]

_SHIM = """#!/usr/bin/env bash
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' "$#" "$@" >&3
IFS= read -r code <&3
if [ "$code" = 0 ]; then cat <&3; else cat <&3 >&2; fi
exit "$code"
"""
_GUID = "[0-9a-f-]{36}"
_QUERIES: Mapping[str, Callable[[list[Row]], list[list[str]]]] = {
    "value[].[id, appId, join(' ', tags)]": lambda rows: [[r["id"], r["appId"], " ".join(r["tags"])] for r in rows],
    "value[].[id, appId, servicePrincipalType, join(' ', alternativeNames)]": lambda rows: [
        [r["id"], r["appId"], r["servicePrincipalType"], " ".join(r["alternativeNames"])] for r in rows
    ],
    "value[].id": lambda rows: [[r["id"]] for r in rows],
    "value[?name=='mailferry'].[id, subject]": lambda rows: [
        [r["id"], r["subject"]] for r in rows if r["name"] == "mailferry"
    ],
    "id": lambda rows: [[r["id"]] for r in rows],
    "[[id, appId]]": lambda rows: [[r["id"], r["appId"]] for r in rows],
}


class AzureCliError(Exception):
    """What the Azure CLI would print."""


@dataclass
class Directory:
    """A tenant. `late` requests for one object find nothing yet; `denied` refuses every change."""

    tenant: str
    applications: list[Row] = field(default_factory=list)
    principals: list[Row] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    late: int = 0
    denied: bool = False

    def run(self, arguments: list[str]) -> str:
        """What `az` prints. Raises AzureCliError."""
        if arguments == ["account", "show", "--query", "tenantId", "--output", "tsv"]:
            if not self.tenant:
                raise AzureCliError("Please run 'az login' to setup account.")
            return f"{self.tenant}\r\n"
        if arguments[0] != "rest":
            raise AzureCliError(f"unknown command {arguments}")
        options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        url, method, query = urlsplit(options.pop("--url")), options.pop("--method"), options.pop("--query", "")
        body: Row = json.loads(options.pop("--body", "{}"))
        if options.pop("--output") != "tsv" or options not in ({}, {"--headers": "Content-Type=application/json"}):
            raise AzureCliError(f"unknown options {options}")
        if url.netloc != "graph.microsoft.com" or not url.path.startswith("/v1.0/") or " " in url.query:
            raise AzureCliError(f"unknown address {url.geturl()}")
        rows = self._listed(url) if method == "GET" else self._changed(method, url, body)
        return "".join("\t".join(row) + "\r\n" for row in _found(query, rows)) if query else ""

    def _listed(self, url: SplitResult) -> list[Row]:
        rows, rest = self._rows(url)
        if rest:
            raise AzureCliError(f"unknown address {url.geturl()}")
        if not url.query:
            return rows
        condition = re.fullmatch(r"\$filter=(\w+) eq '([^']*)'", unquote(url.query))
        if not condition:
            raise AzureCliError(f"unknown filter {url.query}")
        return [row for row in rows if row[condition[1]] == condition[2]]

    def _changed(self, method: str, url: SplitResult, body: Row) -> list[Row]:
        if self.denied:
            raise AzureCliError('Forbidden({"error":{"code":"Authorization_RequestDenied"}})')
        rows, rest = self._rows(url)
        self.changes.append(f"{method} {re.sub(_GUID, '*', url.path)}")
        if method == "POST":
            rows.append(_made(rows is self.applications, rows is self.principals, body))
            return rows[-1:]
        [row] = [row for row in rows if row["id"] == rest]
        if method == "PATCH":
            row.update(body)
        else:
            rows.remove(row)
            if rows is self.applications:
                self.principals[:] = [p for p in self.principals if p["appId"] != row["appId"]]
        return []

    def _rows(self, url: SplitResult) -> tuple[list[Row], str]:
        """The collection that the path is about, and the id of its member when the path names one."""
        kind, object_id, part, rest = (*url.path.split("/")[2:], "", "", "")[:4]
        collection = {"applications": self.applications, "servicePrincipals": self.principals}[kind]
        if not part:
            return collection, object_id
        self.late -= 1
        found = [row for row in collection if row["id"] == object_id]
        if not found or self.late >= 0:
            raise AzureCliError(f"Not Found: Resource '{object_id}' does not exist.")
        return found[0][part], rest


def _made(application: bool, principal: bool, body: Row) -> Row:
    row = body | {"id": str(uuid.uuid4())}
    if application:
        row |= {"appId": str(uuid.uuid4()), "federatedIdentityCredentials": []}
    elif principal:
        row |= {"servicePrincipalType": "Application", "appRoles": [], "alternativeNames": [], "appRoleAssignments": []}
    return row


def _found(query: str, rows: list[Row]) -> list[list[str]]:
    if query in _QUERIES:
        return _QUERIES[query](rows)
    if role := re.fullmatch(r"value\[\]\.\[id, appRoles\[\?value=='([\w.]+)'\]\.id \| \[0\]\]", query):
        return [[r["id"], next((a["id"] for a in r["appRoles"] if a["value"] == role[1]), "None")] for r in rows]
    if grant := re.fullmatch(rf"value\[\?resourceId=='({_GUID})' && appRoleId=='({_GUID})'\]\.id", query):
        return [[r["id"]] for r in rows if (r["resourceId"], r["appRoleId"]) == grant.groups()]
    raise AzureCliError(f"unknown query {query}")


class _Server(socketserver.TCPServer):
    def __init__(self, directory: Directory) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory = directory


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            arguments = [self._argument() for _ in range(int(self._argument()))]
            said = "0\n" + cast("_Server", self.server).directory.run(arguments)
        except AzureCliError as error:
            said = f"1\nERROR: {error}\n"
        self.wfile.write(said.encode())

    def _argument(self) -> str:
        found = bytearray()
        while (letter := self.rfile.read(1)) != b"\0":
            found += letter
        return found.decode()


@contextmanager
def azure_cli(directory: Directory, folder: Path) -> Iterator[None]:
    """Puts `az` into this folder, which belongs on the PATH."""
    with _Server(directory) as server:
        shim = folder / "az"
        shim.write_text(_SHIM.format(port=server.server_address[1]))
        shim.chmod(0o755)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()

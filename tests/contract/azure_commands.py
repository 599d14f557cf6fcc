"""The commands of the Azure CLI and of azd that documents and workflows use, with the options each may have.

Kept by hand from Microsoft's reference: learn.microsoft.com/cli/azure/<group> (the page of each command's group) and
learn.microsoft.com/azure/developer/azure-developer-cli/reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Options that every command of the Azure CLI takes.
GLOBAL = {"--output", "--query", "--subscription"}

AZ: dict[str, set[str]] = {
    "account set": set(),
    "account show": set(),
    "ad app create": {
        *("--display-name", "--sign-in-audience", "--enable-id-token-issuance", "--web-redirect-uris", "--app-roles"),
    },
    "ad app credential reset": {"--id", "--append", "--cert", "--years"},
    "ad app federated-credential create": {"--id", "--parameters"},
    "ad app list": {"--filter"},
    "ad signed-in-user show": set(),
    "ad sp create": {"--id"},
    "bicep build": {"--file", "--outfile"},
    "bicep install": set(),
    "bicep lint": {"--file"},
    "deployment group create": {"--resource-group", "--name", "--template-file", "--parameters"},
    "deployment sub create": {"--name", "--location", "--template-file", "--parameters"},
    "deployment sub delete": {"--name"},
    "deployment sub what-if": {
        *("--name", "--location", "--template-file", "--parameters", "--result-format", "--validation-level"),
    },
    "functionapp deployment source config-zip": {"--resource-group", "--name", "--src", "--build-remote"},
    "functionapp keys list": {"--resource-group", "--name"},
    "functionapp keys set": {"--resource-group", "--name", "--key-type", "--key-name", "--key-value"},
    "functionapp list": {"--resource-group"},
    "functionapp start": {"--resource-group", "--name"},
    "functionapp stop": {"--resource-group", "--name"},
    "group delete": {"--name", "--yes"},
    "group exists": {"--name"},
    "keyvault key rotate": {"--vault-name", "--name"},
    "keyvault list-deleted": {"--resource-type"},
    "login": {"--tenant"},
    "monitor log-analytics workspace delete": {"--resource-group", "--workspace-name", "--force", "--yes"},
    "monitor log-analytics workspace list": {"--resource-group"},
    "network nat gateway delete": {"--resource-group", "--name"},
    "network nat gateway list": {"--resource-group"},
    "network public-ip delete": {"--resource-group", "--name"},
    "network public-ip list": {"--resource-group"},
    "provider register": {"--namespace", "--wait"},
    "resource show": {"--resource-group", "--name", "--resource-type"},
    "rest": {"--method", "--url"},
    "role assignment create": {"--assignee", "--role", "--scope"},
    "role assignment delete": {"--ids"},
    "role assignment list": {"--assignee", "--all", "--include-groups", "--include-inherited", "--scope"},
    "role definition create": {"--role-definition"},
    "storage account delete": {"--resource-group", "--name", "--yes"},
    "storage account list": {"--resource-group"},
    "storage blob download": {"--auth-mode", "--account-name", "--container-name", "--name", "--file"},
    "storage blob download-batch": {"--auth-mode", "--account-name", "--source", "--destination"},
    "storage blob upload": {"--auth-mode", "--account-name", "--container-name", "--name", "--file"},
}

AZD: dict[str, set[str]] = {
    "auth login": set(),
    "deploy": set(),
    "down": {"--purge"},
    "env get-value": set(),
    "env get-values": set(),
    "env new": set(),
    "env set": set(),
    "hooks run": set(),
    "provision": {"--preview"},
    "up": set(),
}

_TABLES = {"az": AZ, "azd": AZD}
_CALL = re.compile(r"(?<![\w/.@-])(azd?)((?: +[\w./:$<>={}\[\],'\"*~@-]+)+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of `tool`, with the words that may be its command and its options."""

    tool: str
    words: tuple[str, ...]
    options: frozenset[str]

    @property
    def command(self) -> str | None:
        """The longest beginning that is a command we know; None when there is none."""
        table = _TABLES[self.tool]
        beginnings = (" ".join(self.words[:count]) for count in range(len(self.words), 0, -1))
        return next((name for name in beginnings if name in table), None)

    @property
    def wrong(self) -> str | None:
        """What is wrong with it, or None."""
        if self.command is None:
            return f"no command: {self.tool} {' '.join(self.words)}"
        unknown = self.options - _TABLES[self.tool][self.command] - GLOBAL
        return f"{self.tool} {self.command} has no {', '.join(sorted(unknown))}" if unknown else None


def calls(script: str) -> Iterator[Call]:
    """The calls in a piece of shell. Quotations count as one word, but for the commands whose output they hold."""
    text = re.sub(r"\\\n\s*", " ", script)
    text = re.sub(r"'[^']*'", "QUOTED", text)
    text = re.sub(r"\"\$\(([^\"]*)\)\"", r"$( \1 )", text)
    text = re.sub(r"\"[^\"]*\"", "QUOTED", text)
    for tool, rest in _CALL.findall(text):
        words = rest.split()
        options = frozenset(word for word in words if re.fullmatch(r"--[a-z][a-z-]*", word))
        first = next((at for at, word in enumerate(words) if not re.fullmatch(r"[a-z][a-z-]*", word)), len(words))
        yield Call(tool, tuple(words[:first]), options)

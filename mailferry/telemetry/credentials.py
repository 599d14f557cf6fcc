"""When what signs in to the target expires: the certificate's own date, or the client secret's as Graph knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cryptography.x509 import load_pem_x509_certificate

from mailferry.errors import MailferryError
from mailferry.target.entra import EntraApp
from mailferry.target.graph import Found, Graph, segment
from mailferry.target.sign_in import read_proof
from mailferry.telemetry.emit import event
from mailferry.telemetry.names import CREDENTIAL_EXPIRY

#: Characters at a secret's beginning that Graph shows of it (passwordCredential, property `hint`).
_HINT = 3


@dataclass(frozen=True, slots=True)
class Credentials:
    """The app's proof of who it is; `graph` is None where there is no Exchange Online to sign in to."""

    app: EntraApp
    graph: Graph | None

    def tell(self, now: datetime) -> None:
        """Tell how many days are left, as far as that can be found out."""
        if self.graph is None:
            return
        with suppress(MailferryError):  # whoever signs in with it says so
            proof = read_proof(self.app)
            if isinstance(proof, Mapping):
                expiry = load_pem_x509_certificate(str(proof["public_certificate"]).encode()).not_valid_after_utc
                self._tell("certificate", expiry, now)
            elif proof:
                for expiry in self._of_secret(self.graph):
                    self._tell("secret", expiry, now)

    def _of_secret(self, graph: Graph) -> Iterator[datetime]:
        """Nothing unless the app may read registrations (Application.Read.All), which it needs for nothing else."""
        found = graph.get(f"/applications(appId='{segment(self.app.client_id)}')?$select=passwordCredentials")
        if isinstance(found, Found):
            for row in found.rows("passwordCredentials"):
                if row.text("hint") == self.app.secret[:_HINT]:
                    yield datetime.fromisoformat(row.text("endDateTime"))

    def _tell(self, credential: str, expiry: datetime, now: datetime) -> None:
        event(CREDENTIAL_EXPIRY, credential=credential, name=self.app.client_id, days_left=(expiry - now).days)

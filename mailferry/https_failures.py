"""Why an HTTPS service (Entra, Microsoft Graph, Google) gave no answer: certificate, handshake, or network."""

from __future__ import annotations

import ssl

import requests

from mailferry.errors import Unreachable

_NETWORK = "Let the function app reach this address over HTTPS (firewall, proxy, DNS)."
_UNTOUCHED = (
    "Let TLS connections to this address pass as they are, in TLS 1.2 or 1.3: exempt it from inspection in whatever "
    "proxy or firewall is on the way."
)
_REPLACED = (
    "Most often a proxy or firewall opens the connection and shows a certificate of its own: exempt this address from "
    "TLS inspection. If nothing is in between, check that the address in the settings is right."
)


def of_no_answer(side: str, host: str | None, error: requests.RequestException, remedy: str = _NETWORK) -> Unreachable:
    """The error for a request that got no HTTP answer. `remedy` is for the case that the network is at fault.

    The text of `error` may hold a whole URL with addresses in it, so it is never quoted.
    """
    if not isinstance(error, requests.exceptions.SSLError):
        return Unreachable(side, f"{host} can't be reached: {type(error).__name__}", remedy)
    reason = _tls_reason(error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Unreachable(side, f"{host} shows a certificate that is not trusted: {reason.verify_message}", _REPLACED)
    words = (reason.reason if reason else None) or "no reason given"
    return Unreachable(side, f"No TLS connection to {host} comes about: {words}", _UNTOUCHED)


def _tls_reason(error: BaseException) -> ssl.SSLError | None:
    """What OpenSSL said; requests and urllib3 wrap it several times, each in a way of its own."""
    inner: object = error
    while isinstance(inner, BaseException):
        if isinstance(inner, ssl.SSLError):
            return inner
        inner = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
    return None

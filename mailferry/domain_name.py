"""Which texts are names of domains that can receive mail from the internet, and the one form they are compared in."""

from __future__ import annotations

import re

import dns.exception
import dns.name

from mailferry.errors import DomainRefused

#: Characters of a name worth reading at all: one of 253 octets (RFC 1035 §2.3.4) is shorter in any script.
_LONGEST = 253
#: RFC 5321 §2.3.5: letters, digits and hyphens.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: Never delegated in the public DNS (RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476, ICANN's `internal`), and what
#: networks use inside though nobody gave it to them.
_NEVER_PUBLIC = frozenset(
    {"alt", "arpa", "corp", "example", "home", "internal", "invalid", "lan", "local", "localhost", "onion", "test"}
)
#: Microsoft's own: its records are kept by Microsoft.
_MICROSOFT = "onmicrosoft.com"

_REMEDY = "Give the part of the mail addresses after the @, for instance contoso.com."


def domain_name(text: str) -> str:
    """The domain as the DNS has it: lower case, punycode, no dot at the end (`bücher.de` is `xn--bcher-kva.de`).

    Raises `DomainRefused`.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        raise DomainRefused(f"A name of {len(text):,} characters is no domain.", _REMEDY)
    try:
        name = dns.name.from_text(text, idna_codec=dns.name.IDNA_2008_Practical).to_text(omit_final_dot=True).lower()
    except dns.exception.DNSException:
        raise DomainRefused(f"{text!r} is no domain name.", _REMEDY) from None
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdecimal():
        raise DomainRefused(f"{text!r} is no domain name.", _REMEDY)
    if labels[-1] in _NEVER_PUBLIC:
        raise DomainRefused(f"No name below {labels[-1]!r} is in the public DNS, so no mail comes to {name}.", _REMEDY)
    if len(labels) == 1:
        raise DomainRefused(f"{name!r} is a single word, below which domains are; it is no domain itself.", _REMEDY)
    if f".{name}".endswith(f".{_MICROSOFT}"):
        raise DomainRefused(f"{name} belongs to Microsoft 365, so there is nothing to cut over.", _REMEDY)
    return name


def domain_of(address: str) -> str:
    """The domain of a mail address or login, in the form of `domain_name`; empty when it has none."""
    _, at, domain = address.rpartition("@")
    if not at:
        return ""
    if domain.isascii():
        return domain.strip().rstrip(".").lower()
    try:
        return domain_name(domain)
    except DomainRefused:
        return ""

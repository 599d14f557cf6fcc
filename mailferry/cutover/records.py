"""A domain's mail records as its own name servers have them: asked directly, so that no cache answers in their place.

Only IPv4 addresses of the public internet are asked, and only for the domain's own records: what an MX or alias points
to is never looked up. Whoever controls a domain can therefore send us nowhere but to a public DNS server.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from mailferry.errors import DnsFailed, DomainMissing

#: Seconds for everything that is asked of the DNS about one domain.
PATIENCE = 10.0
#: Seconds for one server to answer one question.
_SERVER_SECONDS = 2.0
#: Servers of a domain that are asked: RFC 2182 §5 advises three.
_SERVERS = 4
#: Octets of a UDP answer that pass everywhere without fragments (DNS flag day 2020).
_PAYLOAD = 1232

_OPEN_DNS = "Check that the function app may open connections to the internet by UDP and TCP on port 53."
_NOT_THERE = "Check the spelling, and at the registrar that the domain is registered, paid for and has name servers."

type Address = str


@dataclass(frozen=True, slots=True)
class Records:
    """What all name servers together say of one name and type.

    `values` are MX as "10 mail.contoso.com", addresses, or TXT with its strings joined; hosts are in lower case without
    the last dot. `alias` is where a CNAME in their place points to. `ttl` is the longest of them in seconds, None where
    there is nothing. `trouble` says why nothing is known.
    """

    name: str
    values: tuple[str, ...] = ()
    alias: str = ""
    ttl: int | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class MailRecords:
    """The records of a domain that concern mail; `servers` are the addresses that were asked."""

    servers: tuple[Address, ...]
    mx: Records
    spf: Records
    dmarc: Records
    autodiscover: Records
    dkim: tuple[Records, Records]


def is_public(address: Address) -> bool:
    """Whether this IPv4 address is one of the public internet."""
    ip = ipaddress.IPv4Address(address)
    return ip.is_global and not ip.is_multicast


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads the records of domains. Tests give a `resolver`, a `port` and `may_ask` of their own."""

    resolver: Callable[[], dns.resolver.Resolver] = dns.resolver.Resolver
    may_ask: Callable[[Address], bool] = is_public
    port: int = 53
    patience: float = PATIENCE

    def read(self, domain: str) -> MailRecords:
        """The records of a domain (as `domain_name` gives it), within `patience` seconds.

        Raises `DomainMissing` and `DnsFailed`; what goes wrong with a single record is its `trouble`.
        """
        until = time.monotonic() + self.patience
        servers = self._servers(domain, until)
        wanted = [
            (domain, dns.rdatatype.MX),
            (domain, dns.rdatatype.TXT),
            (f"_dmarc.{domain}", dns.rdatatype.TXT),
            (f"autodiscover.{domain}", dns.rdatatype.A),
            (f"selector1._domainkey.{domain}", dns.rdatatype.TXT),
            (f"selector2._domainkey.{domain}", dns.rdatatype.TXT),
        ]
        with ThreadPoolExecutor(len(wanted)) as pool:
            mx, spf, dmarc, autodiscover, *dkim = pool.map(partial(self._records, servers, until), wanted)
        return MailRecords(tuple(servers), mx, spf, dmarc, autodiscover, (dkim[0], dkim[1]))

    def _servers(self, domain: str, until: float) -> Sequence[Address]:
        """Addresses of the name servers of the zone that the domain is in."""
        name = dns.name.from_text(domain)
        try:
            resolver = self.resolver()
            # Whether the name is there: of this type, since it is the one for which no alias is followed.
            resolver.resolve(name, "CNAME", lifetime=self._left(until), raise_on_no_answer=False)
            zone = dns.resolver.zone_for_name(name, resolver=resolver, lifetime=self._left(until))
            hosts = sorted(rdata.target for rdata in resolver.resolve(zone, "NS", lifetime=self._left(until)))
            found = list(self._addresses(resolver, hosts[:_SERVERS], until))
        except dns.resolver.NXDOMAIN:
            raise DomainMissing(f"There is no domain {domain} in the public DNS.", _NOT_THERE) from None
        except dns.exception.Timeout:
            raise DnsFailed(f"The DNS did not say in time who answers for {domain}.", _OPEN_DNS) from None
        except dns.exception.DNSException as error:
            raise DnsFailed(
                f"The DNS does not say who answers for {domain} ({type(error).__name__}).",
                "Have the domain's DNS provider check its delegation, DNSSEC included; then ask again.",
            ) from None
        servers = [address for address in dict.fromkeys(found) if self.may_ask(address)][:_SERVERS]
        if not servers:
            raise DnsFailed(
                f"The name servers of {domain} have no IPv4 address of the public internet.",
                "Have the domain's DNS provider correct the NS records; others can't reach these servers, either.",
            )
        return servers

    def _addresses(
        self, resolver: dns.resolver.Resolver, hosts: Iterable[dns.name.Name], until: float
    ) -> Iterable[Address]:
        """The IPv4 addresses of hosts; those that have none are left out."""
        for host in hosts:
            with suppress(dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.NoNameservers):
                yield from (rdata.address for rdata in resolver.resolve(host, "A", lifetime=self._left(until)))

    def _left(self, until: float) -> float:
        """Seconds left. Raises `Timeout` when there are none."""
        left = until - time.monotonic()
        if left <= 0:
            raise dns.exception.Timeout
        return left

    def _records(
        self, servers: Sequence[Address], until: float, wanted: tuple[str, dns.rdatatype.RdataType]
    ) -> Records:
        """Ask every server, since some may lag behind the others, and put together what they say."""
        name, kind = wanted
        said: list[Records] = []
        for server in servers:
            try:
                said.append(self._asked(server, name, kind, self._left(until)))
            except dns.exception.Timeout:
                said.append(Records(name, trouble=f"{server} did not answer in time"))
            except (dns.exception.DNSException, OSError) as error:
                said.append(Records(name, trouble=f"{server} gave no usable answer ({type(error).__name__})"))
        return _together(name, said)

    def _asked(self, server: Address, name: str, kind: dns.rdatatype.RdataType, left: float) -> Records:
        """What one server says. Raises `DNSException` and `OSError`."""
        query = dns.message.make_query(name, kind, use_edns=0, payload=_PAYLOAD, flags=0)
        seconds = min(_SERVER_SECONDS, left / 2)  # UDP and TCP may take as long each
        reply, _ = dns.query.udp_with_fallback(
            query, server, seconds, self.port, ignore_unexpected=True, ignore_errors=True
        )
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return Records(name, trouble=f"{server} answered {dns.rcode.to_text(reply.rcode())}")
        if not reply.flags & dns.flags.AA:
            return Records(name, trouble=f"{server} does not answer for {name} itself")
        asked = query.question[0].name
        return _of_sets(name, (rrset for rrset in reply.answer if rrset.name == asked), kind)


def _of_sets(name: str, rrsets: Iterable[dns.rrset.RRset], kind: dns.rdatatype.RdataType) -> Records:
    """The records of one name in one answer. What was sent along about other names says nothing."""
    found = Records(name)
    for rrset in rrsets:
        if rrset.rdtype == dns.rdatatype.CNAME:
            found = Records(name, alias=_host(rrset[0].target), ttl=rrset.ttl)
        elif rrset.rdtype == kind:
            found = Records(name, tuple(map(_text, rrset)), ttl=rrset.ttl)
    return found


def _text(rdata: dns.rdata.Rdata) -> str:
    if isinstance(rdata, MX):
        return f"{rdata.preference} {_host(rdata.exchange)}"
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode("utf-8", "replace")
    return rdata.to_text()


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _together(name: str, said: Sequence[Records]) -> Records:
    """One answer of many servers: all that any of them has. Their trouble counts only when none has answered."""
    answered = [records for records in said if not records.trouble]
    if not answered:
        return Records(name, trouble="; ".join(records.trouble for records in said))
    return Records(
        name,
        tuple(sorted({value for records in answered for value in records.values})),
        next((records.alias for records in answered if records.alias), ""),
        max((records.ttl for records in answered if records.ttl is not None), default=None),
    )

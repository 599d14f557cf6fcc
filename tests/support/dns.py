"""A DNS server on loopback, UDP and TCP, that has the records a test gives it, or fails as the test says.

One can be the recursive resolver and a domain's own server at once: it answers whatever it is asked.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from typing import Any, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset

type Meddle = Callable[[dns.message.Message], dns.message.Message | None]


class DnsServer:
    """Serves `zone` (for instance `contoso.com`) at `address`.

    `meddle` changes each reply; None from it means that nothing is sent. `asked` is what came, as "MX contoso.com".
    """

    def __init__(self, zone: str, address: str = "127.0.0.1", port: int = 0) -> None:
        self.address = address
        self.zone = dns.name.from_text(zone)
        self.asked: list[str] = []
        self.transports: set[str] = set()
        self.meddle: Meddle = lambda reply: reply
        self._sets: dict[tuple[dns.name.Name, dns.rdatatype.RdataType], dns.rrset.RRset] = {}
        self.add(zone, 3600, "SOA", f"ns1.{zone}. hostmaster.{zone}. 1 3600 600 86400 300")
        self._udp, self._tcp = _bound(self, address, port)
        self._threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            for server in (self._udp, self._tcp)
        ]

    @property
    def port(self) -> int:
        """The same for UDP and TCP."""
        return int(self._udp.server_address[1])

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks this server only."""
        found = dns.resolver.Resolver(configure=False)
        found.nameservers, found.port = [self.address], self.port
        return found

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
        for thread in self._threads:
            thread.join()
        for server in (self._udp, self._tcp):
            server.server_close()

    def add(self, name: str, ttl: int, kind: str, *values: str) -> None:
        """The records of a name and type, instead of those that were there."""
        rrset = dns.rrset.from_text_list(dns.name.from_text(name), ttl, "IN", kind, values)
        self._sets[rrset.name, rrset.rdtype] = rrset

    def remove(self, name: str, kind: str) -> None:
        """Take them away."""
        del self._sets[dns.name.from_text(name), dns.rdatatype.from_text(kind)]

    def reply(self, wire: bytes, transport: str) -> bytes | None:
        """What is sent back; a reply that UDP can't carry is truncated (RFC 2181 §9)."""
        query = dns.message.from_wire(wire)
        (question,) = query.question
        self.transports.add(transport)
        self.asked.append(f"{dns.rdatatype.to_text(question.rdtype)} {question.name.to_text(omit_final_dot=True)}")
        reply = self.meddle(self._answered(query, question))
        if reply is None:
            return None
        most = query.payload if transport == "udp" else 65_535
        return reply.to_wire(max_size=max(512, most), prefer_truncation=True)

    def _answered(self, query: dns.message.Message, question: dns.rrset.RRset) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.AA
        name = question.name
        found = self._sets.get((name, question.rdtype)) or self._sets.get((name, dns.rdatatype.CNAME))
        if found:
            reply.answer.append(found)
            return reply
        if name.is_subdomain(self.zone):
            reply.authority.append(self._sets[self.zone, dns.rdatatype.SOA])
        if not any(known.is_subdomain(name) for known, _ in self._sets):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply


def _bound(server: DnsServer, address: str, port: int) -> tuple[socketserver.UDPServer, socketserver.TCPServer]:
    """Both transports on one port; a free one that the other transport has not is looked for again."""
    while True:
        udp = _Udp((address, port), _handler_udp(server))
        try:
            return udp, _Tcp((address, int(udp.server_address[1])), _handler_tcp(server))
        except OSError:
            udp.server_close()
            if port:
                raise


class _Udp(socketserver.ThreadingUDPServer):
    max_packet_size = 65_535


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


def _handler_udp(server: DnsServer) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        request: Any

        def handle(self) -> None:
            data, sock = self.request
            if (reply := server.reply(data, "udp")) is not None:
                sock.sendto(reply, self.client_address)

    return Handler


def _handler_tcp(server: DnsServer) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.rfile.read(2))
            if (reply := server.reply(self.rfile.read(length), "tcp")) is not None:
                self.wfile.write(struct.pack("!H", len(reply)) + reply)

    return Handler

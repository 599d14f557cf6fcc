"""Records are read from a domain's own servers: all of them, by UDP and TCP, however these behave."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from mailferry.cutover.records import RecordReader, is_public
from mailferry.errors import DnsFailed, DomainMissing
from tests.support.dns import DnsServer

DOMAIN = "contoso.com"


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer(DOMAIN) as running:
        running.add(DOMAIN, 3600, "NS", f"ns1.{DOMAIN}.")
        running.add(f"ns1.{DOMAIN}", 3600, "A", "127.0.0.1")
        running.add(DOMAIN, 7200, "MX", "10 Mail.Contoso.com.")
        yield running


def reader(server: DnsServer, patience: float = 10.0) -> RecordReader:
    return RecordReader(server.resolver, lambda _: True, server.port, patience)


def test_all_records_come_with_their_ttl(server: DnsServer) -> None:
    server.add(DOMAIN, 300, "TXT", '"v=spf1 include:spf." "protection.outlook.com -all"', '"MS=ms123"')
    server.add(f"_dmarc.{DOMAIN}", 60, "TXT", '"v=DMARC1; p=none"')
    server.add(f"autodiscover.{DOMAIN}", 120, "CNAME", "autodiscover.outlook.com.")
    server.add(f"selector1._domainkey.{DOMAIN}", 90, "CNAME", "s1.example.net.")
    found = reader(server).read(DOMAIN)
    assert (found.mx.values, found.mx.ttl) == (("10 mail.contoso.com",), 7200)
    assert found.spf.values == ("MS=ms123", "v=spf1 include:spf.protection.outlook.com -all")
    assert (found.dmarc.values, found.dmarc.ttl) == (("v=DMARC1; p=none",), 60)
    assert (found.autodiscover.alias, found.autodiscover.ttl) == ("autodiscover.outlook.com", 120)
    assert found.dkim[0].alias == "s1.example.net"
    assert (found.dkim[1].alias, found.dkim[1].values, found.dkim[1].ttl) == ("", (), None)
    assert found.servers == ("127.0.0.1",)


def test_a_domain_within_a_zone_is_asked_at_the_zones_servers(server: DnsServer) -> None:
    server.add(f"mail.{DOMAIN}", 60, "MX", "5 a.contoso.com.")
    assert reader(server).read(f"mail.{DOMAIN}").mx.values == ("5 a.contoso.com",)


def test_nothing_is_asked_but_the_domain_and_its_name_servers(server: DnsServer) -> None:
    server.add(DOMAIN, 60, "MX", "10 internal.victim.net.")
    server.add(f"autodiscover.{DOMAIN}", 60, "CNAME", "metadata.victim.net.")
    server.add(f"_dmarc.{DOMAIN}", 60, "CNAME", f"_dmarc.{DOMAIN}.")  # a loop
    found = reader(server).read(DOMAIN)
    assert found.dmarc.alias == f"_dmarc.{DOMAIN}"
    assert all(question.endswith(DOMAIN) for question in server.asked)


def test_thousands_of_records_come_by_tcp(server: DnsServer) -> None:
    server.add(DOMAIN, 60, "MX", *(f"10 mx{number}.contoso.com." for number in range(2_000)))
    assert len(reader(server).read(DOMAIN).mx.values) == 2_000
    assert server.transports == {"udp", "tcp"}


def test_servers_that_differ_are_put_together(server: DnsServer) -> None:
    server.add(f"ns1.{DOMAIN}", 3600, "A", "127.0.0.1", "127.0.0.2")
    with DnsServer(DOMAIN, "127.0.0.2", server.port) as other:
        other.add(DOMAIN, 9000, "MX", "0 contoso-com.mail.protection.outlook.com.")
        found = reader(server).read(DOMAIN)
    assert found.mx.values == ("0 contoso-com.mail.protection.outlook.com", "10 mail.contoso.com")
    assert found.mx.ttl == 9000


def test_a_server_that_fails_is_made_up_for_by_another(server: DnsServer) -> None:
    server.add(f"ns1.{DOMAIN}", 3600, "A", "127.0.0.1", "127.0.0.3")  # nobody listens at the second
    found = reader(server, 5.0).read(DOMAIN)
    assert (found.mx.values, found.mx.trouble) == (("10 mail.contoso.com",), "")


@pytest.mark.parametrize(("rcode", "word"), [(dns.rcode.SERVFAIL, "SERVFAIL"), (dns.rcode.REFUSED, "REFUSED")])
def test_a_refusal_is_told(server: DnsServer, rcode: dns.rcode.Rcode, word: str) -> None:
    def refuse(reply: dns.message.Message) -> dns.message.Message:
        if reply.question[0].rdtype == dns.rdatatype.MX:
            reply.answer.clear()
            reply.set_rcode(rcode)
        return reply

    server.meddle = refuse
    found = reader(server).read(DOMAIN)
    assert found.mx.trouble == f"127.0.0.1 answered {word}"
    assert found.spf.trouble == ""


def test_an_answer_that_is_not_authoritative_does_not_count(server: DnsServer) -> None:
    def from_a_cache(reply: dns.message.Message) -> dns.message.Message:
        reply.flags &= ~dns.flags.AA
        return reply

    server.meddle = from_a_cache
    assert reader(server).read(DOMAIN).mx.trouble == f"127.0.0.1 does not answer for {DOMAIN} itself"


def test_records_of_other_names_in_an_answer_say_nothing(server: DnsServer) -> None:
    def lie(reply: dns.message.Message) -> dns.message.Message:
        if reply.question[0].rdtype == dns.rdatatype.MX:
            reply.answer[:] = [dns.rrset.from_text("victim.net.", 60, "IN", "MX", "0 evil.net.")]
        return reply

    server.meddle = lie
    found = reader(server).read(DOMAIN)
    assert (found.mx.values, found.mx.ttl, found.mx.trouble) == ((), None, "")


def test_an_answer_to_another_question_is_waited_past(server: DnsServer) -> None:
    def mistaken(reply: dns.message.Message) -> dns.message.Message:
        if reply.question[0].rdtype == dns.rdatatype.MX:
            reply.id ^= 1
        return reply

    server.meddle = mistaken
    found = reader(server, 0.8).read(DOMAIN)
    assert found.mx.trouble == "127.0.0.1 did not answer in time"
    assert found.spf.trouble == ""


@pytest.mark.timeout(8)  # each of four servers by itself may take 2 seconds for UDP
def test_servers_that_are_silent_take_no_longer_than_the_patience(server: DnsServer) -> None:
    def silent(reply: dns.message.Message) -> dns.message.Message | None:
        return None if reply.question[0].rdtype in (dns.rdatatype.MX, dns.rdatatype.TXT) else reply

    server.add(f"ns1.{DOMAIN}", 3600, "A", *(f"127.0.0.{number}" for number in range(1, 5)))
    server.meddle = silent
    found = reader(server, 1.0).read(DOMAIN)
    assert "127.0.0.1 did not answer in time" in found.mx.trouble
    assert "127.0.0.4 did not answer in time" in found.mx.trouble


def test_a_resolver_that_is_silent_is_told_with_what_to_check(server: DnsServer) -> None:
    server.meddle = lambda _: None
    with pytest.raises(DnsFailed, match=r"did not say in time who answers for contoso\.com") as failed:
        reader(server, 0.5).read(DOMAIN)
    assert "port 53" in failed.value.remedy


def test_a_resolver_that_fails_is_told(server: DnsServer) -> None:
    def failing(reply: dns.message.Message) -> dns.message.Message:
        reply.set_rcode(dns.rcode.SERVFAIL)
        return reply

    server.meddle = failing
    with pytest.raises(DnsFailed, match=r"does not say who answers for contoso\.com \(NoNameservers\)"):
        reader(server, 5.0).read(DOMAIN)


def test_a_domain_that_does_not_exist_is_missing(server: DnsServer) -> None:
    with pytest.raises(DomainMissing, match=r"no domain tailspin\.net"):
        reader(server).read("tailspin.net")


def test_an_alias_into_nowhere_is_not_a_domain_that_does_not_exist(server: DnsServer) -> None:
    def followed(reply: dns.message.Message) -> dns.message.Message:
        (question,) = reply.question
        if question.name == dns.name.from_text(f"mail.{DOMAIN}") and question.rdtype != dns.rdatatype.CNAME:
            reply.set_rcode(dns.rcode.NXDOMAIN)  # that of the last name of the chain (RFC 6604 §3)
        return reply

    server.add(f"mail.{DOMAIN}", 60, "CNAME", f"gone.{DOMAIN}.")
    server.meddle = followed
    assert reader(server).read(f"mail.{DOMAIN}").mx.alias == f"gone.{DOMAIN}"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.251", "0.1.2.3"]
)
def test_a_name_server_with_a_private_address_is_never_asked(server: DnsServer, address: str) -> None:
    server.add(f"ns1.{DOMAIN}", 60, "A", address)
    assert not is_public(address)
    with pytest.raises(DnsFailed, match="no IPv4 address of the public internet"):
        RecordReader(server.resolver, port=server.port).read(DOMAIN)
    assert not [question for question in server.asked if question.startswith(("MX", "TXT"))]


def test_a_name_server_without_an_address_is_left_out(server: DnsServer) -> None:
    server.add(DOMAIN, 60, "NS", "gone.contoso.com.", f"ns1.{DOMAIN}.")
    assert reader(server).read(DOMAIN).servers == ("127.0.0.1",)


def test_a_public_address_is_one() -> None:
    assert is_public(socket.inet_ntoa(bytes((9, 9, 9, 9))))

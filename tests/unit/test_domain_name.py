"""What is taken for a domain, and in which form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.domain_name import domain_name, domain_of
from mailferry.errors import DomainRefused


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("contoso.com", "contoso.com"),
        (" Mail.Contoso.COM. ", "mail.contoso.com"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("BÜCHER.de", "xn--bcher-kva.de"),
        ("xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("例え。テスト.jp", "xn--r8jz45g.xn--zckzah.jp"),
        ("1und1.de", "1und1.de"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
    ],
)
def test_a_domain_has_one_form(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 characters"),
        ("contoso..com", "no domain name"),
        ("..", "no domain name"),
        (".", "no domain name"),
        ("a" * 64 + ".com", "no domain name"),
        ("a." * 200 + "com", "403 characters"),
        ("ü." * 120 + "com", "no domain name"),
        ("ann@contoso.com", "no domain name"),
        ("https://contoso.com/", "no domain name"),
        ("contoso.com\r\nX: y", "no domain name"),
        ("con toso.com", "no domain name"),
        ("con\\032toso.com", "no domain name"),
        ("con\\999toso.com", "no domain name"),
        ("_dmarc.contoso.com", "no domain name"),
        ("-contoso.com", "no domain name"),
        ("xn--\u200b.com", "no domain name"),
        ("127.0.0.1", "no domain name"),
        ("[::1]", "no domain name"),
        ("*.contoso.com", "no domain name"),
        ("com", "single word"),
        ("localhost", "'localhost' is in the public DNS"),
        ("mail.corp.internal", "'internal' is in the public DNS"),
        ("contoso.local", "'local' is in the public DNS"),
        ("4.3.2.1.in-addr.arpa", "'arpa' is in the public DNS"),
        ("contoso.onmicrosoft.com", "belongs to Microsoft 365"),
        ("OnMicrosoft.com", "belongs to Microsoft 365"),
    ],
)
def test_what_is_no_domain_for_mail_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(DomainRefused, match=why) as refused:
        domain_name(text)
    assert refused.value.remedy


@given(st.text(max_size=300))
def test_any_text_is_a_domain_in_plain_ascii_or_refused(text: str) -> None:
    try:
        name = domain_name(text)
    except DomainRefused:
        return
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert domain_name(name) == name


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("Ann@Contoso.com", "contoso.com"),
        ("ann@bücher.de", "xn--bcher-kva.de"),
        ("ann", ""),
        ("ann@ü..de", ""),
        ('"a@b"@contoso.com', "contoso.com"),
    ],
)
def test_the_domain_of_an_address_has_that_form_too(address: str, domain: str) -> None:
    assert domain_of(address) == domain

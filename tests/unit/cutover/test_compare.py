"""Each record gets the verdict that fits, with a reason and, unless all is well, a remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailferry.cutover.compare import State, Verdict, verdicts
from mailferry.cutover.expected import Expected
from mailferry.cutover.records import MailRecords, Records

DOMAIN = "contoso.com"
OURS = "0 contoso-com.mail.protection.outlook.com"
OLD = "10 mail.contoso.com"
SPF = "v=spf1 include:spf.protection.outlook.com -all"


def records(*values: str, alias: str = "", trouble: str = "") -> Records:
    return Records(DOMAIN, values, alias, 300 if values or alias else None, trouble)


RIGHT = MailRecords(
    ("192.0.2.1",),
    mx=records(OURS),
    spf=records(SPF, "MS=ms1"),
    dmarc=records("v=DMARC1; p=none"),
    autodiscover=records(alias="autodiscover.outlook.com"),
    dkim=(
        records(alias="selector1-contoso-com._domainkey.contoso.onmicrosoft.com"),
        records(alias="selector2-contoso-com._domainkey.contoso.n-v1.dkim.mail.microsoft"),
    ),
)


def judged(**found: Records | tuple[Records, Records]) -> dict[str, Verdict]:
    changed = replace(RIGHT, **found)  # type: ignore[arg-type]
    return {verdict.record: verdict for verdict in reversed(verdicts(changed, Expected(DOMAIN, "the rule")))}


def test_a_domain_as_it_should_be_is_ok_throughout() -> None:
    found = verdicts(RIGHT, Expected(DOMAIN, "the rule"))
    assert [verdict.record for verdict in found] == ["MX", "SPF", "DKIM", "DKIM", "DMARC", "autodiscover"]
    assert {(verdict.state, verdict.remedy) for verdict in found} == {(State.OK, "")}


@pytest.mark.parametrize(
    ("found", "state", "why"),
    [
        (records(), State.MISSING, "no MX"),
        (records(OLD), State.OLD, "may still go to mail.contoso.com"),
        (records(OURS, OLD), State.OLD, "besides Microsoft 365"),
        (records(OURS, "5 contoso-com.a-v1.mx.microsoft"), State.OK, "only"),
        (records("0 fabrikam-com.mail.protection.outlook.com"), State.WRONG, "not the host that is known"),
        (records("0 fabrikam-com.mail.protection.outlook.com", OLD), State.OLD, "mail.contoso.com"),
        (records("0 ."), State.WRONG, "takes no mail"),
        (records(alias="elsewhere.net"), State.WRONG, "alias of elsewhere.net"),
        (records(trouble="192.0.2.1 answered SERVFAIL"), State.UNKNOWN, "answered SERVFAIL"),
        (records(*(f"10 mx{number}.old.net" for number in range(2_000))), State.OLD, "and 1,997 more"),
    ],
)
def test_mx(found: Records, state: State, why: str) -> None:
    verdict = judged(mx=found)["MX"]
    assert verdict.state is state
    assert why in verdict.why
    assert bool(verdict.remedy) is (state is not State.OK)


@pytest.mark.parametrize(
    ("found", "state", "why"),
    [
        (records("MS=ms1"), State.MISSING, "who may send"),
        (records("v=spf1 mx -all"), State.OLD, "fails SPF"),
        (records(SPF.upper()), State.OK, "may send"),
        (records(SPF, "v=spf1 mx -all"), State.WRONG, "2 SPF records"),
        (records("v=spf10 include:spf.protection.outlook.com"), State.MISSING, "who may send"),
        (records("v=spf1 exists:include:spf.protection.outlook.com.evil.net -all"), State.OLD, "fails SPF"),
        (records(""), State.MISSING, "who may send"),
        (records(f" {SPF}"), State.MISSING, "who may send"),
        (records("v=spf1 +include:spf.protection.outlook.com. ~all"), State.OK, "may send"),
        (records("v=spf1 -include:spf.protection.outlook.com all"), State.OLD, "fails SPF"),
        (records("v=spf1 mx -all include:spf.protection.outlook.com"), State.OLD, "fails SPF"),
        (records("v=spf1 mx redirect=spf.protection.outlook.com"), State.OK, "may send"),
        (records("v=spf1 redirect=spf.protection.outlook.com ?all"), State.OLD, "fails SPF"),
        (records(trouble="none answered"), State.UNKNOWN, "none answered"),
    ],
)
def test_spf(found: Records, state: State, why: str) -> None:
    verdict = judged(spf=found)["SPF"]
    assert (verdict.state, why in verdict.why) == (state, True)
    assert all(text.lower().startswith("v=spf1") for text in verdict.found)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (records(), State.MISSING),
        (records("v=DKIM1; p=abc"), State.WRONG),
        (records(alias="key.oldhost.net"), State.WRONG),
        (records(trouble="none answered"), State.UNKNOWN),
    ],
)
def test_dkim(found: Records, state: State) -> None:
    assert judged(dkim=(found, RIGHT.dkim[1]))["DKIM"].state is state


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (records(), State.MISSING),
        (records("v=DMARC1;p=reject;rua=mailto:a@b.c"), State.OK),
        (records("v=DMARC1"), State.WRONG),
        (records("v=DMARC1; p=all"), State.WRONG),
        (records("v=DMARC1; p=none", "v=DMARC1; p=reject"), State.WRONG),
        (records("v=DMARC12; p=none"), State.MISSING),
        (records(alias="contoso.dmarc.net"), State.UNKNOWN),
    ],
)
def test_dmarc(found: Records, state: State) -> None:
    assert judged(dmarc=found)["DMARC"].state is state


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (records(), State.MISSING),
        (records("192.0.2.7"), State.OLD),
        (records(alias="mail.contoso.com"), State.OLD),
    ],
)
def test_autodiscover(found: Records, state: State) -> None:
    assert judged(autodiscover=found)["autodiscover"].state is state


def test_thousands_of_records_are_shown_in_part() -> None:
    shown = judged(mx=records(*(f"10 {'x' * 400}{number}.old.net" for number in range(2_000))))["MX"].found
    assert len(shown) == 21
    assert shown[-1] == "… and 1,980 more"
    assert max(map(len, shown)) == 300

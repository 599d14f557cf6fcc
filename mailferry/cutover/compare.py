"""A verdict on each mail record of a domain: as Microsoft 365 wants it or not, why that matters, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from mailferry.cutover.expected import Expected, is_microsoft
from mailferry.cutover.records import MailRecords, Records

#: Records of one name that are shown; a domain may have thousands.
_SHOWN = 20
#: Characters of one of them.
_SHOWN_MOST = 300
_SPF = "v=spf1"
_DMARC = re.compile(r"v\s*=\s*DMARC1\s*(;|$)", re.IGNORECASE)


class State(StrEnum):
    """How a record is: stable words, as the HTTP API shows them."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"
    OLD = "still the old server"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One record: `found` is what the domain's servers have, `ttl` in seconds. `why` and `remedy` are sentences."""

    record: str
    name: str
    state: State
    found: tuple[str, ...]
    expected: str
    ttl: int | None
    why: str
    remedy: str = ""


def verdicts(records: MailRecords, expected: Expected) -> tuple[Verdict, ...]:
    """MX first, then SPF, DKIM (two selectors), DMARC and autodiscover."""
    return tuple(_verdicts(records, expected))


def _verdicts(records: MailRecords, expected: Expected) -> Iterator[Verdict]:
    yield _mx(records.mx, expected)
    yield _spf(records.spf, expected)
    for selector, found in enumerate(records.dkim, 1):
        yield _dkim(found, selector, expected)
    yield _dmarc(records.dmarc)
    yield _autodiscover(records.autodiscover, expected)


def _mx(found: Records, expected: Expected) -> Verdict:
    hosts = [value.split()[-1] for value in found.values]
    ours = [host for host in hosts if expected.is_mx(host)]
    others = [host for host in hosts if host not in ours]
    want = f"MX 0 {expected.mx}"
    if found.alias:
        said = State.WRONG, f"The domain is an alias of {found.alias}.", f"Replace the CNAME by {want}."
    elif not hosts:
        said = State.MISSING, "The domain has no MX, so mail goes to its address, if anywhere.", f"Add {want}."
    elif hosts == ["."]:
        said = State.WRONG, "The domain says that it takes no mail (RFC 7505).", f"Replace the MX by {want}."
    elif not others:
        said = State.OK, "Mail goes to Microsoft 365 only.", ""
    elif all(map(is_microsoft, others)):
        said = (
            State.WRONG,
            f"The MX names Microsoft 365, but not the host that is known to be this domain's: {_few(others)}.",
            f"Compare it with the admin centre (Settings > Domains > {expected.domain} > DNS records), which may show "
            f"another host than {expected.mx} where the plain name was taken.",
        )
    else:
        old = [host for host in others if not is_microsoft(host)]
        also = " besides Microsoft 365" if ours else ""
        said = (
            State.OLD,
            f"Mail may still go to {_few(old)}{also}.",
            f"Lower the TTL first, then make {want} the only MX record."
            if not ours
            else "Remove the other MX records: senders may use any of them, and spam is sent to the last on purpose.",
        )
    return _verdict("MX", found, want, *said)


def _spf(found: Records, expected: Expected) -> Verdict:
    policies = [value for value in found.values if value.lower().split(" ", 1)[0] == _SPF]
    want = f"{_SPF} {' '.join(expected.spf)} -all"
    included = {word for policy in policies for word in _included(policy)}
    lacking = [word for word in expected.spf if word not in included]
    if found.alias:
        said = State.WRONG, f"The domain is an alias of {found.alias}.", f"Replace the CNAME by TXT {want}."
    elif not policies:
        said = State.MISSING, "Nobody can tell who may send mail of this domain.", f"Add TXT {want}."
    elif len(policies) > 1:
        said = (
            State.WRONG,
            f"There are {len(policies)} SPF records, which makes all of them void (RFC 7208 §4.5).",
            "Make one of them that holds the senders of all.",
        )
    elif lacking:
        said = (
            State.OLD,
            "Mail that Microsoft 365 sends for this domain fails SPF.",
            f"Put {' '.join(lacking)} in the record, before all, and take the old server out once nothing is sent from "
            "there.",
        )
    else:
        said = State.OK, "Microsoft 365 may send mail of this domain.", ""
    return _verdict("SPF", Records(found.name, tuple(policies), found.alias, found.ttl, found.trouble), want, *said)


def _included(policy: str) -> set[str]:
    """The senders that a policy includes, as `include:host`. What stands behind `all` is never looked at, and a
    `redirect` counts only without one (RFC 7208 §5.1, §6.1)."""
    words = policy.lower().split()
    heeded = list(takewhile(lambda word: word.lstrip("+-~?") != "all", words))
    redirected = [word.replace("redirect=", "include:") for word in words if word.startswith("redirect=")]
    return {word.removeprefix("+").rstrip(".") for word in (*heeded, *(redirected if heeded == words else ()))}


def _dkim(found: Records, selector: int, expected: Expected) -> Verdict:
    want = f"CNAME {expected.dkim(selector)}"
    enable = (
        "Take the exact CNAME from Get-DkimSigningConfig (or the Defender portal: Email authentication > DKIM), add "
        "it, then switch signing on."
    )
    if found.alias and expected.is_dkim(selector, found.alias):
        said = State.OK, "It leads to the key that Microsoft 365 signs with.", ""
    elif found.alias or found.values:
        said = State.WRONG, "This selector belongs to something else than Microsoft 365.", enable
    else:
        said = State.MISSING, "Mail that Microsoft 365 sends is not signed as this domain's.", enable
    return _verdict("DKIM", found, want, *said)


def _dmarc(found: Records) -> Verdict:
    policies = [value for value in found.values if _DMARC.match(value)]
    want = "TXT v=DMARC1; p=…"
    if found.alias:
        said = (
            State.UNKNOWN,
            f"The policy is kept at {found.alias}, which is not looked up.",
            "See there that it is still wanted; nothing of it depends on the mail server.",
        )
    elif not policies:
        said = (
            State.MISSING,
            "Receivers are not told what to do with forged mail of this domain.",
            "Add TXT v=DMARC1; p=none; rua=mailto:<address for reports>, and tighten p once SPF and DKIM are ok.",
        )
    elif len(policies) > 1:
        said = State.WRONG, "There are several policies, so none counts (RFC 7489 §6.6.3).", "Keep one of them."
    elif not re.search(r";\s*p\s*=\s*(none|quarantine|reject)\b", policies[0], re.IGNORECASE):
        said = State.WRONG, "The policy has no valid p.", "Put p=none, p=quarantine or p=reject after v=DMARC1."
    else:
        said = State.OK, "Receivers are told what to do with forged mail.", ""
    return _verdict("DMARC", Records(found.name, tuple(policies), found.alias, found.ttl, found.trouble), want, *said)


def _autodiscover(found: Records, expected: Expected) -> Verdict:
    want = f"CNAME {expected.autodiscover}"
    if found.alias == expected.autodiscover:
        said = State.OK, "Outlook finds Microsoft 365.", ""
    elif found.alias or found.values:
        said = State.OLD, "Outlook is sent elsewhere.", f"Replace the record by {want}."
    else:
        said = State.MISSING, "Outlook and phones have to find the server in other ways.", f"Add {want}."
    return _verdict("autodiscover", found, want, *said)


def _verdict(record: str, found: Records, expected: str, state: State, why: str, remedy: str) -> Verdict:
    """With what was found; a record that could not be read has no other verdict than that."""
    if found.trouble:
        return Verdict(
            record,
            found.name,
            State.UNKNOWN,
            (),
            expected,
            None,
            f"The domain's name servers did not tell: {found.trouble}.",
            "Ask again in a minute; if it stays so, tell the domain's DNS provider.",
        )
    values = ([f"CNAME {found.alias}"] if found.alias else []) + list(found.values)
    shown = [value[:_SHOWN_MOST] for value in values[:_SHOWN]]
    if len(values) > _SHOWN:
        shown.append(f"… and {len(values) - _SHOWN:,} more")
    return Verdict(record, found.name, state, tuple(shown), expected, found.ttl, why, remedy)


def _few(hosts: list[str]) -> str:
    more = f" and {len(hosts) - 3:,} more" if len(hosts) > 3 else ""
    return ", ".join(hosts[:3]) + more

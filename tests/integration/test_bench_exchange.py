"""The benchmark of Exchange Online on very little mail: all its parts together, and the page it writes."""

from __future__ import annotations

from benchmarks.exchange_page import Speed, Throttled, section
from benchmarks.exchange_run import copied
from benchmarks.exchange_server import Wanted
from benchmarks.throttling import throttling
from demo.fill import fill
from demo.mail import messages
from tests.support.dovecot import Dovecot
from tests.support.exchange import Budget

MESSAGES = 60
ADDRESS = "ann@contoso.com"


def test_what_is_measured_adds_up_and_makes_a_page() -> None:
    budget = Budget(requests_per_second=20, bytes_per_second=1e9, window_seconds=0.5)
    with Dovecot() as source:
        mail = messages(1, MESSAGES, folders=("INBOX",), median_bytes=1_000, keywords=False)
        fill(source.host, source.port, "ann", source.users_password, mail)
        wanted = Wanted((ADDRESS,), append_seconds=0.002, budget=budget)
        run = copied(source, {ADDRESS: "ann"}, wanted, 0.002, instances=1, settings={})
    seen = run.seen[ADDRESS]
    assert run.messages == seen.figures.appended == MESSAGES
    assert run.requests > MESSAGES
    assert run.wasted >= seen.figures.throttled >= len(seen.lockouts) >= 2
    assert run.bill.instance_seconds <= run.seconds_alone
    assert run.operations["Queue enqueue"] == len(run.executions)
    text = section([Speed(1, 2, 1000.0, run)], [Throttled("small", budget, run, throttling(seen, budget))], 0, 0, "x")
    assert f"| 1 | 2 | {MESSAGES} |" in text
    assert f"| requests throttled | {seen.figures.throttled} |" in text

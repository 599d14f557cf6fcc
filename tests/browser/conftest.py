"""Chromium as people have it, before the app over storage in memory. Nothing is fetched from anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.dashboard.server import KEYS, Site, site

_CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
]

#: Milliseconds until what must happen has failed to: the machine may be busy.
_PATIENCE = 30_000
expect.set_options(timeout=_PATIENCE)

#: Opens a page that has a key; its size and its colours may be chosen.
type Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not _CHROMIUM.exists():
        pytest.fail("There is no chromium: make test installs it, or apt-get install chromium.", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, headless=True, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def app() -> Iterator[Site]:
    with site() as found:
        yield found


@pytest.fixture
def open_page(chromium: Browser, app: Site) -> Iterator[Open]:
    """Whatever the console complains about fails the test: a violated policy, an error in a script."""
    complaints: list[str] = []
    contexts = []

    def opened(
        where: str = "#/", width: int = 1600, colours: str = "light", key: str = KEYS.function, clock: bool = False
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 1000},
            color_scheme="dark" if colours == "dark" else "light",
            timezone_id="Europe/Berlin",
            locale="en-GB",
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.add_init_script(f"sessionStorage.setItem('mailferry-key', '{key}')" if key else "")
        page = context.new_page()
        if clock:  # the test lets the time go by
            page.clock.install()
        page.set_default_timeout(_PATIENCE)
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{app.dashboard}{where}")
        return page

    app.headers.clear()
    yield opened
    for context in contexts:
        context.close()
    # What the tests make fail on purpose, the browser reports as resources that failed to load.
    assert [words for words in complaints if not words.startswith("Failed to load resource")] == []

"""Somebody in front of the sandbox's page, in a real Chromium: types, clicks and reads, by what a person sees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Playwright, expect

from sandbox.page.scene import Scene
from sandbox.page.server import Page as SandboxPage

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PATIENCE = 30_000
"""Milliseconds that anything may take on a busy machine; everything is waited for by what shows up."""
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE)


def chromium() -> str | None:
    """Where a Chromium is on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch(playwright: Playwright) -> Browser:
    """Start it, without a window."""
    # Chromium keeps its profile and crash dumps below HOME, which the tests have moved to a folder of their own.
    return playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS), env=dict(os.environ))


class Tuned(Scene):
    """A scene whose bot is started with some settings of its own."""

    def __init__(self, folder: Path, more: Mapping[str, str]) -> None:
        self._more = more
        super().__init__(folder)

    def settings(self) -> dict[str, str]:
        """Those of the sandbox, then these."""
        return super().settings() | self._more


@contextmanager
def sandbox(folder: Path, more: Mapping[str, str] | None = None) -> Iterator[SandboxPage]:
    """The page with everything behind it, as `dh-bot sandbox` serves it but for these settings of the bot."""
    scene = Tuned(folder, more or {})
    page = SandboxPage(scene).start()
    scene.start()
    try:
        yield page
    finally:
        scene.stop()
        page.stop()


class Visitor:
    """One browser window. `troubles` collects what must not happen: errors on the console, requests elsewhere."""

    def __init__(self, browser: Browser, site: SandboxPage, **how: Any) -> None:
        self.site = site
        self.troubles: list[str] = []
        self.expects_losses = False
        self.context = browser.new_context(**{"viewport": WIDE, "timezone_id": "Europe/Berlin", **how})
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(socket.url))

    def _console(self, message: Any) -> None:
        lost = self.expects_losses and "WebSocket connection" in message.text
        if message.type in ("error", "warning") and not lost:
            self.troubles.append(f"console: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.site.url}/", f"{self.site.url.replace('http', 'ws', 1)}/")):
            self.troubles.append(f"request to {url}")

    def open(self) -> Visitor:
        """Open the page and wait until the bot runs."""
        self.page.goto(f"{self.site.url}/")
        expect(self.page.locator("#bot")).to_have_text("The bot is running")
        return self

    # What one does.

    def act_as(self, name: str) -> None:
        """Become somebody else."""
        person = next(person for person in self.site.scene.people if person.name == name)
        self.page.get_by_label("Act as").select_option(person.id)
        expect(self.page.locator("#explains")).to_contain_text(name)

    def tab(self, name: str) -> Locator:
        """Look at a part of the backstage."""
        self.page.locator("#tabs").get_by_role("tab", name=name).click()
        return self.page.locator(f"#panel-{name.lower()}")

    def go(self, name: str) -> None:
        """Go to a channel, or to the app's Home."""
        self.page.get_by_role("navigation").get_by_role("button", name=name).click()

    def type(self, text: str) -> None:
        """Write something and send it with Enter."""
        box = self.page.locator("#text")
        box.fill(text)
        box.press("Enter")

    def ask(self, job: str, reason: str = "") -> Locator:
        """Type the command; the job's card."""
        self.type(f"{self.site.scene.slack.command_name} {job} {reason}".rstrip())
        return self.card(job)

    def card(self, job: str) -> Locator:
        """The newest card about a job."""
        cards = self.page.locator("#messages article", has=self.page.get_by_role("heading")).filter(has_text=job)
        expect(cards.last).to_be_visible()
        return cards.last

    def confirm(self, card: Locator) -> None:
        """Press the red button, and mean it."""
        card.locator("[data-action=dh_confirm]").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Delete permanently").click()

    def thread(self, card: Locator) -> Locator:
        """Open a card's thread."""
        card.locator(".replies").click()
        replies = self.page.locator("#replies")
        expect(replies).to_be_visible()
        return replies

    def switch(self, trouble: str) -> None:
        """Turn a trouble on."""
        self.tab("Trouble").locator(f"[data-trouble={trouble}]").click()
        expect(self.page.locator(f"[data-trouble={trouble}]")).to_have_attribute("aria-checked", "true")

    def job(self, number: int = 0) -> str:
        """A deletable job that is still there."""
        jobs = [job["id"] for job in self.site.scene.jobs_view() if job["deletable"] and "gone" not in job]
        return str(jobs[number])

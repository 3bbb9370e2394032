"""`make pictures`: the pictures of README and docs/, taken from the running page, light and dark."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Locator, expect, sync_playwright

from tests.browser.camera import take_kinds
from tests.browser.visitor import Visitor, chromium, launch, sandbox
from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "pictures"
SHARP = 1.5
ROOMY = {"width": 1800, "height": 1500}
ROOMIER = """
.house { grid-template-columns: 11rem 46rem 1fr; }
.threaded .house { grid-template-columns: 11rem 46rem 42rem 1fr; }
"""
"""So that no card and no thread has to scroll, and lines are about as long as Slack's."""


def take(browser: Browser, scheme: str) -> None:
    """All pictures of one colour scheme."""
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as site:
        how = {"viewport": ROOMY, "device_scale_factor": SHARP, "color_scheme": scheme}
        me = Visitor(browser, site, bypass_csp=True, **how).open()
        me.page.add_style_tag(content=ROOMIER)

        def save(name: str, clip: FloatRect) -> None:
            path = FOLDER / f"{name}-{scheme}.png"
            me.page.mouse.move(0, 0)
            me.page.screenshot(path=path, clip=clip)
            print(f"{path.name}: {path.stat().st_size // 1024} KiB")

        job = me.job()
        card = me.ask(job, "the customer took back their consent")
        expect(card.locator("[data-action=dh_confirm]")).to_be_visible()
        save("card", around(card))
        me.confirm(card)
        replies = me.thread(card)
        expect(replies).to_contain_text("Double-checked")
        save("success", around(*said_in(replies)))

        failing = me.job(0)
        me.switch("throttled")
        card = me.ask(failing)
        me.confirm(card)
        replies = me.thread(card)
        expect(replies).to_contain_text("Huawei is rate-limiting us")
        save("failure", around(*said_in(replies)))

        lost = me.job(1)
        me.switch("lost-worked")
        card = me.ask(lost)
        me.confirm(card)
        replies = me.thread(card)
        expect(replies).to_contain_text("found it gone")
        save("unknown", around(*said_in(replies)))
        me.context.close()
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder)) as site:
        me = Visitor(browser, site, color_scheme=scheme).open()
        card = me.ask(me.job(), "the customer took back their consent")
        me.switch("lost-not")
        me.confirm(card)
        me.thread(card)
        expect(me.page.locator("#waiting")).to_contain_text("Checks so far: 3")
        me.tab("Traffic")
        expect(me.page.locator("#traffic")).to_contain_text("DELETE")
        save("page", {"x": 0, "y": 0, "width": 1440, "height": 900})
        me.context.close()


def said_in(thread: Locator) -> list[Locator]:
    """The replies of a thread, without the card above them."""
    return thread.locator("article").all()[1:]


def around(*shown: Locator) -> FloatRect:
    """The rectangle around what is shown one below the other."""
    boxes = [box for one in shown if (box := one.bounding_box())]
    top = boxes[0]
    return {
        "x": top["x"],
        "y": top["y"],
        "width": top["width"],
        "height": boxes[-1]["y"] + boxes[-1]["height"] - top["y"],
    }


def main() -> int:
    """Take them; the exit status."""
    if chromium() is None:
        print("There is no Chromium on this machine. Debian: apt-get install chromium", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for scheme in ("light", "dark"):
            take(browser, scheme)
        take_kinds(browser)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Takes what is on the sandbox's page, at the width of a desk and of a phone, light and dark, in small files."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator

from docs.generate.cards import KINDS, SCHEMES, WIDTHS, Kind
from tests.browser.kinds import WAYS, answer
from tests.browser.visitor import Visitor, sandbox
from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "pictures" / "kinds"
HEIGHT = 3000
"""So that nothing scrolls."""
COLOURS = 40
"""So few are not seen to be missing from text, and make a file a third as large."""
ONLY_SLACK = ".messages { max-height: none; } #waiting { display: none; } * { transition: none !important; }"
"""Nothing of the sandbox stands between the cards, and each box is as high as what is in it."""
MARGIN = 8


def take_kinds(browser: Browser) -> None:
    """All kinds; what is no longer in the table goes at the end, so that a failure on the way removes nothing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        take_kind(browser, kind)
    taken = {kind.file(width, scheme) for kind in KINDS for width in WIDTHS for scheme in SCHEMES}
    for old in FOLDER.glob("*.png"):
        if old.name not in taken:
            old.unlink()


def take_kind(browser: Browser, kind: Kind) -> None:
    """The four pictures of one kind, all of the same messages."""
    way = WAYS[kind.name]
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder), way.settings) as site:
        me = Visitor(browser, site, bypass_csp=True, viewport={"width": max(WIDTHS), "height": HEIGHT}).open()
        me.page.add_style_tag(content=ONLY_SLACK)
        way.arrive(me)
        for width in WIDTHS:
            me.page.set_viewport_size({"width": width, "height": HEIGHT})
            me.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
            me.page.mouse.move(0, 0)
            clip = around(way.shown(me, width), width, 0 if way.shown is answer else MARGIN)
            for scheme in SCHEMES:
                me.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                save(me.page.screenshot(clip=clip, full_page=True), FOLDER / kind.file(width, scheme))
        me.context.close()


def around(shown: list[Locator], width: int, margin: int) -> FloatRect:
    """The rectangle around all of these, with a margin below, within the window."""
    boxes = [box for one in shown if (box := one.bounding_box())]
    left = min(box["x"] for box in boxes)
    top = min(box["y"] for box in boxes)
    right = min(max(box["x"] + box["width"] for box in boxes), width)
    bottom = max(box["y"] + box["height"] for box in boxes) + margin
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def save(png: bytes, path: Path) -> None:
    """Keep it in few colours."""
    whole = Image.open(io.BytesIO(png)).convert("RGB")
    few = whole.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")

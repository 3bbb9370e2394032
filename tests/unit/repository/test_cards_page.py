"""docs/cards.md: each kind of card and thread with its four pictures, and no picture that nobody sees."""

from __future__ import annotations

import re
import struct

from docs.generate import cards
from handlers.views.endings import BY_ENDING, BY_STATE
from tests.browser.kinds import WAYS
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
FOLDER = DOCS / "pictures" / "kinds"
MOST_BYTES = 2_500_000
"""Of all of them together: whoever clones the repository gets them all."""


def test_the_page_is_what_the_table_says() -> None:
    """docs/cards.md is what `make docs` writes."""
    assert cards.PAGE.read_text(encoding="utf-8") == cards.page(), "run `make docs`"


def test_every_kind_has_its_pictures() -> None:
    """Wide and narrow, light and dark: taken, shown on the page, and none is left over."""
    wanted = {kind.file(width, scheme) for kind in cards.KINDS for width in cards.WIDTHS for scheme in cards.SCHEMES}
    assert {path.name for path in FOLDER.iterdir()} == wanted, "run `make pictures`"
    shown = re.findall(r'(?:src|srcset)="pictures/kinds/([^"]+)"', cards.PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(wanted)


def test_every_kind_can_be_taken() -> None:
    """`make pictures` knows the way to each kind of the page, and to no other."""
    assert list(WAYS) == [kind.name for kind in cards.KINDS]


def test_the_pictures_are_small() -> None:
    """None is wider than its window, and all of them together stay small."""
    for kind in cards.KINDS:
        for width in cards.WIDTHS:
            wide = {of_png((FOLDER / kind.file(width, scheme)).read_bytes()) for scheme in cards.SCHEMES}
            assert len(wide) == 1, f"{kind.name}: light and dark differ"
            assert wide.pop()[0] <= width
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES


def of_png(data: bytes) -> tuple[int, int]:
    """Width and height, from the beginning of the file."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_every_heading_is_shown_or_named() -> None:
    """Each heading that a card can have is in a picture, or among those that are without one."""
    headings = {words.heading for words in (*BY_STATE.values(), *BY_ENDING.values())}
    shown = {kind.heading.heading for kind in cards.KINDS if kind.heading}
    assert shown & cards.MISSING.keys() == set()
    assert shown | cards.MISSING.keys() == headings

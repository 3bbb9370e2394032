"""What differs between the job on the card and the job now, in words. Pure."""

from __future__ import annotations

from typing import Any

from handlers.views.blocks import code, cut

FIELD_NAMES = {
    "name": "name",
    "asset_id": "asset id",
    "state": "state",
    "last_update_time": "last submission",
}
LONGEST_VALUE = 300
"""Only a name of characters shown by code points is longer. Two values of each field fit into one section."""


def changes(differs: Any) -> str:
    """What differs between the card and the job now. A withheld value becomes "another one"."""
    return "; ".join(
        f"{FIELD_NAMES.get(name, name)}: "
        + (
            "another one now"
            if then is None
            else f"on the card {cut(code(then), LONGEST_VALUE)}, now {cut(code(now), LONGEST_VALUE)}"
        )
        for name, then, now in differs
    )

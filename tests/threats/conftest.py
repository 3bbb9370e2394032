"""Each file here is one class of threats, tried against the bot as it is run. docs/security.md says what they show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.world import World, world


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """The bot between the local Slack and the local MetaStudio."""
    with world(tmp_path) as made:
        yield made
        assert made.verdict().is_sound

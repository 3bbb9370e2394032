"""The world in which the flow is tested."""

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
        assert made.slack.violations == []
        assert made.verdict().is_sound

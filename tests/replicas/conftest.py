"""The storm begins first: at its end it waits six minutes, without work, for what dead replicas owed."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put it in front, after the order was shuffled."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/replicas/"))

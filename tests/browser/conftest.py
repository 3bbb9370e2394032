"""A real browser in front of the sandbox's page. Without one the tests are skipped, but never in CI."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from sandbox.page.server import Page
from tests.browser.visitor import Visitor, chromium, launch, sandbox

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They start a browser and wait for what a person would wait for."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each window has a context of its own."""
    if chromium() is None:
        missing = "no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Page]:
    """The sandbox, with its own bot. What happened in it was in order."""
    with sandbox(tmp_path) as page:
        yield page
        assert page.errors == page.scene.cloud.errors == page.scene.slack.front.errors == []
        assert page.scene.slack.violations == []


@pytest.fixture
def visit(browser: Browser, site: Page) -> Iterator[Callable[..., Visitor]]:
    """Open a window. Nothing may go wrong in it, and nothing may be asked of any other host."""
    visitors: list[Visitor] = []

    def open_window(**how: Any) -> Visitor:
        visitors.append(Visitor(browser, site, **how))
        return visitors[-1].open()

    yield open_window
    for visitor in visitors:
        visitor.context.close()
        assert visitor.troubles == []

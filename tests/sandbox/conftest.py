"""The doubles under test; whatever went wrong inside of one fails the test that used it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.metastudio.metastudio import MetaStudio as Cloud
from sandbox.slack.slack import Slack
from tests.support.clock import HeldClock


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def slack(clock: HeldClock) -> Iterator[Slack]:
    with Slack(now=clock.timestamp) as running:
        yield running
        assert running.front.errors == []


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as running:
        yield running
        assert running.errors == []

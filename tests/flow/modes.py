"""The ways in which the bot can be run, for the flow tests: ``DHBOT_FLOW=http,postgresql,token`` chooses one.

`make test` runs the first of each; `make test-modes` runs the flow tests in every other combination.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import postgres

WAYS = (("socket", "http"), ("sqlite", "postgresql"), ("aksk", "token"))


def chosen() -> frozenset[str]:
    """The way that was asked for; nonsense is an error, lest the tests run in another way than their caller thinks."""
    asked = os.environ.get("DHBOT_FLOW", ",".join(way[0] for way in WAYS)).split(",")
    if len(asked) != len(WAYS) or any(name not in way for name, way in zip(asked, WAYS, strict=True)):
        raise ValueError(f"DHBOT_FLOW is one of each, in this order: {WAYS}")
    return frozenset(asked)


MODE = chosen()


on_sqlite = pytest.mark.skipif("postgresql" in MODE, reason="about the one process that holds a SQLite file")
"""For tests whose promise is about that file. What replicas promise is shown in tests/replicas."""


def settings() -> dict[str, str]:
    """The settings that differ from the usual ones."""
    found = {}
    if "http" in MODE:
        found["SLACK_MODE"] = "http"
    if "postgresql" in MODE:
        found["DATABASE_URL"] = postgres.migrated()
    if "token" in MODE:
        found["METASTUDIO_AUTH"] = "token"
    return found


def usual(folder: Path) -> dict[str, str]:
    """The first of each, whatever was asked for: for tests that say by themselves in which way the bot is run."""
    return {"SLACK_MODE": "socket", "DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}", "METASTUDIO_AUTH": "aksk"}

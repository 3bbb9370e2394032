"""What holds for every test: no network but loopback (unit tests: none), no settings of the developer, strict logs."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from bot import logs
from tests.support import markers, schedule

UNIT = Path(__file__).parent / "unit"

FOREIGN_PREFIXES = ("SLACK_", "METASTUDIO_", "HUAWEICLOUD_", "CLOUD_SDK_", "IAM_", "AUTHORIZED_", "DATABASE_URL")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

# A slow or busy machine is no finding; what Hypothesis found once it should find again in CI.
settings.register_profile("dh-bot", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
# `make mutants` runs tests hundreds of times: few examples, always the same, and what fails need not be made small.
settings.register_profile(
    "mutants",
    settings.get_profile("dh-bot"),
    max_examples=25,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),  # it also takes the test classes of each run for new ones
)
# `make quick` is for the minute between two edits.
settings.register_profile("quick", settings.get_profile("dh-bot"), max_examples=15)
settings.load_profile("mutants" if "MUTANT_UNDER_TEST" in os.environ else os.environ.get("DHBOT_PROFILE", "dh-bot"))

# A shell lets what it runs in the background ignore Ctrl-C, and so would every bot that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish() -> None:
    """Leave no database server behind. Most runs have none, and need not import what starts one."""
    if postgres := sys.modules.get("tests.support.postgres"):
        postgres.stop()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests get no sockets at all; the others keep what pyproject.toml allows, which is loopback.

    The longest tests begin first: one that began last would go on alone. Behind them the order stays shuffled.
    """
    for item in items:
        if item.path.is_relative_to(UNIT):
            item.add_marker(pytest.mark.disable_socket)
            if item.get_closest_marker("long") is not None:
                raise pytest.UsageError(f"{item.nodeid} is marked long, but `make test-long` leaves tests/unit out")
    items[:] = schedule.longest_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    """Whatever lives as long as the run, such as thousands of tests, is not looked through for garbage ever again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def clean_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away what a developer's shell may hold. HOME moves too: Huawei's SDK writes an id into it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(FOREIGN_PREFIXES) or name.upper() in PROXIES:
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def strict_logs() -> Iterator[None]:
    """A log call with a field outside the closed list fails the test that makes it, and so does a secret in a line."""
    markers.LOG.lines.clear()
    logs.configure("DEBUG", "json", strict=True, stream=markers.LOG)
    yield
    markers.look_through_the_log()
    markers.look_for_the_deletion()

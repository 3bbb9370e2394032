"""`make quick` runs the tests of what changed, and all of them where it cannot say which."""

from __future__ import annotations

import pytest

from tests.quick import REPOSITORY, UNIT, folders


@pytest.mark.parametrize(
    ("changed", "run"),
    [
        (["bot/domain/policy.py"], [f"{UNIT}/domain", REPOSITORY]),
        (["bot/ledger/store.py", "handlers/command.py"], [f"{UNIT}/handlers", f"{UNIT}/ledger", REPOSITORY]),
        (["tests/unit/slack/test_people.py"], [REPOSITORY, f"{UNIT}/slack"]),
        (["bot/domain/policy.py", "docs/settings.md", "README.md"], [f"{UNIT}/domain", REPOSITORY]),
        (["bot/app.py"], [UNIT]),
        (["bot/doctor/people.py"], [UNIT]),
        (["tests/support/clock.py"], [UNIT]),
        (["tests/conftest.py"], [UNIT]),
        (["README.md"], [REPOSITORY]),
        ([], [UNIT]),
    ],
)  # fmt: skip
def test_the_tests_of_a_change(changed: list[str], run: list[str]) -> None:
    """The rooms that changed and what holds all in step; everything where a file belongs to no room or to all."""
    assert folders(changed) == run

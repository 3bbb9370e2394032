"""An installation for `dh-bot doctor` to look over: a Slack, a MetaStudio and a ledger, and the settings of a bot."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.domain.model import Target
from bot.ledger.factory import open_ledger
from tests.contract.values import event
from tests.flow.modes import usual
from tests.flow.world import World


@dataclass
class Surgery:
    """A world with a ledger but without a running bot, and the settings of one."""

    w: World
    env: dict[str, str]
    audit: str
    group: str
    says: dict[str, str] = field(default_factory=dict)
    """What each check says; of several by one name the last."""
    states: dict[str, str] = field(default_factory=dict)
    status: int = -1

    @property
    def ledger(self) -> Path:
        return self.w.folder / "ledger.db"

    def sql(self, *statements: str) -> None:
        with sqlite3.connect(self.ledger) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()


@contextmanager
def operating(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surgery]:
    """All is well there, and stays so but for what the test does."""
    # The command sets up the logging of its process, which here is pytest's.
    monkeypatch.setattr("bot.logs.configure", lambda *_: None)
    monkeypatch.setattr("bot.logs.catch_uncaught", lambda: None)
    w = World(folder, **usual(folder)).start()
    monkeypatch.chdir(folder)
    audit = w.slack.add_channel("audit")
    group = w.slack.add_group("oncall", [w.anna])
    env = w.environ() | {
        "AUTHORIZED_CHANNELS": w.ops,
        "AUDIT_CHANNEL": audit,
        "AUTHORIZED_USERGROUPS": group,
    }
    made = Surgery(w, env, audit, group)
    with_events = open_ledger(env["DATABASE_URL"], Target(w.cloud.url, "cn-north-4", w.cloud.project_id))
    with_events.trail.record(*[event() for _ in range(5)])
    with_events.close()
    yield made
    assert w.slack.violations == []
    w.stop()


def visit(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Run it; the names of the checks that are wrong."""
    with monkeypatch.context() as patch:
        for name, text in s.env.items():
            patch.setenv(name, text)
        s.status = main(["doctor", "--json"])
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    s.says = {each["check"]: each["says"] for each in findings}
    s.states = {each["check"]: each["state"] for each in findings}
    return {each["check"] for each in findings if each["state"] == "wrong"}

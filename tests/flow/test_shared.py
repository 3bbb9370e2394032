"""Several processes on one Slack app: right with PostgreSQL, and named as a mistake where one file is the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import postgres
from tests.flow.modes import on_sqlite
from tests.flow.process import Process
from tests.flow.world import World, world


def notices(bot: Process) -> list[str]:
    """What the log says about others."""
    return [line for line in bot.log if "slack_app_shared" in line]


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """A folder for each process."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    return folders


@on_sqlite
def test_a_second_bot_with_a_ledger_of_its_own_is_named(tmp_path: Path, two: list[Path]) -> None:
    """It would take part of the commands and clicks and know nothing of the first one's cards."""
    w = World(tmp_path, SLACK_MODE="socket").start()
    try:
        first, second = (Process(w, DATABASE_URL=f"sqlite:///{folder}/ledger.db") for folder in two)
        w.slack.wait_for(lambda: notices(second), 10)
        assert notices(first) == []
        assert (second.stop(), first.stop()) == (0, 0)
    finally:
        w.stop()


def test_replicas_on_one_postgresql_are_as_they_should_be(tmp_path: Path) -> None:
    """No notice, and a card that one of them posted is confirmed by whichever gets the click."""
    w = World(tmp_path, SLACK_MODE="socket", DATABASE_URL=postgres.migrated()).start()
    try:
        bots = [Process(w), Process(w)]
        first, second = w.slack.sockets.wait_connected(2)
        w.slack.sockets.pick = lambda live: first
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.slack.command(w.anna, w.ops, job).wait_ack()
        card = w.slack.wait_for(lambda: w.slack.messages(w.ops), 10)[-1]
        w.slack.sockets.pick = lambda live: second
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: any("is deleted" in text for text in w.thread(card)), 10)
        assert w.cloud.deletes_arrived(job) == 1
        assert [bot.stop() for bot in reversed(bots)] == [0, 0]
        assert [notices(bot) for bot in bots] == [[], []]
    finally:
        w.stop()


@on_sqlite
def test_reconnecting_is_not_taken_for_somebody_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """While one connection follows another Slack may count both."""
    with world(tmp_path, SLACK_MODE="socket") as w:
        for _ in range(3):
            (old,) = w.slack.sockets.wait_connected()
            w.slack.sockets.disconnect("warning")
            w.slack.wait_for(lambda old=old: [link for link in w.slack.sockets.links if link is not old], 10)
            w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1, 10)
    assert "slack_app_shared" not in capfd.readouterr().err

"""The files that the bot creates are its owner's alone, whatever the umask allows."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.main import main
from tests.flow.process import Process
from tests.flow.world import World


@pytest.fixture(autouse=True)
def everything_is_allowed() -> Iterator[None]:
    """The worst umask there is."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Files below that somebody else may read or write."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


def test_a_whole_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger, write-ahead log, shared memory, lock and backup; while the bot runs and after it."""
    w = World(tmp_path).start()
    try:
        bot = Process(w)
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.slack.command(w.anna, w.ops, job).wait_ack()
        card = w.slack.wait_for(lambda: w.slack.messages(w.ops), 10)[-1]
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: w.thread(card), 10)
        monkeypatch.setenv("DATABASE_URL", w.environ()["DATABASE_URL"])
        assert main(["db", "backup", str(tmp_path / "copy.db")]) == 0
        names = {path.name for path in tmp_path.iterdir()}
        assert names >= {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock", "copy.db"}
        assert open_to_others(tmp_path) == []
        assert bot.stop() == 0
        assert open_to_others(tmp_path) == []
    finally:
        w.stop()


def test_a_ledger_that_was_open_to_others_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody made the file, or restored it, with the wrong mode."""
    (tmp_path / "ledger.db").touch(0o666)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    assert main(["db", "upgrade"]) == 0
    assert open_to_others(tmp_path) == []


def test_a_backup_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody put a link where the backup is to be, to have a file of the bot's overwritten or to read along."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    assert main(["db", "upgrade"]) == 0
    (tmp_path / "copy.db").symlink_to(tmp_path / "theirs")
    assert main(["db", "backup", str(tmp_path / "copy.db")]) == 2
    assert not (tmp_path / "theirs").exists()

"""A ledger in trouble: nothing is deleted, the person is told, the log says which; afterwards everything goes on."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from bot import cli
from sandbox.metastudio import Seen
from tests.flow.modes import on_sqlite
from tests.flow.world import World, world

TROUBLES = {"read-only": 8, "disk full": 13, "damaged": 11, "locked by another process": 5}
"""Each diagnosis with SQLite's code for it."""


class Trouble:
    """A trouble of the ledger that can be switched on and off: every transaction fails as SQLite would fail it."""

    def __init__(self, w: World, diagnosis: str) -> None:
        assert w.app is not None
        self._ledger = w.app.ledger
        self.diagnosis = diagnosis

    def begin(self) -> None:
        def fail(name: str) -> None:
            error = sqlite3.OperationalError(f"made up in {name}")
            error.sqlite_errorcode = TROUBLES[self.diagnosis]
            raise error

        self._ledger.before_commit = fail

    def end(self) -> None:
        self._ledger.before_commit = lambda name: None


@pytest.fixture(params=TROUBLES)
def trouble(request: pytest.FixtureRequest, w: World) -> Trouble:
    """Each trouble that a disk can have."""
    return Trouble(w, request.param)


def test_a_command_is_refused_in_words(w: World, trouble: Trouble, capsys: pytest.CaptureFixture[str]) -> None:
    """The asker is told, nothing is sent anywhere else, and the log names the trouble."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    trouble.begin()
    w.ask(job)
    assert "cannot write to its ledger" in w.said_to(w.anna)[-1]
    assert "deleted nothing" in w.said_to(w.anna)[-1]
    assert not w.cloud.requests
    assert f'"diagnosis": "{trouble.diagnosis}"' in capsys.readouterr().err
    trouble.end()
    w.press(w.card(job))
    assert w.cloud.deletes_arrived(job) == 1


def test_a_click_is_refused_in_words_and_the_card_still_waits(w: World, trouble: Trouble) -> None:
    """Without a written claim nothing is deleted; the clicker is told, and the same button works afterwards."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)
    trouble.begin()
    w.press(card)
    assert "cannot write to its ledger" in w.said_to(w.anna)[-1]
    assert w.cloud.deletes_arrived(job) == 0
    trouble.end()
    w.tick(1)
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    assert "is deleted" in w.thread(card)[-1]


@pytest.mark.parametrize("when", ["before the claim", "before the DELETE", "after the DELETE"])
def test_a_ledger_that_fails_in_the_middle_loses_no_outcome(
    w: World, trouble: Trouble, when: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the claim nothing is sent. After it the reply is logged at once, and written and told when it can be."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)

    def fail(seen: Seen) -> None:
        wanted = "Show" if when == "before the claim" else "Delete"
        if seen.operation.startswith(wanted):
            trouble.begin()

    if when == "after the DELETE":
        w.cloud.after_call = fail
    else:
        w.cloud.before_call = fail
    w.press(card)
    w.cloud.before_call = w.cloud.after_call = None
    told = w.said_to(w.anna)[-1]
    if when == "before the claim":
        assert "deleted nothing" in told
        assert w.cloud.deletes_arrived(job) == 0
    else:
        assert "cannot record how it ended" in told
        assert "delete_replied" in capsys.readouterr().err
        assert w.thread(card) == []
    trouble.end()
    w.tick(1)
    if when != "before the claim":
        assert "is deleted" in w.thread(card)[0]
        assert w.cloud.requests_to("Delete2dModelTrainingJob")[0].request_id in w.thread(card)[0]
    assert w.cloud.deletes_arrived(job) == int(when != "before the claim")


@on_sqlite
def test_a_restored_backup_confirms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a restore and `dh-bot db expire-open` a card that was used meanwhile deletes nothing a second time.

    Its thread keeps what was said, and says that the ledger was restored; the card has no buttons.
    """
    with world(tmp_path) as w:
        used, unused = w.cloud.add_job(state="TRAIN_FAILED"), w.cloud.add_job(state="TRAIN_FAILED")
        first, second = w.card(used), w.card(unused)
        w.stop_bot()
        ledger, backup = tmp_path / "ledger.db", tmp_path / "backup.db"
        shutil.copy(ledger, backup)
        w.run_bot()
        w.press(first)
        assert w.cloud.deletes_arrived(used) == 1
        w.stop_bot()
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        shutil.copy(backup, ledger)
        for name, value in w.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        assert cli.main(["db", "expire-open"]) == 0

        w.run_bot()
        w.tick()
        for card in (first, second):
            assert card.buttons == []
            assert "restored from a backup" in w.thread(card)[-1]
            w.press(card, force=True)
            assert "restored from a backup" in w.said_to(w.anna)[-1]
        assert "is deleted" in w.thread(first)[0]
        assert (w.cloud.deletes_arrived(used), w.cloud.deletes_arrived(unused)) == (1, 0)
        story = w.deletion(used)
        assert story is not None
        assert cli.main(["audit", "show", story.id]) == 0
        told = capsys.readouterr().out
        assert "The card was closed because the ledger was restored" in told
        assert "nothing was sent" not in told
        assert w.verdict().is_sound

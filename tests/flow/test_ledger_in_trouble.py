"""A ledger in trouble: nothing is deleted, the person is told, the log says which; afterwards everything goes on.

Where the answer to a COMMIT is lost, nobody is told that nothing was done.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot.cli import main
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Cause, State
from bot.ledger.database.trouble import REMEDIES
from sandbox.metastudio import faults as play
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Message
from tests.flow.modes import on_sqlite
from tests.flow.world import World, world
from tests.support import markers, postgres

TROUBLES = {"read-only": 8, "disk full": 13, "damaged": 11, "locked by another process": 5}
"""Each diagnosis with SQLite's code for it."""


class Trouble:
    """A trouble of the ledger that can be switched on and off: every transaction fails as SQLite would fail it."""

    def __init__(self, w: World, diagnosis: str) -> None:
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
    assert "can't save to its database" in w.said_to(w.anna)[-1]
    assert "deleted nothing" in w.said_to(w.anna)[-1]
    assert not w.cloud.requests
    assert f'"diagnosis": "{trouble.diagnosis}"' in capsys.readouterr().err
    trouble.end()
    w.press(w.card(job))
    assert w.cloud.deletes_arrived(job) == 1


def test_a_click_is_refused_in_words_and_the_card_still_waits(w: World, trouble: Trouble) -> None:
    """Without a written claim nothing is deleted; the clicker is told, and the same button works afterwards."""
    job, card = w.offered()
    trouble.begin()
    w.press(card)
    assert "can't save to its database" in w.said_to(w.anna)[-1]
    assert w.cloud.deletes_arrived(job) == 0
    trouble.end()
    w.tick(1)
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    assert "*Deleted:*" in w.thread(card)[-1]


@pytest.mark.parametrize("when", ["before the claim", "before the DELETE", "after the DELETE"])
def test_a_ledger_that_fails_in_the_middle_loses_no_outcome(
    w: World, trouble: Trouble, when: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the claim nothing is sent. After it the reply is logged at once, and written and told when it can be."""
    job, card = w.offered()

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
        assert "can't save how it ended" in told
        assert "delete_replied" in capsys.readouterr().err
        assert w.thread(card) == []
    trouble.end()
    w.tick(1)
    if when != "before the claim":
        assert "*Deleted:*" in w.thread(card)[0]
        assert w.cloud.requests_to("Delete2dModelTrainingJob")[0].request_id in w.thread(card)[0]
    assert w.cloud.deletes_arrived(job) == int(when != "before the claim")


class Away:
    """A database that is away altogether: nothing can be read or written, and nobody can connect."""

    def __init__(self, w: World) -> None:
        database = w.app.ledger._database
        self._engines = (database.reading, database.writing)
        self._name = database.reading.url.database
        self._is_postgresql = database.reading.dialect.name == "postgresql"

    def begin(self) -> None:
        if self._is_postgresql:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
            postgres.server().execute(
                f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false",
                f"{end} '{self._name}'",
            )
            return
        for engine in self._engines:
            event.listen(engine, "do_execute", self._fail)

    def end(self) -> None:
        if self._is_postgresql:
            postgres.server().execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")
            return
        for engine in self._engines:
            event.remove(engine, "do_execute", self._fail)

    @staticmethod
    def _fail(*_: object) -> None:
        error = sqlite3.OperationalError("made up")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error


def run_workers(w: World, rounds: int) -> None:
    """Let every worker run in its own thread, as in production, until each has had so many more rounds."""
    done = dict.fromkeys((ticker.name for ticker in w.app.tickers), 0)

    def counted(name: str, work: Callable[[], int]) -> Callable[[], int]:
        def once() -> int:
            done[name] += 1
            return work()

        return once

    for ticker in w.app.tickers:
        ticker.work = counted(ticker.name, ticker.work)
        if not ticker._thread.is_alive():
            ticker.start()
    give_up = time.monotonic() + 30
    while min(done.values()) < rounds:
        assert time.monotonic() < give_up, done
        for ticker in w.app.tickers:
            ticker.wake()
        time.sleep(0.01)


def lines_without_traceback() -> list[dict[str, Any]]:
    """The lines of the log, none of which has a traceback."""
    lines = [json.loads(line) for line in markers.LOG.lines]
    assert [line for line in lines if "exception" in line or "Traceback" in json.dumps(line)] == []
    return lines


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_database_that_is_away_leaves_no_traceback(tmp_path: Path, dialect: str) -> None:
    """Commands, clicks, the Home tab and every worker meet it: each line is one of words, with its diagnosis.

    Once it is back, the same bot deletes a job.
    """
    url = postgres.migrated() if dialect == "postgresql" else f"sqlite:///{tmp_path / 'ledger.db'}"
    with world(tmp_path, DATABASE_URL=url) as w:
        job, other = (w.cloud.add_job(state="TRAIN_FAILED") for _ in range(2))
        card = w.card(job)
        markers.LOG.lines.clear()
        away = Away(w)
        away.begin()
        try:
            run_workers(w, 3)
            for text in (other, "open", "history", "freeze", f"dry-run {other}", "find a"):
                w.ask(text)
            for action in ("dh_confirm", "dh_cancel"):
                w.press(card, action)
            w.slack.home_opened(w.anna, "home").wait_ack()
            w.idle()
            run_workers(w, 3)
        finally:
            away.end()
        troubles = [line for line in lines_without_traceback() if line["event"] == "ledger_trouble"]
        assert {line["step"] for line in troubles} >= {"note_waiting", "home"}
        assert {line.get("diagnosis") for line in troubles} - set(REMEDIES) == set()
        assert w.cloud.deletes_arrived(job) == 0
        run_workers(w, 2)
        w.press(card)
        assert w.cloud.deletes_arrived(job) == 1
        away.begin()
        try:
            w.stop_bot()
        finally:
            away.end()
        lines_without_traceback()


class LostAnswer:
    """The answer to one COMMIT is lost, though the ledger carried it out, or with ``carried_out`` False did not.

    With ``reads`` False nothing can be read from the ledger afterwards.
    """

    def __init__(
        self, w: World, patch: pytest.MonkeyPatch, name: str, *, carried_out: bool = True, reads: bool = True
    ) -> None:
        self._ledger, self._patch, self._name, self._reads = w.app.ledger, patch, name, reads
        self._when = "after_commit" if carried_out else "before_commit"

    def __enter__(self) -> None:
        setattr(self._ledger, self._when, self._lose)

    def __exit__(self, *_: object) -> None:
        setattr(self._ledger, self._when, lambda name: None)
        self._patch.undo()

    def _lose(self, name: str) -> None:
        if name != self._name:
            return
        setattr(self._ledger, self._when, lambda name: None)
        if not self._reads:
            self._patch.setattr(self._ledger.deletions, "get", self._unreachable)
            self._patch.setattr(self._ledger.freezes, "current", self._unreachable)
        raise LedgerTrouble("unreachable", in_doubt=True)

    def _unreachable(self, *_: object) -> None:
        raise LedgerTrouble("unreachable")


IN_DOUBT = "*Not sure that this was saved:* the bot's database did not say."
LOOK_AT_OPEN = "See `/delete-dh-job open` before you try again."
LOOK_AT_FREEZE = "`/delete-dh-job open` says whether deletions are frozen."


def test_a_card_is_posted_although_the_answer_of_the_ledger_was_lost(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is read afresh and is there, so the job gets its card, and the button works."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    with LostAnswer(w, monkeypatch, "propose"):
        card = w.card(job)
    assert w.said_to(w.anna) == []
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


def test_a_card_that_stands_is_not_denied(w: World, trouble: Trouble) -> None:
    """The ledger fails between the row and its card: nobody is told that nothing was done, and the card works."""
    ledger = w.app.ledger
    ledger.after_commit = lambda name: trouble.begin() if name == "propose" else None
    job, card = w.offered()
    ledger.after_commit = lambda name: None
    assert w.said_to(w.anna) == []
    trouble.end()
    w.tick(1)
    assert w.deletion(job).message_ts == card.ts
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


@pytest.mark.parametrize("lost", [{"carried_out": False}, {"reads": False}], ids=["not written", "not read"])
def test_a_deletion_that_may_have_been_written_is_not_denied(
    w: World, monkeypatch: pytest.MonkeyPatch, lost: dict[str, bool]
) -> None:
    """Where a fresh read does not show it either, the asker is told that it may be there, and where to look."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    with LostAnswer(w, monkeypatch, "propose", **lost):
        w.ask(job)
    told = w.said_to(w.anna)[-1]
    assert told.startswith(f"{IN_DOUBT} {LOOK_AT_OPEN} This command deleted nothing.")
    assert "does nothing" not in told
    assert w.slack.messages(w.ops) == []


def test_a_job_that_may_not_be_deleted_is_refused_by_its_state(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is what was asked for, whether or not the ledger answered when it was written down."""
    job = w.cloud.add_job(state="TRAINING")
    with LostAnswer(w, monkeypatch, "propose"):
        w.ask(job)
    assert "Can't be deleted now:* Training is running (`TRAINING`)" in w.said_to(w.anna)[-1]


def test_a_freeze_whose_answer_was_lost_stands(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh read shows it: who froze is told so, and so is the channel. The same holds for its end."""
    with LostAnswer(w, monkeypatch, "freeze"):
        w.ask("freeze")
    assert w.said_to(w.anna)[-1].startswith("*All deletions are frozen* from now on.")
    assert "All deletions are frozen" in w.slack.messages(w.ops)[-1].text
    with LostAnswer(w, monkeypatch, "unfreeze"):
        w.ask("unfreeze")
    assert w.app.ledger.freezes.current() is None
    assert w.said_to(w.anna)[-1].startswith("*Deletions are allowed again.*")
    assert "no longer frozen" in w.slack.messages(w.ops)[-1].text


@pytest.mark.parametrize("lost", [{"carried_out": False}, {"reads": False}], ids=["not written", "not read"])
@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("freeze", "*Deletions may be frozen now, or not.*"),
        ("unfreeze", "*Deletions may be allowed again, or not.*"),
    ],
)
def test_a_freeze_that_may_stand_is_not_denied(
    w: World, monkeypatch: pytest.MonkeyPatch, text: str, begins: str, lost: dict[str, bool]
) -> None:
    """Where nobody knows, neither "nothing was frozen" nor "the bot does nothing" is said, but where it can be seen."""
    if text == "unfreeze":
        w.ask("freeze", w.ben)
    with LostAnswer(w, monkeypatch, text, **lost):
        w.ask(text)
    told = w.said_to(w.anna)[-1]
    assert told.startswith(f"{begins} {IN_DOUBT.replace('*', '')} {LOOK_AT_FREEZE}")
    assert "Nothing was" not in told
    assert "does nothing" not in told


def test_a_freeze_that_cannot_be_written_begins_with_that(w: World, trouble: Trouble) -> None:
    """The ledger refused: it is known that nothing was frozen, and it is said first."""
    trouble.begin()
    w.ask("freeze")
    assert w.said_to(w.anna)[-1].startswith("*Nothing was frozen.* The bot can't save to its database")
    trouble.end()


def test_a_freeze_that_meets_a_busy_bot_begins_with_that(w: World) -> None:
    """Without a permit nothing is frozen, and the ack says so first."""
    assert w.app.pool.drain(5)
    told = w.slack.command(w.anna, w.ops, "freeze").wait_ack()["text"]
    assert told.startswith("*Nothing was frozen.* The bot is restarting.")


def test_a_freeze_whose_own_answer_has_a_bug_is_not_denied(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands, and the apology does not say otherwise."""

    def broken(*_: object, **__: object) -> str:
        raise ValueError("made up")

    # In its package the module's name is that of its function.
    monkeypatch.setattr(importlib.import_module("handlers.subcommands.freeze"), "frozen_text", broken)
    w.ask("freeze")
    assert w.app.ledger.freezes.current() is not None
    assert w.said_to(w.anna)[-1].startswith("*Deletions may be frozen now, or not.* Something in the bot went wrong;")


def test_a_card_whose_cancelling_got_no_answer_is_cancelled(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh read shows it: the thread says who cancelled, and nobody is told that the bot does nothing."""
    _, card = w.offered()
    with LostAnswer(w, monkeypatch, "change:cancel"):
        w.press(card, "dh_cancel")
    assert w.said_to(w.anna) == []
    assert "Cancelled by" in w.thread(card)[-1]
    assert card.buttons == []


@pytest.mark.parametrize("lost", [{"carried_out": False}, {"reads": False}], ids=["not written", "not read"])
@pytest.mark.parametrize(("action", "name"), [("dh_cancel", "change:cancel"), ("dh_confirm", "change:claim")])
def test_a_click_that_may_have_been_written_is_not_denied(
    w: World, monkeypatch: pytest.MonkeyPatch, action: str, name: str, lost: dict[str, bool]
) -> None:
    """Cancelling or a claim that may stand: the presser is told where to look. No DELETE is sent in doubt."""
    job, card = w.offered()
    with LostAnswer(w, monkeypatch, name, **lost):
        w.press(card, action)
    assert w.said_to(w.anna)[-1].startswith(f"{IN_DOUBT} {LOOK_AT_OPEN} This click deleted nothing.")
    assert w.cloud.deletes_arrived(job) == 0
    if lost.get("carried_out", True):
        w.tick(60)
        assert w.deletion(job).state is (State.CANCELLED if action == "dh_cancel" else State.UNKNOWN)


def throttled_once(w: World) -> tuple[str, Message]:
    """A job whose next DELETE is throttled, and its card."""
    job, card = w.offered()
    w.cloud.faults.add("Delete2dModelTrainingJob", play.throttled("1"))
    return job, card


def test_a_next_attempt_whose_claim_got_no_answer_is_sent(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 429 the claim of the next attempt is read afresh and is there: it is sent, and deletes the job."""
    job, card = throttled_once(w)
    with LostAnswer(w, monkeypatch, "change:claim again"):
        w.press(card)
    assert w.cloud.deletes_arrived(job) == 2
    assert "Huawei confirmed it" in w.thread(card)[0]
    found = w.deletion(job)
    assert [attempt.status for attempt in found.attempts] == [429, 200]


@pytest.mark.parametrize(
    ("lost", "causes"),
    [({"reads": False}, [None, Cause.LEDGER_TROUBLE]), ({"carried_out": False}, [None])],
    ids=["not read", "not written"],
)
def test_no_attempt_is_told_that_was_never_sent(
    w: World, monkeypatch: pytest.MonkeyPatch, lost: dict[str, bool], causes: list[Cause | None]
) -> None:
    """Where the claim of the next attempt stays in doubt it is not sent, and recorded as never sent if it is there.

    The thread has what MetaStudio answered to the first one, with its request ID and code, and why no other followed.
    """
    job, card = throttled_once(w)
    with LostAnswer(w, monkeypatch, "change:claim again", **lost):
        w.press(card)
    w.tick(1)
    (sent,) = w.cloud.requests_to("Delete2dModelTrainingJob")
    said = w.thread(card)[0]
    assert "It was not sent again, since the bot could not save to its database." in said
    assert f"Request ID: `{sent.request_id}`\nHTTP status: 429\nError code: `APIGW.0308`" in said
    assert "each time" not in said
    assert "no reply known" not in said
    found = w.deletion(job)
    assert [attempt.cause for attempt in found.attempts] == causes
    assert found.state is State.FAILED
    assert w.verdict().is_sound


def test_a_throttled_delete_is_not_sent_again_without_the_ledger(w: World, trouble: Trouble) -> None:
    """The 429 itself cannot be written down: once it can be, the thread says why the DELETE was sent once only."""
    job, card = throttled_once(w)
    w.cloud.after_call = lambda seen: trouble.begin() if seen.operation.startswith("Delete") else None
    w.press(card)
    w.cloud.after_call = None
    trouble.end()
    w.tick(1)
    assert "It was not sent again, since the bot could not save to its database." in w.thread(card)[0]
    assert w.cloud.deletes_arrived(job) == 1


@pytest.mark.parametrize("lost", [{}, {"reads": False}], ids=["read afresh", "not read"])
def test_closing_by_hand_is_not_denied_where_its_answer_was_lost(
    w: World, monkeypatch: pytest.MonkeyPatch, lost: dict[str, bool]
) -> None:
    """The thread tells whose word it is; only where nothing can be read, the presser is told that it may be so."""
    _, card = w.offered()
    w.cloud.faults.add("Delete2dModelTrainingJob", play.drop())
    w.press(card)
    w.cloud.faults.add("Show2dModelTrainingJob", play.error(500, "MSS.00000004"), times=None)
    w.cloud.faults.add("List2dModelTrainingJob", play.error(500, "MSS.00000004"), times=None)
    w.tick(24 * 3600 + 60)
    with LostAnswer(w, monkeypatch, "change:closed by hand: deleted", **lost):
        w.press(card, "dh_close_deleted")
    assert [text.startswith(IN_DOUBT) for text in w.said_to(w.anna)] == ([True] if lost else [])
    w.tick(1)
    assert any("Checked by hand" in said for said in w.thread(card))


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
        assert main.main(["db", "expire-open"]) == 0

        w.run_bot()
        w.tick()
        for card in (first, second):
            assert card.buttons == []
            assert "restored from a backup" in w.thread(card)[-1]
            w.press(card, force=True)
            assert "restored from a backup" in w.said_to(w.anna)[-1]
        assert "*Deleted:*" in w.thread(first)[0]
        assert (w.cloud.deletes_arrived(used), w.cloud.deletes_arrived(unused)) == (1, 0)
        assert main.main(["audit", "show", w.deletion(used).id]) == 0
        told = capsys.readouterr().out
        assert "The card was closed because the ledger was restored" in told
        assert "nothing was sent" not in told
        assert w.verdict().is_sound

"""A ledger that version 0.1.0 made goes on under this version: its trail, its cards, and what it had not settled.

`version_0_1_0/` was written by the bot of 0.1.0 between the sandbox's Slack and MetaStudio, and is never made anew: the
ledger as SQL, in which METASTUDIO stands for the endpoint, and the two cards that had buttons when it was stopped.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.cli.main import main
from bot.domain.model import State
from bot.ledger.schema.migrations import HEAD
from sandbox.slack.records import Team
from sandbox.slack.slack import Message
from tests.flow.modes import usual
from tests.flow.world import World
from tests.support.claims import Claim

MADE = Path(__file__).parent / "version_0_1_0"
STOPPED = datetime(2026, 11, 30, 3, 24, 35, tzinfo=UTC)
TEAM, ANNA, BEN, OPS = "T3R5OXRVUQQ", "U0ANNA00001", "U0BEN000001", "C0OPS000001"
OPEN, UNKNOWN, DELETED, FAILED, CANCELLED = (f"{n * 8}-{n * 4}-4{n * 3}-8{n * 3}-{n * 12}" for n in "12345")
HEAD_OF_TRAIL = "41:a721409473bbc3cb"
"""The newest event as version 0.1.0 itself showed it."""


@pytest.fixture
def old(tmp_path: Path) -> Iterator[World]:
    """What 0.1.0 left behind, ten seconds after it stopped; no bot runs yet."""
    w = World(tmp_path, **usual(tmp_path), CONFIRM_WITHIN_SECONDS="3600")
    w.clock.step((STOPPED - w.clock.now()).total_seconds())
    w.slack.teams[TEAM] = Team(TEAM, "Sandbox", w.slack.team_domain)
    w.slack.team_id = w.slack.users[w.slack.bot_user_id].team = TEAM
    w.start()
    w.anna, w.ben = (w.slack.add_user(id_.lower(), user_id=id_) for id_ in (ANNA, BEN))
    w.ops = w.slack.add_channel("old-ops", members=[ANNA, BEN], channel_id=OPS)
    text = (MADE / "ledger.sql").read_text(encoding="utf-8").replace("METASTUDIO", w.cloud.url)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as file:
        file.executescript(text)
        jobs = [json.loads(job) for (job,) in file.execute("SELECT job FROM deletions WHERE state <> 'deleted'")]
    for job in jobs:
        del job["seen_as"]  # which is the bot's own, not MetaStudio's
        w.cloud.add_job(**job)
    yield w
    w.stop()
    assert w.slack.violations == []


def card(w: World, name: str) -> Message:
    """Put a card there as 0.1.0 had posted it."""
    kept = json.loads((MADE / "cards.json").read_text(encoding="utf-8"))[name]
    found = w.slack.put(OPS, kept, via="chat.postMessage")
    with w.slack.changed:
        del w.slack.channels[OPS].by_ts[found.ts]
        found.ts = kept["ts"]
        w.slack.channels[OPS].by_ts[found.ts] = found
    return found


def dh_bot(w: World, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run a command beside the ledger; its exit status."""
    with monkeypatch.context() as patch:
        patch.chdir(w.folder)
        patch.setattr("bot.logs.configure", lambda *_: None)
        patch.setattr("bot.logs.catch_uncaught", lambda: None)
        for name, text in w.environ().items():
            patch.setenv(name, text)
        return main(list(words))


def test_it_can_be_read_before_it_is_migrated(
    old: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its trail is sound and ends where 0.1.0 said; each deletion has its story; the status says what to do."""
    assert dh_bot(old, monkeypatch, "audit", "verify", "--against", HEAD_OF_TRAIL) == 0
    assert f"It contains what was shown: event {HEAD_OF_TRAIL}." in capsys.readouterr().out
    assert dh_bot(old, monkeypatch, "audit", "list", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, 42))
    for job in (OPEN, UNKNOWN, DELETED, FAILED, CANCELLED):
        (deletion,) = {line["deletion"] for line in lines if line["job"] == job and line["kind"] == "proposed"}
        assert dh_bot(old, monkeypatch, "audit", "show", deletion) == 0
        assert f"{ANNA} typed the command in {OPS}." in capsys.readouterr().out
    assert dh_bot(old, monkeypatch, "db", "status") == 1
    assert "at revision 0003" in capsys.readouterr().err


def test_upgrading_changes_no_event(
    old: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`dh-bot db upgrade` brings it up to date, and its trail is the same to the last digit."""
    assert dh_bot(old, monkeypatch, "db", "upgrade") == 0
    assert dh_bot(old, monkeypatch, "db", "status") == 0
    assert f"revision {HEAD}" in capsys.readouterr().out
    assert dh_bot(old, monkeypatch, "audit", "verify", "--against", HEAD_OF_TRAIL) == 0


@pytest.mark.parametrize("action", ["dh_confirm", "dh_cancel"])
def test_the_buttons_of_an_open_card_work(old: World, action: str) -> None:
    """Its *Delete permanently* sends one DELETE, whose outcome is posted; its *Cancel* sends none."""
    found = card(old, "open")
    old.run_bot()
    old.press(found, action)
    old.tick(1)
    is_confirmed = action == "dh_confirm"
    assert old.cloud.deletes_arrived(OPEN) == is_confirmed
    assert found.buttons == []
    (outcome,) = old.thread(found)
    assert (Claim.CONFIRMED if is_confirmed else Claim.CANCELLED).stands_in(outcome)
    assert old.deletion(OPEN).state is (State.DELETED if is_confirmed else State.CANCELLED)
    assert old.verdict().is_sound


@pytest.mark.parametrize("is_gone", [True, False])
def test_an_unknown_outcome_is_settled_by_reading(old: World, *, is_gone: bool) -> None:
    """It is looked at until it is known, is posted below the old card, and no second DELETE is sent."""
    found = card(old, "unknown")
    if is_gone:
        old.cloud.remove(UNKNOWN)
    old.run_bot()
    for _ in range(12):
        old.tick(600)
    assert (Claim.DELETED if is_gone else Claim.TREATED_AS_NOT_DELETED).stands_in(old.thread(found)[-1])
    assert old.deletion(UNKNOWN).state is (State.DELETED if is_gone else State.FAILED)
    assert old.cloud.deletes_arrived(UNKNOWN) == 0
    assert old.verdict().is_sound


def test_what_had_ended_stays_so(old: World) -> None:
    """Nothing that had ended is opened, posted or sent again, and the lifted freeze holds nobody up."""
    old.run_bot()
    old.tick(1)
    states = {DELETED: State.DELETED, FAILED: State.FAILED, CANCELLED: State.CANCELLED}
    assert {job: old.deletion(job).state for job in states} == states
    assert old.slack.messages(OPS) == []
    assert not any(old.cloud.deletes_arrived(job) for job in states)
    assert old.card(CANCELLED).buttons

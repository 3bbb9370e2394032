"""`dh-bot run` as people start it: an empty variable of the environment takes no restriction away."""

from __future__ import annotations

import json
from pathlib import Path

from tests.flow.modes import usual
from tests.flow.process import Process
from tests.flow.world import World

EMPTY = dict.fromkeys(("AUTHORIZED_CHANNELS", "CONFIRM_BY", "SECOND_PERSON_STATES", "REASON_REQUIRED", "FREEZE_BY"), "")


def test_what_compose_makes_of_unset_variables_restricts_all_the_same(tmp_path: Path) -> None:
    """All five restrictions stand in .env and are empty in the environment: they hold, and the log says so of each."""
    w = World(tmp_path, **usual(tmp_path)).start()
    try:
        elsewhere = w.slack.add_channel("elsewhere", members=[w.anna, w.ben])
        lines = {
            "AUTHORIZED_CHANNELS": w.ops,
            "CONFIRM_BY": "second_person",
            "SECOND_PERSON_STATES": "TRAIN_FAILED",
            "REASON_REQUIRED": "true",
            "FREEZE_BY": w.ben,
        }
        (w.folder / ".env").write_text("".join(f"{name}={text}\n" for name, text in lines.items()), encoding="utf-8")
        bot = Process(w, **EMPTY)
        job = w.cloud.add_job(state="TRAIN_FAILED")
        refused = (
            ("Not in this channel", w.slack.command(w.anna, elsewhere, f"{job} why")),
            ("reason", w.slack.command(w.anna, w.ops, job)),
            ("access to freeze", w.slack.command(w.anna, w.ops, "freeze an incident")),
        )
        for words, asked in refused:
            w.slack.wait_for(lambda asked=asked, words=words: any(words in one.text for one in asked.answers), 10)
        w.slack.command(w.anna, w.ops, f"{job} why").wait_ack()
        card = w.slack.wait_for(lambda: w.slack.messages(w.ops), 10)[-1]
        pressed = w.slack.click(w.anna, card, "dh_confirm")
        w.slack.wait_for(lambda: any("second person" in one.text for one in pressed.answers), 10)
        assert not w.cloud.deleted
        assert bot.stop() == 0
        heard = [line["notice"] for line in map(json.loads, bot.log) if line["event"] == "settings_notice"]
        for name in EMPTY:
            assert f"{name} is empty in the environment, so the value in .env holds." in heard
    finally:
        w.stop()

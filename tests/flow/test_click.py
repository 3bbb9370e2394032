"""What a click on *Delete permanently* rests on: its own card, people and job as they are now; nobody waits in vain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.world import World, world

# -- who it is about -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failing", "says"), [("anna", "who <@{anna}> is"), ("ben", "who you are")])
def test_whoever_could_not_be_looked_up_is_named(tmp_path: Path, failing: str, says: str) -> None:
    """Ben presses Anna's card and Slack fails about one of them: he is not told that it was about the other."""
    with world(tmp_path, CONFIRM_BY="any_operator") as w:
        card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
        w.clock.add(6)
        who = getattr(w, failing)
        w.slack.faults.add("users.info", "error", error="fatal_error", where=lambda args: args.get("user") == who)
        w.press(card, user=w.ben)
        assert f"Slack could not say {says.format(anna=w.anna)}" in w.said_to(w.ben)[-1]

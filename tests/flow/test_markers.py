"""The watch over every world (tests/support/markers.py): it finds what gets out, wherever that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from sandbox.metastudio.world import make_job
from tests.flow.world import World
from tests.support import markers


def test_the_jobs_of_the_sandbox_have_what_must_not_be_seen() -> None:
    """A value that no job has any more would be looked for in vain."""
    job = json.dumps(make_job("a", "p", datetime.now(UTC)), ensure_ascii=False)
    assert [value for value in (*markers.PERSONAL, markers.NAME.decode()) if value not in job] == []


def into_the_log(w: World) -> None:
    structlog.get_logger("bot.x").info("event", why=w.slack.signing_secret)


def into_a_traceback(w: World) -> None:
    try:
        raise ValueError(w.cloud.sk)  # noqa: TRY301 - as if a library had quoted it
    except ValueError:
        structlog.get_logger("bot.x").exception("failed")


def into_a_message(w: World) -> None:
    w.card(w.cloud.add_job(state="TRAIN_FAILED", name=f"call {markers.PERSONAL[0]}"))


def into_the_ledger(w: World) -> None:
    w.ask(f"freeze {w.slack.invocations[-1].trigger_id}")


@pytest.mark.parametrize(
    ("leak", "place"),
    [(into_the_log, "log"), (into_a_traceback, "log"), (into_a_message, "messages"), (into_the_ledger, "ledger")],
)
def test_what_gets_out_is_found(tmp_path: Path, leak: Callable[[World], None], place: str) -> None:
    """Whatever test it happens in fails: at the end of its world, and at its own end for what is in the log."""
    w = World(tmp_path).start()
    w.run_bot()
    w.ask("whoami")
    markers.look_through(w)
    leak(w)
    is_logged = place == "log"
    with pytest.raises(AssertionError, match="in the log") if is_logged else nullcontext():
        markers.look_through_the_log()
    with pytest.raises(AssertionError, match=f"in the {place}"):
        w.stop()
    # It was on purpose, and the end of this test looks through the log once more.
    markers.LOG.lines.clear()

"""What somebody who reads the log can rely on: a line for each event, with its deletion's id if it has one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.events import Kind, is_shown
from bot.domain.ledger_port import LedgerTrouble
from bot.workers.retry_writes import PendingWrites
from sandbox.metastudio import faults as play
from sandbox.slack.slack import Message
from tests.flow.world import World
from tests.support import markers

DELETE = "Delete2dModelTrainingJob"


def lines() -> list[dict[str, Any]]:
    """Every line of this test."""
    return [json.loads(line) for line in markers.LOG.lines]


def test_the_log_tells_what_the_trail_tells(w: World) -> None:
    """A line for each event, in its order and with its ids; at INFO what AUDIT_CHANNEL is told too."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.ask("open", w.carl)
    card = w.card(job)
    w.press(card, user=w.carl)
    w.press(card)
    w.tick(60)
    w.ask("freeze an incident")
    events = [recorded.event for recorded in w.trail()]
    told = [line for line in lines() if line["event"] == "recorded"]
    assert [line["kind"] for line in told] == [event.kind.value for event in events]
    assert {Kind.REFUSED, Kind.PROPOSED, Kind.CLAIMED, Kind.OUTCOME, Kind.READ, Kind.FROZEN} <= {e.kind for e in events}
    for line, event in zip(told, events, strict=True):
        assert line.get("deletion") == event.deletion or event.deletion is None
        assert line.get("job") == event.job
        assert line.get("actor") == (event.actor and event.actor.user)
        assert line.get("request_id") == event.request_id
        assert line["level"] == ("info" if is_shown(event) else "debug")
    assert "incident" not in "".join(markers.LOG.lines)


def test_what_was_not_written_is_not_logged(w: World) -> None:
    """A transaction that failed has recorded nothing, whatever it was about to."""
    job = w.cloud.add_job(state="TRAIN_FAILED")

    def fail(_name: str) -> None:
        raise OSError

    w.app.ledger.before_commit = fail
    w.ask(job)
    w.app.ledger.before_commit = lambda _: None
    assert w.trail() == []
    assert [line for line in lines() if line["event"] == "recorded"] == []


# Trouble, wherever the bot meets it: on the pool, in its workers, or in a thread that only says "busy".


def slack_refuses_the_outcome(w: World, card: Message) -> None:
    w.slack.faults.add("chat.postMessage", "error", error="invalid_auth")
    w.press(card)


def slack_refuses_that_it_expired(w: World, _card: Message) -> None:
    refused = w.slack.faults.add("chat.postMessage", "error", error="invalid_auth", times=2)
    w.tick(601)
    w.tick(61)
    assert refused.hits == 2, "once by the worker of deadlines, once by that of messages"


def slack_refuses_the_layout(w: World, card: Message) -> None:
    w.slack.faults.add("chat.postMessage", "error", error="invalid_blocks", where=lambda args: "thread_ts" in args)
    w.press(card)


def slack_takes_no_answer(w: World, card: Message) -> None:
    w.slack.faults.add("response_url", "http", status=404)
    w.slack.faults.add("chat.postEphemeral", "error", error="invalid_auth", times=None)
    w.press(card, user=w.carl)
    w.tick(61)


def the_bot_is_busy(w: World, card: Message) -> None:
    pool = w.app.pool
    pool.permits = 0
    w.slack.faults.add("response_url", "http", status=404)
    w.slack.faults.add("chat.postEphemeral", "error", error="invalid_auth")
    w.press(card)
    pool.permits = 64


def the_ledger_fails_while_telling(w: World, card: Message) -> None:
    ledger = w.app.ledger

    def fail(name: str) -> None:
        if name == "lease_notifications":
            raise OSError

    ledger.before_commit = fail
    w.press(card)
    ledger.before_commit = lambda _: None


def the_ledger_fails_after_the_reply(w: World, card: Message) -> None:
    ledger = w.app.ledger

    def fail(name: str) -> None:
        if name.startswith("change:reply"):
            raise OSError

    ledger.before_commit = fail
    w.press(card)
    ledger.before_commit = lambda _: None
    w.tick(1)


def the_breaker_cannot_be_written_by_a_worker(w: World, card: Message) -> None:
    ledger = w.app.ledger
    w.cloud.faults.add(DELETE, play.drop())
    w.press(card)
    # With a token the first rejection fetches another one.
    w.cloud.faults.add("Show2dModelTrainingJob", play.gateway(401, "APIG.0301", "no"), times=2)

    def fail(name: str) -> None:
        if name == "breaker_open":
            raise OSError

    ledger.before_commit = fail
    w.tick(30)
    ledger.before_commit = lambda _: None
    w.cloud.faults.clear()
    w.tick(301)


def a_use_case_has_a_bug(w: World, card: Message) -> None:
    jobs = w.app.ports.jobs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "show", lambda _: 1 / 0)
        w.press(card)


TROUBLES: dict[str, Callable[[World, Message], None]] = {
    "slack_refused": slack_refuses_the_outcome,
    "slack_refused, by workers": slack_refuses_that_it_expired,
    "slack_refused_blocks": slack_refuses_the_layout,
    "answer_not_taken": the_bot_is_busy,
    "slack_refused, an answer": slack_takes_no_answer,
    "ledger_trouble": the_ledger_fails_while_telling,
    "ledger_trouble, unwritten": the_ledger_fails_after_the_reply,
    "breaker_not_recorded": the_breaker_cannot_be_written_by_a_worker,
    "use_case_failed": a_use_case_has_a_bug,
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_with_a_deletion_names_it(w: World, trouble: str) -> None:
    """Each line from the card on is about this one deletion, and says so, whichever thread it comes from."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    deletion = w.trail()[-1].event.deletion
    markers.LOG.lines.clear()
    TROUBLES[trouble](w, card)
    said = [line for line in lines() if line["event"] != "recorded"]
    assert trouble.split(",", maxsplit=1)[0] in {line["event"] for line in said}
    assert [line for line in said if line.get("deletion") != deletion] == []


def test_what_is_about_no_deletion_names_none(w: World) -> None:
    """The answer to a subcommand has an id of its own, which is that of no deletion."""
    w.slack.faults.add("response_url", "http", status=404)
    w.slack.faults.add("chat.postEphemeral", "error", error="invalid_auth")
    w.ask("open")
    assert "answer_not_taken" in {line["event"] for line in lines()}
    assert [line for line in lines() if "deletion" in line] == []


def test_what_was_kept_in_memory_names_its_deletion() -> None:
    """The worker that repeats a write is on no deletion's behalf, until it is."""
    pending_writes = PendingWrites()
    ends: list[Exception] = [LedgerTrouble("disk full"), ValueError("a bug")]

    def write() -> None:
        raise ends.pop(0)

    pending_writes("0123456789abcdef", write)
    assert pending_writes.run_once() == 0
    assert [line["event"] for line in lines()] == ["ledger_trouble", "unwritten_failed"]
    assert {line.get("deletion") for line in lines()} == {"0123456789abcdef"}

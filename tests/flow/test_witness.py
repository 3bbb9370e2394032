"""The team's own channel is the witness: it was shown what the audit trail has to contain for ever."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.audit.witness import short
from bot.domain.events import Kind, is_typing_error
from sandbox.metastudio import faults as play
from tests.flow.world import World, world

QUOTE = re.compile(r"Audit trail: event `([0-9]+:[0-9a-f]{16})`")
DELETE = "Delete2dModelTrainingJob"


def quotes(texts: list[str]) -> list[str]:
    return [found for text in texts for found in QUOTE.findall(text)]


def recorded(w: World, *kinds: Kind) -> list[str]:
    """The events of these kinds as they would be quoted."""
    return [short(each.number, each.hash) for each in w.trail() if each.event.kind in kinds]


def test_an_outcome_is_told_with_the_event_that_recorded_it(w: World) -> None:
    """Its own event, not whichever was the newest when the message was sent; and only the outcome is."""
    w.press(w.card(w.cloud.add_job(state="TRAIN_FAILED")))
    card = w.slack.messages(w.ops)[-1]
    w.tick(6)
    w.tick(31)
    assert len(w.thread(card)) == 2
    assert quotes(w.thread(card)) == recorded(w, Kind.OUTCOME)


def test_a_repeated_message_quotes_the_same_event(w: World) -> None:
    """Slack took the first one without saying so; other events were recorded in between."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    w.slack.faults.add("chat.postMessage", "cut", when="after")
    w.press(card)
    w.ask("no-such-job", w.carl)
    w.tick(60)
    first, second, *_ = quotes(w.thread(card))
    assert first == second
    assert [first] == recorded(w, Kind.OUTCOME)


@pytest.mark.parametrize(
    ("action", "kind"), [("dh_cancel", Kind.CANCELLED), (None, Kind.EXPIRED)], ids=["cancelled", "expired"]
)
def test_every_end_is_told_with_its_event(w: World, action: str | None, kind: Kind) -> None:
    """Also those without a DELETE."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    if action:
        w.press(card, action)
    w.tick(601)
    assert quotes(w.thread(card)) == recorded(w, kind)


def test_a_doubt_and_its_end_are_told_with_their_events(w: World) -> None:
    """Two messages, two events."""
    _, card = w.offered()
    w.cloud.faults.add(DELETE, play.error(500, "MSS.00000004", "x"))
    w.press(card)
    for _ in range(40):
        w.tick(30)
    assert quotes(w.thread(card)) == recorded(w, Kind.UNKNOWN, Kind.SETTLED)


def test_the_head_goes_to_the_audit_channel_once_a_day(tmp_path: Path) -> None:
    """At the first chance of a day, however often the bot is started on it; in a form that can be checked later."""
    with world(tmp_path) as w:
        w.stop_bot()
        audit = w.slack.add_channel("audit")
        w.run_bot(AUDIT_CHANNEL=audit)

        def heads() -> list[str]:
            texts = [message.text for message in w.slack.messages(audit)]
            return [text for text in texts if "newest event is" in text]

        w.tick()
        assert heads() == []  # there is nothing to witness yet
        w.ask("no-such-job", w.carl)
        w.tick(60)
        (first,) = heads()
        w.tick(3600 if w.clock.now().hour < 23 else 60)
        w.stop_bot()
        w.run_bot()
        w.tick(60)
        assert heads() == [first]
        w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=30)
        w.tick(24 * 3600)
        w.tick(60)
        _, second = heads()
        assert second.startswith("The audit trail's newest event is")
        known = {short(each.number, each.hash) for each in w.trail()}
        for head in (first, second):
            assert re.findall(r"--against ([0-9a-f:]+)", head)[0] in known


def test_typing_errors_are_one_line_a_day(tmp_path: Path) -> None:
    """Each is in the trail; the channel learns once a day how many there were, and of no other refusal less."""
    with world(tmp_path) as w:
        w.stop_bot()
        audit = w.slack.add_channel("audit")
        w.run_bot(AUDIT_CHANNEL=audit)

        def lines() -> list[str]:
            return [line for message in w.slack.messages(audit) for line in message.text.splitlines()]

        w.tick(60)
        w.ask("no-such-job", w.carl)
        w.tick(60)
        before = lines()
        for typed in ("not/an/id", "freez", "find", "opne", "--wrong job-1"):
            w.ask(typed)
        w.tick(60)
        assert lines() == before
        assert [each.event.facts["reason"] for each in w.trail() if is_typing_error(each.event)] == [
            "bad_job_id", "near_miss", "bad_search", "near_miss", "unknown_option",
        ]  # fmt: skip
        w.tick(24 * 3600 - 300)
        w.tick(60)
        said = [line for line in lines() if line.startswith("Typing errors")]
        assert said == ["Typing errors of the last 24 hours: 5 commands. Nothing was done for them."]
        w.tick(24 * 3600)
        w.tick(60)
        assert [line for line in lines() if line.startswith("Typing errors")] == said

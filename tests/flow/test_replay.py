"""The very same command or click once more: posted again by somebody who has read it, or handed over again by Slack.

It has no second effect, on any replica, and who made it is answered that it is already handled.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.app import Running
from bot.domain.model import State
from bot.domain.refusals import Reason
from bot.slack.http_mode import HttpTransport
from sandbox.slack.slack import Invocation
from tests.flow.world import World, free_port, world
from tests.support import postgres
from tests.support.claims import Claim

ALREADY = "*Already handled"


@pytest.fixture(params=["http", "socket"])
def w(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """The bot, asked in either way."""
    with world(tmp_path, SLACK_MODE=request.param) as made:
        yield made
        assert made.slack.violations == []
        assert made.verdict().is_sound


def again(w: World, first: Invocation) -> Invocation:
    """The same once more; it is acked like the first."""
    second = w.slack.replay(first)
    second.wait_ack()
    w.idle()
    return second


def standing(w: World) -> object:
    return w.app.ledger.freezes.current()


def served(w: World) -> list[str]:
    """What the ledger remembers."""
    return w.app.ledger.read(lambda c: list(c.exec_driver_sql("SELECT digest FROM served_requests").scalars()))


def test_an_unfreeze_lifts_no_newer_freeze(w: World) -> None:
    """Deletions are frozen, allowed again, and frozen anew: the first `unfreeze`, posted again, does not lift that."""
    w.ask("freeze the wrong jobs went", w.ben)
    unfreeze = w.ask("unfreeze")
    w.ask("freeze it goes on", w.ben)
    newer = standing(w)
    said = len(w.said_to(w.anna))
    again(w, unfreeze)
    assert standing(w) == newer
    assert [text[: len(ALREADY)] for text in w.said_to(w.anna)[said:]] == [ALREADY]
    assert w.reasons(w.anna) == [Reason.ALREADY_HANDLED]
    w.ask("unfreeze")
    assert standing(w) is None


def test_a_freeze_stops_nothing_anew(w: World) -> None:
    """A freeze that was lifted does not come back in the name of who asked for it."""
    freeze = w.ask("freeze the wrong jobs went", w.ben)
    w.ask("unfreeze")
    again(w, freeze)
    assert standing(w) is None
    assert w.said_to(w.ben)[-1].startswith(ALREADY)


def test_a_command_posts_no_second_card(w: World) -> None:
    """The first card was cancelled; the same command does not offer the job again."""
    job = w.failed_job()
    asked = w.ask(job)
    (card,) = w.slack.messages(w.ops)
    w.press(card, "dh_cancel", w.ben)
    reads = len(w.cloud.requests)
    again(w, asked)
    assert w.slack.messages(w.ops) == [card]
    assert len(w.cloud.requests) == reads
    assert w.said_to(w.anna)[-1].startswith(ALREADY)


def test_a_click_that_was_refused_deletes_nothing_later(w: World) -> None:
    """Pressed while deletions are frozen, it was answered "this click deleted nothing", and that stays true."""
    job, card = w.offered()
    w.ask("freeze for a while", w.ben)
    pressed = w.press(card)
    assert Claim.REQUEST_DELETED_NOTHING.stands_in(w.said_to(w.anna)[-1])
    w.ask("unfreeze", w.ben)
    again(w, pressed)
    assert w.said_to(w.anna)[-1].startswith(ALREADY)
    assert w.cloud.deletes_arrived(job) == 0
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


def test_a_button_of_a_search_offers_once(w: World) -> None:
    """*Offer* below `find` is a command of its own."""
    job = w.failed_job()
    w.ask(f"find {job}")
    pressed = w.press(w.slack.ephemerals(w.anna)[-1], "dh_offer")
    (card,) = w.slack.messages(w.ops)
    w.press(card, "dh_cancel")
    again(w, pressed)
    assert w.slack.messages(w.ops) == [card]
    assert w.said_to(w.anna)[-1].startswith(ALREADY)


@pytest.mark.parametrize("what", ["a command", "a click"])
def test_what_was_turned_away_is_not_done_later(w: World, what: str) -> None:
    """Whoever was told "busy, nothing was deleted" decides whether to try again, and nobody else."""
    job, card = w.offered()
    permits = []
    while w.app.pool.take():
        permits.append(1)
    if what == "a command":
        first = w.slack.command(w.anna, w.ops, "freeze not now")
    else:
        first = w.slack.click(w.anna, card, "dh_confirm")
    first.wait_ack()
    pool = w.app.pool
    w.slack.wait_for(lambda: w.reasons(w.anna) == [Reason.BUSY], 5)
    assert pool.wait_idle(5, in_flight=pool.permits)
    for _ in permits:
        pool.give_back()
    again(w, first)
    assert standing(w) is None
    assert w.cloud.deletes_arrived(job) == 0
    assert w.said_to(w.anna)[-1].startswith(ALREADY)


def test_what_does_nothing_may_come_again(w: World) -> None:
    """Help and a mistyped id are answered by their ack, each time."""
    for text in ("help", "jöb"):
        first = w.ask(text)
        assert again(w, first).ack == first.ack
    assert served(w) == []


def test_it_outlives_the_process(w: World) -> None:
    """The next process knows what the one before has served."""
    w.ask("freeze the wrong jobs went", w.ben)
    unfreeze = w.ask("unfreeze")
    w.ask("freeze it goes on", w.ben)
    w.stop_bot()
    w.run_bot()
    again(w, unfreeze)
    assert standing(w) is not None
    assert w.said_to(w.anna)[-1].startswith(ALREADY)


def test_only_a_digest_is_kept_and_only_for_ten_minutes(w: World) -> None:
    """The trigger itself is a secret. Eleven minutes later its signature is too old, and the row is gone."""
    asked = w.ask("open")
    (digest,) = served(w)
    assert len(digest) == 64
    assert not set(digest) - set("0123456789abcdef")
    assert asked.trigger_id
    w.tick(599)
    assert served(w) == [digest]
    w.tick(61)
    assert served(w) == []


def test_a_ledger_in_trouble_is_said_each_time(w: World) -> None:
    """Where nothing can be remembered nothing is done either, and that is what is answered."""

    def broken(name: str) -> None:
        if name == "note_request":
            raise OSError(28, "No space left on device")

    w.app.ledger.before_commit = broken
    first = w.ask("freeze the wrong jobs went")
    again(w, first)
    w.app.ledger.before_commit = lambda name: None
    assert all("can't save to its database" in text for text in w.said_to(w.anna))
    assert standing(w) is None


# Replicas.


class Two(World):
    """Two bots on one PostgreSQL."""

    other: Running | None = None
    second = ""
    """Where the second one is reached."""

    def run_other(self) -> None:
        self.extra["HTTP_PORT"] = str(free_port())
        self.other = self.build(self.clock)
        self.other.transport.start()
        assert isinstance(self.other.transport, HttpTransport)
        self.second = f"http://127.0.0.1:{self.other.transport.port}/slack/events"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """The world, with the first of them running."""
    made = Two(tmp_path, SLACK_MODE="http", DATABASE_URL=postgres.migrated()).start()
    try:
        made.run_bot()
        made.run_other()
        yield made
        assert made.slack.violations == []
        assert made.verdict().is_sound
    finally:
        if made.other is not None:
            made.other.stop(5)
        made.stop()


def test_another_replica_knows_it_too(two: Two) -> None:
    """What one has served the other does not serve."""
    two.ask("freeze the wrong jobs went", two.ben)
    unfreeze = two.ask("unfreeze")
    two.ask("freeze it goes on", two.ben)
    two.slack.replay(unfreeze, two.second).wait_ack()
    two.slack.wait_for(lambda: two.said_to(two.anna)[-1].startswith(ALREADY), 5)
    assert standing(two) is not None


def test_many_at_once_have_one_effect(two: Two) -> None:
    """Sent to both replicas at the same time, over and over: one card, and an answer to each of the rest."""
    job = two.failed_job()
    first = two.slack.command(two.anna, two.ops, job)
    slack = two.slack
    slack.wait_for(lambda: first.http is not None, 5)
    body_to = [slack.deliver_http_to, two.second] * 4
    with ThreadPoolExecutor(8) as pool:
        copies = list(pool.map(lambda url: slack.replay(first, url), body_to))
    slack.wait_for(lambda: all(one.acked for one in (first, *copies)) or slack.violations, 5)
    slack.wait_for(lambda: two.reasons(two.anna).count(Reason.ALREADY_HANDLED) == len(copies), 10)
    two.idle()
    slack.wait_for(lambda: two.find_deletion(job), 5)
    assert len(two.slack.messages(two.ops)) == 1
    assert two.deletion(job).state is State.AWAITING

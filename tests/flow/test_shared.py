"""Several processes on one Slack app: right with PostgreSQL, and named as a mistake where one file is the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app import Running
from bot.domain.refusals import Reason
from bot.slack import census
from bot.slack.socket_mode import SocketTransport
from sandbox.wire.websocket import Link
from tests.flow.modes import on_sqlite
from tests.flow.process import Process
from tests.flow.world import World, world
from tests.support import postgres
from tests.support.waiting import until


def notices(bot: Process) -> list[str]:
    """What the log says about others."""
    return [line for line in bot.log if "no_new_work" in line and "not_alone" in line]


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """A folder for each process."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    return folders


@on_sqlite
def test_a_second_bot_with_a_ledger_of_its_own_is_named(tmp_path: Path, two: list[Path]) -> None:
    """It would take part of the commands and clicks and know nothing of the first one's cards."""
    w = World(tmp_path, SLACK_MODE="socket").start()
    try:
        first, second = (Process(w, DATABASE_URL=f"sqlite:///{folder}/ledger.db") for folder in two)
        w.slack.wait_for(lambda: notices(second), 10)
        # The first one has not counted anew yet. Whatever reaches the second one is refused.
        assert notices(first) == []
        w.slack.sockets.pick = lambda live: live[1]
        asked = w.slack.command(w.anna, w.ops, w.cloud.add_job(state="TRAIN_FAILED"))
        assert "a second bot is connected" in asked.wait_ack()["text"]
        assert (second.stop(), first.stop()) == (0, 0)
    finally:
        w.stop()


def census_of(bot: Running) -> census.Census:
    assert isinstance(bot.transport, SocketTransport)
    assert bot.transport._census is not None
    return bot.transport._census


class Two:
    """Two bots, each with a ledger of its own, on one Slack app."""

    def __init__(self, w: World, folders: list[Path]) -> None:
        self.w = w
        self.bots = [self._bot(folder) for folder in folders]

    def _bot(self, folder: Path) -> Running:
        w = self.w
        w.folder = folder
        w.extra["DATABASE_URL"] = f"sqlite:///{folder}/ledger.db"
        before = len(w.slack.sockets.links)
        made = w.build(w.clock)
        made.transport.start()
        w.slack.sockets.wait_connected(before + 1)
        until(lambda: census_of(made)._was_greeted)
        return made

    def count(self, bot: Running) -> None:
        """The time for its next count has come."""
        census_of(bot)._due = 0
        bot.transport.watch()

    def stop(self) -> None:
        for bot in self.bots:
            bot.stop(5)


@pytest.fixture
def pair(tmp_path: Path, two: list[Path]) -> Iterator[Two]:
    w = World(tmp_path, SLACK_MODE="socket").start()
    made = Two(w, two)
    try:
        yield made
        assert w.slack.violations == []
    finally:
        made.stop()
        w.stop()


def refused(bot: Running) -> Reason | None:
    no = bot.ports.admission.refusal()
    return no and Reason(no.reason)


@on_sqlite
@pytest.mark.parametrize("asked", ["before", "between", "after"])
def test_of_two_bots_with_ledgers_of_their_own_only_one_ever_deletes(pair: Two, asked: str) -> None:
    """However the clicks are handed out: each card is confirmed at both, and the job is deleted once at most."""
    w, (first, second) = pair.w, pair.bots
    one, other = w.slack.sockets.links
    job = w.cloud.add_job(state="TRAIN_FAILED")

    def everybody_asks_and_presses() -> None:
        for link, bot in ((one, first), (other, second)):
            w.slack.sockets.pick = lambda live, link=link: link
            w.slack.command(w.anna, w.ops, job).wait_ack()
            w.app = bot
            w.idle()
        for link, bot in ((one, first), (other, second)):
            w.slack.sockets.pick = lambda live, link=link: link
            for card in w.slack.messages(w.ops):
                w.slack.click(w.anna, card, "dh_confirm", force=True).wait_ack()
                w.app = bot
                w.idle()
        w.app = None

    if asked == "before":
        everybody_asks_and_presses()
        assert w.cloud.deletes_arrived(job) == 1
    assert refused(second) == Reason.NOT_ALONE
    pair.count(first)
    assert refused(first) == Reason.NOT_ALONE
    if asked == "between":
        everybody_asks_and_presses()
        assert w.cloud.deletes_arrived(job) == 0
        assert w.slack.messages(w.ops) == []
    second.stop(5)
    w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1, 5)
    pair.count(first)
    assert refused(first) is None
    if asked == "after":
        pair.bots.remove(second)
        w.slack.sockets.pick = lambda live: one
        w.app = first
        w.press(w.card(job))
        w.app = None
        assert w.cloud.deletes_arrived(job) == 1


@on_sqlite
def test_a_command_that_reaches_the_second_connection_is_answered(tmp_path: Path) -> None:
    """The connection that is opened for its hello may be handed a command before it is closed."""
    with world(tmp_path, SLACK_MODE="socket") as w:
        transport, count = w.app.transport, census_of(w.app)
        until(lambda: count._was_greeted)
        welcome, asked = w.slack.sockets._welcome, []

        def greet_and_deliver(link: Link) -> bool:
            welcomed = welcome(link)
            w.slack.sockets.pick = lambda live: link
            asked.append(w.slack.command(w.anna, w.ops, w.cloud.add_job(state="TRAIN_FAILED")))
            return welcomed

        w.slack.sockets._welcome = greet_and_deliver  # type: ignore[method-assign]
        count._due = 0
        transport.watch()
        asked[0].wait_ack()
        w.idle()
        assert len(w.slack.messages(w.ops)) == 1
        w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1, 5)


@on_sqlite
# The SDK leaves the socket of a handshake that was refused to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning", "ignore:.*:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("trouble", ["ratelimited", "drop", "refused", "mute"])
def test_a_count_that_fails_changes_nothing(tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does it end the worker, nor does it say that somebody came or went; it is made again later."""
    monkeypatch.setattr(census, "WITHIN", 1)
    with world(tmp_path, SLACK_MODE="socket") as w:
        transport, count = w.app.transport, census_of(w.app)
        until(lambda: count._was_greeted)
        w.slack.sockets.refuse = trouble == "refused"
        w.slack.sockets.mute = trouble == "mute"
        for lonely in (True, False):
            if trouble in {"ratelimited", "drop"}:
                w.slack.faults.add("apps.connections.open", trouble)
            if not lonely:
                w.app.ports.admission.close(Reason.NOT_ALONE)  # type: ignore[attr-defined]
            count._due = 0
            transport.watch()
            assert (refused(w.app) is None) is lonely
            assert count._due > time.monotonic() + 10
        w.slack.sockets.refuse = w.slack.sockets.mute = False


@pytest.mark.parametrize(
    ("count", "ours", "lingering", "verdict"),
    [
        (1, 1, 0, True),
        (2, 1, 0, False),
        (2, 1, 1, None),
        (3, 1, 1, False),
        (1, 1, 1, True),
        (2, 2, 0, True),
        (3, 2, 0, False),
        (3, 2, 1, None),
        (1, 2, 0, True),
        (11, 1, 1, False),
    ],
)
def test_who_is_alone(count: int, ours: int, lingering: int, verdict: object) -> None:
    """Slack's count less our own; where one of ours may still be counted nothing is said."""
    assert census.is_exclusive(count, ours, lingering) is verdict


@on_sqlite
def test_an_old_connection_that_slack_still_counts_is_not_somebody_else(tmp_path: Path) -> None:
    """It is taken for one of ours for half a minute; what is counted after that is not ours."""
    with world(tmp_path, SLACK_MODE="socket") as w:
        (old,) = w.slack.sockets.wait_connected()
        w.slack.sockets.lingering = 1
        w.slack.sockets.drop()
        w.slack.wait_for(lambda: [link for link in w.slack.sockets.links if link is not old], 15)
        transport, count = w.app.transport, census_of(w.app)
        until(lambda: count._ended and transport.is_connected())
        assert refused(w.app) is None
        count._ended.clear()
        count._due = 0
        transport.watch()
        assert refused(w.app) == Reason.NOT_ALONE


def test_replicas_on_one_postgresql_are_as_they_should_be(tmp_path: Path) -> None:
    """No notice, and a card that one of them posted is confirmed by whichever gets the click."""
    w = World(tmp_path, SLACK_MODE="socket", DATABASE_URL=postgres.migrated()).start()
    try:
        bots = [Process(w), Process(w)]
        first, second = w.slack.sockets.wait_connected(2)
        w.slack.sockets.pick = lambda live: first
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.slack.command(w.anna, w.ops, job).wait_ack()
        card = w.slack.wait_for(lambda: w.slack.messages(w.ops), 10)[-1]
        w.slack.sockets.pick = lambda live: second
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: any("*Deleted:*" in text for text in w.thread(card)), 10)
        assert w.cloud.deletes_arrived(job) == 1
        assert [bot.stop() for bot in reversed(bots)] == [0, 0]
        assert [notices(bot) for bot in bots] == [[], []]
    finally:
        w.stop()


@on_sqlite
def test_reconnecting_is_not_taken_for_somebody_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """While one connection follows another Slack may count both."""
    with world(tmp_path, SLACK_MODE="socket") as w:
        for _ in range(3):
            (old,) = w.slack.sockets.wait_connected()
            w.slack.sockets.disconnect("warning")
            w.slack.wait_for(lambda old=old: [link for link in w.slack.sockets.links if link is not old], 10)
            w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1, 10)
    assert "no_new_work" not in capfd.readouterr().err

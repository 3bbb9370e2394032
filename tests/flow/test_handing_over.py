"""A replica that has to go while others serve: it hands over first, so nobody is turned away and nothing is lost."""

from __future__ import annotations

import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from slack_sdk.socket_mode.builtin.connection import Connection
from websockets.frames import Opcode

from bot.slack.socket_mode import SocketTransport
from sandbox.bot_process import BotProcess
from sandbox.metastudio import faults as play
from sandbox.slack.slack import Invocation, Message
from sandbox.wire.websocket import Link
from tests.flow.process import Process
from tests.flow.world import World, free_port, world
from tests.support import postgres
from tests.support.waiting import until

COMMANDS = 20


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """Slack, MetaStudio and a PostgreSQL that replicas share; no bot yet."""
    made = World(tmp_path, SLACK_MODE="socket", DATABASE_URL=postgres.migrated()).start()
    try:
        yield made
        assert made.slack.violations == []
    finally:
        for number, bot in enumerate(made.processes):
            if bot.popen.poll() is None:
                bot.kill()
            # Shown where the test fails: what a process did is nowhere else.
            print(f"-- log of process {number}", *bot.log, sep="\n")
        made.stop()


def card_of(w: World, job: str) -> Message | None:
    return next((card for card in w.slack.messages(w.ops) if job in card.text or job in str(card.blocks)), None)


@contextmanager
def a_deletion_under_way(w: World) -> Iterator[Message]:
    """MetaStudio takes its time for one DELETE, so whoever sent it cannot end before this context does."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.slack.command(w.anna, w.ops, job).wait_ack()
    card = w.slack.wait_for(lambda: card_of(w, job), 10)
    held = play.late()
    sent = w.cloud.faults.add("Delete2dModelTrainingJob", held)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.cloud.wait_for(lambda: sent.hits, 10)
    try:
        yield card
    finally:
        held.gate.set()


def is_restarting(w: World) -> bool:
    """Whether whoever gets the next command says so; the command is answered in any case."""
    return "is restarting" in w.slack.command(w.anna, w.ops, "job").wait_ack()["text"]


class Askers:
    """People who ask for one job after the other, a few in each second."""

    def __init__(self, w: World) -> None:
        self._w = w
        # Slack takes one card a second in each channel.
        self._places = [w.slack.add_channel(f"team-{number}", members=[w.anna]) for number in range(COMMANDS)]
        self.asked: dict[str, Invocation] = {}
        self._thread = threading.Thread(target=self._ask)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """They begin now; at the end of the context the last one has asked."""
        self._thread.start()
        yield
        self._thread.join()

    def _ask(self) -> None:
        for place in self._places:
            job = self._w.cloud.add_job(state="TRAIN_FAILED")
            self.asked[job] = self._w.slack.command(self._w.anna, place, job)
            time.sleep(0.04)

    def all_were_served(self) -> bool:
        """Whether each got its first answer, and then its card."""
        assert [one.wait_ack()["text"] for one in self.asked.values()] == [f"Checking `{job}` …" for job in self.asked]
        cards = (card for place in self._places for card in self._w.slack.messages(place))
        told = [str(card.blocks) for card in cards]
        return all(any(job in text for text in told) for job in self.asked)


def test_a_replica_leaves_the_socket_before_it_drains(w: World) -> None:
    """Twenty commands while one of two replicas stops: each gets its card, and what was under way is finished."""
    leaving, staying = Process(w, READ_TIMEOUT="30"), None
    (link,) = w.slack.sockets.wait_connected(1)
    with a_deletion_under_way(w) as card:
        staying = Process(w)
        w.slack.sockets.wait_connected(2)
        askers = Askers(w)
        with askers.asking():
            leaving.popen.terminate()
            w.slack.wait_for(lambda: link not in w.slack.sockets.links, 10)
        w.slack.wait_for(askers.all_were_served, 20)
        assert not leaving.has_ended
    assert BotProcess.wait(leaving) == 0
    assert "*Deleted:*" in w.thread(card)[0]
    assert any("socket_left" in line for line in leaving.log)
    assert [line for line in leaving.log if '"level": "error"' in line] == []
    assert staying.stop() == 0


def test_the_last_replica_stays_and_says_that_it_is_restarting(w: World) -> None:
    """Nobody else would answer."""
    bot = Process(w, READ_TIMEOUT="30")
    with a_deletion_under_way(w):
        bot.popen.terminate()
        until(lambda: is_restarting(w), 60)
    assert bot.wait() == 0
    assert not any("socket_left" in line for line in bot.log)


def test_slack_that_does_not_say_who_is_connected_holds_up_no_end(w: World) -> None:
    """Then the replica stays, as if it were the last one."""
    bots = [Process(w), Process(w)]
    w.slack.faults.add("apps.connections.open", "ratelimited", times=None)
    assert [bot.stop() for bot in reversed(bots)] == [0, 0]
    assert not any("socket_left" in line for bot in bots for line in bot.log)


def test_of_two_that_stop_together_one_stays_to_answer(w: World) -> None:
    """Slack counts both while both ask it; the ledger knows that the other one is about to go as well."""
    second = Process(w, READ_TIMEOUT="30")
    with a_deletion_under_way(w):
        first = Process(w)
        until(lambda: any('"ready"' in line for line in first.log), 60)
        # A replica that has not heard Slack's hello yet would not ask.
        w.slack.sockets.pick = lambda links: links[-1]
        assert not is_restarting(w)
        w.slack.sockets.pick = secrets.choice
        asks = w.slack.faults.add("apps.connections.open", "latency", seconds=None, times=None)
        first.popen.terminate()
        w.slack.wait_for(lambda: asks.hits, 10)
        second.popen.terminate()
        until(lambda: asks.hits == 2 or is_restarting(w), 60)
        asks.release()
        w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1, 10)
        assert is_restarting(w)
    assert [first.wait(), BotProcess.wait(second)] == [0, 0]
    assert [any("socket_left" in line for line in bot.log) for bot in (first, second)] == [True, False]


def test_what_comes_just_before_slacks_end_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed only when the ack has gone out: there is no other way for it."""
    take, send = Link.feed, Connection.send
    asked: list[Invocation] = []
    acks: list[str] = []

    def feed(link: Link, data: bytes) -> list[str]:
        if data[:1] and data[0] & 15 == Opcode.CLOSE:
            asked.append(w.slack.command(w.anna, w.ops, "help"))
        return take(link, data)

    def ack(connection: Connection, text: str) -> None:
        send(connection, text)
        acks.append(json.loads(text)["envelope_id"])

    with world(tmp_path, SLACK_MODE="socket") as w:
        (link,) = w.slack.sockets.wait_connected()
        w.slack.wait_for(lambda: link.pings, 10)
        monkeypatch.setattr(Link, "feed", feed)
        monkeypatch.setattr(Connection, "send", ack)
        assert isinstance(w.app.transport, SocketTransport)
        w.app.transport._handler.client.leave()
        assert [one.envelope_id for one in asked] == acks != []


class Balancer:
    """Sends to the first replica that is ready, by the word of its readiness; it asks four times a second."""

    def __init__(self, w: World) -> None:
        self._w = w
        self._ports: list[tuple[int, int]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def replica(self, **settings: str) -> Process:
        """Start one more."""
        port, ops_port = free_port(), free_port()
        bot = Process(self._w, HTTP_PORT=str(port), OPS_PORT=str(ops_port), **settings)
        until(lambda: self._is_ready(ops_port), 60)
        self._ports.append((port, ops_port))
        return bot

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._thread.join()

    def _ask(self) -> None:
        while not self._is_over.wait(0.25):
            if ready := [port for port, ops_port in self._ports if self._is_ready(ops_port)]:
                self._w.deliver_to(ready[0])

    @staticmethod
    def _is_ready(port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as page:
                return bool(page.status == 200)
        except (urllib.error.HTTPError, OSError):
            return False


def refuses_connections(port: int) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
        except urllib.error.URLError as error:
            return isinstance(error.reason, ConnectionRefusedError)
        return False

    return ask


def over_http(w: World) -> None:
    w.extra |= {"SLACK_MODE": "http", "SLACK_SIGNING_SECRET": w.slack.signing_secret}


def has_left(bot: Process) -> bool:
    return any("http_left" in line for line in bot.log)


def test_over_http_who_has_ended_or_is_about_to_is_nobody_to_leave_to(w: World) -> None:
    """Of two that stop together at most one leaves. One that starts after them is alone and, told to stop, stays."""
    over_http(w)
    together = [Process(w, HTTP_PORT=str(free_port())) for _ in range(2)]
    for bot in together:
        bot.popen.terminate()
    assert [bot.wait() for bot in together] == [0, 0]
    assert [has_left(bot) for bot in together].count(True) <= 1
    alone = Process(w, HTTP_PORT=str(free_port()), READ_TIMEOUT="30")
    with a_deletion_under_way(w):
        alone.popen.terminate()
        until(lambda: is_restarting(w), 60)
    assert BotProcess.wait(alone) == 0
    assert not has_left(alone)


def test_over_http_a_replica_is_unready_before_it_drains(w: World) -> None:
    """Twenty commands behind a balancer that asks for readiness; then connections are refused, for any other one."""
    over_http(w)
    balancer = Balancer(w)
    leaving = balancer.replica(READ_TIMEOUT="30")
    first = int(str(w.slack.deliver_http_to).rpartition(":")[2].partition("/")[0])
    with a_deletion_under_way(w) as card:
        staying = balancer.replica()
        w.deliver_to(first)
        with balancer.at_work():
            askers = Askers(w)
            with askers.asking():
                leaving.popen.terminate()
            w.slack.wait_for(askers.all_were_served, 20)
            until(refuses_connections(first), 60)
        assert not leaving.has_ended
    assert BotProcess.wait(leaving) == 0
    assert "*Deleted:*" in w.thread(card)[0]
    assert staying.stop() == 0

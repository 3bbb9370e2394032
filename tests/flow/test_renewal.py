"""The socket is renewed now and then: one that answers pings and delivers nothing looks like a quiet one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

import pytest

from bot.slack import socket_client
from bot.slack import socket_mode as socket_transport
from bot.slack.socket_mode import MISSED_AFTER, RENEWED_AFTER, SocketTransport
from bot.slack.transport import CannotConnect
from sandbox.slack.slack import Invocation
from sandbox.wire.websocket import Link
from tests.flow.modes import on_sqlite
from tests.flow.world import World, world
from tests.support.waiting import until


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """The bot in Socket Mode."""
    with world(tmp_path, SLACK_MODE="socket") as made:
        until(lambda: transport(made)._census._was_greeted)
        made.app.transport.watch()  # type: ignore[union-attr]
        yield made
        assert made.slack.violations == []


def transport(w: World) -> SocketTransport:
    assert isinstance(w.app.transport, SocketTransport)
    return w.app.transport


def pass_time(w: World, seconds: float) -> None:
    """The connection is so much older now; Slack answers its pings."""
    transport(w)._session_since -= seconds
    transport(w).watch()


def has_moved(w: World, old: Link) -> None:
    """Wait until one new connection has come in the place of this one."""
    w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1 and old not in w.slack.sockets.links, 10)


def is_served(w: World) -> bool:
    """Whether a command is answered."""
    w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    return bool(w.slack.messages(w.ops))


def test_a_socket_that_delivers_nothing_is_replaced(w: World) -> None:
    """After twenty minutes at most; the old one is ended in order, and the bot is ready all the time."""
    (old,) = w.slack.sockets.links
    w.slack.sockets.go_deaf()
    pass_time(w, RENEWED_AFTER[0] - 60)
    assert w.slack.sockets.links == [old]
    pass_time(w, RENEWED_AFTER[1] - RENEWED_AFTER[0] + 60)
    assert transport(w).is_connected()
    has_moved(w, old)
    assert not old.dropping
    assert is_served(w)
    pass_time(w, 0)
    assert len(w.slack.sockets.links) == 1


def ends_without_a_word(link: Link) -> None:
    """The end of the stream and nothing else, as from a proxy that is restarted."""
    link.sock.shutdown(socket.SHUT_WR)


def resets(link: Link) -> None:
    """A TCP reset."""
    link.drop()


@pytest.mark.parametrize("is_renewed", [False, True], ids=["the first", "a later one"])
@pytest.mark.parametrize("end", [ends_without_a_word, resets])
def test_a_connection_that_ends_without_a_word_is_replaced_at_once(
    w: World, end: Callable[[Link], None], *, is_renewed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when the SDK has missed Slack's pongs: a command is served over the next connection."""
    if is_renewed:
        (first,) = w.slack.sockets.links
        pass_time(w, RENEWED_AFTER[1])
        has_moved(w, first)
    client = transport(w)._handler.client
    # Nobody but the reader may notice.
    monkeypatch.setattr(client.current_app_monitor, "target", lambda: None)
    (old,) = w.slack.sockets.links
    session = client.current_session
    end(old)
    w.slack.wait_for(lambda: [link for link in w.slack.sockets.links if link is not old], 10)
    until(lambda: client.current_session is not session)
    assert transport(w).is_connected()
    w.slack.wait_for(lambda: old not in w.slack.sockets.links, 5)
    assert is_served(w)


def test_connections_that_end_one_after_the_other_are_not_replaced_without_a_pause(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one ends within the time of a ping, so the next connection waits for that ping."""
    client = transport(w)._handler.client
    monkeypatch.setattr(client.current_app_monitor, "target", lambda: None)
    monkeypatch.setattr(client, "ping_interval", 600)
    (first,) = w.slack.sockets.links
    ends_without_a_word(first)
    has_moved(w, first)
    (second,) = w.slack.sockets.links
    until(lambda: second is not first and client.current_session is not client._ended)
    session = client.current_session
    ends_without_a_word(second)
    until(lambda: client._ended is session)
    w.slack.wait_for(lambda: w.slack.sockets.links == [], 5)
    client.ping_interval = 0
    client._run_current_session()
    assert w.slack.sockets.links == []
    client.connect_to_new_endpoint()
    assert is_served(w)


@on_sqlite
def test_a_socket_that_slack_does_not_count_is_replaced_sooner(w: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Slack counts its connections in each hello, and a SQLite bot has itself counted about once a minute."""
    (old,) = w.slack.sockets.links
    w.slack.sockets.go_deaf(counted=False)
    transport(w)._census._due = 0
    pass_time(w, MISSED_AFTER)
    has_moved(w, old)
    assert is_served(w)
    assert "socket_not_counted" in capfd.readouterr().err


def test_nothing_is_lost_while_it_is_replaced(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred commands over ten renewals: each is acknowledged, whichever connection it came by."""
    monkeypatch.setattr(socket_transport, "RENEWED_AFTER", (0, 1))
    pass_time(w, RENEWED_AFTER[1])
    asked = []

    def ask() -> None:
        for _ in range(100):
            asked.append(w.slack.command(w.anna, w.ops, "help"))
            time.sleep(0.01)

    people = threading.Thread(target=ask)
    people.start()
    client = transport(w)._handler.client
    for _ in range(10):
        until(lambda: client.current_session.last_ping_pong_time is not None)  # type: ignore[union-attr]
        before = client.current_session
        until(lambda before=before: transport(w).watch() or client.current_session is not before)  # type: ignore[misc]
    people.join()
    for one in asked:
        one.wait_ack()
    w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1, 5)


# The SDK leaves the socket of a handshake that was refused to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning", "ignore:.*:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("trouble", ["ratelimited", "drop", "refused", "mute"])
def test_where_there_is_no_new_one_the_old_one_stays(w: World, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And serves; the next try comes a minute later. One that Slack does not greet is none."""
    monkeypatch.setattr(socket_client, "GREETED_WITHIN", 0.5)
    monkeypatch.setattr(socket_client, "ENDS_WITHIN", 0.5)
    (old,) = w.slack.sockets.links
    if trouble in {"refused", "mute"}:
        w.slack.sockets.refuse = trouble == "refused"
        w.slack.sockets.mute = trouble == "mute"
    else:
        w.slack.faults.add("apps.connections.open", trouble)
    pass_time(w, RENEWED_AFTER[1])
    w.slack.wait_for(lambda: w.slack.sockets.links == [old], 5)
    assert old.is_open
    assert is_served(w)
    w.slack.sockets.refuse = w.slack.sockets.mute = False
    pass_time(w, 0)
    assert w.slack.sockets.links == [old]
    pass_time(w, 60)
    has_moved(w, old)
    assert is_served(w)


def test_a_mute_socket_that_does_not_even_end_holds_up_nobody(w: World) -> None:
    """Within seconds it is ended all the same, and what comes by the new one is answered in time."""
    (old,) = w.slack.sockets.links
    w.slack.sockets.go_silent(old)
    pass_time(w, RENEWED_AFTER[1])
    w.slack.sockets.pick = lambda live: next(link for link in live if link is not old)
    assert is_served(w)


@contextmanager
def being_renewed(w: World) -> Iterator[None]:
    """A renewal that waits for its address until this context ends; then it is over."""
    held = w.slack.faults.add("apps.connections.open", "latency", seconds=None, times=1)
    renewing = threading.Thread(target=pass_time, args=(w, RENEWED_AFTER[1]))
    renewing.start()
    try:
        w.slack.wait_for(lambda: held.hits, 5)
        yield
    finally:
        held.release()
        renewing.join()


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
def test_slack_may_end_the_old_one_while_it_is_replaced(w: World, reason: str) -> None:
    """Then one new connection comes in its place, and no command is lost."""
    (old,) = w.slack.sockets.links
    asked: list[Invocation] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            if w.slack.sockets.links:
                asked.append(w.slack.command(w.anna, w.ops, "help"))
            time.sleep(0.01)

    people = threading.Thread(target=ask)
    with being_renewed(w):
        people.start()
        w.slack.sockets.disconnect(reason, close=False)
        until(lambda: len(asked) > 20)
    has_moved(w, old)
    before = len(asked)
    until(lambda: len(asked) > before + 20)
    is_over.set()
    people.join()
    for one in asked:
        one.wait_ack()
    assert len(w.slack.calls_to("apps.connections.open")) == 2


@pytest.mark.parametrize("why", ["renewal", "warning"])
def test_the_old_one_is_read_until_slack_has_ended_it(w: World, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack may take some seconds for that; what it sends meanwhile, by either connection, is answered in time."""
    (old,) = w.slack.sockets.links
    w.slack.wait_for(lambda: old.pings, 10)
    take = Link.feed
    asked: list[Invocation] = []

    def feed(link: Link, data: bytes) -> list[str]:
        is_close = link is old and data[:1] and data[0] & 15 == 8
        if is_close:
            until(lambda: len(w.slack.sockets.links) == 2)
            time.sleep(2)
            for at in (0, 1):
                w.slack.sockets.pick = itemgetter(at)
                asked.append(w.slack.command(w.anna, w.ops, "help"))
        return take(link, data)

    monkeypatch.setattr(Link, "feed", feed)
    if why == "warning":
        w.slack.sockets.disconnect("warning")
    else:
        pass_time(w, RENEWED_AFTER[1])
    has_moved(w, old)
    assert len(asked) == 2
    for one in asked:
        one.wait_ack()


def test_renewals_leave_nothing_behind(w: World) -> None:
    """Neither threads nor connections, however many there were."""
    counts = []
    for _ in range(16):
        (old,) = w.slack.sockets.links
        transport(w).watch()
        pass_time(w, RENEWED_AFTER[1])
        has_moved(w, old)
        until(lambda: sum(thread.name == "socket-reader" for thread in threading.enumerate()) == 1)
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    assert max(counts[8:]) <= max(counts[:8])


def test_who_has_left_does_not_come_back(w: World) -> None:
    """Not by a renewal that was under way."""
    with being_renewed(w):
        transport(w)._handler.client.leave()
        w.slack.wait_for(lambda: not w.slack.sockets.links, 5)
    assert not w.slack.sockets.links
    assert not transport(w).is_connected()


def test_who_has_left_does_not_obey_slack_any_more(w: World) -> None:
    """Not by a connection that Slack had asked for before."""
    held = w.slack.faults.add("apps.connections.open", "latency", seconds=None, times=1)
    w.slack.sockets.disconnect("warning")
    w.slack.wait_for(lambda: held.hits, 5)
    transport(w)._handler.client.leave()
    w.slack.wait_for(lambda: not w.slack.sockets.links, 5)
    held.release()
    until(lambda: not any(thread.name == "socket-replace" for thread in threading.enumerate()))
    assert not w.slack.sockets.links


def test_who_is_closed_does_not_come_back(w: World) -> None:
    """A renewal that is under way at the stop opens nothing."""
    with being_renewed(w):
        transport(w).close()
        w.slack.wait_for(lambda: not w.slack.sockets.links, 5)
    assert not w.slack.sockets.links


# The SDK leaves the socket of a handshake that was refused to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning", "ignore:.*:pytest.PytestUnraisableExceptionWarning")
def test_a_start_without_a_websocket_says_who_knows_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Web API answers and the WebSocket is refused, as by a proxy: the message sends people to doctor."""
    monkeypatch.setattr(socket_transport, "CONNECT_TRIES", 1)
    made = World(tmp_path, SLACK_MODE="socket").start()
    try:
        made.slack.sockets.refuse = True
        with pytest.raises(
            CannotConnect,
            match="`dh-bot doctor` says what refuses it",
        ):
            made.run_bot()
    finally:
        made.stop()

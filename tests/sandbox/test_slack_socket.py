"""Socket Mode of the sandbox, against the real slack_sdk client."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sandbox.slack.slack import NotAcked, Slack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slack_sdk.socket_mode.request import SocketModeRequest


@pytest.fixture
def anna(slack: Slack) -> str:
    return slack.add_user("anna")


@pytest.fixture
def ops(slack: Slack, anna: str) -> str:
    return slack.add_channel("ops", [anna])


@pytest.fixture
def client(slack: Slack) -> Iterator[SocketModeClient]:
    """The SDK's built-in client, which answers every envelope with "heard"."""
    one = SocketModeClient(slack.app_token, web_client=WebClient(base_url=slack.url), ping_interval=0.2)

    def answer(client: Any, request: SocketModeRequest) -> None:
        payload = {"text": "heard"} if request.type == "slash_commands" else None
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))

    one.socket_mode_request_listeners.append(answer)
    one.connect()
    slack.sockets.wait_connected()
    yield one
    one.auto_reconnect_enabled = False
    slack.sockets.end()
    with suppress(AttributeError):  # The SDK's own reader may close the socket under its feet; see test_slack_people.
        one.close()
    one.close()


def raw(slack: Slack) -> ClientConnection:
    """Connect with a WebSocket client that is not the SDK's."""
    url = WebClient(base_url=slack.url).apps_connections_open(app_token=slack.app_token)["url"]
    return connect(url, compression=None)


def test_the_sdk_client_hears_and_acks(slack: Slack, client: SocketModeClient, anna: str, ops: str) -> None:
    """A command goes out over ws:// and its ack comes back, text included."""
    asked = slack.command(anna, ops, "x")
    assert asked.wait_ack() == {"text": "heard"}
    assert asked.ack_seconds is not None
    assert asked.ack_seconds < 3
    slack.home_opened(anna).wait_ack()
    assert slack.violations == []


def test_hello_comes_first(slack: Slack) -> None:
    """It tells the app, the number of connections and how long this one may live."""
    with raw(slack) as first, raw(slack) as second:
        hello = json.loads(first.recv(timeout=2))
        assert hello["type"] == "hello"
        assert hello["connection_info"] == {"app_id": slack.app_id}
        assert hello["debug_info"]["approximate_connection_time"] == 3600
        assert json.loads(second.recv(timeout=2))["num_connections"] == 2


def test_a_ticket_is_good_once(slack: Slack) -> None:
    """A second connection with it is refused, and so is a made-up one."""
    url = WebClient(base_url=slack.url).apps_connections_open(app_token=slack.app_token)["url"]
    with connect(url), pytest.raises(InvalidStatus), connect(url):
        pass
    with pytest.raises(InvalidStatus), connect(url + "x"):
        pass


def test_the_app_token_must_come_in_the_header(slack: Slack) -> None:
    """Sent as an argument it is invalid_auth, as the method's page warns."""
    with pytest.raises(SlackApiError, match="invalid_auth"):
        WebClient(base_url=slack.url).api_call("apps.connections.open", data={"token": slack.app_token})


def test_each_envelope_goes_to_one_connection(slack: Slack, anna: str, ops: str) -> None:
    """Of several connections exactly one gets it."""
    with raw(slack) as first, raw(slack) as second:
        links = slack.sockets.wait_connected(2)
        for number in range(6):
            slack.sockets.pick = lambda live, n=number: live[n % 2]
            slack.command(anna, ops, f"{number}")
        assert [len(link.delivered) for link in links] == [3, 3]
        assert not set(links[0].delivered) & set(links[1].delivered)
        for sock, numbers in ((first, "024"), (second, "135")):
            sock.recv(timeout=2)
            assert [json.loads(sock.recv(timeout=2))["payload"]["text"] for _ in range(3)] == list(numbers)


def test_an_envelope_is_complete(slack: Slack, anna: str, ops: str) -> None:
    """Commands may be answered with a payload, clicks and events not; events say which attempt it is."""
    card = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    message = slack.put(ops, {"text": "x", "blocks": [{"type": "actions", "elements": [card]}]}, via="chat.postMessage")
    with raw(slack) as sock:
        slack.sockets.wait_connected()
        sock.recv(timeout=2)
        slack.command(anna, ops, "x")
        slack.click(anna, message, "go")
        slack.redeliver(slack.home_opened(anna))
        told = [json.loads(sock.recv(timeout=2)) for _ in range(4)]
    assert [each["type"] for each in told] == ["slash_commands", "interactive", "events_api", "events_api"]
    assert [each["accepts_response_payload"] for each in told] == [True, False, False, False]
    assert [each.get("retry_attempt") for each in told] == [None, None, 0, 1]
    assert len({each["envelope_id"] for each in told}) == 4


def test_unknown_double_and_broken_acks_are_noted(slack: Slack, anna: str, ops: str) -> None:
    """An ack must name an open envelope, once, in JSON; only commands may say something."""
    with raw(slack) as sock:
        slack.sockets.wait_connected()
        asked = slack.command(anna, ops, "x")
        opened = slack.home_opened(anna)
        sock.send(json.dumps({"envelope_id": asked.envelope_id}))
        asked.wait_ack()
        sock.send(json.dumps({"envelope_id": asked.envelope_id}))
        sock.send(json.dumps({"envelope_id": "made-up"}))
        sock.send("hello?")
        sock.send(json.dumps({"envelope_id": opened.envelope_id, "payload": {"text": "x"}}))
        opened.wait_ack()
        assert len(slack.violations) == 4


@pytest.mark.parametrize(
    "payload",
    [{"text": "x", "response_type": "loud"}, {"text": "x", "colour": 1}, {"blocks": [{"type": "section"}]}],
)
def test_the_content_of_an_ack_is_checked(slack: Slack, anna: str, ops: str, payload: dict[str, Any]) -> None:
    """A wrong response_type, unknown fields and broken blocks are noted."""
    with raw(slack) as sock:
        slack.sockets.wait_connected()
        asked = slack.command(anna, ops, "x")
        sock.send(json.dumps({"envelope_id": asked.envelope_id, "payload": payload}))
        asked.wait_ack()
    assert len(slack.violations) == 1


def test_the_client_comes_back_after_a_reset(
    slack: Slack, client: SocketModeClient, anna: str, ops: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A dropped connection ends in a reset, and the SDK opens another one."""
    slack.sockets.drop()
    assert slack.sockets.links == []
    slack.sockets.wait_connected(timeout=10)
    assert slack.command(anna, ops, "x").wait_ack() == {"text": "heard"}
    assert "Connection reset by peer" in caplog.text


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
def test_the_client_obeys_a_disconnect_message(
    slack: Slack, client: SocketModeClient, anna: str, ops: str, reason: str
) -> None:
    """Whatever the reason, the SDK connects anew."""
    (old,) = slack.sockets.links
    slack.sockets.disconnect(reason)
    slack.wait_for(lambda: slack.sockets.links and old not in slack.sockets.links, timeout=10)
    assert slack.command(anna, ops, "x").wait_ack() == {"text": "heard"}


def test_a_silent_link_swallows_envelopes_until_the_client_notices(
    slack: Slack, client: SocketModeClient, anna: str, ops: str
) -> None:
    """Pings are not answered and nothing arrives, though the socket stands; after four intervals the SDK reconnects."""
    (old,) = slack.sockets.links
    slack.wait_for(lambda: old.pings)  # The SDK never notices a silence that began before its first pong.
    slack.sockets.go_silent()
    slack.ack_within = 0.1
    with pytest.raises(NotAcked, match="operation_timeout"):
        slack.command(anna, ops, "lost").wait_ack()
    slack.ack_within = 3.0
    slack.wait_for(lambda: slack.sockets.links and old not in slack.sockets.links, timeout=10)
    assert slack.command(anna, ops, "x").wait_ack() == {"text": "heard"}


def test_a_link_may_be_mute_from_birth(slack: Slack) -> None:
    """The handshake succeeds, then nothing: no hello, no pong. Such a link takes envelopes all the same."""
    slack.sockets.mute = True
    with raw(slack) as sock:
        (link,) = slack.sockets.wait_connected()
        with pytest.raises(TimeoutError):
            sock.recv(timeout=0.1)
        assert not sock.ping().wait(0.1)
        assert link.silent


def test_pings_are_answered_both_ways(slack: Slack, client: SocketModeClient) -> None:
    """The client pings, and answers ours."""
    (link,) = slack.sockets.links
    link.ping()
    slack.wait_for(lambda: link.pings > 0 and link.pongs > 0)


def test_refused_handshakes(slack: Slack) -> None:
    """apps.connections.open still works, the WebSocket does not; without Socket Mode not even the former."""
    slack.sockets.refuse = True
    with pytest.raises(InvalidStatus) as caught, raw(slack):
        pass
    assert caught.value.response.status_code == 503
    slack.sockets.refuse = False
    with raw(slack):
        slack.sockets.wait_connected()
    slack.socket_mode = False
    with pytest.raises(SlackApiError):
        raw(slack)


def test_ten_connections_and_no_more(slack: Slack) -> None:
    """The eleventh is told so and closed."""
    with ExitStack() as open_ones:
        for _ in range(10):
            open_ones.enter_context(raw(slack))
        slack.sockets.wait_connected(10)
        with raw(slack) as late:
            assert json.loads(late.recv(timeout=2))["reason"] == "too_many_websockets"
            with pytest.raises(ConnectionClosed):
                late.recv(timeout=2)
    slack.wait_for(lambda: not slack.sockets.links)


def test_acks_race_without_loss(slack: Slack, client: SocketModeClient, anna: str, ops: str) -> None:
    """Many people at once, and every ack finds its own envelope."""
    asked = []

    def ask() -> None:
        asked.extend(slack.command(anna, ops, f"{number}") for number in range(25))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each.wait_ack() == {"text": "heard"} for each in asked)
    assert len(asked) == 100
    assert slack.violations == []

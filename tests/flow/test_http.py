"""HTTP mode: what is signed is served, whatever it contains; everything else is refused quickly."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from bot.app import Running
from tests.flow.world import World, world

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """A world whose Slack sends HTTP requests."""
    with world(tmp_path, SLACK_MODE="http") as made:
        yield made
        assert made.slack.violations == []
        assert made.verdict().is_sound


def post(w: World, body: bytes, headers: dict[str, str], path: str = "/slack/events", method: str = "POST") -> int:
    """Send a request by hand; the status of its answer."""
    assert w.slack.deliver_http_to is not None
    connection = http.client.HTTPConnection(urlsplit(w.slack.deliver_http_to).netloc, timeout=10)
    connection.request(method, path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def signed(w: World, body: bytes, content_type: str = FORM, at: int | None = None) -> dict[str, str]:
    """The headers of a request that Slack signed."""
    return {**w.slack.sign(body, at), "Content-Type": content_type}


def command(w: World, text: str) -> bytes:
    """A command's form."""
    return urlencode(
        {
            "command": "/delete-dh-job",
            "text": text,
            "user_id": w.anna,
            "team_id": w.slack.team_id,
            "channel_id": w.ops,
            "response_url": "http://127.0.0.1:9/x",
        }
    ).encode()


def test_the_main_job_over_http(w: World) -> None:
    """Command, card, click, one DELETE, and the request ID in the thread, by signed requests."""
    job, card = w.offered()
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    assert w.cloud.requests_to("Delete2dModelTrainingJob")[0].request_id in w.thread(card)[0]


@pytest.mark.parametrize("text", ["payload-1", "payload", "job payload={}", "x payload"])
def test_a_command_that_contains_the_word_payload_is_served(w: World, text: str) -> None:
    """Bolt 1.30 loses such a body; we parse the form ourselves."""
    job = w.cloud.add_job(state="TRAIN_FAILED", job_id=text.split(" ", maxsplit=1)[0])
    asked = w.slack.command(w.anna, w.ops, text)
    assert "Checking" in asked.wait_ack()["text"]
    w.idle()
    assert len(w.slack.messages(w.ops)) == 1
    assert job in w.slack.messages(w.ops)[0].text


def test_text_in_any_script_arrives_as_typed(w: World) -> None:
    """A form is UTF-8 behind its percent signs, so a reason in any script is kept, and a bad id is refused in words."""
    _, card = w.offered(reason="客户撤回了同意 ı")
    assert "客户撤回了同意 ı" in card.text
    assert "letters" in w.slack.command(w.anna, w.ops, "jöb").wait_ack()["text"]


@pytest.mark.parametrize(
    "spoil",
    [
        {},
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": "v0=caf\u00e9"},
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": "yesterday"},
        {"X-Slack-Request-Timestamp": "1e9"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "9" * 40},
        {"X-Slack-Request-Timestamp": "-1"},
    ],
)
def test_forged_requests_are_refused_with_401(w: World, spoil: dict[str, str]) -> None:
    """A wrong, missing or malformed signature or time never reaches Bolt, and is no 500."""
    body = command(w, "job-1")
    headers = {**signed(w, body), **spoil} if spoil else {"Content-Type": FORM}
    assert (
        post(w, body, {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()})
        == 401
    )
    w.idle()
    assert not w.cloud.requests


@pytest.mark.parametrize("age", [301, 3600, -301])
def test_old_and_future_requests_are_refused(w: World, age: int) -> None:
    """The signature holds for five minutes."""
    body = command(w, "job-1")
    assert post(w, body, signed(w, body, at=int(time.time()) - age)) == 401


def test_a_changed_body_is_refused(w: World) -> None:
    """The signature is over the raw bytes."""
    body = command(w, "job-1")
    assert post(w, body.replace(b"job-1", b"job-2"), signed(w, body)) == 401


def test_a_replayed_click_deletes_once(w: World) -> None:
    """Within five minutes a replay has a valid signature, but the ledger knows the click; test_replay.py has more."""
    job, card = w.offered()
    pressed = w.press(card)
    body = urlencode({"payload": json.dumps(pressed.payload)}).encode()
    for _ in range(3):
        assert post(w, body, signed(w, body)) == 200
    w.idle()
    assert w.cloud.deletes_arrived(job) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status"),
    [
        ("GET", "/slack/events", b"", FORM, 405),
        ("POST", "/", b"", FORM, 404),
        ("POST", "/slack/install", b"", FORM, 404),
        ("POST", "/slack/events", b"{", "application/json", 400),
        ("POST", "/slack/events", b"[]", "application/json", 400),
        ("POST", "/slack/events", b"payload=nonsense", FORM, 400),
        ("POST", "/slack/events", b"text", "text/plain", 400),
        ("POST", "/slack/events", b"\xff\xfe", "text/plain", 401),
        ("POST", "/slack/events", b"ssl_check=1&token=x", FORM, 200),
        ("POST", "/slack/events", b"ssl_check=1&token=%C4%B1\xff", FORM, 200),
    ],
)
def test_what_is_not_slacks_is_answered_plainly(
    w: World, method: str, path: str, body: bytes, content_type: str, status: int
) -> None:
    """Other paths and methods, bodies that are nothing; Slack's certificate check needs no signature."""
    headers = {"Content-Type": content_type} if b"ssl_check" in body else signed(w, body, content_type)
    assert post(w, body, headers, path, method) == status


def test_a_body_over_1_mb_is_refused_before_it_is_sent(w: World) -> None:
    """Its announced length is enough: the answer comes while most of it has not left the client."""
    assert w.slack.deliver_http_to is not None
    connection = http.client.HTTPConnection(urlsplit(w.slack.deliver_http_to).netloc, timeout=10)
    connection.putrequest("POST", "/slack/events")
    connection.putheader("Content-Length", str(1024 * 1024 + 1))
    connection.endheaders(b"the beginning")
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_load_balancer_learns_that_the_process_lives_and_nothing_more(w: World, method: str) -> None:
    """Without a signature, at the address that is open to the world; a stopping bot answers it too, while it lives."""
    assert w.slack.deliver_http_to is not None
    for draining in (False, True):
        if draining:
            w.app.pool.drain(0)
        connection = http.client.HTTPConnection(urlsplit(w.slack.deliver_http_to).netloc, timeout=10)
        connection.request(method, "/healthz?verbose=1")
        response = connection.getresponse()
        assert (response.status, response.read(), response.headers["Content-Length"]) == (200, b"", "0")
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/healthz", 404),
        ("DELETE", "/healthz", 404),
        ("GET", "/readyz", 404),
        ("GET", "/metrics", 404),
        ("GET", "/healthz/", 404),
        ("GET", "/", 404),
    ],
)
def test_nothing_else_is_shown_there(w: World, method: str, path: str, status: int) -> None:
    """Readiness and metrics have an address of their own."""
    assert post(w, b"", {}, path, method) == status


def test_url_verification_is_answered(w: World) -> None:
    """Slack asks for its challenge when the request URL is entered."""
    body = json.dumps({"type": "url_verification", "challenge": "c-1"}).encode()
    assert post(w, body, signed(w, body, "application/json")) == 200


def test_two_hundred_slow_clients_hold_up_nobody(w: World) -> None:
    """Connections that send a header and then nothing cost no thread: commands are acked as ever."""
    assert w.slack.deliver_http_to is not None
    host, port = urlsplit(w.slack.deliver_http_to).netloc.split(":")
    slow = []
    try:
        for _ in range(200):
            client = socket.create_connection((host, int(port)))
            client.sendall(b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
            slow.append(client)
        job = w.cloud.add_job(state="TRAIN_FAILED")
        asked = w.slack.command(w.anna, w.ops, job)
        asked.wait_ack()
        assert asked.ack_seconds < 3
        w.idle()
        w.press(w.slack.messages(w.ops)[-1])
        assert w.cloud.deletes_arrived(job) == 1
    finally:
        for client in slow:
            client.close()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """The bot does not start, and says which settings to change."""
    with world(tmp_path, SLACK_MODE="http") as w:
        first = w.app
        assert isinstance(first, Running)
        port = first.transport.port
        second = World(tmp_path / "second", SLACK_MODE="http", HTTP_HOST="127.0.0.1")
        (tmp_path / "second").mkdir()
        second.start()
        try:
            with pytest.raises(Exception, match="HTTP_PORT"):
                second.run_bot(HTTP_PORT=str(port))
        finally:
            if second.has_bot:
                second.app.ledger.close()
                second.app = None
            second.stop()

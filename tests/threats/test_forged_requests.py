"""Forged and replayed requests: without the signing secret nothing happens, with a captured request nothing more."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from sandbox.slack.slack import Invocation
from tests.flow.world import World, world

FORM = "application/x-www-form-urlencoded"
Headers = list[tuple[str, str]]


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """A bot that is reached over HTTP, by anybody who finds its address."""
    with world(tmp_path, SLACK_MODE="http") as made:
        yield made
        assert made.verdict().is_sound


def post(w: World, body: bytes, headers: Headers) -> int:
    """Send by hand, headers in the order given and as often as given."""
    assert w.slack.deliver_http_to is not None
    connection = http.client.HTTPConnection(urlsplit(w.slack.deliver_http_to).netloc, timeout=10)
    connection.putrequest("POST", "/slack/events")
    for name, value in (*headers, ("Content-Type", FORM), ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body)
    status = connection.getresponse().status
    connection.close()
    return status


def signature(secret: str, body: bytes, at: str, version: str = "v0") -> str:
    """Slack's, made here by its description."""
    return f"{version}=" + hmac.new(secret.encode(), f"{version}:{at}:".encode() + body, hashlib.sha256).hexdigest()


def form(pressed: Invocation) -> bytes:
    """A click's body."""
    return urlencode({"payload": json.dumps(pressed.payload)}).encode()


FORGERIES: dict[str, Callable[[World, bytes, str], Headers]] = {
    "no signature": lambda w, body, at: [("X-Slack-Request-Timestamp", at)],
    "empty secret": lambda w, body, at: stamped(at, signature("", body, at)),
    "guessed secret": lambda w, body, at: stamped(at, signature("0" * 32, body, at)),
    "another version": lambda w, body, at: stamped(at, signature(w.slack.signing_secret, body, at, "v1")),
    "over another time": lambda w, body, at: stamped(at, signature(w.slack.signing_secret, body, str(int(at) - 1))),
    "over no body": lambda w, body, at: stamped(at, signature(w.slack.signing_secret, b"", at)),
    "cut off": lambda w, body, at: stamped(at, signature(w.slack.signing_secret, body, at)[:20]),
    "with something behind": lambda w, body, at: stamped(at, signature(w.slack.signing_secret, body, at) + "0"),
    "two, the right one last": lambda w, body, at: [
        *stamped(at, "v0=" + "0" * 64),
        ("X-Slack-Signature", signature(w.slack.signing_secret, body, at)),
    ],
    "two times": lambda w, body, at: [
        ("X-Slack-Request-Timestamp", str(int(at) - 4000)),
        *stamped(at, signature(w.slack.signing_secret, body, str(int(at) - 4000))),
    ],
    "the token that Slack used before signatures": lambda w, body, at: [],
}


def stamped(at: str, signed: str) -> Headers:
    return [("X-Slack-Request-Timestamp", at), ("X-Slack-Signature", signed)]


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_click_deletes_nothing(w: World, name: str) -> None:
    """Everything about it is right but the signature."""
    job, card = w.offered()
    elsewhere = w.slack.deliver_http_to
    w.slack.deliver_http_to = None
    pressed = w.slack.click(w.anna, card, "dh_confirm", force=True)
    w.slack.deliver_http_to = elsewhere
    body = form(pressed)
    if "token" in name:
        body += b"&token=" + w.slack.verification_token.encode()
    assert post(w, body, FORGERIES[name](w, body, str(int(time.time())))) == 401
    w.idle()
    assert w.cloud.deletes_arrived(job) == 0


def test_a_replayed_command_asks_once(w: World) -> None:
    """Its signature is good for five minutes. While the card stands there is one, and the replayer is told so."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.card(job)
    body = urlencode(w.slack.invocations[-1].payload).encode()
    before = len(w.slack.messages(w.ops))
    for _ in range(3):
        signed = list(w.slack.sign(body, None).items())
        assert post(w, body, signed) == 200
    w.idle()
    assert len(w.slack.messages(w.ops)) == before


def test_a_click_cannot_be_turned_into_another(w: World) -> None:
    """One letter of a captured click changed, for another deletion or another person, and it is refused."""
    first, second = (w.cloud.add_job(state="TRAIN_FAILED") for _ in range(2))
    one, _two = w.card(first), w.card(second)
    pressed = w.press(one)
    body = form(pressed)
    signed = list(w.slack.sign(body, None).items())
    this, other = w.deletion(first), w.deletion(second)
    for changed in (body.replace(this.id.encode(), other.id.encode()), body.replace(w.anna.encode(), w.ben.encode())):
        assert changed != body
        assert post(w, changed, signed) == 401
    w.idle()
    assert w.cloud.deletes_arrived(second) == 0
    assert w.cloud.deletes_arrived(first) == 1

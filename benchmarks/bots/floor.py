"""The floor: the smallest Bolt app that makes the same calls, and makes them fast.

    python -m benchmarks.bots.floor 5     what a person waits for: GET, card, GET, DELETE, outcome
    python -m benchmarks.bots.floor 12    every call that dh-bot makes for a deletion: the card drawn anew as well, two
                                          looks afterwards, their message, and look-ups of person and place

It has no authorization, no checks and no ledger: every press of a button deletes the job, and no record is kept.
dh-bot's cost is the difference to this bot. It is fast because acks wait for nothing, the work has its own threads, all
connections share one TLS context, and they stay open. Any bot can have these four. Only the DELETE has a connection of
its own, as dh-bot's has, opened beside the GET before it.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection, HTTPSConnection
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from benchmarks.bots.signing import ENDPOINT, signed

MAKES_ALL = sys.argv[1:] == ["12"]
TLS = ssl.create_default_context()
if "CA_BUNDLE" in os.environ:
    TLS.load_verify_locations(cafile=os.environ["CA_BUNDLE"])
TOKEN, SLACK = os.environ["SLACK_BOT_TOKEN"], os.environ["SLACK_API_URL"]
FRESH = 5.0
"""Seconds for which a look-up of a person or channel is not repeated, as in dh-bot."""
WORKERS = ThreadPoolExecutor(256)
BESIDE = ThreadPoolExecutor(256)
"""What goes on while a worker waits for its GET."""


class OneContext(HTTPAdapter):
    """An adapter whose connections share one TLS context, which has its certificates already."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pass the context to the pool."""
        super().init_poolmanager(*args, **kwargs, ssl_context=TLS)

    def cert_verify(self, *_: Any) -> None:
        """Do nothing: requests would load its own certificates for each new connection."""


web = requests.Session()
web.trust_env = False
for scheme in ("http://", "https://"):
    web.mount(scheme, OneContext(pool_maxsize=256))
at_start = WebClient(TOKEN, base_url=SLACK, ssl=TLS)
me = at_start.auth_test()
app = App(
    client=WebClient(base_url=SLACK, ssl=TLS),
    authorize=lambda **_: AuthorizeResult.from_auth_test_response(auth_test_response=me, bot_token=TOKEN),
    signing_secret=os.environ.get("SLACK_SIGNING_SECRET", ""),
    token_verification_enabled=False,
    process_before_response=True,
)
known: dict[str, float] = {}
"""The people and channels that were looked up, and when."""


def read(job: str, *, listed: bool = False) -> requests.Response:
    """Ask MetaStudio about a job: Show, or List with the job's id."""
    address, headers = signed("GET", job, listed=listed)
    return web.get(address, headers=headers, timeout=30)


def say(method: str, **said: Any) -> dict[str, Any]:
    """One call of Slack that changes something."""
    answer = web.post(f"{SLACK}{method}", json=said, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    found: dict[str, Any] = answer.json()
    return found


def look_up(method: str, **asked: str) -> None:
    """Ask Slack about a person or a channel."""
    web.get(f"{SLACK}{method}", params=asked, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30).json()


def look_ups(channel: str, user: str) -> list[Future[None]]:
    """Begin to look up the place and the person, each once in five seconds."""
    begun, now = [], time.monotonic()
    for method, name, value in (("conversations.info", "channel", channel), ("users.info", "user", user)):
        if MAKES_ALL and now - known.get(value, -FRESH) >= FRESH:
            known[value] = now
            begun.append(BESIDE.submit(look_up, method, **{name: value}))
    return begun


@app.command("/delete-dh-job")
def asked(ack: Callable[..., Any], body: dict[str, Any]) -> None:
    """Acknowledge, then show a card."""
    ack(text=f"Checking {body['text']} …", response_type="ephemeral")
    WORKERS.submit(offer, body["channel_id"], body["user_id"], body["text"])


def offer(channel: str, user: str, job: str) -> None:
    """Read the job and post the card."""
    begun = look_ups(channel, user)
    text = f"Delete job `{job}`, which is {read(job).json()['state']}?"
    for one in begun:
        one.result()
    button = {
        "type": "button", "action_id": "dh_confirm", "value": job, "text": {"type": "plain_text", "text": "Delete"},
    }  # fmt: skip
    blocks = [section(text), {"type": "actions", "elements": [button]}]
    say("chat.postMessage", channel=channel, text=text, blocks=blocks)


def section(text: str) -> dict[str, Any]:
    """A block with this text."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@app.action("dh_confirm")
def pressed(ack: Callable[..., Any], body: dict[str, Any]) -> None:
    """Acknowledge, then delete."""
    ack()
    WORKERS.submit(
        delete, body["channel"]["id"], body["message"]["ts"], body["user"]["id"], body["actions"][0]["value"]
    )


def delete(channel: str, card: str, user: str, job: str) -> None:
    """Read the job again, delete it, post the outcome in the thread."""
    ahead = BESIDE.submit(connected)
    begun = look_ups(channel, user)
    read(job)
    for one in begun:
        one.result()
    text = f"Job `{job}` is deleted: {send_delete(ahead.result(), job)}"
    say("chat.postMessage", channel=channel, thread_ts=card, text=text, blocks=[section(text)])
    if MAKES_ALL:
        afterwards(channel, card, job)


def connected() -> HTTPConnection:
    """A new connection to MetaStudio, for one DELETE."""
    there = urlsplit(ENDPOINT)
    connection = (
        HTTPSConnection(there.hostname or "", there.port, timeout=30, context=TLS)
        if there.scheme == "https"
        else HTTPConnection(there.hostname or "", there.port, timeout=30)
    )
    connection.connect()
    return connection


def send_delete(connection: HTTPConnection, job: str) -> str:
    """Delete the job; the status and the request id of the answer."""
    address, headers = signed("DELETE", job)
    connection.request("DELETE", address.removeprefix(ENDPOINT), headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return f"{answer.status} {answer.headers.get('X-Request-Id')}"


def afterwards(channel: str, card: str, job: str) -> None:
    """Draw the card anew, see that the job is gone, say so, and draw the card once more."""
    text = f"Job `{job}` is deleted."
    say("chat.update", channel=channel, ts=card, text=text, blocks=[section(text)])
    for _ in range(2):
        read(job)
        read(job, listed=True)
    text = f"Job `{job}` is gone."
    say("chat.postMessage", channel=channel, thread_ts=card, text=text, blocks=[section(text)])
    say("chat.update", channel=channel, ts=card, text=text, blocks=[section(text)])


def main() -> None:
    """Serve, by Socket Mode or HTTP."""
    if os.environ.get("SLACK_MODE") == "http":
        import waitress  # noqa: PLC0415 - only this way needs it

        endpoint = SlackRequestHandler(app, path="/slack/events")
        waitress.serve(endpoint, host="127.0.0.1", port=int(os.environ["HTTP_PORT"]), threads=8)
    SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], web_client=at_start, concurrency=32).connect()
    Event().wait()


if __name__ == "__main__":
    main()

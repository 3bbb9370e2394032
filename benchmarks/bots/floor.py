"""The floor: the smallest Bolt app that makes the same calls, and makes them fast.

It has no authorization, no checks and no ledger: every press of a button deletes the job, and no record is kept.
dh-bot's cost is the difference to this bot. It is fast because acks wait for nothing, the work has its own threads, and
all connections share one TLS context. Any bot can have these three.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from benchmarks.bots.signing import signed

TLS = ssl.create_default_context(cafile=os.environ.get("CA_BUNDLE"))
TOKEN, SLACK = os.environ["SLACK_BOT_TOKEN"], os.environ["SLACK_API_URL"]
WORKERS = ThreadPoolExecutor(256)


class OneContext(HTTPAdapter):
    """An adapter that reuses one TLS context."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pass the context to the pool."""
        super().init_poolmanager(*args, **kwargs, ssl_context=TLS)


slack = WebClient(TOKEN, base_url=SLACK, ssl=TLS)
cloud = requests.Session()
cloud.trust_env = False
cloud.verify = os.environ.get("CA_BUNDLE") or True
for scheme in ("http://", "https://"):
    cloud.mount(scheme, OneContext(pool_maxsize=256))
me = slack.auth_test()
app = App(
    client=WebClient(base_url=SLACK, ssl=TLS),
    authorize=lambda **_: AuthorizeResult.from_auth_test_response(auth_test_response=me, bot_token=TOKEN),
    signing_secret=os.environ.get("SLACK_SIGNING_SECRET", ""),
    token_verification_enabled=False,
    process_before_response=True,
)


def call(method: str, job: str) -> requests.Response:
    """One call to MetaStudio."""
    address, headers = signed(method, job)
    return cloud.request(method, address, headers=headers, timeout=30)


@app.command("/delete-dh-job")
def asked(ack: Callable[..., Any], body: dict[str, Any]) -> None:
    """Acknowledge, then show a card."""
    ack(text=f"Checking {body['text']} …", response_type="ephemeral")
    WORKERS.submit(offer, body["channel_id"], body["text"])


def offer(channel: str, job: str) -> None:
    """Read the job and post the card."""
    state = call("GET", job).json()["state"]
    text = f"Delete job `{job}`, which is {state}?"
    button = {
        "type": "button", "action_id": "dh_confirm", "value": job, "text": {"type": "plain_text", "text": "Delete"},
    }  # fmt: skip
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {"type": "actions", "elements": [button]},
    ]
    slack.chat_postMessage(channel=channel, text=text, blocks=blocks)


@app.action("dh_confirm")
def pressed(ack: Callable[..., Any], body: dict[str, Any]) -> None:
    """Acknowledge, then delete."""
    ack()
    WORKERS.submit(delete, body["channel"]["id"], body["message"]["ts"], body["actions"][0]["value"])


def delete(channel: str, thread: str, job: str) -> None:
    """Read the job again, delete it, post the outcome in the thread."""
    call("GET", job)
    answer = call("DELETE", job)
    text = f"Job `{job}` is deleted: {answer.status_code} {answer.headers.get('X-Request-Id')}"
    slack.chat_postMessage(channel=channel, thread_ts=thread, text=text)


def main() -> None:
    """Serve, by Socket Mode or HTTP."""
    if os.environ.get("SLACK_MODE") == "http":
        import waitress  # noqa: PLC0415 - only this way needs it

        endpoint = SlackRequestHandler(app, path="/slack/events")
        waitress.serve(endpoint, host="127.0.0.1", port=int(os.environ["HTTP_PORT"]), threads=8)
    SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], web_client=slack, concurrency=32).connect()
    Event().wait()


if __name__ == "__main__":
    main()

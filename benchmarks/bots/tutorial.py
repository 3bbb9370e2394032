"""A bot as the tutorials write one: Bolt with its defaults, work in the listener, a bare ``requests`` call each time.

It makes the same five calls as the floor, and has no authorization, checks or ledger either. Socket Mode only, as in
the tutorials.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import requests
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from benchmarks.bots.signing import signed

# A tutorial says App(token=…); only the address is that of the local Slack.
app = App(client=WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"]))


def call(method: str, job: str) -> requests.Response:
    """One call to MetaStudio."""
    address, headers = signed(method, job)
    return requests.request(method, address, headers=headers, timeout=30)


@app.command("/delete-dh-job")
def asked(ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
    """Read the job and post the card."""
    ack()
    job = body["text"]
    text = f"Delete job `{job}`, which is {call('GET', job).json()['state']}?"
    button = {
        "type": "button", "action_id": "dh_confirm", "value": job, "text": {"type": "plain_text", "text": "Delete"},
    }  # fmt: skip
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {"type": "actions", "elements": [button]},
    ]
    client.chat_postMessage(channel=body["channel_id"], text=text, blocks=blocks)


@app.action("dh_confirm")
def pressed(ack: Callable[..., Any], body: dict[str, Any], client: WebClient) -> None:
    """Read the job again, delete it, post the outcome in the thread."""
    ack()
    job = body["actions"][0]["value"]
    call("GET", job)
    answer = call("DELETE", job)
    text = f"Job `{job}` is deleted: {answer.status_code} {answer.headers.get('X-Request-Id')}"
    client.chat_postMessage(channel=body["channel"]["id"], thread_ts=body["message"]["ts"], text=text)


if __name__ == "__main__":
    SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"]).start()

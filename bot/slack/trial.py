"""Tries whether a WebSocket to Slack can be opened, and closes it again. A running bot's own connection stays.

Slack may hand a command or click to any connection of the app (rulebook 6.3). So the trial is only made where no bot
runs, and its connection is closed as soon as Slack has greeted it.
"""

from __future__ import annotations

import json
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.socket_mode.builtin.connection import Connection, ConnectionState

from bot.domain.model import Cause
from bot.slack.errors import cause_of, remedy
from bot.slack.socket_client import ask_to_end, proxy_for

log = logging.getLogger(__name__)

WITHIN = 10.0
"""Seconds for Slack to greet the connection and to end it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The result. ``trouble`` is empty where Slack greeted us; ``count`` is then how many connections Slack counts."""

    trouble: str = ""
    count: int | None = None


def try_to_connect(address: str, client: WebClient) -> Trial:
    """Open the address that apps.connections.open gave, wait for Slack's hello, and close in order."""
    state = ConnectionState()  # type: ignore[no-untyped-call]
    errors: list[Exception] = []
    received: list[dict[str, object]] = []

    def on_message(text: str) -> None:
        with suppress(ValueError):
            found = json.loads(text)
            received.extend([found] if isinstance(found, dict) else [])
        ask_to_end(connection)

    connection = Connection(
        url=address,
        logger=log,
        proxy=proxy_for(address),
        on_message_listener=on_message,
        on_error_listener=errors.append,
        ssl_context=client.ssl,
    )
    give_up = threading.Timer(WITHIN, setattr, (state, "terminated", True))
    give_up.daemon = True
    try:
        connection.connect()
        is_open = connection.is_active()
        if is_open:
            give_up.start()
            connection.run_until_completion(state)
    finally:
        give_up.cancel()
        connection.close()
    return _judge(received, errors, urlsplit(address).hostname or "", is_open=is_open)


def _judge(received: list[dict[str, object]], errors: list[Exception], host: str, *, is_open: bool) -> Trial:
    first = received[0] if received else {}
    if first.get("type") == "hello":
        count = first.get("num_connections")
        return Trial(count=count if isinstance(count, int) else None)
    if first.get("reason") == "too_many_websockets":
        return Trial("Slack allows the app no further connection: ten are open. End other processes that use this app.")
    if first:
        return Trial("Slack ended it at once. See that Socket Mode is switched on for the app, then try again.")
    through = f"A proxy or firewall has to let WebSockets to {host} through."
    why = _cause(errors[0]) if errors else ""
    if why == Cause.PROXY_REFUSED.value:
        return Trial(
            "The proxy in HTTPS_PROXY lets Slack's Web API through and refuses the WebSocket. It has to allow CONNECT "
            f"to {host}."
        )
    if is_open:
        return Trial(f"It opens, but Slack's greeting does not come. {through}")
    if why:
        what = remedy(errors[0])
        return Trial(f"It cannot be opened ({why}), although Slack's Web API answers. {what} {through}")
    # The SDK (3.47) reports the HTTP status that came in place of the WebSocket only in its log.
    return Trial(f"Something else answers in place of Slack's WebSocket, although its Web API answers. {through}")


def _cause(error: Exception) -> str:
    # The SDK (3.47) raises a plain Exception. Its text quotes the proxy's address with the password.
    if str(error).startswith("Failed to connect to the proxy"):
        return Cause.PROXY_REFUSED.value
    return cause_of(error)

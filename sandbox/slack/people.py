"""What people do in Slack (run a command, press a button, open the Home tab), and its delivery to the app."""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlencode, urlsplit

from sandbox.slack.invocation import CLICK, COMMAND, EVENT, Invocation
from sandbox.slack.records import Channel, Impossible, Message, User, buttons_of, new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.slack.workspace import Workspace

ACK_FIELDS = {"text", "blocks", "response_type", "mrkdwn", "unfurl_links", "unfurl_media", "metadata"}


class People:
    """Builds the payloads exactly as Slack does, sends them, and takes the acks."""

    def __init__(
        self, slack: Workspace, deliver: Callable[[dict[str, Any]], bool], register: Callable[[Invocation], None]
    ) -> None:
        self.slack = slack
        self._deliver = deliver
        self._register = register
        self.invocations: list[Invocation] = []
        self.late_acks: list[Invocation] = []
        self._waiting: dict[str, Invocation] = {}

    def command(self, user_id: str, channel_id: str, text: str, command: str, *, force: bool) -> Invocation:
        """Run a slash command (payload: rulebook 1.1)."""
        slack = self.slack
        user, channel = slack.users[user_id], slack.channels[channel_id]
        if not force:
            self._may_act(user, channel)
            if user.team != slack.team_id and not self._same_org(user):
                raise Impossible("people of other workspaces get 'not a valid command' (rulebook 1.16)")
        payload = {
            "token": slack.verification_token,
            "team_id": slack.team_id,
            "team_domain": slack.team_domain,
            "channel_id": channel.id,
            "channel_name": shown_name(channel),
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": slack.app_id,
            "is_enterprise_install": "false",
            "response_url": self._response_url("commands"),
            "trigger_id": trigger_id(),
        }
        if slack.enterprise_id:
            payload |= {"enterprise_id": slack.enterprise_id, "enterprise_name": "sandbox"}
        return self._send(Invocation(slack, COMMAND, user_id, channel_id, payload))

    def click(
        self, user_id: str, message: Message, action_id: str, value: str | None, block_id: str | None, *, force: bool
    ) -> Invocation:
        """Press a button of a message (payload: rulebook 2.1, 2.2, 2.5)."""
        slack = self.slack
        user, channel = slack.users[user_id], slack.channels[message.channel]
        with slack.changed:
            button = self._button(message.buttons, action_id, block_id)
            if not force:
                self._may_act(user, channel)
                if message.deleted or (message.ephemeral and message.only_for != user_id):
                    raise Impossible(f"{user.name} does not see that message")
                if button is None:
                    raise Impossible(f"the message has no button {action_id!r} (any more)")
            button = button or self._former_button(message, action_id)
            container = {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": channel.id,
                "is_ephemeral": message.ephemeral,
            }
            if message.thread_ts:
                container["thread_ts"] = message.thread_ts
            payload = self._actions(user, action_id, value, block_id, button) | {
                "container": container,
                "channel": {"id": channel.id, "name": shown_name(channel)},
                "response_url": self._response_url("actions"),
            }
            if not message.ephemeral:
                payload["message"] = slack.as_slack_shows(message)
        pressed = Invocation(slack, CLICK, user_id, channel.id, payload)
        pressed.message = message
        return self._send(pressed)

    def click_home(self, user_id: str, action_id: str, value: str | None, *, force: bool) -> Invocation:
        """Press a button of the Home tab: the container is a view, and there is no response_url."""
        slack = self.slack
        view = slack.homes.get(user_id)
        button = self._button(buttons_of(view["blocks"] if view else []), action_id, None)
        if button is None and not force:
            raise Impossible(f"the Home tab has no button {action_id!r}")
        view = view or {"id": "V0"}
        payload = self._actions(slack.users[user_id], action_id, value, None, button) | {
            "container": {"type": "view", "view_id": view["id"]},
            "view": view,
        }
        return self._send(Invocation(slack, CLICK, user_id, "", payload))

    def home_opened(self, user_id: str, tab: str) -> Invocation:
        """Open the app's Home (or messages) tab: the event app_home_opened (rulebook 9.3)."""
        slack = self.slack
        now = slack.now()
        event: dict[str, Any] = {
            "type": "app_home_opened",
            "user": user_id,
            "channel": slack.im_with_bot(user_id),
            "tab": tab,
            "event_ts": f"{now:.6f}",
        }
        if tab == "home" and user_id in slack.homes:
            event["view"] = slack.homes[user_id]
        authorization = {
            "enterprise_id": slack.enterprise_id,
            "team_id": slack.team_id,
            "user_id": slack.bot_user_id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        payload = {
            "token": slack.verification_token,
            "team_id": slack.team_id,
            "api_app_id": slack.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": new_id("Ev"),
            "event_time": int(now),
            "authorizations": [authorization],
            "is_ext_shared_channel": False,
        }
        return self._send(Invocation(slack, EVENT, user_id, event["channel"], payload))

    def redeliver(self, invocation: Invocation) -> Invocation:
        """Send an event again, as the Events API does without an ack (rulebook 6.6). Commands are never sent again."""
        if invocation.kind != EVENT:
            raise Impossible("only events are delivered again (rulebook 1.9)")
        again = Invocation(self.slack, EVENT, invocation.user, invocation.channel, invocation.payload)
        again.attempt = invocation.attempt + 1
        return self._send(again)

    def replay(self, invocation: Invocation, url: str | None = None) -> Invocation:
        """Send exactly the same once more, as a person does who has read it, or Slack after a lost ack.

        Over HTTP: the same bytes and signature, to `url` or to the same address. Over the socket: the same envelope.
        """
        again = Invocation(self.slack, invocation.kind, invocation.user, invocation.channel, invocation.payload)
        again.message, again.http = invocation.message, invocation.http
        if again.http is None:
            again.envelope_id = invocation.envelope_id
        return self._send(again, url)

    def _actions(
        self, user: User, action_id: str, value: str | None, block_id: str | None, button: dict[str, Any] | None
    ) -> dict[str, Any]:
        slack = self.slack
        action = {
            key: found
            for key, found in (button or {"text": {"type": "plain_text", "text": "?"}}).items()
            if key in ("text", "value", "style", "confirm", "block_id", "url")
        }
        action |= {"type": "button", "action_id": action_id, "action_ts": f"{slack.now():.6f}"}
        action.setdefault("block_id", block_id or "forged")
        if value is not None:
            action["value"] = value
        enterprise = {"id": slack.enterprise_id, "name": "sandbox"} if slack.enterprise_id else None
        return {
            "type": "block_actions",
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team},
            "api_app_id": slack.app_id,
            "token": slack.verification_token,
            "trigger_id": trigger_id(),
            "team": {"id": slack.team_id, "domain": slack.team_domain},
            "enterprise": enterprise,
            "is_enterprise_install": False,
            "state": {"values": {}},
            "actions": [action],
        }

    @staticmethod
    def _button(buttons: list[dict[str, Any]], action_id: str, block_id: str | None) -> dict[str, Any] | None:
        fitting = [
            button
            for button in buttons
            if button.get("action_id") == action_id and block_id in (None, button["block_id"])
        ]
        return fitting[0] if fitting else None

    @staticmethod
    def _former_button(message: Message, action_id: str) -> dict[str, Any] | None:
        """Find a button that an earlier version had: a click may cross the update that removes the button."""
        for _, blocks in reversed(message.versions):
            for button in buttons_of(blocks):
                if button.get("action_id") == action_id:
                    return button
        return None

    def _may_act(self, user: User, channel: Channel) -> None:
        if user.deleted:
            raise Impossible(f"{user.name} is deactivated")
        if user.id not in channel.members:
            raise Impossible(f"{user.name} is not in {channel.name or channel.id}")
        if channel.archived:
            raise Impossible(f"{channel.name} is archived")

    def _same_org(self, user: User) -> bool:
        return bool(user.enterprise_user and self.slack.team_id in user.enterprise_user.get("teams", []))

    def _response_url(self, kind: str) -> str:
        return f"{self.slack.base}/{kind}/{self.slack.team_id}/{secrets.randbelow(10**13)}/{secrets.token_hex(12)}"

    def _send(self, invocation: Invocation, url: str | None = None) -> Invocation:
        slack = self.slack
        url = url or slack.deliver_http_to
        with slack.changed:
            self._waiting[invocation.envelope_id] = invocation
            if invocation.response_url:
                self._register(invocation)
            self.invocations.append(invocation)
        invocation.sent = time.monotonic()
        if url:
            threading.Thread(target=self._post, args=(invocation, url), daemon=True).start()
            return invocation
        envelope: dict[str, Any] = {
            "envelope_id": invocation.envelope_id,
            "type": invocation.kind,
            "payload": invocation.payload,
            "accepts_response_payload": invocation.kind == COMMAND,
        }
        if invocation.kind == EVENT:
            retry = {"retry_attempt": invocation.attempt, "retry_reason": "timeout" if invocation.attempt else ""}
            envelope |= retry
        if not self._deliver(envelope):
            self._failed(invocation, "dispatch_failed")
        return invocation

    def _post(self, invocation: Invocation, url: str) -> None:
        """Deliver as a signed HTTP request (rulebook 1.1, 2.1, 7.1) and take the answer as the ack."""
        if invocation.http is None:
            body, content_type = form(invocation)
            invocation.http = body, {"Content-Type": content_type, **self.slack.sign(body)}
        body, headers = invocation.http
        if invocation.attempt:
            headers |= {"X-Slack-Retry-Num": str(invocation.attempt), "X-Slack-Retry-Reason": "http_timeout"}
        parts = urlsplit(url)
        connection = self._connection(parts)
        try:
            connection.request("POST", parts.path or "/", body, headers)
            response = connection.getresponse()
            answer, kind = response.read().decode(), response.headers.get("Content-Type", "")
            status = response.status
        except TimeoutError:
            self._failed(invocation, "operation_timeout")
            return
        except (OSError, http.client.HTTPException):
            self._failed(invocation, "dispatch_failed")
            return
        finally:
            connection.close()
        if status != http.client.OK:
            self._failed(invocation, "dispatch_failed")
            return
        try:
            payload = json.loads(answer) if kind.startswith("application/json") else {"text": answer}
        except ValueError:
            self.slack.violation("ack: the body says JSON but is not")
            payload = {}
        self.acked(invocation.envelope_id, payload if answer else None)

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        """Connect to the request URL: over TLS, as Slack requires, or plain for a bot without a proxy in front."""
        host, patience = parts.hostname or "", self.slack.ack_within
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port or 443, timeout=patience, context=self.slack.trusts)
        return http.client.HTTPConnection(host, parts.port or 80, timeout=patience)

    def _failed(self, invocation: Invocation, error: str) -> None:
        with self.slack.changed:
            invocation.error = error
            self._waiting.pop(invocation.envelope_id, None)
            self.slack.changed.notify_all()

    def acked(self, envelope_id: object, payload: object) -> None:
        """Take an ack. One after three seconds is noted in `late_acks` and shown to nobody (rulebook 1.3)."""
        slack = self.slack
        with slack.changed:
            invocation = self._waiting.pop(str(envelope_id), None)
            if invocation is None:
                slack.violation(f"ack for an envelope that is unknown or already acked: {envelope_id!r}")
                return
            invocation.ack_seconds = time.monotonic() - invocation.sent
            if invocation.ack_seconds > slack.ack_within:
                invocation.error = "operation_timeout"
                self.late_acks.append(invocation)
            else:
                invocation.acked = True
                self._show(invocation, payload)
            slack.changed.notify_all()

    def _show(self, invocation: Invocation, payload: object) -> None:
        """Show the text of an ack (rulebook 1.4). Only commands may have one (2.3)."""
        slack = self.slack
        if not payload:
            return
        if not isinstance(payload, dict):
            slack.violation(f"ack: the payload is {type(payload).__name__}, not an object")
            return
        invocation.ack = payload
        if invocation.kind != COMMAND:
            slack.violation("ack: a click or an event takes no payload (rulebook 2.3)")
            return
        for name in set(payload) - ACK_FIELDS:
            slack.violation(f"ack: unknown field {name}")
        if payload.get("response_type", "ephemeral") not in ("ephemeral", "in_channel"):
            slack.violation(f"ack: unknown response_type {payload['response_type']!r}")
        if not payload.get("text") and not payload.get("blocks"):
            return
        if slack.check_content("ack", payload):
            return
        only_for = None if payload.get("response_type") == "in_channel" else invocation.user
        invocation.answers.append(slack.put(invocation.channel, payload, via="ack", only_for=only_for))


def shown_name(channel: Channel) -> str:
    """Return the channel name of a payload: private conversations have none."""
    return {"private": "privategroup", "im": "directmessage"}.get(channel.kind, channel.name)


def trigger_id() -> str:
    """Make a trigger id."""
    return f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"


def form(invocation: Invocation) -> tuple[bytes, str]:
    """Write the body of an HTTP delivery: a form for commands and clicks, JSON for events."""
    if invocation.kind == EVENT:
        return json.dumps(invocation.payload).encode(), "application/json"
    fields = invocation.payload if invocation.kind == COMMAND else {"payload": json.dumps(invocation.payload)}
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"

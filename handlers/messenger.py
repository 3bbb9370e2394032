"""The messenger: every message to Slack is sent here, and ends as ``Delivered``, ``RetryLater`` or ``Undeliverable``.

Only this module translates Slack's errors. The SDK retries none of these calls: the outbox decides about retries,
because a duplicate message is better than a lost one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.domain.events import Recorded
from bot.domain.model import Deletion
from bot.domain.notifications import Notification, NotificationKind, PendingRequest, ResponseUrl
from bot.domain.ports import Called, Delivered, RetryLater, Undeliverable
from bot.slack.errors import CUT_OFF, MISSING_SCOPE, Troubles, error_code, retry_after
from handlers.views.blocks import Message, cut
from handlers.views.card import deletion_card
from handlers.views.endings import late_text, restart_text
from handlers.views.freezing import freeze_message
from handlers.views.log_lines import head_line, log_lines
from handlers.views.thread import thread_message
from handlers.views.wording import Wording

log = structlog.get_logger(__name__)

Answer = Delivered | RetryLater | Undeliverable

GONE = frozenset(
    {
        "block_mismatch",
        "cannot_dm_bot",
        "cannot_reply_to_message",
        "cant_update_message",
        "channel_not_found",
        "edit_window_closed",
        "is_archived",
        "is_inactive",
        "message_not_found",
        "messages_tab_disabled",
        "method_not_supported_for_channel_type",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
        "thread_not_found",
        "user_disabled",
        "user_not_found",
        "user_not_in_channel",
        "user_not_visible",
    }
)
"""Codes after which Slack never accepts this message at this place (rulebook section 4)."""

UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "update_failed"})
"""Codes after which the call may have had its effect (rulebook 4.6)."""

OUR_FAULT = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text"})
"""Codes for an error of ours in the blocks. The bot logs it and sends the text alone."""

TOO_FAST = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
TS = re.compile(r"[0-9]+\.[0-9]+")
"""The id of a message in its channel. The channel of Slack's answer is not compared with ours: it differs for a direct
message and for a converted channel (rulebook 2.8, 4.9)."""
SHORT_PAUSE = 1.0
TOKEN_PAUSE = 60.0
PLAIN_LIMIT = 3000
NO_UNFURLING = {"unfurl_links": False, "unfurl_media": False}


class SlackMessenger:
    """Slack's Web API as the ``Messenger`` port."""

    def __init__(self, client: WebClient, wording: Wording, webhook: Callable[[str], WebhookClient]) -> None:
        self._client = client
        self._wording = wording
        self._troubles = Troubles()
        self.webhook = webhook

    def post_card(self, deletion: Deletion, earlier: Sequence[Deletion], called: Called) -> Answer:
        """Post the card of a new deletion; ``Delivered.ts`` is its ts.

        An ``ok`` without a ts counts as no answer, because the outcome needs the card's thread. For every other message
        ``ok`` is enough: nothing needs its ts, and a retry would post the same message again.
        """
        card = deletion_card(deletion, self._wording, earlier, called=called)
        posted = self._send(self._client.chat_postMessage, card, channel=deletion.channel, **NO_UNFURLING)
        if isinstance(posted, Delivered) and posted.ts is None:
            return RetryLater(SHORT_PAUSE, "no_ts", unanswered=True)
        return posted

    def send(self, notification: Notification, deletion: Deletion) -> Answer:
        """Post one message of the outbox, or redraw a card."""
        if notification.kind is NotificationKind.CARD:
            card = deletion_card(deletion, self._wording)
            return self._send(self._client.chat_update, card, channel=notification.to, ts=notification.thread_ts)
        said = thread_message(notification, deletion, self._wording)
        place = {"channel": notification.to} | ({"thread_ts": notification.thread_ts} if notification.thread_ts else {})
        return self._send(self._client.chat_postMessage, said, **place, **NO_UNFURLING)

    def announce(self, notification: Notification) -> Answer:
        """Post a message that is about no deletion: that deletions are frozen, or no longer."""
        return self._send(
            self._client.chat_postMessage, freeze_message(notification.facts), channel=notification.to, **NO_UNFURLING
        )

    def log(self, channel: str, events: Sequence[Recorded], skipped: int) -> Answer:
        """Post events to AUDIT_CHANNEL, one line each, as one message."""
        return self._log(channel, "\n".join(log_lines(events, skipped)))

    def log_head(self, channel: str, number: int, digest: str, typing_errors: int) -> Answer:
        """Post the newest event's number and hash to AUDIT_CHANNEL, as a witness outside the ledger.

        ``typing_errors`` of the last 24 hours stand below it, since they have no lines of their own.
        """
        return self._log(channel, head_line(number, digest, typing_errors))

    def _log(self, channel: str, whole: str) -> Answer:
        text = cut(whole, PLAIN_LIMIT)
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}]
        return self._send(self._client.chat_postMessage, Message(text, blocks), channel=channel, **NO_UNFURLING)

    def answer(
        self,
        pending: PendingRequest,
        text: str,
        response_url: ResponseUrl | None,
        blocks: Sequence[Mapping[str, Any]] = (),
    ) -> Answer:
        """Answer one person, by the first way that works: response_url, ephemeral message, direct message."""
        if response_url is not None and self._by_url(response_url, text, blocks):
            return Delivered()
        section = {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, PLAIN_LIMIT), "verbatim": True}}
        said = Message(text, [dict(block) for block in blocks] or [section])
        place: dict[str, Any] = {"channel": pending.channel, "user": pending.actor.user}
        if pending.thread_ts:
            place["thread_ts"] = pending.thread_ts
        shown = self._send(self._client.chat_postEphemeral, said, **place)
        if not isinstance(shown, Undeliverable):
            return shown
        if shown.why in OUR_FAULT:
            # Unlike a card, an answer is useful without its buttons.
            return self.answer(pending, text, None)
        return self._send(self._client.chat_postMessage, said, channel=pending.actor.user, **NO_UNFURLING)

    def show_home(self, user: str, blocks: Sequence[Mapping[str, Any]]) -> Answer:
        """Draw a person's App Home, without a hash, so that it cannot conflict with another replica's page."""
        answer = _call(
            self._client.views_publish, self._troubles, user_id=user, view={"type": "home", "blocks": list(blocks)}
        )
        if isinstance(answer, RetryLater) and answer.why in OUR_FAULT:
            log.error("slack_refused_blocks", code=answer.why, method="views_publish")
        return answer

    def answer_after_restart(self, pending: PendingRequest, deletion: Deletion | None) -> Answer:
        """Answer a command or click that a restart interrupted: how the deletion stands now."""
        return self.answer(pending, restart_text(pending, deletion, self._wording, self.link), None)

    def answer_late(self, pending: PendingRequest) -> Answer:
        """Give an answer that Slack did not take at once. The deletion may have gone on since."""
        return self.answer(pending, late_text(pending), None)

    def link(self, deletion: Deletion) -> str | None:
        """The permalink to the card, or None if there is no card or Slack does not return one."""
        if deletion.message_ts is None:
            return None
        try:
            found = self._client.chat_getPermalink(channel=deletion.channel, message_ts=deletion.message_ts)
            link = found.get("permalink")
        except CUT_OFF:
            return None
        return link if isinstance(link, str) and "|" not in link and ">" not in link else None

    def _by_url(self, to: ResponseUrl, text: str, blocks: Sequence[Mapping[str, Any]]) -> bool:
        content: dict[str, Any] = {"text": text} | ({"blocks": list(blocks)} if blocks else {})
        # Slack does not document whether a command's ack can be replaced (rulebook 1.5), so where it refuses that, the
        # answer is a new message. Without ``replace_original`` a click's answer would replace the clicked message.
        for replaces in (True, False) if to.replaces_ack else (False,):
            try:
                sent = self.webhook(to.url).send(**content, response_type="ephemeral", replace_original=replaces)
            except CUT_OFF:
                return False
            if sent.status_code != HTTPStatus.OK:
                return False
            # Slack refuses content with 200 and ok: false, and a proxy may answer 200 to anything.
            if _is_ok(sent.body):
                return True
        return False

    def _send(self, method: Callable[..., Any], said: Message, **place: Any) -> Answer:
        answer = _call(method, self._troubles, **said.as_arguments(), **place)
        if isinstance(answer, RetryLater) and answer.why in OUR_FAULT:
            log.error("slack_refused_blocks", code=answer.why, method=method.__name__)
            if any(block["type"] == "actions" for block in said.blocks):
                # A card without its buttons would be useless.
                return Undeliverable(answer.why)
            # An empty list removes the old blocks and their buttons; the text alone is complete.
            return _call(method, self._troubles, text=cut(said.text, PLAIN_LIMIT), blocks=[], **place)
        return answer


def _is_ok(body: str) -> bool:
    """Whether a ``response_url`` accepted the message: the body is ``ok``, or an object whose ``ok`` is true."""
    if body.strip() == "ok":
        return True
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("ok") is True


def _call(method: Callable[..., Any], troubles: Troubles, **arguments: Any) -> Answer:
    try:
        response = method(**arguments)
        is_ok, ts = response.get("ok"), response.get("ts")
    except SlackApiError as error:
        return _translated(error, method.__name__, troubles)
    except CUT_OFF as error:
        # A timeout, a reset or a truncated answer: the call may have had its effect.
        return RetryLater(SHORT_PAUSE, type(error).__name__, unanswered=True)
    if is_ok is not True:
        # slack_sdk accepts every truthy ``ok``, for example the string "false".
        return RetryLater(SHORT_PAUSE, "not_ok", unanswered=True)
    troubles.end(method.__name__)
    return Delivered(ts if isinstance(ts, str) and TS.fullmatch(ts) else None)


def _translated(error: SlackApiError, method: str, troubles: Troubles) -> Answer:
    response = error.response
    code = error_code(response)
    if response.status_code == 429 or code in TOO_FAST:
        return RetryLater(retry_after(response.headers), code)
    if code in GONE:
        return Undeliverable(code)
    if response.status_code >= 500 or code in UNSURE or code.startswith("http_"):
        return RetryLater(SHORT_PAUSE, code, unanswered=True)
    if code in OUR_FAULT:
        return RetryLater(SHORT_PAUSE, code)
    # A bad token or an unknown error is the fault of neither the message nor its channel, so the message waits.
    if code != MISSING_SCOPE or troubles.begins(method, code):
        log.error("slack_refused", code=code, method=method)
    return RetryLater(TOKEN_PAUSE, code)

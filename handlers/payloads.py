"""Parses Slack's payloads. Pure: no Bolt, no client, no ledger. ``grammar`` parses the typed text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.model import DELETION_ID_PATTERN, JOB_ID_PATTERN, Actor, DeletionId, JobId
from bot.domain.notifications import ResponseUrl
from handlers.actions import ABOUT_A_JOB, small_print


def command_actor(body: Mapping[str, Any]) -> Actor:
    """Who typed the command. Raises KeyError if Slack left out an id; by its documentation it never does."""
    return Actor(body["user_id"], body["team_id"])


def request_digest(body: Mapping[str, Any]) -> str | None:
    """The identity of this command or click, the same at each delivery; None for a payload without both secrets.

    Slack gives each request its own ``trigger_id`` and ``response_url`` (rulebook 1.1, 1.5, 2.10). Without the first,
    the second is used. Both are secrets, so only a digest leaves this function. Slack documents no command or click
    without either. Events have neither and need no digest: drawing the Home is idempotent.
    """
    secret = body.get("trigger_id") or body.get("response_url")
    return hashlib.sha256(secret.encode()).hexdigest() if isinstance(secret, str) and secret else None


def click_actor(body: Mapping[str, Any]) -> Actor:
    """Who pressed the button.

    In a Slack Connect channel ``team`` is ours, and only ``user.team_id`` is the person's own (rulebook 2.5, 2.6).
    Bolt's ``context.team_id`` hides it.
    """
    user = body["user"]
    return Actor(user["id"], user.get("team_id") or "")


@dataclass(frozen=True, slots=True)
class Click:
    """A press of one of our buttons, parsed from the payload.

    ``deletion`` is None if the value is no deletion's id; ``job_id`` is that of a search's button. ``is_copy``: the
    message in the payload is a card of that deletion.
    """

    actor: Actor
    channel: str
    message_ts: str | None
    thread_ts: str | None
    deletion: DeletionId | None
    response_url: ResponseUrl | None
    job_id: JobId | None = None
    is_copy: bool = False


def click(body: Mapping[str, Any]) -> Click:
    """Parse a press. The ids are in ``container``: ``message`` and ``channel`` may be missing (rulebook 2.1, 2.2)."""
    container = _mapping(body.get("container"))
    actions = body.get("actions")
    value = _mapping(actions[0]).get("value") if isinstance(actions, list) and actions else None
    known = DELETION_ID_PATTERN.fullmatch(value) if isinstance(value, str) else None
    channel = container.get("channel_id") or _mapping(body.get("channel")).get("id") or ""
    return Click(
        actor=click_actor(body),
        channel=channel,
        message_ts=container.get("message_ts"),
        thread_ts=container.get("thread_ts"),
        deletion=DeletionId(str(value)) if known else None,
        response_url=ResponseUrl(url) if (url := body.get("response_url")) else None,
        job_id=_job_id(value),
        is_copy=known is not None and _is_card_of(DeletionId(str(value)), _mapping(body.get("message"))),
    )


def _is_card_of(deletion: DeletionId, message: Mapping[str, Any]) -> bool:
    """Whether the message is a card of the deletion, by its small print.

    The message is optional (rulebook 2.1), and Slack does not document that its blocks are complete [?]. Without the
    small print the answer is no.
    """
    rows = [_mapping(block).get("elements") for block in _list(message.get("blocks"))]
    return any(_mapping(element).get("text") == small_print(deletion) for row in rows for element in _list(row))


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _job_id(value: object) -> JobId | None:
    if not isinstance(value, str) or not value.startswith(ABOUT_A_JOB):
        return None
    job_id = value.removeprefix(ABOUT_A_JOB)
    return JobId(job_id) if JOB_ID_PATTERN.fullmatch(job_id) else None


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}

"""From what Slack sends to our values. Pure: no Bolt, no client, no ledger. What was typed is for ``grammar``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.model import DELETION_ID_PATTERN, JOB_ID_PATTERN, Actor, DeletionId, JobId
from handlers.actions import ABOUT_A_JOB, small_print


def command_actor(body: Mapping[str, Any]) -> Actor:
    """Who typed the command. Raises KeyError when Slack left out an id, which it never documents doing."""
    return Actor(body["user_id"], body["team_id"])


def request_digest(body: Mapping[str, Any]) -> str | None:
    """What tells this command or click from every other one, and is the same when it is posted or handed over again.

    Slack gives each a ``trigger_id`` and a ``response_url`` of its own (rulebook 1.1, 1.5, 2.10); the second stands in
    for a payload without the first. Both are secrets, so only a digest leaves this function. None where there is
    neither: such a payload cannot be told from another one, and Slack documents none.

    Events have neither, and need none: drawing the Home once more changes nothing.
    """
    secret = body.get("trigger_id") or body.get("response_url")
    return hashlib.sha256(secret.encode()).hexdigest() if isinstance(secret, str) and secret else None


def click_actor(body: Mapping[str, Any]) -> Actor:
    """Who pressed.

    In a Slack Connect channel ``team`` is ours while ``user.team_id`` is the clicker's own, so only the latter counts
    (rulebook 2.5, 2.6: Bolt's ``context.team_id`` hides it).
    """
    user = body["user"]
    return Actor(user["id"], user.get("team_id") or "")


@dataclass(frozen=True, slots=True)
class Click:
    """A press of one of our buttons, as far as the payload tells.

    ``deletion`` is None for a value of no known form; ``job`` is what a button of a search is about. ``is_copy``: the
    message that Slack sent along is a card of that deletion.
    """

    actor: Actor
    channel: str
    message_ts: str | None
    thread_ts: str | None
    deletion: DeletionId | None
    response_url: str | None
    job: JobId | None = None
    is_copy: bool = False


def click(body: Mapping[str, Any]) -> Click:
    """Ids come from ``container``: ``message`` and ``channel`` may be missing (rulebook 2.1, 2.2)."""
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
        response_url=body.get("response_url"),
        job=_job(value),
        is_copy=known is not None and _is_card_of(DeletionId(str(value)), _mapping(body.get("message"))),
    )


def _is_card_of(deletion: DeletionId, message: Mapping[str, Any]) -> bool:
    """Whether that message is a card of the deletion, by its small print.

    Slack marks the message as optional (rulebook 2.1), and whether its blocks are always whole is not documented [?];
    where they are not, it is none.
    """
    rows = [_mapping(block).get("elements") for block in _list(message.get("blocks"))]
    return any(_mapping(element).get("text") == small_print(deletion) for row in rows for element in _list(row))


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _job(value: object) -> JobId | None:
    if not isinstance(value, str) or not value.startswith(ABOUT_A_JOB):
        return None
    job = value.removeprefix(ABOUT_A_JOB)
    return JobId(job) if JOB_ID_PATTERN.fullmatch(job) else None


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}

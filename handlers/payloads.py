"""From what Slack sends to our values, or to a usage error. Pure: no Bolt, no client, no ledger.

The job id of a destructive command is never repaired: spaces (U+0020) around it are trimmed, and whatever then is not
an id by the rule is refused with the rule it broke.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.model import DELETION_ID_PATTERN, JOB_ID_PATTERN, REASON_LIMIT, Actor, DeletionId, JobId
from bot.policy import Reason
from handlers.views.card import small_print

SUBCOMMANDS = frozenset({"help", "history", "find", "open", "whoami", "freeze", "unfreeze", "--dry-run"})


@dataclass(frozen=True, slots=True)
class DeleteCommand:
    """``/delete-dh-job <job_id> [reason]``, parsed."""

    job_id: JobId
    reason: str | None


@dataclass(frozen=True, slots=True)
class Subcommand:
    """``/delete-dh-job help`` and the like; the name in lower case."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class UsageError:
    """What was typed breaks a rule. Of the input only its length is kept; it may be anything, also a secret."""

    rule: Reason
    length: int
    detail: str = ""


def parse_text(text: str, *, reason_required: bool = False) -> DeleteCommand | Subcommand | UsageError:
    """What stands behind the command's name. Nothing at all means ``help``."""
    trimmed = text.strip(" ")
    first, _, rest = trimmed.partition(" ")
    rest = rest.strip(" ")
    # ASCII only: casefold() would turn other letters into ours.
    word = first.lower() if first.isascii() else first
    if not first or word in SUBCOMMANDS:
        return Subcommand(word or "help", rest)
    return parse_job(text, reason_required=reason_required)


def parse_job(text: str, *, reason_required: bool = False) -> DeleteCommand | UsageError:
    """A job id and perhaps a reason. Nothing at all is no job id either."""
    first, _, rest = text.strip(" ").partition(" ")
    rest = rest.strip(" ")
    if not JOB_ID_PATTERN.fullmatch(first):
        return UsageError(Reason.BAD_JOB_ID, len(text), broken_rule(first))
    if len(rest) > REASON_LIMIT:
        return UsageError(Reason.REASON_TOO_LONG, len(text))
    if reason_required and not rest:
        return UsageError(Reason.REASON_MISSING, len(text))
    return DeleteCommand(JobId(first), rest or None)


def broken_rule(word: str) -> str:
    """Which part of the rule a would-be job id breaks, without repeating any of it."""
    if not word:
        return "there is none"
    if not word.isascii():
        return "it contains a character outside ASCII (perhaps an invisible space or a look-alike letter)"
    if any(not char.isprintable() for char in word):
        return "it contains a control character, such as a line break"
    if not all(char.isalnum() or char in "_-" for char in word):
        return "it contains a character other than letters, digits, hyphen and underscore"
    if not word[0].isalnum():
        return "it does not begin with a letter or a digit"
    return "it is longer than 64 characters"


def command_actor(body: Mapping[str, Any]) -> Actor:
    """Who typed the command. Raises KeyError when Slack left out an id, which it never documents doing."""
    return Actor(body["user_id"], body["team_id"])


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


ABOUT_A_JOB = "job:"
"""Before a job id in a button's value: a job may have an id that looks like a deletion's."""


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

"""Values to columns and back, without access to a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from enum import Enum
from typing import Any

from sqlalchemy import Row

from bot.audit.chain import canonical_json
from bot.domain.model import Actor, Attempt, Cause, ConfirmBy, Deletion, DeletionId, Job, JobId, State, Target
from bot.domain.notifications import Due, Notification, NotificationKind, PendingRequest

ACTORS = frozenset({"requester", "confirmer", "ended_by"})
SIMPLE = frozenset(
    {
        "channel",
        "confirm_by",
        "asked_at",
        "reason",
        "message_ts",
        "deadline_at",
        "confirmed_at",
        "claim_token",
        "send_before",
        "takeover_at",
        "ended_at",
        "ended_why",
        "unknown_since",
        "answered_5xx",
        "reads_agreeing",
        "reads_first_at",
        "reads_last",
        "read_due_at",
        "verified_at",
        "reminded",
    }
)
SETTABLE = SIMPLE | ACTORS | {"job"}
"""The fields of a Deletion that ``change`` may set. A step sets its state; its attempts are rows of their own."""

COMPARABLE = SIMPLE | ACTORS | {"state", "job_id", "job_state", "job_name", "asset_id", "last_update_time"}
"""The names for ``where``: the fields above, the state, and the columns that repeat parts of the job's snapshot."""


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def columns_of(values: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """Fields as columns. Raises ``TypeError`` for an unknown name, which is a programming error."""
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name not in allowed:
            raise TypeError(f"{name!r} is not a field that can be used here")
        if name in ACTORS:
            columns[f"{name}_user"] = value.user if value is not None else None
            columns[f"{name}_team"] = value.team if value is not None else None
        elif name == "job":
            columns |= job_columns(value)
        else:
            columns[name] = _plain(value)
    return columns


STORED_JOB_WORDS = {"app_user_fingerprint": "seen_as"}
"""Fields of ``Job`` that the ledger's JSON stores under the name of version 0.1.0."""


def job_columns(job: Job) -> dict[str, Any]:
    """The snapshot, and the parts of it that are searched or compared."""
    return {
        "job_id": job.job_id,
        "job_state": job.state,
        "job_name": job.name,
        "asset_id": job.asset_id,
        "last_update_time": job.last_update_time,
        "job": canonical_json({STORED_JOB_WORDS.get(name, name): value for name, value in asdict(job).items()}),
    }


def deletion_columns(deletion: Deletion, instance: str) -> dict[str, Any]:
    """All columns of a new row. Its attempts are in their own table."""
    target = deletion.target
    fields = {name: getattr(deletion, name) for name in SETTABLE}
    return columns_of(fields, SETTABLE) | {
        "id": deletion.id,
        "endpoint": target.endpoint,
        "region": target.region,
        "project_id": target.project_id,
        "state": deletion.state.value,
        "owner": instance,
        "claim_owner": None,
        "lease_owner": None,
        "lease_until": None,
    }


def job_from(text: str) -> Job:
    """The snapshot. Fields that only a later version knows are left out."""
    kept = json.loads(text)
    kept["supported_service"] = tuple(kept.get("supported_service") or ())
    stored = {name: STORED_JOB_WORDS.get(name, name) for name in Job.__dataclass_fields__}
    return Job(**{name: kept[word] for name, word in stored.items() if word in kept})


def _actor(user: str | None, team: str | None) -> Actor | None:
    return Actor(user, team or "") if user is not None else None


def deletion_from(row: Row[Any], attempts: tuple[Attempt, ...] = ()) -> Deletion:
    """A row of ``deletions`` with its attempts."""
    return Deletion(
        id=DeletionId(row.id),
        target=Target(row.endpoint, row.region, row.project_id),
        job=job_from(row.job),
        state=State(row.state),
        requester=Actor(row.requester_user, row.requester_team),
        channel=row.channel,
        confirm_by=ConfirmBy(row.confirm_by),
        asked_at=row.asked_at,
        reason=row.reason,
        message_ts=row.message_ts,
        deadline_at=row.deadline_at,
        confirmer=_actor(row.confirmer_user, row.confirmer_team),
        confirmed_at=row.confirmed_at,
        claim_token=row.claim_token,
        send_before=row.send_before,
        takeover_at=row.takeover_at,
        ended_at=row.ended_at,
        ended_why=row.ended_why,
        ended_by=_actor(row.ended_by_user, row.ended_by_team),
        attempts=attempts,
        unknown_since=row.unknown_since,
        answered_5xx=row.answered_5xx,
        reads_agreeing=row.reads_agreeing,
        reads_first_at=row.reads_first_at,
        reads_last=row.reads_last,
        read_due_at=row.read_due_at,
        verified_at=row.verified_at,
        reminded=row.reminded,
    )


def attempt_columns(deletion: DeletionId, attempt: Attempt) -> dict[str, Any]:
    """A row of ``attempts``."""
    return {
        "deletion": deletion,
        "number": attempt.number,
        "claim_token": attempt.claim_token,
        "claimed_at": attempt.claimed_at,
        "send_before": attempt.send_before,
        "replied_at": attempt.replied_at,
        "status": attempt.status,
        "cause": _plain(attempt.cause),
        "code": attempt.code,
        "message": attempt.message,
        "request_id": attempt.request_id,
        "other_request_id": attempt.other_request_id,
    }


def attempt_from(row: Row[Any]) -> Attempt:
    """A row of ``attempts`` as its value."""
    return Attempt(
        number=row.number,
        claim_token=row.claim_token,
        claimed_at=row.claimed_at,
        send_before=row.send_before,
        replied_at=row.replied_at,
        status=row.status,
        cause=Cause(row.cause) if row.cause is not None else None,
        code=row.code,
        message=row.message,
        request_id=row.request_id,
        other_request_id=row.other_request_id,
    )


def notification_columns(notifications: Iterable[Notification], written_at: Any) -> list[dict[str, Any]]:
    """Rows of ``outbox``. Without ``due_at`` they are due at once."""
    return [
        {
            "thread": notification.thread,
            "kind": notification.kind.value,
            "deletion": notification.deletion,
            "recipient": notification.to,
            "thread_ts": notification.thread_ts,
            "facts": canonical_json(dict(notification.facts)),
            "attempts": 0,
            "written_at": written_at,
        }
        for notification in notifications
    ]


def due_from(row: Row[Any]) -> Due:
    """A row of ``outbox`` under our lease."""
    notification = Notification(
        kind=NotificationKind(row.kind),
        deletion=DeletionId(row.deletion),
        to=row.recipient,
        thread_ts=row.thread_ts,
        facts=json.loads(row.facts),
    )
    return Due(row.number, notification, row.attempts, row.written_at)


def pending_columns(pending: PendingRequest, instance: str) -> dict[str, Any]:
    """A row of ``pending_requests``."""
    return {
        "id": pending.id,
        "kind": pending.kind,
        "actor_user": pending.actor.user,
        "actor_team": pending.actor.team,
        "channel": pending.channel,
        "since": pending.since,
        "thread_ts": pending.thread_ts,
        "job": pending.job,
        "deletion": pending.deletion,
        "text": pending.text,
        "owner": instance,
    }


def pending_from(row: Row[Any]) -> PendingRequest:
    """A row of ``pending_requests`` as its value."""
    return PendingRequest(
        id=row.id,
        kind=row.kind,
        actor=Actor(row.actor_user, row.actor_team),
        channel=row.channel,
        since=row.since,
        thread_ts=row.thread_ts,
        job=JobId(row.job) if row.job is not None else None,
        deletion=DeletionId(row.deletion) if row.deletion is not None else None,
        text=row.text,
    )

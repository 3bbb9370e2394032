"""Values for the ledger's tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.events import Event, Kind
from bot.domain.model import Attempt, Deletion, DeletionId, JobId
from bot.domain.notifications import Notification, NotificationKind, PendingRequest
from tests.support import values
from tests.support.values import ANNA

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def deletion(number: int = 1, *, job: str | None = None, **changes: Any) -> Deletion:
    snapshot = values.job(
        job or f"job-{number}",
        name="Ännas Zwilling",
        asset_id="asset",
        last_update_time="2026-11-01T00:00:00Z",
        supported_service=("VIDEO_2D", "LIVE"),
    )
    usual = {"job": snapshot, "asked_at": NOON, "reason": "no longer needed", "deadline_at": after(600)}
    return values.deletion(id=DeletionId(f"{number:016x}"), **(usual | changes))


def event(kind: Kind = Kind.COMMAND, number: int | None = 1, **changes: Any) -> Event:
    fields: dict[str, Any] = {
        "kind": kind,
        "at": NOON,
        "actor": ANNA,
        "channel": "C1",
        "deletion": DeletionId(f"{number:016x}") if number is not None else None,
        "job": JobId(f"job-{number}") if number is not None else None,
    }
    return Event(**(fields | changes))


def attempt(number: int = 1, token: str = "token", **changes: Any) -> Attempt:
    return Attempt(number, token, NOON, after(5), **changes)


def tell(
    number: int = 1, thread_ts: str | None = "1.1", kind: NotificationKind = NotificationKind.OUTCOME, **facts: Any
) -> Notification:
    return Notification(kind, DeletionId(f"{number:016x}"), "C1", thread_ts, facts)


def waiting(name: str = "w1", **changes: Any) -> PendingRequest:
    fields: dict[str, Any] = {"id": name, "kind": "command", "actor": ANNA, "channel": "C1", "since": NOON}
    return PendingRequest(**(fields | changes))

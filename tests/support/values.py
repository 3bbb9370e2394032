"""The values that tests build on: people, the one project, a moment; a job, a deletion, an attempt and a reply.

Each builder fills in what every such value has, and takes by name what the test is about.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.domain.model import (
    Actor,
    Attempt,
    Cause,
    ConfirmBy,
    Deletion,
    DeletionId,
    Job,
    JobId,
    Operation,
    Reply,
    State,
    Target,
)
from tests.support.clock import SOME_DAY

AT = SOME_DAY
ANNA, BEN, CARL, DORA = (Actor(user, "TOURS") for user in ("UANNA", "UBEN", "UCARL", "UDORA"))
TARGET = Target("https://metastudio.cn-north-4.myhuaweicloud.com", "cn-north-4", "0123456789abcdef0123456789abcdef")
DELETION_ID = DeletionId("0123456789abcdef")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def job(job_id: str = "job-1", state: str = "TRAIN_FAILED", **more: Any) -> Job:
    return Job(JobId(job_id), state, **more)


def deletion(**changes: Any) -> Deletion:
    """What Anna asked for in C1 and may confirm herself, unless the test says otherwise."""
    usual: dict[str, Any] = {
        "id": DELETION_ID,
        "target": TARGET,
        "job": job(),
        "state": State.AWAITING,
        "requester": ANNA,
        "channel": "C1",
        "confirm_by": ConfirmBy.REQUESTER,
        "asked_at": AT,
    }
    return Deletion(**(usual | changes))


def attempt(number: int = 1, token: str = "claim", **more: Any) -> Attempt:
    return Attempt(number, token, **({"claimed_at": AT, "send_before": AT + seconds(5)} | more))


def reply(
    status: int | None = None,
    code: str | None = None,
    cause: Cause | None = None,
    *,
    operation: Operation = Operation.DELETE,
    **more: Any,
) -> Reply:
    return Reply(operation, AT, status, cause, code, **({"request_id": "req-1"} | more))

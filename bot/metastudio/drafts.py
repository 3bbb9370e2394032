"""The three requests before they are signed. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bot.domain.model import JOB_ID_PATTERN, JobId, Operation, Target

JOBS = "/v1/{project_id}/digital-human-training-manage/user/jobs"
"""The path of List; Show and Delete add the job id. The ``/rest`` in the example on Huawei's page is wrong."""


USER_AGENT = "dh-bot"


PAGE = 100
"""The largest ``limit`` that List takes."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A request before it is signed."""

    operation: Operation
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]


def show_draft(target: Target, job_id: JobId, app_user_id: str | None = None) -> Draft:
    """``GET …/user/jobs/{job_id}``."""
    return Draft(Operation.SHOW, "GET", _job_path(target, job_id), (), _headers(target, app_user_id))


def delete_draft(target: Target, job_id: JobId, app_user_id: str | None = None) -> Draft:
    """``DELETE …/user/jobs/{job_id}``, without query and body."""
    return Draft(Operation.DELETE, "DELETE", _job_path(target, job_id), (), _headers(target, app_user_id))


def find_draft(
    target: Target, *, job_id: str | None, name: str | None, offset: int, limit: int, app_user_id: str | None = None
) -> Draft:
    """``GET …/user/jobs``, newest first: pages shift while jobs are deleted, and people search new jobs more often."""
    query = {
        "job_id": job_id,
        "limit": str(min(max(limit, 1), PAGE)),
        "name": name,
        "offset": str(max(offset, 0)),
        "sort_dir": "desc",
        "sort_key": "create_time",
    }
    pairs = tuple((key, value) for key, value in query.items() if value is not None)
    path = JOBS.format(project_id=target.project_id)
    return Draft(Operation.LIST, "GET", path, pairs, _headers(target, app_user_id))


def _job_path(target: Target, job_id: JobId) -> str:
    """The path of one job. An id with a slash would break the signature, and an empty one would make it a List."""
    if JOB_ID_PATTERN.fullmatch(job_id) is None:
        raise ValueError("not a job id")
    return f"{JOBS.format(project_id=target.project_id)}/{job_id}"


def _headers(target: Target, app_user_id: str | None) -> tuple[tuple[str, str], ...]:
    """The headers to sign, in the order of Huawei's SDK. ``Access.sign`` adds ``X-Sdk-Date`` and the credentials'."""
    app = (("X-App-UserId", app_user_id),) if app_user_id else ()
    return (
        ("User-Agent", USER_AGENT),
        *app,
        ("Content-Type", "application/json"),
        ("X-Project-Id", target.project_id),
    )


def fingerprint(app_user_id: str | None) -> str:
    """A hash of the ``X-App-UserId`` for the ledger, since the id itself may be personal; "" for none."""
    return hashlib.sha256(app_user_id.encode()).hexdigest()[:16] if app_user_id else ""

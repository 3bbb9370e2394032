"""The jobs of the local MetaStudio: their fields, which may be deleted, and how List finds them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.wire.server import Reply

DELETABLE = frozenset({
    "WAIT_FILE_UPLOAD", "AUTO_VERIFY_FAILED", "MANUAL_VERIFYING", "MANUAL_VERIFY_FAILED",
    "TRAINING_DATA_PREPROCESS_FAILED", "TRAIN_FAILED", "INFERENCE_DATA_PREPROCESS_FAILED", "JOB_SUCCESS",
    "WAIT_USER_CONFIRM", "JOB_REJECT", "JOB_FINISH",
})  # fmt: skip
"""The eleven states of Huawei's page of Delete2dModelTrainingJob."""

LISTED = frozenset({
    "job_id", "name", "state", "asset_id", "project_id", "cover_download_url", "last_update_time", "create_time",
    "contact", "batch_name", "tags", "model_version", "matting_type", "model_resolution", "app_user_id",
    "is_flexus", "is_live_copy", "is_fast_flexus", "is_only_human_model", "optional_training_location",
    "is_background_replacement", "is_ondemand_resource",
})  # fmt: skip
"""The fields that List gives (TrainingJobBasicInfo of the SDK); Show gives all."""

_LINKS = (
    "cover", "training_video", "id_card_image1", "id_card_image2", "grant_file", "pre_beauty_image",
    "external_action_json_data", "action_video", "post_beauty_image", "audio_file", "action_mark_file", "mask_file",
    "verify_video", "markable_video", "markable_action_video",
)  # fmt: skip

_TEXT_FILTERS = ("job_id", "batch_name", "model_resolution", "query_project_id")
_BOOL_FILTERS = ("is_flexus", "is_live_copy", "is_ondemand_resource")
_TIME_FILTERS = {
    "create_since": ("create_time", False), "create_until": ("create_time", True),
    "update_since": ("last_update_time", False), "update_until": ("last_update_time", True),
}  # fmt: skip
FILTERS = frozenset(
    {"offset", "limit", "state", "sort_key", "sort_dir", "name", "tag", "train_location"}
    | set(_TEXT_FILTERS) | set(_BOOL_FILTERS) | set(_TIME_FILTERS)
)  # fmt: skip
"""Every query parameter in the documentation of List."""


def new_job_id() -> str:
    """32 lower-case hexadecimal digits, as in the example of Huawei's page. No pattern is documented."""
    return secrets.token_hex(16)


def rfc3339(moment: datetime) -> str:
    """A time as MetaStudio writes it: `2020-07-30T10:43:17Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_job(job_id: str, project_id: str, now: datetime, **fields: Any) -> dict[str, Any]:
    """Make a job with every field that Show documents; `fields` overrides, None leaves a field out.

    It has a telephone number, bearer links and review texts, so that a test can check that none of these leaks.
    """
    yesterday = rfc3339(now - timedelta(days=1))
    job: dict[str, Any] = {
        "job_id": job_id,
        "name": "Anchor Li",
        "state": "JOB_SUCCESS",
        "asset_id": secrets.token_hex(16),
        "project_id": project_id,
        "last_update_time": yesterday,
        "create_time": rfc3339(now - timedelta(days=3)),
        "contact": "13800138000",
        "batch_name": "autumn",
        "tags": ["studio-b"],
        "model_version": "V3.2",
        "matting_type": "AI",
        "model_resolution": "1080P",
        "app_user_id": "customer-4711",
        "is_flexus": False,
        "is_live_copy": False,
        "is_fast_flexus": False,
        "is_only_human_model": False,
        "optional_training_location": ["cn-north-4"],
        "is_background_replacement": True,
        "is_ondemand_resource": False,
        **{f"{name}_download_url": _link(name, job_id) for name in _LINKS},
        "action_mark_file_upload_url": _link("action_mark_file_upload", job_id),
        "operation_logs": [
            {
                "operate_time": yesterday,
                "log_type": "ADMIN_VERIFY_FAILED",
                "log_description": "The ID card of Ms Li is blurred",
                "operate_user": "ADMIN",
                "error_code": "44005901",
                "redo_reasons": ["blurred"],
            }
        ],
        "comment_logs": [
            {
                "operate_time": yesterday,
                "comment_type": "USER_COMMENT",
                "comment_title": "About the photo",
                "comment_message": "Please call me on 13900139000",
                "attachment_download_url": [_link("attachment", job_id)],
            }
        ],
        "samples": [
            {
                "action_name_zh": "挥手",
                "action_name_en": "wave",
                "action_tag": "wave",
                "catalog": "greeting",
                "recommended_value": 1,
                "is_selected": True,
                "sample_download_url": _link("sample", job_id),
            }
        ],
        "verify_video_matting_info": [{"dx": 0, "dy": 0, "width": 1080, "height": 1920, "method": "AI"}],
        "is_mask_file_uploaded": True,
        "worker_type": ["TRAIN"],
        "voice_train_job_id": secrets.token_hex(16),
        "flexus_retry_count": 0,
        "audio_source_type": "TRAINING_VIDEO",
        "supported_service": ["VIDEO_2D", "LIVE_2D"],
        "sub_training_job_info": [
            {
                "job_id": secrets.token_hex(16),
                "sub_job_type": "TRAIN",
                "heart_beat_id": secrets.token_hex(8),
                "state": "SUCCESS",
                "create_time": 1600000000000,
                "last_update_time": 1600000100000,
            }
        ],
        **fields,
    }
    return {name: value for name, value in job.items() if value is not None}


def _link(name: str, job_id: str) -> str:
    return f"https://obs.example.com/{job_id}/{name}?AccessKeyId=LINKKEY&Expires=1&Signature=bearer-{name}"


class BadQuery(ValueError):
    """A query that List refuses with 400."""


def find(jobs: list[dict[str, Any]], query: dict[str, str], ignored: set[str]) -> tuple[int, list[dict[str, Any]]]:
    """List with its filters: how many jobs match, and this page of the matches. `ignored` filters have no effect."""
    unknown = set(query) - FILTERS
    if unknown:
        raise BadQuery(f"unknown parameter {sorted(unknown)}")
    query = {name: value for name, value in query.items() if name not in ignored}
    offset, limit = _number(query.get("offset", "0"), 0, 2**31 - 1), _number(query.get("limit", "10"), 1, 100)
    sort_key, sort_dir = query.get("sort_key", "create_time"), query.get("sort_dir", "asc")
    if sort_key not in ("create_time", "update_time", "asset_order") or sort_dir not in ("asc", "desc"):
        raise BadQuery("sort_key or sort_dir")
    found = [job for job in jobs if _matches(job, query)]
    field = {"create_time": "create_time", "update_time": "last_update_time", "asset_order": "asset_id"}[sort_key]
    found.sort(key=lambda job: str(job.get(field, "")), reverse=sort_dir == "desc")
    page = [{name: value for name, value in job.items() if name in LISTED} for job in found[offset : offset + limit]]
    return len(found), page


def _matches(job: dict[str, Any], query: dict[str, str]) -> bool:
    for name, wanted in query.items():
        if name in _TEXT_FILTERS:
            fits = job.get("project_id" if name == "query_project_id" else name) == wanted
        elif name in _BOOL_FILTERS:
            if wanted not in ("true", "false"):
                raise BadQuery(name)
            fits = job.get(name) is (wanted == "true")
        elif name in _TIME_FILTERS:
            field, until = _TIME_FILTERS[name]
            value = job.get(field, "")
            fits = value <= wanted if until else value >= wanted
        else:
            fits = _matches_other(job, name, wanted)
        if not fits:
            return False
    return True


def _matches_other(job: dict[str, Any], name: str, wanted: str) -> bool:
    match name:
        case "state":
            return job.get("state") in wanted.split(",")
        case "name":
            return wanted in job.get("name", "")
        case "tag":
            return wanted in job.get("tags", [])
        case "train_location":
            return wanted in job.get("optional_training_location", [])
        case _:
            return True


def _number(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise BadQuery(f"{text!r} is not between {low} and {high}")
    return int(text)


@dataclass(slots=True, eq=False)
class Seen:
    """One request as it arrived, and its answer. `denied` is None if the gate let the request through."""

    number: int
    operation: str
    method: str
    target: str
    headers: list[tuple[str, str]]
    at: datetime
    request_id: str
    job_id: str | None = None
    denied: str | None = None
    had_effect: bool = False
    status: int | None = None
    """The status of the answer; None before the answer, and if the answer was not HTTP."""
    reply: Reply | None = None
    """The whole answer as it was sent; None before the answer. Its `wire` says how much of it arrived."""
    fault: bool = False

    def header(self, name: str) -> str | None:
        """One header's value."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

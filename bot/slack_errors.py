"""What slack_sdk raises, told apart once for all who call Slack."""

from __future__ import annotations

import re
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError

CUT_OFF = (SlackClientError, OSError, HTTPException, ValueError)
"""What slack_sdk raises when no whole answer came: the call may have had its effect all the same.

``SlackApiError`` is one of them, so it has to be caught first.
"""

WITHOUT_RETRY_AFTER = 30.0
LONGEST_RETRY_AFTER = 3600.0
"""Seconds; what asks for more, or for no number at all, was not written by Slack."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


def error_code(response: Any) -> str:
    """Slack's error code. Where the body was no JSON slack_sdk puts all of it there, so only a code's form passes."""
    found = response.get("error") if isinstance(response.data, dict) else None
    if isinstance(found, str) and _CODE.fullmatch(found):
        return found
    return f"http_{response.status_code}"


def is_passing(error: SlackApiError) -> bool:
    """Whether Slack is throttling or unwell, rather than refusing."""
    response = error.response
    throttled = response.status_code == HTTPStatus.TOO_MANY_REQUESTS or error_code(response) == "ratelimited"
    return throttled or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or error_code(response)[:5] == "http_"


def retry_after(headers: Any) -> float:
    """How many seconds Slack asks to be left alone for, by the headers of a 429."""
    found = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    try:
        seconds = float(found[0] if isinstance(found, list) else found)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return WITHOUT_RETRY_AFTER
    return seconds if 0 <= seconds <= LONGEST_RETRY_AFTER else WITHOUT_RETRY_AFTER

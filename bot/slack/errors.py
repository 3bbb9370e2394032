"""What slack_sdk raises, told apart once for all who call Slack."""

from __future__ import annotations

import re
import socket
import ssl
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.domain.model import Cause

CUT_OFF = (SlackClientError, OSError, HTTPException, ValueError, AttributeError)
"""What slack_sdk raises when no whole answer came: the call may have had its effect all the same.

``AttributeError`` is what it makes of a 200 whose JSON is no object, such as "ok" or a list, from something in between.
``SlackApiError`` is one of them, so it has to be caught first.
"""

CAUSES = (
    (ConnectionRefusedError, Cause.CONNECTION_REFUSED),
    (socket.gaierror, Cause.NO_ADDRESS),
    (ssl.SSLCertVerificationError, Cause.BAD_CERTIFICATE),
    (TimeoutError, Cause.TIMED_OUT),
)
"""What urllib raises, in the bot's words; anything else is called by the name of its class."""

WITHOUT_RETRY_AFTER = 30.0
LONGEST_RETRY_AFTER = 3600.0
"""Seconds; what asks for more, or for no number at all, was not written by Slack."""

MISSING_SCOPE = "missing_scope"
"""It stays until somebody changes the Slack app, so it is logged when it begins and not at every call."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Troubles:
    """Which methods of Slack are in a trouble that lasts."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def begins(self, method: str, code: str) -> bool:
        """Note the trouble; whether the method was not in it before."""
        is_new = self._known.get(method) != code
        self._known[method] = code
        return is_new

    def end(self, method: str) -> None:
        """Slack has carried out a call of this method."""
        self._known.pop(method, None)


def error_code(response: Any) -> str:
    """Slack's error code. Where the body was no JSON slack_sdk puts all of it there, so only a code's form passes."""
    found = response.get("error") if isinstance(response.data, dict) else None
    if isinstance(found, str) and _CODE.fullmatch(found):
        return found
    return f"http_{response.status_code}"


def _origin(error: Exception) -> Exception:
    """What lies behind urllib's error."""
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, Exception) else error


def cause_of(error: Exception) -> str:
    """Why no whole answer came, without the error's own text, which may quote an address."""
    origin = _origin(error)
    # http.client says it in no other way: a CONNECT that the proxy did not answer with 200.
    if isinstance(origin, OSError) and str(origin).startswith("Tunnel connection failed"):
        return Cause.PROXY_REFUSED.value
    return next((cause.value for kind, cause in CAUSES if isinstance(origin, kind)), type(origin).__name__)


def remedy(error: Exception) -> str:
    """What to do where Slack cannot be reached."""
    if isinstance(_origin(error), ssl.SSLCertVerificationError):
        return "Where a proxy reads TLS, CA_BUNDLE has to name its certificate."
    return "Check the network and HTTPS_PROXY."


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

"""The errors of slack_sdk, classified once for every caller of Slack."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.domain.model import Cause

CUT_OFF = (SlackClientError, OSError, HTTPException, ValueError, AttributeError)
"""Raised by slack_sdk when no whole answer came. The call may have had its effect all the same.

slack_sdk raises ``AttributeError`` for a 200 whose JSON is no object, such as "ok" or a list, from a proxy. A
``SlackApiError`` is a ``SlackClientError``, so it has to be caught first.
"""

CAUSES = (
    (ConnectionRefusedError, Cause.CONNECTION_REFUSED),
    (socket.gaierror, Cause.NO_ADDRESS),
    (ssl.SSLCertVerificationError, Cause.BAD_CERTIFICATE),
    (TimeoutError, Cause.TIMED_OUT),
    (ConnectionError, Cause.CUT),  # before HTTPException: http.client's RemoteDisconnected is both
    (IncompleteRead, Cause.CUT),
    (ssl.SSLEOFError, Cause.CUT),
    (ssl.SSLError, Cause.NONSENSE),
    (HTTPException, Cause.NONSENSE),
)
"""The causes of urllib's errors, in the words for MetaStudio's; any other error is named by its class."""
NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})

WITHOUT_RETRY_AFTER = 30.0
LONGEST_RETRY_AFTER = 3600.0
"""Seconds. Slack asks for no more; a longer or unreadable value comes from something else."""

MISSING_SCOPE = "missing_scope"
"""It lasts until somebody changes the Slack app, so it is logged once per method and not at every call."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Troubles:
    """Slack's methods that fail with a lasting error."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def begins(self, method: str, code: str) -> bool:
        """Note the error; whether it is new for this method."""
        is_new = self._known.get(method) != code
        self._known[method] = code
        return is_new

    def end(self, method: str) -> None:
        """Slack has carried out a call of this method."""
        self._known.pop(method, None)


def error_code(response: Any) -> str:
    """Slack's error code. For a body that is no JSON slack_sdk puts the whole body there, so the form is checked."""
    found = response.get("error") if isinstance(response.data, dict) else None
    if isinstance(found, str) and _CODE.fullmatch(found):
        return found
    return f"http_{response.status_code}"


def _origin(error: Exception) -> Exception:
    """The error that urllib wraps."""
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, Exception) else error


def cause_of(error: Exception) -> str:
    """Why no whole answer came, without the error's own text, which may quote an address."""
    origin = _origin(error)
    # How http.client reports a CONNECT that the proxy did not answer with 200.
    if isinstance(origin, OSError) and str(origin).startswith("Tunnel connection failed"):
        return Cause.PROXY_REFUSED.value
    if isinstance(origin, OSError) and origin.errno in NO_ROUTE:
        return "there is no route to it"
    other = "the answer was not Slack's" if isinstance(origin, ValueError | AttributeError) else type(origin).__name__
    return next((cause.value for kind, cause in CAUSES if isinstance(origin, kind)), other)


def remedy(error: Exception) -> str:
    """What to do where Slack cannot be reached."""
    if isinstance(_origin(error), ssl.SSLCertVerificationError):
        return "Where a proxy reads TLS, CA_BUNDLE has to name its certificate."
    return "Check the network and HTTPS_PROXY."


def is_passing(error: SlackApiError) -> bool:
    """Whether the error is transient: a rate limit or a failure of Slack, rather than a refusal."""
    response = error.response
    throttled = response.status_code == HTTPStatus.TOO_MANY_REQUESTS or error_code(response) == "ratelimited"
    return throttled or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or error_code(response)[:5] == "http_"


def retry_after(headers: Any) -> float:
    """For how many seconds Slack rate-limits us, by the headers of a 429."""
    found = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    try:
        seconds = float(found[0] if isinstance(found, list) else found)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return WITHOUT_RETRY_AFTER
    return seconds if 0 <= seconds <= LONGEST_RETRY_AFTER else WITHOUT_RETRY_AFTER

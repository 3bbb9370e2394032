"""Acks for listeners that raise. Without one, Slack shows its own error, and the person learns nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Listener = Callable[[Callable[..., Any], Mapping[str, Any]], None]


def answered(listener: Listener, apology: Callable[[Callable[..., Any]], None]) -> Listener:
    """The listener, with ``apology`` as its ack if it raises. Work that it has submitted answers by itself."""

    @wraps(listener)
    def wrapped(ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
        try:
            listener(ack, body)
        except Exception:
            log.exception("listener_failed")
            apology(ack)

    return wrapped

"""A listener that raises would be no ack at all. Wrapped, it acks that nothing was deleted; the log says the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Listener = Callable[[Callable[..., Any], Mapping[str, Any]], None]


def answered(listener: Listener, apology: Callable[[Callable[..., Any]], None]) -> Listener:
    """The listener, with every exception turned into an ack. What it submitted answers for itself."""

    @wraps(listener)
    def wrapped(ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
        try:
            listener(ack, body)
        except Exception:
            log.exception("listener_failed")
            apology(ack)

    return wrapped

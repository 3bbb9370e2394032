"""Whether this process takes new work, and if not, why.

While a reason is present, every command and click is refused with its sentence, no claim is won, and the process is not
ready. Work in flight is still recorded and its outcome posted. ``bot.ops.readiness`` compares the ledger's file and
PostgreSQL's clock; ``bot.slack.socket_mode`` counts the connections of the Slack app. Both close and open this gate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from bot.domain.refusals import STOPS_WORK, Reason, Refused

log = structlog.get_logger(__name__)


class Admission:
    """The gate. Safe to use from any thread; reading it takes no lock."""

    def __init__(self) -> None:
        self.on_change: Callable[[tuple[Reason, ...]], None] = lambda _: None
        """Called with the present reasons after each change."""
        self._current: dict[Reason, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def close(self, reason: Reason, **facts: float) -> None:
        """Refuse new work for this reason. ``facts`` are for its sentence and the log."""
        notice = STOPS_WORK[reason]
        if self._change(reason, facts):
            known = {"count": None, "seconds": None} | facts
            log.error(
                "no_new_work",
                why=reason.value,
                notice=notice,
                count=known["count"],
                seconds=known["seconds"],
            )

    def open(self, reason: Reason) -> None:
        """Remove this reason."""
        if self._change(reason, None):
            log.info("new_work_again", why=reason.value)

    def _change(self, reason: Reason, facts: Mapping[str, Any] | None) -> bool:
        """Set or remove a reason; whether that changed anything but its facts."""
        with self._lock:
            changed = {**self._current, reason: facts}
            # Replaced as a whole, so that readers need no lock.
            before, self._current = (
                self._current,
                {known: current for known in STOPS_WORK if (current := changed.get(known)) is not None},
            )
            is_changed = before.keys() != self._current.keys()
            if is_changed:
                self.on_change(self.reasons())
        return is_changed

    def reasons(self) -> tuple[Reason, ...]:
        """The present reasons, the gravest first."""
        return tuple(self._current)

    def refusal(self) -> Refused | None:
        """The refusal for every command, click and claim; None while new work is taken."""
        return next((Refused(reason, dict(facts)) for reason, facts in self._current.items()), None)

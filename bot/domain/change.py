"""A change of a deletion as a value: what one transaction writes, and what Slack is owed for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.events import Event
from bot.domain.lifecycle import Step
from bot.domain.model import Attempt
from bot.domain.notifications import Notification


@dataclass(frozen=True, slots=True)
class Change:
    """The arguments of ``Deletions.change``, which says what each means. All of it is written, or nothing.

    A use-case decides by returning one; ``bot.deletion.apply`` carries it out.
    """

    step: Step | None
    values: Mapping[str, Any]
    events: tuple[Event, ...] = ()
    notifications: tuple[Notification, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    before_deadline: datetime | None = None
    attempt: Attempt | None = None
    answers: str | None = None
    """The pending request whose person needs no further answer once this is written."""

"""Queries for people: for the subcommands, the App Home and the metrics. No decision rests on them.

Only this target's deletions are shown, because the same job id in another project is another job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select

from bot.audit.chain import utc_text
from bot.domain.events import Kind, is_typing_error
from bot.domain.model import OPEN_STATES, Deletion, State, Target
from bot.ledger import breaker
from bot.ledger import deletions as deletion_rows
from bot.ledger.database import dialects
from bot.ledger.processes import LIVES
from bot.ledger.schema.tables import (
    deletions,
    events,
    in_states,
    is_deleted,
    is_open,
    outbox,
    owners,
    pending_requests,
)
from bot.ledger.trail import rows
from bot.ledger.transactions import Transactions

MOST_COUNTED = 50_000
"""Newest events among which the typing errors of a day are counted."""

_c = deletions.c
_OURS = and_(_c.endpoint == bindparam("endpoint"), _c.project_id == bindparam("project_id"))
_HISTORY = select(deletions).where(_OURS).order_by(_c.asked_at.desc(), _c.id).limit(bindparam("most"))
_OPEN = select(deletions).where(_OURS, is_open).order_by(_c.asked_at, _c.id).limit(bindparam("most"))
_OPEN_ELSEWHERE = select(func.count()).where(is_open, ~_OURS)
_BY_STATE = select(_c.state, func.count()).group_by(_c.state)
_DELETED = select(deletions).where(_OURS, is_deleted).order_by(_c.ended_at.desc()).limit(bindparam("most"))
# For the tally, which is read often: each uses an index or a short table.
_OPEN_BY_STATE = select(_c.state, func.count()).where(is_open).group_by(_c.state)
_OLDEST_UNKNOWN = select(func.min(_c.unknown_since)).where(is_open, in_states(State.UNKNOWN))
_OUTBOX = select(func.count(), func.min(outbox.c.written_at))
_OWED = select(func.count()).select_from(pending_requests)
_REFUSED_SINCE = select(events).where(
    # ``at`` has no index, so the number bounds how much is read.
    events.c.number > select(func.max(events.c.number)).scalar_subquery() - MOST_COUNTED,
    events.c.kind == Kind.REFUSED.value,
    events.c.at >= bindparam("since"),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """The unfinished work in the ledger. ``open`` has every open state, also those with no deletion in them."""

    open: Mapping[State, int]
    oldest_unknown: datetime | None
    undelivered: int
    oldest_undelivered: datetime | None
    owed: int
    breaker_is_open: bool


def history(job: str | None, channel: str | None, before: Deletion | None) -> Select[Any]:
    """The query for one page. Ids break ties of ``asked_at``, so that no page repeats or misses a deletion."""
    query = _HISTORY
    if job is not None:
        query = query.where(_c.job_id == job)
    if channel is not None:
        query = query.where(_c.channel == channel)
    if before is not None:
        is_older = or_(_c.asked_at < before.asked_at, _c.id > before.id)
        query = query.where(_c.asked_at <= before.asked_at, is_older)
    return query


class Overview:
    """See ``bot.domain.ledger_port.Overview``."""

    def __init__(self, run: Transactions, target: Target) -> None:
        self._run = run
        self._target = target
        self._key = {"endpoint": target.endpoint, "project_id": target.project_id}

    def history(
        self, *, job: str | None = None, channel: str | None = None, before: Deletion | None = None, limit: int = 20
    ) -> Sequence[Deletion]:
        """See the port."""
        return self._many(history(job, channel, before), {**self._key, "most": limit})

    def open(self, *, limit: int) -> Sequence[Deletion]:
        """See the port. Those that expire first come first."""
        return self._many(_OPEN, {**self._key, "most": limit})

    def deleted(self, *, limit: int) -> Sequence[Deletion]:
        """See the port."""
        return self._many(_DELETED, {**self._key, "most": limit})

    def open_elsewhere(self) -> int:
        """How many open deletions belong to another project or endpoint. This bot cannot settle them."""
        return self._run.read(lambda connection: connection.execute(_OPEN_ELSEWHERE, self._key).scalar_one())

    def counts(self) -> Mapping[State, int]:
        """How many deletions there are in each state, in all projects. States without deletions are left out."""
        by_state = self._run.read(lambda connection: connection.execute(_BY_STATE).all())
        return {State(state): number for state, number in by_state}

    def breaker_opened_at(self, fingerprint: str) -> datetime | None:
        """Since when the breaker is open for these credentials, or None. Asking does not use up the trial."""
        return self._run.read(lambda connection: self._opened_at(connection, fingerprint))

    def typing_errors(self, since: datetime) -> int:
        """See the port."""

        def work(connection: Connection) -> int:
            refused = rows.recorded(connection.execute(_REFUSED_SINCE, {"since": utc_text(since)}))
            return sum(is_typing_error(one.event) for one in refused)

        return self._run.read(work)

    def tally(self, fingerprint: str) -> Tally:
        """How much is open and owed, and whether the breaker is open for these credentials."""

        def work(connection: Connection) -> Tally:
            by_state = {State(state): number for state, number in connection.execute(_OPEN_BY_STATE)}
            undelivered, oldest_undelivered = connection.execute(_OUTBOX).one()
            return Tally(
                open=dict.fromkeys(OPEN_STATES, 0) | by_state,
                oldest_unknown=connection.execute(_OLDEST_UNKNOWN).scalar(),
                undelivered=undelivered,
                oldest_undelivered=oldest_undelivered,
                owed=connection.execute(_OWED).scalar_one(),
                breaker_is_open=self._opened_at(connection, fingerprint) is not None,
            )

        return self._run.read(work)

    def _opened_at(self, connection: Connection, fingerprint: str) -> datetime | None:
        found = breaker.current(connection, self._target)
        return found.opened_at if found is not None and found.fingerprint == fingerprint else None

    def others_live(self, instance: str) -> bool:
        """Whether another live process shares the ledger and has not left; see ``Store.leave``."""

        def work(connection: Connection) -> bool:
            # By PostgreSQL's clock, because the processes write its time. A SQLite ledger is never shared.
            now = dialects.database_now(connection)
            if now is None:
                return False
            lives = select(owners.c.owner).where(owners.c.owner != instance, owners.c.seen_at > now - LIVES).limit(1)
            return connection.execute(lives).first() is not None

        return self._run.read(work)

    def _many(self, query: Any, wanted: dict[str, Any]) -> Sequence[Deletion]:
        def work(connection: Connection) -> Sequence[Deletion]:
            return deletion_rows.many(connection, connection.execute(query, wanted).all())

        return self._run.read(work)

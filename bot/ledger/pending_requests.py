"""Pending requests: each is a user who is owed an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, Update, and_, bindparam, delete, insert, or_, update

from bot.domain.events import Event
from bot.domain.notifications import PendingRequest
from bot.ledger import leases, served
from bot.ledger.database import dialects
from bot.ledger.schema.mapping import pending_columns, pending_from
from bot.ledger.schema.tables import UtcText, pending_requests
from bot.ledger.trail import rows
from bot.ledger.transactions import Transactions

ABANDONED_AFTER = timedelta(minutes=6)
"""On a shared database, the process of a request this old is gone. A live one takes up to two minutes for the job, and
over three for a card that Slack throttles."""
LEASED_FOR = timedelta(seconds=60)

_c = pending_requests.c

_NOTE = insert(pending_requests)
_LATER = (
    update(pending_requests)
    .where(_c.id == bindparam("wanted"))
    .values(lease_until=bindparam("until", type_=_c.lease_until.type))
)
_DONE = delete(pending_requests).where(_c.id == bindparam("wanted"))


@lru_cache(maxsize=2)
def _lease(is_exclusive: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    is_others = _c.owner != bindparam("me")
    is_abandoned = is_others if is_exclusive else and_(is_others, _c.since <= bindparam("abandoned", type_=UtcText))
    return leases.take(pending_requests, or_(is_abandoned, _c.text.is_not(None)), order=_c.since)


def remove(connection: Connection, pending_id: str) -> bool:
    """Remove a request whose person has their answer; False if it is not there any more."""
    return connection.execute(_DONE, {"wanted": pending_id}).rowcount == 1


class PendingRequests:
    """See ``bot.domain.ledger_port.PendingRequests``."""

    def __init__(self, run: Transactions) -> None:
        self._run = run

    def note(self, pending: PendingRequest, *events: Event) -> bool:
        """See the port."""

        def work(connection: Connection) -> bool:
            if not served.is_first(connection, pending.request, pending.since):
                return False
            connection.execute(_NOTE, pending_columns(pending, self._run.instance))
            rows.append(connection, events)
            return True

        return self._run.write("note_request", work)

    def keep_answer(
        self, pending: PendingRequest, text: str, *events: Event, not_before: datetime | None = None
    ) -> None:
        """See the port. Until ``not_before`` the answer counts as leased."""

        def work(connection: Connection) -> None:
            served.is_first(connection, pending.request, pending.since)
            columns = pending_columns(replace(pending, text=text), self._run.instance)
            dialects.upsert(connection, pending_requests, columns | {"lease_until": not_before})
            rows.append(connection, events)

        self._run.write("keep_answer", work)

    def answer_later(self, pending_id: str, not_before: datetime) -> None:
        """See the port."""
        parameters = {"wanted": pending_id, "until": not_before}
        self._run.write("answer_later", lambda connection: connection.execute(_LATER, parameters))

    def answered(self, pending_id: str, *events: Event) -> None:
        """See the port. Writes nothing where a change of this process has answered it, and there are no events."""
        is_done = pending_id in self._run.answered
        self._run.answered.discard(pending_id)
        if is_done and not events:
            return

        def work(connection: Connection) -> None:
            remove(connection, pending_id)
            rows.append(connection, events)

        self._run.write("answered", work)

    def lease(self, now: datetime, *, limit: int = 20) -> Sequence[PendingRequest]:
        """See the port. The lease is for a minute.

        As this is called every two seconds, it also removes served requests that are too old to be repeated.
        """
        is_exclusive = self._run.is_exclusive
        parameters = leases.parameters(now, LEASED_FOR, self._run.instance, limit)
        if not is_exclusive:
            parameters["abandoned"] = now - ABANDONED_AFTER

        def work(connection: Connection) -> list[PendingRequest]:
            served.forget(connection, now)
            found = connection.execute(_lease(is_exclusive), parameters).all()
            return sorted((pending_from(row) for row in found), key=lambda waiting: waiting.since)

        return self._run.lease("lease_answers", now, work, [])

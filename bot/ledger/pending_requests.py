"""The statements about pending requests and served requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, Update, and_, bindparam, delete, insert, or_, select, update

from bot.domain.notifications import PendingRequest
from bot.ledger import leases
from bot.ledger.database import dialects
from bot.ledger.schema.mapping import pending_columns, pending_from
from bot.ledger.schema.tables import UtcText, pending_requests, served_requests

ABANDONED_AFTER = timedelta(minutes=6)
"""On a shared database, the process of a request this old is gone. A live one takes up to two minutes for the job, and
over three for a card that Slack throttles."""
LEASED_FOR = timedelta(seconds=60)
SERVED_FOR = timedelta(minutes=10)
"""How long a served request is kept. Slack's signature is valid while its time is within five minutes of ours, in both
directions. So if Slack's clock is five minutes ahead, the same bytes are accepted for ten minutes."""

_c = pending_requests.c

_NOTE = insert(pending_requests)
_LATER = (
    update(pending_requests)
    .where(_c.id == bindparam("wanted"))
    .values(lease_until=bindparam("until", type_=_c.lease_until.type))
)
_DONE = delete(pending_requests).where(_c.id == bindparam("wanted"))
_FORGET = delete(served_requests).where(
    # Replicas do this at the same time, so none waits for a row that another one is removing.
    served_requests.c.digest.in_(
        select(served_requests.c.digest)
        .where(served_requests.c.at < bindparam("old", type_=UtcText))
        .with_for_update(skip_locked=True)
    )
)


def is_first(connection: Connection, request: str | None, at: datetime) -> bool:
    """Record that this request is served; False if it was served before. None is a request that cannot be repeated.

    If two transactions record the same request at once, the second waits here for the end of the first.
    """
    return request is None or dialects.insert_new(connection, served_requests, {"digest": request, "at": at})


def forget_served(connection: Connection, now: datetime) -> None:
    """Remove the requests that are too old to be accepted again."""
    connection.execute(_FORGET, {"old": now - SERVED_FOR})


def note(connection: Connection, waiting: PendingRequest, instance: str) -> None:
    """Insert a request that this process is to answer."""
    connection.execute(_NOTE, pending_columns(waiting, instance))


def keep(
    connection: Connection, waiting: PendingRequest, text: str, instance: str, not_before: datetime | None
) -> None:
    """Store an answer that is still to be sent. Until ``not_before`` it counts as leased."""
    columns = pending_columns(replace(waiting, text=text), instance)
    dialects.upsert(connection, pending_requests, columns | {"lease_until": not_before})


def later(connection: Connection, pending_id: str, not_before: datetime) -> None:
    """Let no process retry it before then."""
    connection.execute(_LATER, {"wanted": pending_id, "until": not_before})


def done(connection: Connection, pending_id: str) -> None:
    """Remove an answered request."""
    connection.execute(_DONE, {"wanted": pending_id})


@lru_cache(maxsize=2)
def _lease(is_exclusive: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    is_others = _c.owner != bindparam("me")
    is_abandoned = is_others if is_exclusive else and_(is_others, _c.since <= bindparam("abandoned", type_=UtcText))
    return leases.take(pending_requests, or_(is_abandoned, _c.text.is_not(None)), order=_c.since)


def lease(
    connection: Connection, now: datetime, *, limit: int, instance: str, is_exclusive: bool
) -> list[PendingRequest]:
    """Lease the requests that no process is about to answer, oldest first."""
    parameters = leases.parameters(now, LEASED_FOR, instance, limit)
    if not is_exclusive:
        parameters["abandoned"] = now - ABANDONED_AFTER
    rows = connection.execute(_lease(is_exclusive), parameters).all()
    return sorted((pending_from(row) for row in rows), key=lambda waiting: waiting.since)

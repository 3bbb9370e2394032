"""The statements about open answers, about which requests were served, and about which processes live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, Update, and_, bindparam, delete, insert, or_, select, update

from bot.domain.notifications import PendingRequest
from bot.ledger import leases
from bot.ledger.database import dialects
from bot.ledger.schema.mapping import pending_columns, pending_from
from bot.ledger.schema.tables import UtcText, owners, pending_requests, served_requests

ABANDONED_AFTER = timedelta(minutes=6)
"""Where others share the database, nobody takes longer than that for an answer and lives: up to two minutes for the
job, and over three for a card that Slack throttles."""
LEASED_FOR = timedelta(seconds=60)
LIVES = timedelta(seconds=20)
"""Each process that shares a PostgreSQL ledger writes every five seconds that it lives."""
FORGOTTEN_AFTER = timedelta(days=1)
SERVED_FOR = timedelta(minutes=10)
"""For so long a request is remembered. Slack's signature holds while its time is within five minutes of ours, on either
side: where Slack's clock is five minutes ahead of ours, the same bytes are accepted for ten minutes."""

_c = pending_requests.c

_NOTE = insert(pending_requests)
_LATER = (
    update(pending_requests)
    .where(_c.id == bindparam("wanted"))
    .values(lease_until=bindparam("until", type_=_c.lease_until.type))
)
_DONE = delete(pending_requests).where(_c.id == bindparam("wanted"))
_FORGET = delete(served_requests).where(
    # Replicas do this at the same time: none waits for a row that another one is just removing.
    served_requests.c.digest.in_(
        select(served_requests.c.digest)
        .where(served_requests.c.at < bindparam("old", type_=UtcText))
        .with_for_update(skip_locked=True)
    )
)


def is_first(connection: Connection, request: str | None, at: datetime) -> bool:
    """Remember that this request is served; False when it was before. None is no request that could come again.

    Of two transactions that come with the same one at once, the second waits here for the end of the first.
    """
    return request is None or dialects.insert_new(connection, served_requests, {"digest": request, "at": at})


def forget_served(connection: Connection, now: datetime) -> None:
    """Remove what cannot come again."""
    connection.execute(_FORGET, {"old": now - SERVED_FOR})


def note(connection: Connection, waiting: PendingRequest, instance: str) -> None:
    """Somebody waits for an answer of this process."""
    connection.execute(_NOTE, pending_columns(waiting, instance))


def keep(
    connection: Connection, waiting: PendingRequest, text: str, instance: str, not_before: datetime | None
) -> None:
    """The answer is known and still has to be given. Until ``not_before`` it is as good as leased."""
    columns = pending_columns(replace(waiting, text=text), instance)
    dialects.upsert(connection, pending_requests, columns | {"lease_until": not_before})


def later(connection: Connection, pending_id: str, not_before: datetime) -> None:
    """Nobody takes it up again before then."""
    connection.execute(_LATER, {"wanted": pending_id, "until": not_before})


def done(connection: Connection, pending_id: str) -> None:
    """Nobody waits any more."""
    connection.execute(_DONE, {"wanted": pending_id})


@lru_cache(maxsize=2)
def _lease(is_exclusive: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    is_others = _c.owner != bindparam("me")
    is_abandoned = is_others if is_exclusive else and_(is_others, _c.since <= bindparam("abandoned", type_=UtcText))
    return leases.take(pending_requests, or_(is_abandoned, _c.text.is_not(None)), order=_c.since)


def lease(
    connection: Connection, now: datetime, *, limit: int, instance: str, is_exclusive: bool
) -> list[PendingRequest]:
    """Take the answers that nobody is about to give, oldest first."""
    parameters = leases.parameters(now, LEASED_FOR, instance, limit)
    if not is_exclusive:
        parameters["abandoned"] = now - ABANDONED_AFTER
    rows = connection.execute(_lease(is_exclusive), parameters).all()
    return sorted((pending_from(row) for row in rows), key=lambda waiting: waiting.since)


def seen(
    connection: Connection, instance: str, now: datetime, is_leaving: Callable[[], bool] = lambda: False
) -> datetime | None:
    """This process lives, unless it is leaving. Being a real write, it also shows that the ledger can be written.

    Counted by the database's clock, where it has one, which is returned: that of one replica may be off.
    """
    theirs = dialects.database_now(connection)
    at = theirs or now
    dialects.upsert(connection, owners, {"owner": instance, "seen_at": at})
    # Asked while the row is locked: another thread that says so from now on waits for this one, and then removes it.
    if is_leaving():
        connection.execute(delete(owners).where(owners.c.owner == instance))
    connection.execute(delete(owners).where(owners.c.seen_at < at - FORGOTTEN_AFTER))
    return theirs

"""Served requests: one that is sent a second time is recognised by its row."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select

from bot.ledger.database import dialects
from bot.ledger.schema.tables import UtcText, served_requests

SERVED_FOR = timedelta(minutes=10)
"""How long a served request is kept. Slack's signature is valid while its time is within five minutes of ours, in both
directions. So if Slack's clock is five minutes ahead, the same bytes are accepted for ten minutes."""

_c = served_requests.c
_FORGET = delete(served_requests).where(
    # Replicas do this at the same time, so none waits for a row that another one is removing.
    _c.digest.in_(select(_c.digest).where(_c.at < bindparam("old", type_=UtcText)).with_for_update(skip_locked=True))
)


def is_first(connection: Connection, request: str | None, at: datetime) -> bool:
    """Record that this request is served; False if it was served before. None is a request that cannot be repeated.

    If two transactions record the same request at once, the second waits here for the end of the first.
    """
    return request is None or dialects.insert_new(connection, served_requests, {"digest": request, "at": at})


def forget(connection: Connection, now: datetime) -> None:
    """Remove the requests that are too old to be accepted again."""
    connection.execute(_FORGET, {"old": now - SERVED_FOR})

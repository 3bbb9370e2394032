"""What the ledger promises about deletions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain import outcomes
from bot.domain.events import Kind
from bot.domain.ledger_port import DueWork
from bot.domain.lifecycle import Step, sources
from bot.domain.model import Actor, Cause, ConfirmBy, Deletion, State, Target
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, attempt, deletion, event, tell
from tests.support.values import ANNA, BEN, TARGET


def put(ledger: Store, number: int = 1, **changes: Any) -> Deletion:
    made = deletion(number, **changes)
    assert ledger.deletions.propose(made, event(Kind.PROPOSED, number), max_open=200) is None
    return made


def claim(ledger: Store, made: Deletion, token: str = "token", *, takeover: float = 60) -> Deletion | None:
    values = {
        "confirmer": BEN,
        "confirmed_at": NOON,
        "claim_token": token,
        "send_before": after(5),
        "takeover_at": after(takeover),
    }
    return ledger.deletions.change(
        made.id,
        Step.CLAIM,
        values,
        event(Kind.CLAIMED),
        where={"claim_token": None},
        before_deadline=NOON,
        attempt=attempt(1, token),
    )


class TestPropose:
    def test_comes_back_as_it_was_given(self, ledger: Store) -> None:
        """Every field of a deletion is kept, the snapshot of the job included, to the microsecond and the umlaut."""
        full = deletion(
            confirm_by=ConfirmBy.SECOND_PERSON,
            message_ts="1700000000.000100",
            confirmer=BEN,
            confirmed_at=after(1),
            claim_token="t",
            send_before=after(2),
            takeover_at=after(3),
            ended_at=after(4),
            ended_why="x",
            ended_by=Actor("U3", "T3"),
            unknown_since=after(5),
            answered_5xx=True,
            reads_agreeing=3,
            reads_first_at=after(6),
            reads_last="gone",
            read_due_at=after(7),
            verified_at=after(8),
            reminded=True,
        )
        assert ledger.deletions.propose(full, max_open=200) is None
        assert ledger.deletions.get(full.id) == full

    def test_unknown_id(self, ledger: Store) -> None:
        """An id that is not there gives None."""
        assert ledger.deletions.get(deletion().id) is None

    def test_odd_characters_cost_nothing(self, ledger: Store) -> None:
        """NUL and half surrogates, which no database takes, become U+FFFD instead of an error."""
        put(ledger, reason="a\0b\ud800c 🤖")
        found = ledger.deletions.get(deletion().id)
        assert found is not None
        assert found.reason == "a\ufffdb\ufffdc 🤖"

    @pytest.mark.parametrize("state", [State.AWAITING, State.DELETING, State.UNKNOWN])
    def test_one_open_deletion_per_job(self, ledger: Store, state: State) -> None:
        """While one is open, the second asker gets it back and nothing is written."""
        first = put(ledger, 1, job="same", state=state)
        head = ledger.trail.head()
        assert ledger.deletions.propose(deletion(2, job="same"), event(), max_open=200) == first
        assert ledger.deletions.get(deletion(2).id) is None
        assert ledger.trail.head() == head

    @pytest.mark.parametrize("state", [State.DELETED, State.FAILED, State.REFUSED, State.CANCELLED, State.EXPIRED])
    def test_ended_ones_are_not_in_the_way(self, ledger: Store, state: State) -> None:
        """A job whose deletions have all ended may be asked for again."""
        put(ledger, 1, job="same", state=state)
        put(ledger, 2, job="same")

    def test_another_target_is_another_job(self, ledger: Store) -> None:
        """The same job id in another project or at another endpoint is another job."""
        put(ledger, 1, job="same")
        put(ledger, 2, job="same", target=replace(TARGET, project_id="elsewhere"))
        put(ledger, 3, job="same", target=replace(TARGET, endpoint="https://other.example"))

    def test_refused_ones_are_only_kept(self, ledger: Store) -> None:
        """A deletion refused from the start needs no room and no uniqueness."""
        put(ledger, 1, job="same")
        for number in (2, 3):
            refused = deletion(number, job="same", state=State.REFUSED)
            assert ledger.deletions.propose(refused, event(Kind.NOT_OFFERED), max_open=1) is None
            assert ledger.deletions.get(refused.id) == refused

    def test_no_more_than_the_most(self, ledger: Store) -> None:
        """With the most allowed open, the answer is their number and nothing is written; ended ones do not count."""
        put(ledger, 1)
        put(ledger, 2, state=State.UNKNOWN)
        put(ledger, 3, state=State.DELETED)
        assert ledger.deletions.propose(deletion(4), event(), max_open=2) == 2
        assert ledger.deletions.get(deletion(4).id) is None
        assert ledger.trail.head()[0] == 3
        assert ledger.deletions.propose(deletion(4), event(), max_open=3) is None

    def test_the_one_in_the_way_comes_before_the_most(self, ledger: Store) -> None:
        """Who asks for a job that is open already is shown it, even when no more would fit."""
        first = put(ledger, 1, job="same")
        assert ledger.deletions.propose(deletion(2, job="same"), max_open=1) == first


class TestChange:
    @pytest.mark.parametrize("step", [step for step in Step if State.NEW not in sources(step)], ids=lambda s: s.value)
    @pytest.mark.parametrize("state", [state for state in State if state is not State.NEW], ids=lambda s: s.value)
    def test_steps_leave_their_sources_only(self, sqlite: Backend, step: Step, state: State) -> None:
        """A step moves a row exactly when the table of lifecycle.py has that edge."""
        ledger = sqlite.open()
        made = put(ledger, state=state)
        changed = ledger.deletions.change(made.id, step, {}, event())
        assert (changed is not None) == (state in sources(step))
        assert ledger.trail.head()[0] == (2 if changed is not None else 1)

    def test_all_or_nothing(self, ledger: Store) -> None:
        """The row, the attempt, the messages and the events come together."""
        made = put(ledger)
        message = tell(http=200)
        changed = ledger.deletions.change(
            made.id,
            Step.CLAIM,
            {"confirmer": BEN, "claim_token": "t", "takeover_at": after(60)},
            event(Kind.CLAIMED),
            event(Kind.CLICK),
            attempt=attempt(1, "t"),
            notifications=iter([message]),
        )
        assert changed == replace(
            made,
            state=State.DELETING,
            confirmer=BEN,
            claim_token="t",
            takeover_at=after(60),
            attempts=(attempt(1, "t"),),
        )
        assert ledger.deletions.get(made.id) == changed
        assert [recorded.event.kind for recorded in ledger.trail.events()] == [Kind.PROPOSED, Kind.CLAIMED, Kind.CLICK]
        (due,) = ledger.outbox.lease(NOON)
        number, digest = ledger.trail.head()
        quoting = replace(message, facts={"http": 200, "trail": f"{number}:{digest[:16]}"})
        assert (due.notification, due.attempts, due.written_at) == (quoting, 0, NOON)

    def test_nothing_when_no_row_met_the_conditions(self, ledger: Store) -> None:
        """A change that is lost writes no event, no attempt and no message."""
        made = put(ledger, state=State.CANCELLED)
        head = ledger.trail.head()
        assert (
            ledger.deletions.change(made.id, Step.CLAIM, {}, event(), attempt=attempt(), notifications=[tell()]) is None
        )
        assert ledger.deletions.get(made.id) == made
        assert ledger.trail.head() == head
        assert ledger.outbox.count() == 0

    def test_an_attempt_of_another_claim_is_never_overwritten(self, ledger: Store) -> None:
        """Where a claim was lost and another one took its number, each keeps what it knows, however often it comes."""
        made = deletion()
        ledger.deletions.propose(made, max_open=1)
        for number in (1, 2):
            ledger.deletions.change(
                made.id, None, {}, attempt=replace(attempt(number, "theirs"), claimed_at=after(number))
            )
        ours = [replace(attempt(number, "ours"), claimed_at=after(10 + number)) for number in (1, 2)]
        known = [replace(one, status=429, replied_at=after(20 + one.number)) for one in ours]
        for one in (*ours, *known, *known):
            ledger.deletions.change(made.id, None, {}, attempt=one)
        ledger.deletions.change(
            made.id, None, {}, attempt=replace(attempt(2, "theirs"), claimed_at=after(2), status=200)
        )
        ledger.deletions.change(made.id, Step.CLAIM, {})
        found = ledger.deletions.get(made.id)
        assert found is not None
        assert [(one.number, one.claim_token, one.status) for one in found.attempts] == [
            (1, "theirs", None),
            (2, "theirs", 200),
            (3, "ours", 429),
            (4, "ours", 429),
        ]
        assert [outcomes.kept(found, one) for one in ours] == [replace(one, number=one.number + 2) for one in known]

    def test_attempts_are_added_and_replaced(self, ledger: Store) -> None:
        """An attempt with a known number takes the place of the one that stands there; attempts come back in order."""
        made = put(ledger)
        assert claim(ledger, made) is not None
        throttled = attempt(1, status=429, code="MSS.0308", message="slow", request_id="r", replied_at=after(1))
        assert ledger.deletions.change(made.id, None, {}, attempt=throttled) is not None
        second = attempt(2, "again", cause=Cause.TIMED_OUT)
        changed = ledger.deletions.change(made.id, Step.CLAIM_AGAIN, {"claim_token": "again"}, attempt=second)
        assert changed is not None
        assert changed.attempts == (throttled, second)

    def test_where(self, ledger: Store) -> None:
        """Further conditions are equalities; None means that the column is empty."""
        made = put(ledger, message_ts="1.1")
        assert ledger.deletions.change(made.id, None, {"reminded": True}, where={"message_ts": None}) is None
        assert ledger.deletions.change(made.id, None, {"reminded": True}, where={"message_ts": "2.2"}) is None
        assert ledger.deletions.change(made.id, None, {"reminded": True}, where={"requester": BEN}) is None
        assert ledger.deletions.change(made.id, None, {"reminded": True}, where={"state": State.UNKNOWN}) is None
        met = {
            "message_ts": "1.1",
            "requester": ANNA,
            "confirmer": None,
            "state": State.AWAITING,
            "deadline_at": after(600),
        }
        assert ledger.deletions.change(made.id, None, {"reminded": True}, where=met) is not None

    def test_before_deadline(self, ledger: Store) -> None:
        """A card cannot be claimed at its deadline or later, nor when it has none yet."""
        made = put(ledger)
        assert ledger.deletions.change(made.id, Step.CLAIM, {}, before_deadline=after(600)) is None
        without = put(ledger, 2, deadline_at=None)
        assert ledger.deletions.change(without.id, Step.CLAIM, {}, before_deadline=NOON) is None
        assert ledger.deletions.change(made.id, Step.CLAIM, {}, before_deadline=after(599.999999)) is not None

    def test_values_are_set_and_emptied(self, ledger: Store) -> None:
        """None empties a field, actors with both of their columns."""
        made = put(ledger, confirmer=BEN, read_due_at=NOON)
        changed = ledger.deletions.change(made.id, None, {"confirmer": None, "read_due_at": None, "reads_agreeing": 4})
        assert changed == replace(made, confirmer=None, read_due_at=None, reads_agreeing=4)

    @pytest.mark.parametrize("name", ["state", "id", "attempts", "target", "colour", "lease_owner"])
    def test_unknown_fields_are_programming_errors(self, ledger: Store, name: str) -> None:
        """What is no settable field raises TypeError before anything is sent to the database."""
        with pytest.raises(TypeError, match=name):
            ledger.deletions.change(deletion().id, None, {name: "x"})
        if name != "state":
            with pytest.raises(TypeError, match=name):
                ledger.deletions.change(deletion().id, None, {}, where={name: "x"})

    def test_a_time_without_a_zone_is_refused(self, ledger: Store) -> None:
        """Guessing a time zone is how deadlines go wrong by hours."""
        made = put(ledger)
        with pytest.raises(Exception, match=r"."):
            ledger.deletions.change(made.id, None, {"deadline_at": NOON.replace(tzinfo=None)})
        assert ledger.deletions.get(made.id) == made

    def test_another_zone_is_the_same_moment(self, ledger: Store) -> None:
        """Times are kept as moments."""
        from datetime import timezone  # noqa: PLC0415

        made = put(ledger)
        ledger.deletions.change(made.id, None, {"verified_at": NOON.astimezone(timezone(timedelta(hours=8)))})
        found = ledger.deletions.get(made.id)
        assert found is not None
        assert found.verified_at == NOON
        assert found.verified_at.tzinfo is not None


class TestLeases:
    def ids(self, found: Any) -> list[str]:
        return [each.id for each in found]

    def test_expire(self, ledger: Store) -> None:
        """Cards whose deadline has come; each is leased to one until the lease runs out. Without a message none has."""
        put(ledger, 1, message_ts="1", deadline_at=after(10))
        put(ledger, 2, message_ts="1", deadline_at=after(5))
        put(ledger, 3, message_ts="1", deadline_at=after(11))
        put(ledger, 4, message_ts="1", deadline_at=after(1), state=State.CANCELLED)
        put(ledger, 5, message_ts="1", deadline_at=None)
        put(ledger, 6, deadline_at=after(1))
        assert self.ids(ledger.deletions.lease(DueWork.EXPIRE, after(4.9), seconds=30)) == []
        assert sorted(self.ids(ledger.deletions.lease(DueWork.EXPIRE, after(10), seconds=30))) == [
            deletion(1).id,
            deletion(2).id,
        ]
        assert self.ids(ledger.deletions.lease(DueWork.EXPIRE, after(10), seconds=30)) == []
        assert len(ledger.deletions.lease(DueWork.EXPIRE, after(40), seconds=30)) == 3

    def test_remind(self, ledger: Store) -> None:
        """Cards that wait, were not reminded of, and whose deadline lies in the time named; both ends belong to it."""
        put(ledger, 1, deadline_at=after(300), message_ts="1.2")
        put(ledger, 2, deadline_at=after(60), message_ts="1.2")
        put(ledger, 3, deadline_at=after(59.9), message_ts="1.2")
        put(ledger, 4, deadline_at=after(300.1), message_ts="1.2")
        put(ledger, 5, deadline_at=after(200))
        put(ledger, 6, deadline_at=after(200), message_ts="1.2", state=State.CANCELLED)
        put(ledger, 7, deadline_at=after(200), message_ts="1.2", reminded=True)
        put(ledger, 8, deadline_at=None, message_ts="1.2")
        between = (after(60), after(300))
        found = ledger.deletions.lease(DueWork.REMIND, NOON, seconds=30, deadline=between)
        assert sorted(self.ids(found)) == [deletion(1).id, deletion(2).id]
        assert self.ids(ledger.deletions.lease(DueWork.REMIND, NOON, seconds=30, deadline=between)) == []
        met = {"state": State.AWAITING, "reminded": False}
        assert ledger.deletions.change(deletion(1).id, None, {"reminded": True}, where=met) is not None
        assert ledger.deletions.change(deletion(1).id, None, {"reminded": True}, where=met) is None
        assert self.ids(ledger.deletions.lease(DueWork.REMIND, after(31), seconds=30, deadline=between)) == [
            deletion(2).id
        ]

    def test_limit_takes_the_oldest(self, ledger: Store) -> None:
        """With a limit the work that has waited longest comes first."""
        for number in range(1, 6):
            put(ledger, number, message_ts="1", deadline_at=after(10 - number))
        assert self.ids(ledger.deletions.lease(DueWork.EXPIRE, after(20), seconds=30, limit=1)) == [deletion(5).id]
        assert self.ids(ledger.deletions.lease(DueWork.EXPIRE, after(20), seconds=30, limit=1)) == [deletion(4).id]

    def test_change_ends_the_lease(self, ledger: Store) -> None:
        """Once the leaseholder has changed the row, further work on it may be leased at once."""
        made = put(ledger, state=State.UNKNOWN, read_due_at=NOON)
        assert self.ids(ledger.deletions.lease(DueWork.READ, NOON, seconds=60)) == [made.id]
        ledger.deletions.change(made.id, None, {"read_due_at": after(5)})
        assert self.ids(ledger.deletions.lease(DueWork.READ, after(5), seconds=60)) == [made.id]

    def test_change_leaves_another_ones_lease(self, backend: Backend, ledger: Store) -> None:
        """A replica's lease does not end because another one changed the row."""
        other = backend.beside(ledger)
        made = put(ledger, state=State.UNKNOWN, read_due_at=NOON)
        assert len(other.deletions.lease(DueWork.READ, NOON, seconds=60)) == 1
        ledger.deletions.change(made.id, None, {"reminded": True})
        assert self.ids(ledger.deletions.lease(DueWork.READ, NOON, seconds=60)) == []

    @pytest.mark.parametrize("state", [state for state in State if state is not State.NEW], ids=lambda s: s.value)
    def test_read(self, ledger: Store, state: State) -> None:
        """Reads are due in UNKNOWN, and after an outcome where one was asked for."""
        put(ledger, 1, state=state, read_due_at=after(5))
        put(ledger, 2, state=state, read_due_at=after(6))
        put(ledger, 3, state=state)
        due = self.ids(ledger.deletions.lease(DueWork.READ, after(5), seconds=30))
        assert due == ([deletion(1).id] if state in {State.UNKNOWN, State.DELETED, State.FAILED} else [])

    def test_takeover_when_the_claim_has_run_out(self, ledger: Store) -> None:
        """A DELETING row belongs to its sender until takeover_at; then it comes with its attempts."""
        made = put(ledger)
        claim(ledger, made, takeover=60)
        assert ledger.deletions.lease(DueWork.TAKEOVER, after(59.9), seconds=30) == []
        (found,) = ledger.deletions.lease(DueWork.TAKEOVER, after(60), seconds=30)
        assert (found.state, found.attempts) == (State.DELETING, (attempt(),))

    def test_takeover_after_a_restart(self, backend: Backend, ledger: Store) -> None:
        """A restarted process knows that a claim is nobody's where it is alone; on PostgreSQL it may be a replica's."""
        made = put(ledger)
        claim(ledger, made)
        found = backend.restart().deletions.lease(DueWork.TAKEOVER, NOON, seconds=30)
        assert self.ids(found) == ([made.id] if backend.name == "sqlite" else [])

    def test_orphans(self, ledger: Store) -> None:
        """A card without a message is left to its maker for four minutes."""
        put(ledger, 1)
        put(ledger, 2, message_ts="1.1")
        assert self.ids(ledger.deletions.lease(DueWork.ORPHAN, after(239), seconds=30)) == []
        assert self.ids(ledger.deletions.lease(DueWork.ORPHAN, after(240), seconds=30)) == [deletion(1).id]

    def test_orphans_after_a_restart(self, backend: Backend, ledger: Store) -> None:
        """Alone on SQLite, whatever an earlier process left without a message is an orphan at once."""
        put(ledger)
        found = backend.restart().deletions.lease(DueWork.ORPHAN, NOON, seconds=30)
        assert len(found) == (1 if backend.name == "sqlite" else 0)

    def test_two_replicas_never_lease_the_same(self, backend: Backend, ledger: Store) -> None:
        """What one replica holds, the other does not get until it runs out."""
        other = backend.beside(ledger)
        for number in range(1, 5):
            put(ledger, number, message_ts="1")
        mine = self.ids(ledger.deletions.lease(DueWork.EXPIRE, after(600), seconds=30, limit=2))
        theirs = self.ids(other.deletions.lease(DueWork.EXPIRE, after(600), seconds=30))
        assert len(mine) == len(theirs) == 2
        assert not set(mine) & set(theirs)
        assert len(other.deletions.lease(DueWork.EXPIRE, after(630), seconds=30)) == 4

    def test_a_lease_of_a_former_process_is_void_on_sqlite_when_it_runs_out(
        self, backend: Backend, ledger: Store
    ) -> None:
        """A restart takes over leases no later than when they run out."""
        put(ledger, message_ts="1")
        assert len(ledger.deletions.lease(DueWork.EXPIRE, after(600), seconds=30)) == 1
        assert len(backend.restart().deletions.lease(DueWork.EXPIRE, after(630), seconds=30)) == 1

    def test_unknown_purpose(self, ledger: Store) -> None:
        """A purpose that there is not is a programming error."""
        with pytest.raises(KeyError, match="nap"):
            ledger.deletions.lease("nap", NOON, seconds=1)


class TestLooking:
    def test_earlier(self, ledger: Store) -> None:
        """Other deletions of the same job and target, newest first, with their attempts.

        Those count that were asked since then, and those that were confirmed or ended since, whenever they were asked.
        """
        put(ledger, 1, job="same", state=State.FAILED, asked_at=after(-100))
        put(ledger, 2, job="same", state=State.FAILED, asked_at=after(-50))
        put(ledger, 3, job="same", state=State.FAILED, asked_at=after(-200))
        put(ledger, 4, job="other", asked_at=after(-50))
        put(ledger, 5, job="same", target=Target("e", "r", "p"), asked_at=after(-50))
        put(ledger, 7, job="same", state=State.FAILED, asked_at=after(-300), confirmed_at=after(-100))
        put(ledger, 8, job="same", state=State.FAILED, asked_at=after(-400), ended_at=after(-100))
        put(
            ledger,
            9,
            job="same",
            state=State.FAILED,
            asked_at=after(-500),
            confirmed_at=after(-101),
            ended_at=after(-101),
        )
        ledger.deletions.change(deletion(1).id, None, {}, attempt=attempt())
        now = deletion(6, job="same")
        assert ledger.deletions.propose(now, max_open=200) is None
        found = ledger.deletions.earlier(now, after(-100))
        assert [each.id for each in found] == [deletion(number).id for number in (2, 1, 7, 8)]
        assert found[1].attempts == (attempt(),)

    def test_counts(self, ledger: Store) -> None:
        """What is open, oldest first; how many there are of each."""
        put(ledger, 1, state=State.FAILED, asked_at=after(1))
        put(ledger, 2, asked_at=after(2))
        put(ledger, 3, asked_at=after(3))
        assert [each.id for each in ledger.deletions.open()] == [deletion(2).id, deletion(3).id]
        assert ledger.deletions.open_count() == 2
        assert ledger.overview.counts() == {State.FAILED: 1, State.AWAITING: 2}

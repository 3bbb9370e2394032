"""What the ledger promises about messages, open answers and the running log."""

from __future__ import annotations

from bot.domain.events import Kind
from bot.domain.lifecycle import Step
from bot.domain.notifications import NotificationKind, Sent
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, deletion, event, tell, waiting


class TestOutbox:
    def test_in_the_order_they_were_written(self, ledger: Store) -> None:
        """Within a thread only the oldest message may leave; the next one follows when it is told."""
        ledger.outbox.enqueue(tell(kind=NotificationKind.OUTCOME), tell(kind=NotificationKind.INSPECTED))
        (first,) = ledger.outbox.lease(NOON, limit=10)
        assert first.notification.kind is NotificationKind.OUTCOME
        assert ledger.outbox.lease(NOON, limit=10) == []
        ledger.outbox.mark_delivered(Sent(first, event(Kind.DELIVERED)))
        (second,) = ledger.outbox.lease(NOON, limit=10)
        assert second.notification.kind is NotificationKind.INSPECTED
        assert second.number > first.number
        assert [each.event.kind for each in ledger.trail.events()] == [Kind.DELIVERED]

    def test_threads_do_not_wait_for_each_other(self, ledger: Store) -> None:
        """Each thread has its own order; DMs and threads of one channel are different threads."""
        ledger.outbox.enqueue(tell(1, "1.1"), tell(2, "2.2"), tell(3, None), tell(1, "1.1", NotificationKind.INSPECTED))
        found = ledger.outbox.lease(NOON, limit=10)
        assert [due.notification.thread_ts for due in found] == ["1.1", "2.2", None]

    def test_a_card_has_an_order_of_its_own(self, ledger: Store) -> None:
        """A card that Slack refuses to redraw does not hold up what its thread says, nor the other way round."""
        ledger.outbox.enqueue(tell(), tell(kind=NotificationKind.CARD))
        said, card = ledger.outbox.lease(NOON, limit=10)
        assert [said.notification.kind, card.notification.kind] == [NotificationKind.OUTCOME, NotificationKind.CARD]
        ledger.outbox.reschedule(card, after(600))
        ledger.outbox.mark_delivered(Sent(said))
        ledger.outbox.enqueue(tell(kind=NotificationKind.INSPECTED))
        (found,) = ledger.outbox.lease(NOON, limit=10)
        assert found.notification.kind is NotificationKind.INSPECTED

    def test_what_was_sent_together_is_recorded_together(self, ledger: Store) -> None:
        """In one transaction; it says in which of these threads others wait, and leaves other threads alone."""
        said, card = tell(), tell(kind=NotificationKind.CARD)
        ledger.outbox.enqueue(said, card, tell(kind=NotificationKind.INSPECTED), tell(2, "2.2"))
        due = ledger.outbox.lease(NOON, threads=[said.thread, card.thread])
        assert [one.notification.kind for one in due] == [NotificationKind.OUTCOME, NotificationKind.CARD]
        names: list[str] = []
        ledger.before_commit = names.append
        waiting = ledger.outbox.mark_delivered(*(Sent(one, event(Kind.DELIVERED)) for one in due))
        assert list(waiting) == [said.thread]
        assert names == ["mark_delivered"]
        assert len(ledger.trail.events()) == 2
        (last,) = ledger.outbox.lease(NOON, threads=waiting)
        assert last.notification.kind is NotificationKind.INSPECTED
        assert list(ledger.outbox.mark_delivered(Sent(last))) == []
        assert ledger.outbox.count() == 1

    def test_only_some_threads(self, ledger: Store) -> None:
        """With ``threads`` only their oldest messages are leased."""
        ledger.outbox.enqueue(tell(1, "1.1"), tell(2, "2.2"))
        (found,) = ledger.outbox.lease(NOON, threads=[tell(2, "2.2").thread])
        assert found.notification.thread_ts == "2.2"
        assert ledger.outbox.lease(NOON, threads=["elsewhere/"]) == []

    def test_again(self, ledger: Store) -> None:
        """A message that Slack did not take waits for its time, and so does everything behind it in its thread."""
        ledger.outbox.enqueue(tell(), tell(kind=NotificationKind.INSPECTED))
        (first,) = ledger.outbox.lease(NOON)
        ledger.outbox.reschedule(first, after(30))
        assert ledger.outbox.lease(after(29.9), limit=10) == []
        (found,) = ledger.outbox.lease(after(30), limit=10)
        assert (found.number, found.attempts) == (first.number, 1)

    def test_a_lease_runs_out(self, ledger: Store) -> None:
        """If a process dies while it tells, somebody else tells a minute later: rather twice than never."""
        ledger.outbox.enqueue(tell())
        (first,) = ledger.outbox.lease(NOON, seconds=60)
        assert ledger.outbox.lease(after(59.9)) == []
        (found,) = ledger.outbox.lease(after(60))
        assert found.number == first.number

    def test_told_elsewhere(self, ledger: Store) -> None:
        """When the place is gone, the messages that go elsewhere are written as the old one is taken out."""
        ledger.outbox.enqueue(tell())
        (due,) = ledger.outbox.lease(NOON)
        ledger.outbox.mark_delivered(Sent(due, event(Kind.NOT_DELIVERED)), then=iter([tell(1, None)]))
        (found,) = ledger.outbox.lease(NOON, limit=10)
        assert found.notification.thread_ts is None

    def test_told_twice(self, ledger: Store) -> None:
        """When two told the same message, both events stay and what follows is written once."""
        ledger.outbox.enqueue(tell())
        (due,) = ledger.outbox.lease(NOON)
        for _ in range(2):
            ledger.outbox.mark_delivered(Sent(due, event(Kind.DELIVERED)), then=[tell(1, None)])
        assert ledger.outbox.count() == 1
        assert ledger.trail.head()[0] == 2

    def test_numbers_are_never_given_again(self, ledger: Store) -> None:
        """A late ``told`` must not take out a message that came after it."""
        ledger.outbox.enqueue(tell())
        (first,) = ledger.outbox.lease(NOON)
        ledger.outbox.mark_delivered(Sent(first))
        ledger.outbox.enqueue(tell(kind=NotificationKind.CARD))
        (second,) = ledger.outbox.lease(NOON)
        assert second.number > first.number
        ledger.outbox.mark_delivered(Sent(first))
        assert ledger.outbox.count() == 1

    def test_again_after_the_lease_passed_on(self, backend: Backend, ledger: Store) -> None:
        """Who lost the lease cannot give the message back over the new holder's head."""
        other = backend.beside(ledger)
        ledger.outbox.enqueue(tell())
        (mine,) = ledger.outbox.lease(NOON)
        (theirs,) = other.outbox.lease(after(60))
        ledger.outbox.reschedule(mine, after(61))
        assert ledger.outbox.lease(after(70)) == []
        other.outbox.reschedule(theirs, after(100))
        (found,) = ledger.outbox.lease(after(100))
        assert found.attempts == 1

    def test_survives_a_restart(self, backend: Backend, ledger: Store) -> None:
        """What was not told is told by the next process, with the facts it was written with."""
        ledger.outbox.enqueue(tell(http=504, codes=["a", "b"], nested={"x": None}))
        (found,) = backend.restart().outbox.lease(NOON)
        assert found.notification == tell(http=504, codes=["a", "b"], nested={"x": None})


class TestAnswers:
    def test_ones_own_are_not_abandoned(self, ledger: Store) -> None:
        """While we are at work on an answer nobody else gives it."""
        ledger.requests.note(waiting(), event())
        assert ledger.requests.lease(after(1000)) == []

    def test_a_former_process(self, backend: Backend, ledger: Store) -> None:
        """After a restart the answers of the former process are ours: at once on SQLite, after six minutes else."""
        full = waiting(kind="click", thread_ts="1.1", job="job-1", deletion="0000000000000001")
        ledger.requests.note(full)
        restarted = backend.restart()
        if backend.name == "postgresql":
            assert restarted.requests.lease(after(359)) == []
        assert restarted.requests.lease(after(360)) == [full]
        assert restarted.requests.lease(after(360)) == []
        assert restarted.requests.lease(after(420)) == [full]

    def test_answered(self, backend: Backend, ledger: Store) -> None:
        """Once answered, nobody is owed anything."""
        ledger.requests.note(waiting())
        ledger.requests.answered(waiting().id, event(Kind.RESTARTED))
        assert backend.restart().requests.lease(after(1000)) == []

    def test_an_answer_that_could_not_be_given(self, ledger: Store) -> None:
        """It is kept and offered again, a minute apart, until somebody has given it."""
        ledger.requests.note(waiting("a", since=after(1)))
        ledger.requests.note(waiting("b", since=NOON))
        ledger.requests.note(waiting("c"))
        ledger.requests.keep_answer(waiting("a", since=after(1)), "No, because …")
        ledger.requests.keep_answer(waiting("b", since=NOON), "Yes")
        assert [(each.id, each.text) for each in ledger.requests.lease(after(5))] == [
            ("b", "Yes"),
            ("a", "No, because …"),
        ]
        assert ledger.requests.lease(after(64)) == []
        assert len(ledger.requests.lease(after(65), limit=1)) == 1
        ledger.requests.answered("a")
        ledger.requests.answered("b")
        assert ledger.requests.lease(after(200)) == []

    def test_never_noted(self, ledger: Store) -> None:
        """An answer that was never noted, such as "busy", is kept and offered like any other."""
        ledger.requests.answered("nobody")
        ledger.requests.keep_answer(waiting("late"), "busy")
        assert [each.text for each in ledger.requests.lease(after(1000))] == ["busy"]

    def test_no_column_for_secrets(self) -> None:
        """The table has no place for a response_url or a trigger_id."""
        from bot.ledger.schema.tables import pending_requests  # noqa: PLC0415

        assert not [name for name in pending_requests.columns.keys() if "url" in name or "trigger" in name]  # noqa: SIM118


class TestLog:
    def test_starts_at_the_head(self, ledger: Store) -> None:
        """A channel that is new gets what happens from now on, not the whole past."""
        ledger.trail.record(event(), event())
        assert ledger.running_log.cursor("CLOG") == 2
        ledger.trail.record(event())
        assert ledger.running_log.cursor("CLOG") == 2
        assert ledger.running_log.cursor("COTHER") == 3

    def test_one_replica_tells_it_at_a_time(self, backend: Backend, ledger: Store) -> None:
        """Who has the lease goes on; the others wait until it is given up, or has run out with its holder."""
        other = backend.beside(ledger)
        ledger.running_log.cursor("CLOG")
        assert ledger.running_log.lease("CLOG", NOON, seconds=60) == 0
        assert other.running_log.lease("CLOG", after(59.9), seconds=60) is None
        ledger.running_log.advance("CLOG", 3)
        assert other.running_log.lease("CLOG", after(1), seconds=60) == 3
        assert ledger.running_log.lease("CLOG", after(61), seconds=60) == 3

    def test_moves_forward_only(self, ledger: Store) -> None:
        """Whoever comes late does not move it back, so nothing is told twice."""
        assert ledger.running_log.cursor("CLOG") == 0
        ledger.running_log.advance("CLOG", 5)
        ledger.running_log.advance("CLOG", 3)
        assert ledger.running_log.cursor("CLOG") == 5
        ledger.running_log.advance("CNEW", 4)
        assert ledger.running_log.cursor("CNEW") == 4


def test_one_caller_claims_a_day(backend: Backend, ledger: Store) -> None:
    """Whoever is first, once; days that are over are not claimed any more, and the running log stands on its own."""
    assert ledger.running_log.claim_day("C1", 100)
    assert not ledger.running_log.claim_day("C1", 100)
    assert not ledger.running_log.claim_day("C1", 99)
    assert ledger.running_log.claim_day("C2", 100)
    assert ledger.running_log.cursor("C1") == 0
    again = backend.restart()
    assert not again.running_log.claim_day("C1", 100)
    assert again.running_log.claim_day("C1", 101)


def test_one_replica_claims_a_day(backend: Backend, ledger: Store) -> None:
    """Two that come at the same moment do not both post."""
    other = backend.beside(ledger)
    assert [ledger.running_log.claim_day("C1", 5), other.running_log.claim_day("C1", 5)] == [True, False]


def test_messages_of_an_end_quote_its_event(ledger: Store) -> None:
    """What ``change`` writes says which event recorded it; a card does not."""
    ledger.deletions.propose(deletion(), event(), max_open=9)
    notifications = (tell(state="cancelled", kind=NotificationKind.CANCELLED), tell(kind=NotificationKind.CARD))
    ledger.deletions.change(
        deletion().id, Step.CANCEL, {}, event(Kind.CLICK), event(Kind.CANCELLED), notifications=notifications
    )
    number, digest = ledger.trail.head()
    facts = {due.notification.kind: dict(due.notification.facts) for due in ledger.outbox.lease(after(1), limit=5)}
    assert facts[NotificationKind.CANCELLED] == {"state": "cancelled", "trail": f"{number}:{digest[:16]}"}
    assert "trail" not in facts[NotificationKind.CARD]

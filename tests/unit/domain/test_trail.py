"""The closed vocabulary of the audit trail and of what is told, as values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from bot.domain.events import SHOWN, Event, Kind, event_about, is_shown
from bot.domain.model import Actor, JobId
from bot.domain.notifications import Notification, NotificationKind, PendingRequest, notifications_about
from tests.support.values import ANNA, AT, BEN, deletion, job

DELETION = deletion(job=job(name="secret name"), reason="secret reason", message_ts="1.2")

KINDS = """command click refused proposed not_offered card_posted cancelled expired claimed replied outcome unknown read
    settled corrected closed_by_hand told not_told restarted breaker_opened breaker_closed frozen unfrozen
    lost_commits pruned"""
NOTIFICATION_KINDS = """card cancelled expired refused outcome unknown settled correction looked late undetermined
    closed reminder notice"""


def test_the_vocabulary_of_events_is_closed() -> None:
    """These words stand in trails that have to verify for years: none is renamed or lost."""
    assert [kind.value for kind in Kind] == KINDS.split()
    older = {Kind.DELIVERED: "told", Kind.NOT_DELIVERED: "not_told"}
    assert {kind: kind.value for kind in Kind} == {kind: kind.name.lower() for kind in Kind} | older


def test_the_vocabulary_of_messages_is_closed() -> None:
    """These words stand in the outbox of a bot that is being updated."""
    assert [kind.value for kind in NotificationKind] == NOTIFICATION_KINDS.split()


def test_the_running_log_shows_requests_decisions_refusals_and_outcomes() -> None:
    """Not every read and every post: AUDIT_CHANNEL gets a line where somebody decided or something ended."""
    silent = {Kind.COMMAND, Kind.CLICK, Kind.CARD_POSTED, Kind.REPLIED, Kind.READ, Kind.DELIVERED, Kind.NOT_DELIVERED}
    silent |= {Kind.RESTARTED}
    assert set(Kind) - SHOWN == silent | {Kind.NOT_OFFERED}
    assert {kind for kind in Kind if not is_shown(event_about(kind, DELETION, AT))} == silent


@pytest.mark.parametrize("actor", [ANNA, None])
def test_a_closing_that_somebody_caused_is_not_shown_twice(actor: Actor | None) -> None:
    """Their refusal has its own line; what the bot closed by itself has only this one."""
    assert is_shown(event_about(Kind.NOT_OFFERED, DELETION, AT, actor)) is (actor is None)
    assert is_shown(event_about(Kind.REFUSED, DELETION, AT, actor))


def test_an_event_about_a_deletion_has_its_place_and_its_job() -> None:
    """Who, where, when, job, deletion, request id, and the facts given; nothing else of the deletion."""
    event = event_about(Kind.OUTCOME, DELETION, AT, BEN, request_id="r-1", status=200, code=None)
    assert event == Event(
        kind=Kind.OUTCOME,
        at=AT,
        actor=BEN,
        channel="C1",
        deletion=DELETION.id,
        job=JobId("job-1"),
        request_id="r-1",
        facts={"status": 200, "code": None},
    )


def test_an_event_has_no_actor_and_no_facts_unless_given() -> None:
    """What time does is nobody's act; the requester is not put in by default."""
    event = event_about(Kind.EXPIRED, DELETION, AT)
    assert (event.actor, event.request_id, dict(event.facts)) == (None, None, {})


def test_an_event_never_takes_the_jobs_name_or_the_reason() -> None:
    """Both stay with the deletion."""
    assert "secret" not in repr(event_about(Kind.PROPOSED, DELETION, AT, ANNA))


def test_a_message_for_the_thread_comes_before_the_card_is_drawn() -> None:
    """The thread is where people are notified. A card that cannot be drawn holds up nothing that is said there."""
    said, card = notifications_about(DELETION, NotificationKind.OUTCOME, state="deleted", looks=2)
    assert said == Notification(NotificationKind.OUTCOME, DELETION.id, "C1", "1.2", {"state": "deleted", "looks": 2})
    assert card == Notification(NotificationKind.CARD, DELETION.id, "C1", "1.2", {})
    assert said.thread != card.thread


def test_without_a_card_there_is_no_thread_to_tell() -> None:
    """A deletion that was never shown has nobody waiting in a thread."""
    assert notifications_about(replace(DELETION, message_ts=None), NotificationKind.OUTCOME) == ()


@pytest.mark.parametrize(
    ("to", "thread_ts", "key"),
    [("C1", "1.2", "C1/1.2"), ("U1", None, "U1/"), ("C1", "", "C1/"), ("C1", "1.3", "C1/1.3")],
)
def test_messages_are_ordered_by_place_and_thread(to: str, thread_ts: str | None, key: str) -> None:
    """A direct message is a thread of its own."""
    assert Notification(NotificationKind.OUTCOME, DELETION.id, to, thread_ts).thread == key


def test_an_open_answer_holds_no_secret_address() -> None:
    """A response_url lets anyone post for half an hour: there is no field that could take one to the ledger.

    ``request`` is a digest: see test_payloads.py.
    """
    assert set(PendingRequest.__slots__) == {  # type: ignore[attr-defined]
        *("id", "kind", "actor", "channel", "since", "thread_ts", "job", "deletion", "text", "request")
    }


def test_what_happened_cannot_be_rewritten() -> None:
    """Events and messages are frozen."""
    with pytest.raises(FrozenInstanceError):
        event_about(Kind.CLICK, DELETION, AT).kind = Kind.DELIVERED  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Notification(NotificationKind.CARD, DELETION.id, "C1", None).to = "C2"  # type: ignore[misc]

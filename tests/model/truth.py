"""The judge: whether what the bot sends and says agrees with the simulated world. It reads texts, as people do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from bot.domain.events import Kind
from bot.domain.model import ConfirmBy, Deletion, Job, Person, State
from bot.domain.notifications import Notification, NotificationKind, PendingRequest
from bot.domain.outcomes import Ending
from bot.workers.report import has_a_line
from handlers.actions import CLOSE_DELETED, CLOSE_PRESENT
from tests.model.cloud import CONSOLE, Arrival
from tests.model.slack import OPERATORS
from tests.support.claims import NOT_DELETED, Claim, Truth, claims_of, untrue

if TYPE_CHECKING:
    from tests.model.strands import Strand
    from tests.model.world import World

DELETABLE = frozenset({"TRAIN_FAILED", "JOB_SUCCESS", "MANUAL_VERIFYING"})
"""Of the states that the simulated jobs take."""
COMPARED = ("name", "asset_id", "state", "last_update_time")


def judge_sending(world: World, strand: Strand, arrival: Arrival) -> None:
    """Judge a DELETE that left: the only one, by the right person, in time, and for the job of the card."""
    expect, cloud = world.expect, world.cloud
    strand.has_sent = True
    sent = cloud.sent(arrival.deletion)
    expect(len(sent) <= 3, f"{len(sent)} DELETEs of one deletion")
    expect(all(one.plan.throttled for one in sent[:-1]), "a DELETE after one that may have arrived")
    row = world.store.deletions.get(arrival.deletion)
    assert row is not None
    _, presser, _ = strand.press
    expect(row.job.job_id == arrival.job, "a DELETE of another job")
    expect(row.confirmer == presser, "a DELETE that somebody else is said to have confirmed")
    if not strand.replica.is_dead:
        expect(row.state is State.DELETING, f"a DELETE in state {row.state}")
    expect(row.confirmed_at < row.deadline_at, "a DELETE confirmed after the deadline")
    attempt = row.attempts[-1]
    expect(attempt.number == len(sent), "a DELETE without an attempt of its own")
    expect(arrival.at < attempt.send_before, "a DELETE that left too late")
    _judge_the_approval(world, strand, row)


def _judge_the_approval(world: World, strand: Strand, row: Deletion) -> None:
    _, presser, _ = strand.press
    expect = world.expect
    places = [seen[2] for seen in strand.saw if seen[0] == "place" and seen[3]]
    expect(places and not places[-1].is_archived, "a DELETE without a fresh look at the place")
    for actor in (presser, row.requester):
        found = [seen[2] for seen in strand.saw if seen[0] == "person" and seen[1] == actor and seen[3]]
        fits = found and isinstance(found[-1], Person) and not found[-1].is_deactivated and actor in OPERATORS
        expect(fits, f"a DELETE although {actor.user} was not found to be allowed")
    by_requester = presser == row.requester
    expect(
        {
            ConfirmBy.REQUESTER: by_requester,
            ConfirmBy.ANY_OPERATOR: True,
            ConfirmBy.SECOND_PERSON: not by_requester,
        }[row.confirm_by],
        f"a DELETE confirmed by {presser.user} where the rule is {row.confirm_by}",
    )
    shown = [seen[2] for seen in strand.saw if seen[0] == "show" and seen[1] == row.job.job_id]
    now: Job | None = shown[-1] if shown else None
    expect(now is not None, "a DELETE of a job that was not read again")
    assert now is not None
    expect(now.state in DELETABLE, f"a DELETE in the job's state {now.state}")
    expect(all(getattr(now, name) == getattr(row.job, name) for name in COMPARED), "a DELETE of a changed job")


# -- what is said --


def _truth(world: World, deletion: str, job: str) -> Truth:
    """The truth about this deletion. Where the job is about to go, its DELETE has removed it already."""
    cloud = world.cloud
    sent = cloud.sent(deletion)
    reads = [was_found for read, _, was_found in cloud.reads if read == job]
    strand = world.strand
    return Truth(
        cloud.is_there(job),
        arrived=len(sent),
        removed=cloud.is_gone_by(deletion, ever=True),
        confirmed=cloud.was_accepted(deletion),
        throttled=bool(sent) and all(one.plan.throttled for one in sent),
        denied=not all(reads),
        sent_for_reader=strand is not None and strand.press is not None and strand.has_sent,
        was_seen=any(reads),
        states=frozenset({world.states[deletion]}) if deletion in world.states else None,
    )


def _judge_text(world: World, deletion: str, job: str, text: str) -> None:
    """What holds for every text about a deletion, whoever reads it."""
    cloud, expect = world.cloud, world.expect
    for problem in untrue(text, _truth(world, deletion, job), {}, set(_not_to_be_judged(world, deletion))):
        expect(False, problem)  # noqa: FBT003
    if Claim.REFUSED.stands_in(text):
        expect(not claims_of(text) & NOT_DELETED, f"{text!r}: a refusal is taken for proof")
    if Claim.SENT_NO_DELETE.stands_in(text):
        end = cloud.end_of(job)
        by_us = end is not None and end[1] != CONSOLE
        expect(not by_us or "an earlier deletion by this bot" in text, f"{text!r} although {end} did")
    expect("Something in the bot went wrong" not in text, "a bug was met")


def _not_to_be_judged(world: World, deletion: str) -> Iterator[Claim]:
    if deletion in world.forgotten:
        # Until its sender is back nobody can know that there was a claim; it then says by name what was wrong.
        yield from (Claim.NOTHING_DELETED, Claim.WAITS, Claim.CANCELLED, Claim.EXPIRED)
    if deletion not in world.states:
        # A list speaks of other deletions than of the request that it answers.
        yield Claim.REFUSED
    if _is_provisional(world, deletion):
        yield from (Claim.TREATED_AS_NOT_DELETED, Claim.NOT_DELETED_BY_IT)


def _is_provisional(world: World, deletion: str) -> bool:
    """Present by the reads so far, or by a person's word: what may still be corrected is judged at the end."""
    why = world.scalar("SELECT ended_why FROM deletions WHERE id = ?", deletion)
    return why in {Ending.READ_PRESENT, Ending.BY_HAND}


def judge_answer(world: World, waiting: PendingRequest, text: str) -> None:
    """What one person is told."""
    deletion = waiting.deletion or waiting.id
    _judge_text(world, deletion, world.job_of.get(deletion) or waiting.job or "", text)


def judge_telling(world: World, notification: Notification, deletion: Deletion, text: str) -> None:
    """What a thread or a card says."""
    if "lost what it had recorded" in text:
        world.forgotten.discard(deletion.id)
    if notification.kind is NotificationKind.CARD:
        # Below stand the facts of the job and earlier requests, which are about others.
        text = "\n".join(text.split("\n")[:2])
    _judge_text(world, deletion.id, deletion.job.job_id, text)
    if notification.kind is NotificationKind.SETTLED and Claim.STILL_THERE.stands_in(text):
        _judge_patience(world, deletion)
    if notification.kind is NotificationKind.UNDETERMINED:
        assert deletion.unknown_since is not None
        age = world.clock.now() - deletion.unknown_since
        world.expect(age >= timedelta(hours=24), f"undetermined after {age}")


def _judge_patience(world: World, deletion: Deletion) -> None:
    """Present counts after 5 reads over ten minutes, or 3 over 30 s where MetaStudio itself answered 5xx."""
    assert deletion.unknown_since is not None
    answered = any(
        (one.plan.code or "").startswith("MSS.4") or one.plan.status in {404, 409, 410}
        for one in world.cloud.sent(deletion.id)[-1:]
    )
    reads, over = (3, 30) if answered else (5, 600)
    seen = [
        at
        for job, at, found in world.cloud.reads
        if job == deletion.job.job_id and found and at >= deletion.unknown_since
    ]
    enough = len(seen) >= reads and seen[-1] - seen[0] >= timedelta(seconds=over)
    world.expect(enough, f"treated as not deleted after {len(seen)} reads")


OUTCOMES = {
    NotificationKind.OUTCOME.value,
    NotificationKind.SETTLED.value,
    NotificationKind.CORRECTION.value,
    NotificationKind.CLOSED.value,
}
GONE = {Claim.DELETED, Claim.CLOSED_AS_GONE}
NOT_GONE = {*NOT_DELETED, Claim.REFUSED, Claim.THERE_AGAIN, Claim.CLOSED_AS_PRESENT}


def outcomes(
    world: World, deletion: str, *places: tuple[str, str | None], late_too: bool = False
) -> list[tuple[bool, str]]:
    """What was claimed about the outcome at these places, in order: (whether it is a correction, deleted | not).

    What a sender said that had been paused before it spoke counts only with ``late_too``: others went on without it.
    """
    found = []
    for message in world.slack.messages:
        if message.deletion != deletion or (message.where, message.thread_ts) not in places:
            continue
        if message.kind not in OUTCOMES or (message.is_late and not late_too):
            continue
        claims = claims_of(message.text)
        is_correction = Claim.CORRECTED in claims or message.kind == NotificationKind.CLOSED.value
        if claims & GONE:
            found.append((is_correction, "deleted"))
        elif claims & NOT_GONE:
            found.append((is_correction, "not"))
    return found


# -- the end --


def judge_the_end(world: World) -> None:
    """Everything has come to rest: each deletion has one true outcome, told; nobody waits; the trail is whole."""
    expect = world.expect
    rows = {row[0]: row for row in world.rows("SELECT id, state, ended_why, message_ts, channel FROM deletions")}
    left = [row[0] for row in rows.values() if row[1] in {"awaiting", "deleting", "unknown"}]
    expect(not left, f"deletions that never end: {left}")
    expect(not world.scalar("SELECT count(*) FROM outbox"), "messages that never leave")
    for deletion, state, why, message_ts, channel in rows.values():
        _judge_outcome(world, deletion, State(state), why)
        if message_ts is not None:
            _judge_thread(world, deletion, State(state), channel, message_ts)
    _judge_buttons(world)
    _judge_silence(world)
    _judge_trail(world)


def _judge_outcome(world: World, deletion: str, state: State, why: str) -> None:
    cloud, expect = world.cloud, world.expect
    job = world.job_of[deletion]
    if state is State.DELETED and why != Ending.BY_HAND:
        gone = not cloud.is_there(job) or cloud.was_accepted(deletion)
        expect(gone, f"{deletion} is {state} ({why}), but the job is there")
        end = cloud.end_of(job)
        by_a_later_one = end is not None and end[1] in later_ones(world, deletion)
        expect(not by_a_later_one, f"{deletion} is {state} ({why}), but a later deletion removed the job: {end}")
    if state not in {State.DELETED, State.FAILED}:
        expect(not cloud.may_have_worked(deletion), f"{deletion} is {state}, but its DELETE left")
    if state is State.FAILED and why != Ending.BY_HAND:
        # Where a later DELETE may have done it as well nobody can notification, so what was said stands.
        undecidable = any(cloud.may_have_worked(one) for one in later_ones(world, deletion))
        gone = cloud.is_gone_by(deletion) and not undecidable
        expect(not gone, f"{deletion} is {state} ({why}), but it removed the job")


def later_ones(world: World, deletion: str) -> set[str]:
    """The deletions of the same job that were asked for later."""
    rows = world.rows("SELECT id, asked_at FROM deletions")
    mine = next(asked for one, asked in rows if one == deletion)
    return {one for one, asked in rows if asked > mine and world.job_of[one] == world.job_of[deletion]}


def _judge_thread(world: World, deletion: str, state: State, channel: str, message_ts: str) -> None:
    thread = (channel, message_ts)
    said = outcomes(world, deletion, thread)
    expect = world.expect
    for (_, before), (is_correction, after) in pairwise(said):
        expect(before == after or is_correction, f"{deletion}: first {before}, then {after}, without a correction")
    if state in {State.DELETED, State.FAILED} and deletion not in world.slack.lost:
        claim = "deleted" if state is State.DELETED else "not"
        # Where the place of the card is gone by then, people are told by direct message.
        places = (thread, *((actor.user, None) for actor in OPERATORS))
        # Where Slack took nobody else's message meanwhile, the late one is the one that told.
        everywhere = outcomes(world, deletion, *places) or outcomes(world, deletion, *places, late_too=True)
        expect(everywhere and everywhere[-1][1] == claim, f"{deletion} is {state}, but the thread says {everywhere}")


def _judge_buttons(world: World) -> None:
    known = {row[0]: row[1] for row in world.rows("SELECT message_ts, state FROM deletions WHERE message_ts NOT NULL")}
    for card in world.slack.cards():
        if card.ts in known and not card.is_redraw_lost:
            world.expect(not card.buttons, f"{card.buttons} on the card of a deletion that is {known[card.ts]}")
    for card in world.slack.cards():
        by_hand = {CLOSE_DELETED, CLOSE_PRESENT} & set(card.ever)
        world.expect(not by_hand or "dh_check_now" in card.ever, "closing by hand without a doubt before")


def _judge_silence(world: World) -> None:
    slack = world.slack
    for waiting, one in world.interactions.items():
        cards = [card for card in slack.cards() if card.deletion == one.deletion]
        answered = (
            waiting in slack.answers
            or waiting in slack.unreachable
            or one.deletion in slack.lost
            or (one.kind == "command" and cards)
            or (one.kind == "click" and slack.about(one.deletion, one.at))
        )
        world.expect(answered, f"{one.actor.user}'s {one.kind} {waiting} was never answered")
    left = world.rows("SELECT id, kind, text FROM answers")
    world.expect(not left, f"answers that are still owed: {left}")


def _judge_trail(world: World) -> None:
    verdict = world.store.trail.verify()
    world.expect(verdict.is_sound, verdict.why)
    world.expect(not world.store.trail.missing_triggers(), "triggers are missing")
    recorded = world.store.trail.events(limit=100_000)
    claimed = [one.event.deletion for one in recorded if one.event.kind is Kind.CLAIMED]
    for deletion in {arrival.deletion for arrival in world.cloud.arrivals}:
        world.expect(claimed.count(deletion) >= len(world.cloud.sent(deletion)), "a DELETE without its claim")
    missing = missing_in_the_log(world)
    world.expect(not missing, f"missing in the running log: {missing[:5]}")


def missing_in_the_log(world: World) -> list[int]:
    """The events that the audit channel should have been told."""
    numbers = {one.number for one in world.store.trail.events(limit=100_000) if has_a_line(one.event)}
    return sorted(numbers - world.slack.logged)

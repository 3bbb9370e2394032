"""What a reply to DELETE makes of a deletion, row by row, in time and late."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import lifecycle
from bot.domain.events import Kind
from bot.domain.lifecycle import Step
from bot.domain.model import (
    NEVER_LEFT,
    OPEN_STATES,
    Attempt,
    Cause,
    Reply,
    State,
)
from bot.domain.notifications import NotificationKind
from bot.domain.outcomes import (
    AFTER_THE_LAG,
    AFTER_THE_REST,
    BACK_OFF,
    BY_MEANING,
    CLAIM_LOST,
    LATE,
    MAX_ATTEMPTS,
    REFUSED,
    SOON,
    UNCLAIMED,
    Decision,
    Ending,
    decide,
    kept,
    may_have_worked,
    may_send_again,
)
from bot.domain.replies import Meaning, meaning
from tests.support.values import AT, attempt, deletion, reply, seconds

NO_READ, TWO, FIVE = None, timedelta(seconds=2), timedelta(seconds=5)
RESTED = timedelta(seconds=310)

# product.md section 3: the reply, its step, the word for why, the event, when the job is looked at, and whether
# MetaStudio has answered a doubt, so that fewer reads settle it.
REPLIES = [
    (reply(200), Step.REPLY_DELETED, Ending.REPLY_DELETED, Kind.OUTCOME, FIVE, False),
    (reply(204), Step.REPLY_DELETED, Ending.REPLY_DELETED, Kind.OUTCOME, FIVE, False),
    (reply(202), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO, False),
    (reply(302), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO, False),
    (reply(408), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO, False),
    (reply(502), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO, False),
    (reply(500, "MSS.00000004"), Step.LOSE, Ending.SERVER_ERROR, Kind.UNKNOWN, TWO, True),
    (reply(cause=Cause.CUT), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO, False),
    (reply(cause=Cause.TIMED_OUT), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO, False),
    (reply(cause=Cause.HANDSHAKE_HUNG), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO, False),
    (reply(cause=Cause.NONSENSE), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO, False),
    (reply(401), Step.REPLY_FAILED, Ending.BAD_CREDENTIALS, Kind.OUTCOME, RESTED, False),
    (reply(400, "APIGW.0301"), Step.REPLY_FAILED, Ending.BAD_CREDENTIALS, Kind.OUTCOME, RESTED, False),
    (reply(403), Step.REPLY_FAILED, Ending.FORBIDDEN, Kind.OUTCOME, FIVE, False),
    (reply(429), Step.REPLY_FAILED, Ending.THROTTLED, Kind.OUTCOME, FIVE, False),
    (reply(400, "APIG.0308"), Step.REPLY_FAILED, Ending.THROTTLED, Kind.OUTCOME, FIVE, False),
    (reply(400, "MSS.00000003"), Step.REPLY_FAILED, Ending.REPLY_REJECTED, Kind.OUTCOME, FIVE, False),
    (reply(413), Step.REPLY_FAILED, Ending.REPLY_REJECTED, Kind.OUTCOME, FIVE, False),
    (reply(404), Step.LOSE, Ending.CONFLICT, Kind.UNKNOWN, TWO, True),
    (reply(400, "MSS.41000011"), Step.LOSE, Ending.CONFLICT, Kind.UNKNOWN, TWO, True),
    *(
        (reply(cause=cause), Step.NEVER_SENT, Ending.NEVER_SENT, Kind.OUTCOME, NO_READ, False)
        for cause in sorted(NEVER_LEFT)
    ),
]


@pytest.mark.parametrize(
    ("given", "step", "ending", "kind", "read_after", "is_answer"),
    REPLIES,
    ids=[f"{row[0].status or row[0].cause}-{row[0].code}" for row in REPLIES],
)
def test_each_reply_has_its_outcome(
    given: Reply, step: Step, ending: Ending, kind: Kind, read_after: timedelta | None, *, is_answer: bool
) -> None:
    """The step, why, the event, the first look and the patience are those of the table."""
    assert decide(given) == Decision(step, ending, kind, read_after, is_answer)
    assert decide(given, 1) == decide(given)


@pytest.mark.parametrize("given", [row[0] for row in REPLIES], ids=lambda r: f"{r.status or r.cause}-{r.code}")
@pytest.mark.parametrize("attempt", [2, 3])
def test_after_a_throttled_attempt_nothing_is_called_never_sent(given: Reply, attempt: int) -> None:
    """The one before was sent: where this one never left, the deletion ends as throttled, and the job is read."""
    unsent = given.cause in NEVER_LEFT
    assert decide(given, attempt) == (decide(reply(429)) if unsent else decide(given))


def test_whatever_was_sent_is_read_afterwards() -> None:
    """A DELETE that is repeated on the way may work although its answer is a refusal, whatever refusal it is."""
    for decision in BY_MEANING.values():
        assert (decision.read_after is None) == (decision.ending is Ending.NEVER_SENT)
    refused = {decision.ending for decision in BY_MEANING.values() if decision.step is Step.REPLY_FAILED}
    assert refused == set(REFUSED)


def test_every_meaning_is_decided_and_tried_above() -> None:
    """No reply is without an outcome, and no row goes untested."""
    assert set(BY_MEANING) == set(Meaning) == {meaning(row[0]) for row in REPLIES}
    assert (SOON, AFTER_THE_LAG, AFTER_THE_REST) == (TWO, FIVE, RESTED)


def test_whatever_is_unknown_is_looked_at_and_recorded_as_unknown() -> None:
    """A doubt always has a read due, and is never written down as an outcome."""
    for decision in BY_MEANING.values():
        unknown = decision.step is Step.LOSE
        assert (decision.kind is Kind.UNKNOWN) == unknown
        assert (decision.kind is Kind.OUTCOME) != unknown
        assert not unknown or decision.read_after is not None


def test_endings_have_fixed_words() -> None:
    """They stand in the ledger: each is its own name in lower case."""
    assert {ending: ending.value for ending in Ending} == {ending: ending.name.lower() for ending in Ending}


@pytest.mark.parametrize("given", [row[0] for row in REPLIES], ids=lambda r: f"{r.status or r.cause}-{r.code}")
@pytest.mark.parametrize("attempt", [1, 2, 3, 4])
def test_only_a_throttled_delete_is_sent_again_and_at_most_twice(given: Reply, attempt: int) -> None:
    """The first and the second attempt may be followed by another, nothing else ever."""
    throttled = given.status == 429 or given.code == "APIG.0308"
    assert may_send_again(given, attempt) is (throttled and attempt <= 2)


def test_the_pauses_are_those_of_huaweis_faq() -> None:
    """Two to five seconds, one pause before each attempt but the first."""
    assert MAX_ATTEMPTS == 3
    assert BACK_OFF == (2.0, 5.0)
    assert len(BACK_OFF) == MAX_ATTEMPTS - 1


# -- late ----------------------------------------------------------------------------------------------------------

STEPS = sorted({decision.step for decision in BY_MEANING.values()})
LATE_TABLE = {
    # what it was when the reply came, what the reply says: what it becomes, and how that is told
    (State.UNKNOWN, Step.REPLY_DELETED): (State.DELETED, Step.LATE_DELETED, Kind.OUTCOME, NotificationKind.OUTCOME),
    (State.UNKNOWN, Step.REPLY_FAILED): (State.FAILED, Step.LATE_FAILED, Kind.OUTCOME, NotificationKind.OUTCOME),
    (State.UNKNOWN, Step.NEVER_SENT): (State.FAILED, Step.LATE_FAILED, Kind.OUTCOME, NotificationKind.OUTCOME),
    (State.FAILED, Step.REPLY_DELETED): (State.DELETED, Step.LATE_DELETED, Kind.CORRECTED, NotificationKind.CORRECTION),
    (State.DELETED, Step.REPLY_DELETED): (State.DELETED, Step.LATE_DELETED, Kind.REPLIED, NotificationKind.LATE),
    (State.DELETED, Step.NEVER_SENT): (State.FAILED, Step.LATE_FAILED, Kind.CORRECTED, NotificationKind.CORRECTION),
}


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, STEPS)), ids=str)
def test_a_late_reply_changes_what_it_contradicts_and_nothing_else(state: State, step: Step) -> None:
    """Unknown takes any clear reply; failed is corrected by a success, deleted by a DELETE that never left alone.

    A late refusal may be the answer to a repeated DELETE, so it leaves *deleted* as it is; a late success confirms it.
    """
    found = LATE.get((state, step))
    expected = LATE_TABLE.get((state, step))
    if expected is None:
        assert found is None
    else:
        new, late, kind, told = expected
        assert found == (late, kind, told)
        assert lifecycle.after(state, late) is new


def test_every_late_step_is_an_edge_and_every_late_edge_is_used() -> None:
    """The table of late replies and the table of the lifecycle do not drift apart."""
    used = {(state, late) for (state, _), (late, _, _) in LATE.items()}
    edges = {(state, step) for state, step in lifecycle.TABLE if step in {Step.LATE_DELETED, Step.LATE_FAILED}}
    assert used == edges


LOST_TABLE = {
    # What another claim, or none, has left the row in; what the reply says; where the row goes.
    **{(state, Step.REPLY_DELETED): State.DELETED for state in State if state not in {State.NEW, State.DELETED}},
    **{(state, Step.REPLY_FAILED): State.FAILED for state in UNCLAIMED},
    **{(state, Step.NEVER_SENT): State.FAILED for state in UNCLAIMED},
    **{(state, Step.LOSE): State.UNKNOWN for state in (*UNCLAIMED, State.DELETING, State.FAILED)},
}


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, STEPS)), ids=str)
def test_a_reply_without_its_claim(state: State, step: Step) -> None:
    """It decides where no claim holds the row; where one does, a definite no takes nothing back."""
    found = CLAIM_LOST.get((state, step))
    expected = LOST_TABLE.get((state, step))
    assert (found and lifecycle.after(state, found)) is expected


def test_every_edge_of_a_lost_claim_is_used() -> None:
    """The table of replies without a claim and the table of the lifecycle do not drift apart."""
    used = {(state, lost) for (state, _), lost in CLAIM_LOST.items()}
    assert used == {(state, step) for state, step in lifecycle.TABLE if step in set(CLAIM_LOST.values())}


def test_a_correction_is_told_exactly_where_something_else_was_said() -> None:
    """While the deletion was unknown nothing false was said, so there is nothing to correct."""
    for (state, _), (late, kind, told) in LATE.items():
        stays = lifecycle.after(state, late) is state
        said_otherwise = state not in OPEN_STATES and not stays
        assert (kind is Kind.CORRECTED) == (told is NotificationKind.CORRECTION) == said_otherwise
        assert (kind is Kind.OUTCOME) == (told is NotificationKind.OUTCOME) == (state in OPEN_STATES)
        assert (kind is Kind.REPLIED) == (told is NotificationKind.LATE) == stays


# -- what the ledger still has -------------------------------------------------------------------------------------

MINE = attempt(2)
ANSWERED = replace(MINE, replied_at=AT + seconds(1), status=429)
KEPT: dict[str, tuple[tuple[Attempt, ...], Attempt | None]] = {
    # what the ledger has, and what of it is this attempt
    "nothing": ((), None),
    "this attempt": ((MINE,), MINE),
    "with its reply": ((ANSWERED,), ANSWERED),
    "under another number": ((replace(ANSWERED, number=7),), replace(ANSWERED, number=7)),
    "among others": ((attempt(1, "other"), replace(MINE, claimed_at=AT - seconds(9)), MINE), MINE),
    "the claim's attempt before": ((attempt(1, claimed_at=AT - seconds(9)),), None),
    "another claim of the same number and moment": ((replace(MINE, claim_token="other"),), None),
    "another claim, and the attempt before": ((attempt(2, "other"), attempt(1, claimed_at=AT - seconds(9))), None),
}


@pytest.mark.parametrize("case", KEPT)
def test_whether_the_ledger_has_kept_an_attempt(case: str) -> None:
    """By its claim and its moment. A ledger that lost commits may count anew, so the number says nothing."""
    attempts, mine = KEPT[case]
    assert kept(deletion(attempts=attempts), MINE) == mine


def test_of_a_row_that_is_gone_nothing_is_kept() -> None:
    """A lost row is a lost claim, not a trouble of its own."""
    assert kept(None, MINE) is None


ASKED = deletion(state=State.FAILED)


@pytest.mark.parametrize("why", [*Ending, None])
def test_whether_a_deletion_may_have_removed_the_job(why: Ending | None) -> None:
    """Only a DELETE that never left is certain; neither "still present" nor a refusal is. Unclaimed, none was sent."""
    deletion = replace(ASKED, ended_why=why and why.value)
    assert may_have_worked(replace(deletion, attempts=(attempt(),))) is (why is not Ending.NEVER_SENT)
    assert not may_have_worked(deletion)

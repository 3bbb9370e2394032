"""What a reply to DELETE makes of a deletion, row by row, in time and late."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot import lifecycle
from bot.lifecycle import Step
from bot.metastudio.replies import CONSEQUENCES, Meaning, OnDelete, meaning
from bot.model import (
    NEVER_LEFT,
    OPEN_STATES,
    Actor,
    Attempt,
    Cause,
    ConfirmBy,
    Deletion,
    DeletionId,
    Job,
    JobId,
    Operation,
    Reply,
    State,
    Target,
)
from bot.outcomes import (
    AFTER_THE_LAG,
    BACK_OFF,
    BY_MEANING,
    LATE,
    MAX_ATTEMPTS,
    SOON,
    Decision,
    Ending,
    decide,
    may_have_worked,
    may_send_again,
)
from bot.trail import Kind, TellKind

AT = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)


def reply(status: int | None = None, code: str | None = None, cause: Cause | None = None) -> Reply:
    return Reply(Operation.DELETE, AT, status, cause, code, request_id="req-1")


NO_READ, AT_ONCE, TWO, FIVE = None, timedelta(0), timedelta(seconds=2), timedelta(seconds=5)

# product.md section 3: the reply, its step, the word for why, the event, and when the job is looked at.
REPLIES = [
    (reply(200), Step.REPLY_DELETED, Ending.REPLY_DELETED, Kind.OUTCOME, FIVE),
    (reply(204), Step.REPLY_DELETED, Ending.REPLY_DELETED, Kind.OUTCOME, FIVE),
    (reply(202), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO),
    (reply(302), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO),
    (reply(408), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO),
    (reply(502), Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, TWO),
    (reply(500, "MSS.00000004"), Step.LOSE, Ending.SERVER_ERROR, Kind.UNKNOWN, TWO),
    (reply(cause=Cause.CUT), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO),
    (reply(cause=Cause.TIMED_OUT), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO),
    (reply(cause=Cause.HANDSHAKE_HUNG), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO),
    (reply(cause=Cause.NONSENSE), Step.LOSE, Ending.LOST, Kind.UNKNOWN, TWO),
    (reply(401), Step.REPLY_FAILED, Ending.BAD_CREDENTIALS, Kind.OUTCOME, NO_READ),
    (reply(400, "APIGW.0301"), Step.REPLY_FAILED, Ending.BAD_CREDENTIALS, Kind.OUTCOME, NO_READ),
    (reply(403), Step.REPLY_FAILED, Ending.FORBIDDEN, Kind.OUTCOME, NO_READ),
    (reply(429), Step.REPLY_FAILED, Ending.THROTTLED, Kind.OUTCOME, NO_READ),
    (reply(400, "APIG.0308"), Step.REPLY_FAILED, Ending.THROTTLED, Kind.OUTCOME, NO_READ),
    (reply(400, "MSS.00000003"), Step.REPLY_FAILED, Ending.REPLY_REJECTED, Kind.OUTCOME, AT_ONCE),
    (reply(404), Step.REPLY_FAILED, Ending.REPLY_REJECTED, Kind.OUTCOME, AT_ONCE),
    *((reply(cause=cause), Step.NEVER_SENT, Ending.NEVER_SENT, Kind.OUTCOME, NO_READ) for cause in sorted(NEVER_LEFT)),
]


@pytest.mark.parametrize(
    ("given", "step", "ending", "kind", "read_after"),
    REPLIES,
    ids=[f"{row[0].status or row[0].cause}-{row[0].code}" for row in REPLIES],
)
def test_each_reply_has_its_outcome(
    given: Reply, step: Step, ending: Ending, kind: Kind, read_after: timedelta | None
) -> None:
    """The step, why, the event and the first look are those of the table."""
    assert decide(given) == Decision(step, ending, kind, read_after)


def test_every_meaning_is_decided_and_tried_above() -> None:
    """No reply is without an outcome, and no row goes untested."""
    assert set(BY_MEANING) == set(Meaning) == {meaning(row[0]) for row in REPLIES}
    assert (SOON, AFTER_THE_LAG) == (TWO, FIVE)


@pytest.mark.parametrize("means", Meaning)
def test_the_outcomes_agree_with_the_table_of_replies(means: Meaning) -> None:
    """Both tables say the same of a DELETE: deleted, failed or unknown."""
    expected = {
        OnDelete.DELETED: State.DELETED,
        OnDelete.FAILED: State.FAILED,
        OnDelete.AGAIN: State.FAILED,
        OnDelete.UNKNOWN: State.UNKNOWN,
    }
    assert lifecycle.after(State.DELETING, BY_MEANING[means].step) is expected[CONSEQUENCES[means].on_delete]


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
    (State.UNKNOWN, Step.REPLY_DELETED): (State.DELETED, Step.LATE_DELETED, Kind.OUTCOME, TellKind.OUTCOME),
    (State.UNKNOWN, Step.REPLY_FAILED): (State.FAILED, Step.LATE_FAILED, Kind.OUTCOME, TellKind.OUTCOME),
    (State.UNKNOWN, Step.NEVER_SENT): (State.FAILED, Step.LATE_FAILED, Kind.OUTCOME, TellKind.OUTCOME),
    (State.FAILED, Step.REPLY_DELETED): (State.DELETED, Step.LATE_DELETED, Kind.CORRECTED, TellKind.CORRECTION),
    (State.DELETED, Step.REPLY_FAILED): (State.FAILED, Step.LATE_FAILED, Kind.CORRECTED, TellKind.CORRECTION),
    (State.DELETED, Step.NEVER_SENT): (State.FAILED, Step.LATE_FAILED, Kind.CORRECTED, TellKind.CORRECTION),
}


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, STEPS)), ids=str)
def test_a_late_reply_changes_what_it_contradicts_and_nothing_else(state: State, step: Step) -> None:
    """Unknown takes any clear reply; deleted and failed are corrected by their opposite; all else stays."""
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


def test_a_correction_is_told_exactly_where_something_else_was_said() -> None:
    """While the deletion was unknown nothing false was said, so there is nothing to correct."""
    for (state, _), (_, kind, told) in LATE.items():
        assert kind is (Kind.OUTCOME if state in OPEN_STATES else Kind.CORRECTED)
        assert told is (TellKind.OUTCOME if state in OPEN_STATES else TellKind.CORRECTION)


ATTEMPT = Attempt(1, "claim", AT, AT)
ASKED = Deletion(
    DeletionId("0123456789abcdef"),
    Target("https://metastudio.example", "cn-north-4", "project"),
    Job(JobId("job-1"), "TRAIN_FAILED"),
    State.FAILED,
    Actor("U1", "T1"),
    "C1",
    ConfirmBy.REQUESTER,
    AT,
)
CERTAIN = {
    Ending.REPLY_REJECTED,
    Ending.BAD_CREDENTIALS,
    Ending.FORBIDDEN,
    Ending.THROTTLED,
    Ending.NEVER_SENT,
}


@pytest.mark.parametrize("why", [*Ending, None])
def test_whether_a_deletion_may_have_removed_the_job(why: Ending | None) -> None:
    """Only a refusal, or a DELETE that never left, is certain; "still present" is not. Unclaimed, nothing was sent."""
    deletion = replace(ASKED, ended_why=why and why.value)
    assert may_have_worked(replace(deletion, attempts=(ATTEMPT,))) is (why not in CERTAIN)
    assert not may_have_worked(deletion)

"""The life of a deletion: every edge of product.md section 2 is possible, every other step is not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.lifecycle import TABLE, Impossible, Step, after, sources, target
from bot.domain.model import OPEN_STATES, State

# Written from the diagram of product.md, not from the code.
DIAGRAM = """
    new       | propose                 | awaiting
    new       | refuse                  | refused
    awaiting  | refuse                  | refused
    awaiting  | cancel                  | cancelled
    awaiting  | expire                  | expired
    awaiting  | claim                   | deleting
    deleting  | claim again             | deleting
    deleting  | reply: deleted          | deleted
    deleting  | reply: failed           | failed
    deleting  | never sent              | failed
    deleting  | lose                    | unknown
    unknown   | read: gone              | deleted
    unknown   | read: present           | failed
    unknown   | late reply: deleted     | deleted
    unknown   | late reply: failed      | failed
    unknown   | closed by hand: deleted | deleted
    unknown   | closed by hand: failed  | failed
    failed    | read: gone              | deleted
    failed    | late reply: deleted     | deleted
    deleted   | late reply: failed      | failed
    deleted   | late reply: deleted     | deleted
    deleted   | read: present           | failed
    awaiting  | claim lost: deleted     | deleted
    awaiting  | claim lost: failed      | failed
    awaiting  | claim lost: unknown     | unknown
    refused   | claim lost: deleted     | deleted
    refused   | claim lost: failed      | failed
    refused   | claim lost: unknown     | unknown
    cancelled | claim lost: deleted     | deleted
    cancelled | claim lost: failed      | failed
    cancelled | claim lost: unknown     | unknown
    expired   | claim lost: deleted     | deleted
    expired   | claim lost: failed      | failed
    expired   | claim lost: unknown     | unknown
    deleting  | claim lost: deleted     | deleted
    deleting  | claim lost: unknown     | unknown
    unknown   | claim lost: deleted     | deleted
    failed    | claim lost: deleted     | deleted
    failed    | claim lost: unknown     | unknown
"""
ROWS = [tuple(cell.strip() for cell in line.split("|")) for line in DIAGRAM.strip().splitlines()]
EDGES = {(State(old), Step(step)): State(new) for old, step, new in ROWS}
LOST = {Step.CLAIM_LOST_DELETED, Step.CLAIM_LOST_FAILED, Step.CLAIM_LOST_UNKNOWN}
FINAL = {State.REFUSED, State.CANCELLED, State.EXPIRED}


@pytest.mark.parametrize(("old", "step", "new"), ROWS)
def test_every_edge_of_the_diagram_is_possible(old: str, step: str, new: str) -> None:
    """Each row of the diagram leads where it says."""
    assert after(State(old), Step(step)) is State(new)


@pytest.mark.parametrize(
    ("state", "step"), [pair for pair in itertools.product(State, Step) if pair not in EDGES], ids=str
)
def test_every_other_step_is_impossible(state: State, step: Step) -> None:
    """A step that the diagram does not have raises, names both, and hides the look-up."""
    with pytest.raises(Impossible) as caught:
        after(state, step)
    assert str(caught.value) == f"no edge from {state.value!r} by {step.value!r}"
    assert caught.value.__suppress_context__


def test_the_table_is_the_diagram() -> None:
    """Thirty-nine edges, no more, no less; every step and every state occurs."""
    assert TABLE == EDGES
    assert len(ROWS) == len(EDGES) == 39
    assert {step for _, step in EDGES} == set(Step)
    assert {state for state, _ in EDGES} | set(EDGES.values()) == set(State)


@pytest.mark.parametrize("step", Step)
def test_a_step_has_one_target_and_the_sources_of_the_diagram(step: Step) -> None:
    """The ledger's UPDATE may name one new state and the states it leaves."""
    edges = {state: new for (state, known), new in EDGES.items() if known is step}
    assert set(edges.values()) == {target(step)}
    assert sources(step) == frozenset(edges)
    assert isinstance(sources(step), frozenset)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_leaves_a_deletion_that_ended_without_a_delete(state: State) -> None:
    """Refused, cancelled and expired are final: no DELETE was sent, so nothing can turn out otherwise.

    Unless the ledger lost that one had been claimed before.
    """
    assert {step for known, step in TABLE if known is state} == LOST


def test_open_are_the_states_that_still_owe_an_outcome() -> None:
    """The unique index covers waiting, deleting and unknown; the others have ended, or not begun."""
    assert {State.AWAITING, State.DELETING, State.UNKNOWN} == OPEN_STATES
    assert set(State) - OPEN_STATES == FINAL | {State.NEW, State.DELETED, State.FAILED}


def test_a_claim_is_the_only_way_to_a_delete() -> None:
    """DELETING is entered from AWAITING by CLAIM alone, and never from a doubt or an end."""
    into = {(state, step) for (state, step), new in TABLE.items() if new is State.DELETING}
    assert into == {(State.AWAITING, Step.CLAIM), (State.DELETING, Step.CLAIM_AGAIN)}


def test_a_doubt_arises_only_while_deleting() -> None:
    """UNKNOWN is entered by LOSE from DELETING, and left by reading, a reply or a person; never by time."""
    into = {(state, step) for (state, step), new in TABLE.items() if new is State.UNKNOWN and step not in LOST}
    assert into == {(State.DELETING, Step.LOSE)}
    assert not [step for state, step in TABLE if state is State.UNKNOWN and step is Step.EXPIRE]


def test_the_ledgers_words_for_the_states_are_fixed() -> None:
    """The values stand in databases: renaming one would orphan rows."""
    assert [state.value for state in State] == (
        ["new", "awaiting", "deleting", "unknown", "deleted", "failed", "refused", "cancelled", "expired"]
    )


@given(st.data())
def test_no_walk_claims_twice_or_comes_back(data: st.DataObject) -> None:
    """However a deletion lives: one claim at most, no way back to the card, and what has ended stays ended.

    That is, in a ledger that keeps its commits; where it loses some, see the next test.
    """
    state, taken, seen = State.NEW, [], [State.NEW]
    for _ in range(12):
        steps = [step for known, step in TABLE if known is state and step not in LOST]
        if not steps:
            break
        step = data.draw(st.sampled_from(steps))
        state = after(state, step)
        taken.append(step)
        seen.append(state)
    assert taken.count(Step.CLAIM) <= 1
    assert seen.count(State.AWAITING) <= 1
    assert State.NEW not in seen[1:]
    if State.UNKNOWN in seen:
        assert State.DELETING not in seen[seen.index(State.UNKNOWN) :]
    ended = [at for at, known in enumerate(seen) if known not in OPEN_STATES and known is not State.NEW]
    assert not ended or OPEN_STATES.isdisjoint(seen[ended[0] :])
    assert {State.DELETED, State.FAILED}.isdisjoint(seen) or Step.CLAIM in taken


def test_a_lost_claim_leads_back_to_no_card_and_to_no_delete() -> None:
    """A sender that records without its claim only ever records an outcome, or a doubt."""
    assert {new for (_, step), new in TABLE.items() if step in LOST} == {State.DELETED, State.FAILED, State.UNKNOWN}
    assert not [state for state, step in TABLE if step in LOST and state is State.DELETED]

"""What has to be true in every cell: what was said, how often a DELETE was sent, who was answered, what is recorded."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from bot.domain.events import Event, Kind
from bot.domain.lifecycle import TABLE
from bot.domain.model import OPEN_STATES, Deletion, State
from bot.domain.notifications import NotificationKind
from bot.workers.report import has_a_line
from tests.crash.scene import Done, Moment, Stage
from tests.support import claims
from tests.support.claims import Claim, Must, Truth, named_deletion

STRICTER: dict[Claim, Must] = {
    Claim.DELETED: lambda t: not t.is_there,
    Claim.CLOSED_AS_GONE: lambda t: not t.is_there,
    Claim.CLOSED_AS_PRESENT: lambda t: t.is_there,
    Claim.TREATED_AS_NOT_DELETED: lambda t: t.is_there,
}
"""What has to be true besides. Here MetaStudio does what it says, and whoever closes by hand says what is true."""


def _truth(moment: Moment, deletion: str | None) -> Truth:
    """The truth about the deletion that the text names, or about any where it names none."""
    meant = {one for one in moment.states if deletion in {None, one}}
    arrived, removed = meant & moment.arrived, bool(meant & moment.effects)
    return Truth(
        moment.job_is_there,
        arrived=len(arrived),
        removed=removed,
        # Whoever reads so reads of which deletion.
        confirmed=deletion in moment.confirmed,
        throttled=bool(arrived) and arrived <= moment.throttled,
        denied=not moment.job_is_there,
        sent_for_reader=removed,
        states=frozenset(moment.states[one] for one in meant),
        is_over=any(moment.states[one] in {State.AWAITING, State.EXPIRED} for one in meant & moment.late),
    )


def untrue(stage: Stage) -> Iterator[str]:
    """Everything that was said and was not so."""
    for number, moment in enumerate(stage.moments):
        happening = moment.happening
        deletion = named_deletion(happening.text) or _pressed(number, stage)
        yield from claims.untrue(happening.text, _truth(moment, deletion), STRICTER)


OF_THE_PRESSED = r"\*(?:This deletion is over|How this deletion stands|Already confirmed)"


def _pressed(number: int, stage: Stage) -> str | None:
    """The deletion on the card that somebody pressed last, where "this deletion" is all that the answer says."""
    happening = stage.moments[number].happening
    if happening.user is None or not re.match(OF_THE_PRESSED, happening.text, re.IGNORECASE):
        return None
    before = [done for done in stage.done if done.since <= number and done.invocation.user == happening.user]
    last = next((done.message for done in reversed(before) if done.message is not None), None)
    return named_deletion(last.text) if last else None


# -- at most one DELETE --------------------------------------------------------------------------------------------


def too_many_deletes(stage: Stage) -> Iterator[str]:
    """One DELETE per confirmed deletion, but for what MetaStudio has throttled; and none that was not claimed."""
    claims: Counter[str] = Counter(
        str(event.deletion) for event in events(stage) if event.kind is Kind.CLAIMED and event.deletion
    )
    of: defaultdict[str, list[bool]] = defaultdict(list)
    for arrival in stage.arrivals:
        of[arrival.deletion].append(arrival.was_throttled)
    for deletion, throttled in of.items():
        if not all(throttled[:-1]):
            yield f"a DELETE of {deletion} was sent again although the one before was not throttled"
        if len(throttled) > claims[deletion]:
            yield f"{len(throttled)} DELETEs of {deletion}, {claims[deletion]} claims"
    if len(stage.arrivals) != stage.cloud.deletes_arrived(stage.job) - stage.cut_deletes:
        yield "a DELETE arrived that belongs to no deletion"


# -- everyone is answered ------------------------------------------------------------------------------------------


def unanswered(stage: Stage) -> Iterator[str]:
    """Whoever did something and heard nothing but the ack; not after a death before anything could be noted."""
    for done in stage.done:
        # A process that was killed may not have acked; then Slack itself tells the person.
        if not done.invocation.acked and not done.killed:
            yield f"no ack for the {done.invocation.kind} of {done.invocation.user}"
        if not done.unnoted and not any(_answers(moment, done, stage) for moment in stage.moments[done.since :]):
            yield f"no answer to the {done.invocation.kind} of {done.invocation.user}"


def _answers(moment: Moment, done: Done, stage: Stage) -> bool:
    message, user = moment.happening.message, done.invocation.user
    # The ack itself is no answer. What stands in its place later is one.
    if message is None or (message.via == "ack" and moment.happening.what == "posted"):
        return False
    if message.only_for == user or message.channel == stage.slack.im_with_bot(user):
        return True
    if message.only_for is not None or message.channel != stage.ops:
        return False
    if done.message is not None:
        return message is done.message or message.thread_ts == done.message.ts
    return message.thread_ts is None and f" asked by <@{user}>" in moment.happening.text


# -- the trail -----------------------------------------------------------------------------------------------------

LEADS_TO: dict[Kind, tuple[State, ...]] = {
    Kind.PROPOSED: (State.AWAITING,),
    Kind.NOT_OFFERED: (State.REFUSED,),
    Kind.CANCELLED: (State.CANCELLED,),
    Kind.EXPIRED: (State.EXPIRED,),
    Kind.CLAIMED: (State.DELETING,),
    Kind.UNKNOWN: (State.UNKNOWN,),
    Kind.OUTCOME: (State.DELETED, State.FAILED),
    Kind.SETTLED: (State.DELETED, State.FAILED),
    Kind.CLOSED_BY_HAND: (State.DELETED, State.FAILED),
    Kind.CORRECTED: (State.DELETED, State.FAILED),
}

TOLD_BY: dict[State, tuple[NotificationKind, ...]] = {
    State.DELETED: (
        NotificationKind.OUTCOME,
        NotificationKind.SETTLED,
        NotificationKind.CORRECTION,
        NotificationKind.CLOSED,
    ),
    State.FAILED: (
        NotificationKind.OUTCOME,
        NotificationKind.SETTLED,
        NotificationKind.CORRECTION,
        NotificationKind.CLOSED,
    ),
    State.CANCELLED: (NotificationKind.CANCELLED,),
    State.EXPIRED: (NotificationKind.EXPIRED,),
    State.REFUSED: (NotificationKind.REFUSED,),
}


def events(stage: Stage) -> list[Event]:
    """The trail, without its numbers and hashes."""
    return [recorded.event for recorded in stage.trail()]


def broken_trail(stage: Stage) -> Iterator[str]:
    """The chain, the way of each deletion through its states, and that its end was told."""
    if not (verdict := stage.verdict()).is_sound:
        yield f"the trail does not verify: {verdict}"
    for deletion in stage.deletions():
        mine = [event for event in events(stage) if event.deletion == deletion.id]
        yield from _broken_way(deletion, mine)
        if len(deletion.attempts) != sum(event.kind is Kind.CLAIMED for event in mine):
            yield f"{deletion.id}: {len(deletion.attempts)} attempts, but other events"
        yield from _untold_end(deletion, mine)


def _broken_way(deletion: Deletion, mine: list[Event]) -> Iterator[str]:
    edges = {(old, new) for (old, _), new in TABLE.items()}
    standing = {State.NEW}
    for event in mine:
        if event.kind in LEADS_TO:
            standing = {new for new in LEADS_TO[event.kind] for old in standing if (old, new) in edges}
    if deletion.state not in standing:
        kinds = [event.kind.value for event in mine]
        yield f"{deletion.id}: the trail {kinds} does not lead to {deletion.state.value}"


def _untold_end(deletion: Deletion, mine: list[Event]) -> Iterator[str]:
    if deletion.state in OPEN_STATES or deletion.message_ts is None:
        return
    told = {event.facts.get("what") for event in mine if event.kind in {Kind.DELIVERED, Kind.NOT_DELIVERED}}
    if not told & {kind.value for kind in TOLD_BY[deletion.state]}:
        yield f"{deletion.id} is {deletion.state.value}, and nobody was told; only {told}"


# -- nothing is left over ------------------------------------------------------------------------------------------


def left_over(stage: Stage) -> Iterator[str]:
    """Messages, answers and look-ups that are still owed, and deletions that nobody can end any more."""
    assert stage.app is not None
    if count := stage.app.ledger.outbox.count():
        yield f"{count} messages are left in the outbox"
    if count := stage.answers_open():
        yield f"{count} answers are left open"
    for deletion in stage.deletions():
        if deletion.state is State.DELETING:
            yield f"{deletion.id} is still deleting"
        if deletion.state is State.AWAITING and (card := stage.message_of(deletion)) is not None and not card.buttons:
            yield f"{deletion.id} waits, but its card has no buttons"


def dead_buttons(stage: Stage) -> Iterator[str]:
    """Buttons of deletions that are over.

    The one card that may keep them is one that Slack has and the ledger does not know of: a press has to be answered
    and to take them away. In an archived channel nobody can press anything, and nothing can be redrawn.
    """
    if stage.slack.channels[stage.ops].archived:
        return
    for card in stage.cards():
        for button in list(card.buttons):
            deletion = next((one for one in stage.deletions() if one.id == button["value"]), None)
            if deletion is not None and deletion.state in OPEN_STATES:
                continue
            if deletion is None or deletion.message_ts == card.ts:
                yield f"a dead button {button['action_id']} on the card of {deletion and deletion.state}"
                continue
            stage.press(button["action_id"], card=card)
            stage.settle()
            stage.strays += 1
            if card.buttons:
                yield f"a press leaves the dead buttons where they are: {deletion.state}"
            break


def unlogged(stage: Stage) -> Iterator[str]:
    """Lines of the running log that never came, where there is one."""
    if "AUDIT_CHANNEL" not in stage.extra:
        return
    said = "\n".join(message.text for message in stage.slack.messages(stage.audit))
    for recorded in stage.trail():
        if has_a_line(recorded.event) and f"{recorded.number}. " not in said:
            yield f"event {recorded.number} ({recorded.event.kind.value}) never came to the audit channel"


def problems(stage: Stage) -> list[str]:
    """Everything that is wrong with the cell as it stands."""
    stray = list(dead_buttons(stage))
    return [
        *stray,
        *untrue(stage),
        *too_many_deletes(stage),
        *unanswered(stage),
        *broken_trail(stage),
        *left_over(stage),
        *unlogged(stage),
        *stage.slack.violations,
    ]

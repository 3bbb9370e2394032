"""What a thread is told: sound in every state, true to its outcome, complete for support, and nothing for strangers."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.lifecycle import Step
from bot.domain.model import Cause, ConfirmBy, Deletion, State
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.outcomes import BY_MEANING, Ending
from bot.domain.refusals import Reason
from bot.domain.replies import Meaning
from handlers.views.blocks import time_of_day, when
from handlers.views.thread import NOT_DELETED, SAYS, WHY_UNKNOWN, thread_message
from handlers.views.thread_parts import duration, escalation, people, reads, reply_line
from tests.support.messages import (
    ATTEMPT,
    AWAITING,
    BARE,
    BROKEN,
    DONE,
    EMOJI,
    HOSTILE,
    JOB_ID,
    LONGEST_CHARS,
    LONGEST_WORDING,
    OVER,
    PLAUSIBLE,
    THROTTLED,
    WORDING,
    buttons,
    check,
    check_that_text_suffices,
    later,
    poisoned,
    stretched,
)
from tests.support.values import ANNA, AT, CARL, DELETION_ID

SECOND_PERSON = "*This card still waits* for a second person: anybody who may delete jobs, except <@UANNA>."
KINDS = [kind for kind in NotificationKind if kind is not NotificationKind.CARD]
FACTS: dict[NotificationKind, list[dict[str, Any]]] = {
    NotificationKind.REFUSED: [
        {"reason": "job_gone", "status": 404, "code": "MSS.41000003", "request_id": "r"},
        {"reason": "job_changed", "differs": [["name", "a", "b"], ["state", "JOB_FINISH", "TRAINING"]]},
        {"reason": "requester_lost_right", "why": "not_listed"},
        {"reason": "requester_lost_right", "why": "deactivated"},
        {"reason": "card_not_posted", "why": "is_archived"},
        {"reason": "card_not_posted", "why": None},
        {"reason": "restarted"},
    ],
    NotificationKind.INSPECTED: [
        {"found": found, "job_state": state, "at": AT.timestamp(), "looks": looks}
        for found in ("gone", "present", "nothing", "something new")
        for state in (None, "TRAINING")
        for looks in (1, 5)
    ]
    + [{}],
    NotificationKind.OUTCOME: [
        {},
        *({"not_again": {"reason": reason.value}} for reason in Reason),
        {"not_again": {"reason": "job_changed", "differs": [["state", "TRAIN_FAILED", "TRAINING"]]}},
        {"not_again": {"reason": "of_a_newer_version"}},
    ],
    NotificationKind.NOTICE: [{"text": "Deletions are frozen."}, {}],
}
MESSAGES = [(kind, facts, name) for kind in KINDS for facts in FACTS.get(kind, [{}]) for name in PLAUSIBLE]


def said(
    kind: NotificationKind, deletion: Deletion, facts: dict[str, Any] | None = None, *, direct: bool = False
) -> str:
    thread_ts = None if direct else "1.2"
    return thread_message(Notification(kind, deletion.id, "C1", thread_ts, facts or {}), deletion, WORDING).text


def test_every_kind_but_the_card_has_its_words() -> None:
    """The card is drawn, not said; nothing that the outbox may hold is without a text."""
    assert set(SAYS) == set(KINDS)
    assert NotificationKind.CARD not in SAYS


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_is_sound_in_every_state(kind: NotificationKind) -> None:
    """Slack takes it, its text says all that its blocks say, no emoji, no buttons; whatever state it meets."""
    for facts, deletion in itertools.product(FACTS.get(kind, [{}]), PLAUSIBLE.values()):
        for wording in (WORDING, BARE):
            built = thread_message(Notification(kind, deletion.id, "C1", "1.2", facts), deletion, wording)
            check(built)
            check_that_text_suffices(built)
            assert not EMOJI.search(built.text)
            assert not buttons(built)
            assert built.text.endswith(f"Deletion `{DELETION_ID}`")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (ConfirmBy.REQUESTER, "*This card still waits* for the person who asked."),
        (ConfirmBy.ANY_OPERATOR, "*This card still waits* for somebody who may delete jobs."),
        (ConfirmBy.SECOND_PERSON, SECOND_PERSON),
    ],
)
def test_a_reminder_calls_whoever_may_confirm(rule: ConfirmBy, says: str) -> None:
    """The rule of the card decides who is mentioned; what to do and until when stands there too."""
    facts = {"called": ["S00ONCALL", "UBENBENBEN"], "more": 0}
    deletion = replace(PLAUSIBLE["awaiting"], confirm_by=rule)
    told = said(NotificationKind.REMINDER, deletion, facts)
    until = when(later(600))
    calls = "<!subteam^S00ONCALL> <@UBENBENBEN>" if rule is ConfirmBy.SECOND_PERSON else "<@UANNA>"
    assert told.startswith(
        f"{says} Press *Delete permanently* or *Cancel*. It closes {until}, and then deletes nothing. {calls}\n"
    )


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"called": [], "more": 0}, "*This card still waits* for a second person, but nobody else on the list"),
        ({}, SECOND_PERSON),
    ],
    ids=["nobody may", "written by a former version"],
)
def test_a_reminder_that_calls_nobody(facts: dict[str, Any], says: str) -> None:
    """Where nobody may confirm it says so; where it is not known who may, it does not say that."""
    deletion = replace(PLAUSIBLE["awaiting"], confirm_by=ConfirmBy.SECOND_PERSON)
    told = said(NotificationKind.REMINDER, deletion, facts)
    assert told.startswith(says)


@pytest.mark.parametrize("kind", KINDS)
def test_a_direct_message_says_which_job_it_is_about(kind: NotificationKind) -> None:
    """It has no card above it."""
    for facts, deletion in itertools.product(FACTS.get(kind, [{}]), PLAUSIBLE.values()):
        direct = said(kind, deletion, facts, direct=True)
        assert direct.endswith(f"Deletion `{DELETION_ID}` of job `{deletion.job.job_id}`")


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_from_outside_does_anything_in_a_thread(kind: NotificationKind) -> None:
    """Codes, messages, names and states full of tricks ping nobody."""
    for deletion in PLAUSIBLE.values():
        for facts in FACTS.get(kind, [{}]):
            hostile = {name: HOSTILE if name in {"why", "job_state", "code"} else fact for name, fact in facts.items()}
            if "differs" in facts:
                hostile["differs"] = [["name", HOSTILE, HOSTILE], [HOSTILE, "", HOSTILE]][:1]
            if kind is not NotificationKind.NOTICE:
                check(thread_message(Notification(kind, deletion.id, "C1", None, hostile), poisoned(deletion), WORDING))


@given(st.text(max_size=500), st.sampled_from(KINDS), st.sampled_from(sorted(PLAUSIBLE)))
def test_any_text_from_outside_is_tame_in_a_thread(text: str, kind: NotificationKind, name: str) -> None:
    """Whatever comes from outside: check() holds."""
    deletion = poisoned(PLAUSIBLE[name], text)
    facts = {**FACTS.get(kind, [{}])[0], "job_state": text, "why": text}
    check(thread_message(Notification(kind, deletion.id, "C1", "1.2", facts), deletion, WORDING))
    changed = {"reason": "job_changed", "differs": [["name", text, text[::-1]], ["state", text, ""]]}
    check(thread_message(Notification(NotificationKind.REFUSED, deletion.id, "C1", "1.2", changed), deletion, WORDING))


@pytest.mark.parametrize("char", LONGEST_CHARS, ids=ascii)
@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_message_keeps_what_matters(kind: NotificationKind, char: str) -> None:
    """Everything at its longest: within the limits; the ids that support asks for are there."""
    for deletion in (PLAUSIBLE["rejected"], PLAUSIBLE["unknown, 5xx"], PLAUSIBLE["deleted"]):
        long = stretched(deletion, char)
        facts = FACTS.get(kind, [{}])[0]
        if kind is NotificationKind.REFUSED:
            names = ("name", "asset_id", "state", "last_update_time")
            facts = {"reason": "job_changed", "differs": [[name, char * 256, char * 255] for name in names]}
        built = thread_message(Notification(kind, long.id, "C1", None, facts), long, LONGEST_WORDING)
        check(built)
        assert f"of job `{'j' * 64}`" in built.text
        if kind is NotificationKind.REFUSED:
            assert "Nothing was deleted." in built.text
        if "For a Huawei Cloud ticket" in built.text:
            assert built.text.count("request ID " + "r" * 128) == 3
            assert f"Job: {'j' * 64}" in built.text


# -- each meaning of a reply has its text --------------------------------------------------------------------------


@pytest.mark.parametrize("means", Meaning)
def test_every_meaning_of_a_reply_is_explained(means: Meaning) -> None:
    """A failed or unknown outcome always says why, in words made for it."""
    decision = BY_MEANING[means]
    tables = {Step.REPLY_FAILED: NOT_DELETED, Step.NEVER_SENT: NOT_DELETED, Step.LOSE: WHY_UNKNOWN}
    if decision.step is not Step.REPLY_DELETED:
        why = tables[decision.step][decision.ending]
        assert re.fullmatch(r"(The|Huawei)[^*_<>]+[.]", why)
        kind = NotificationKind.UNKNOWN if decision.step is Step.LOSE else NotificationKind.OUTCOME
        state = State.UNKNOWN if decision.step is Step.LOSE else State.FAILED
        assert why in said(kind, replace(OVER, state=state, ended_why=decision.ending.value))


def test_no_explanation_is_left_over() -> None:
    """Each belongs to an ending that a reply can have, or to a sender that is gone."""
    failed = {
        decision.ending for decision in BY_MEANING.values() if decision.step in {Step.REPLY_FAILED, Step.NEVER_SENT}
    }
    lost = {decision.ending for decision in BY_MEANING.values() if decision.step is Step.LOSE}
    assert set(NOT_DELETED) == failed
    assert set(WHY_UNKNOWN) == lost | {Ending.SENDER_GONE}


def test_only_what_certainly_did_nothing_is_called_so() -> None:
    """The words "nothing was deleted" stand with a DELETE that never left, never with a refusal or a doubt."""
    said_so = {why for why, text in NOT_DELETED.items() if re.search("deleted nothing|nothing was deleted", text)}
    assert said_so == {Ending.NEVER_SENT}
    assert not any("nothing" in text for text in WHY_UNKNOWN.values())
    for name in ("rejected", "bad credentials", "forbidden", "throttled", "not sent again"):
        text = said(NotificationKind.OUTCOME, PLAUSIBLE[name])
        assert not re.search("othing was deleted|deleted nothing|not deleted by|did not delete", text)
    for name in ("unknown, lost", "unknown, 5xx", "unknown, unclear", "unknown, sender gone", "unknown without a word"):
        for kind in (NotificationKind.UNKNOWN, NotificationKind.UNDETERMINED):
            assert "othing was deleted" not in said(kind, PLAUSIBLE[name])


# -- the words themselves ------------------------------------------------------------------------------------------

TICKET = """For a Huawei Cloud ticket:
Operation: Delete2dModelTrainingJob
Endpoint: https://metastudio.cn-north-4.myhuaweicloud.com
Region: cn-north-4
Project: 0123456789abcdef0123456789abcdef
Job: efc5300ecdba4ea48d1ff13a9d907bc0
Deletion: 0123456789abcdef"""
CONFIRMED = f"Confirmed by <@UBEN> {when(later(60))}."
TOOK = f"{CONFIRMED} It took 1.5 s."
CUT = "the connection broke before a whole answer had arrived"
BOTH, JOB = "<@UANNA> <@UBEN>", f"`{JOB_ID}`"
BY_READS = "found it gone: Huawei neither shows nor lists it any more."
NAMED = f"`Anchor Li` ({JOB})"


def ticket(*replies: str, is_first: bool = True) -> list[str]:
    """The block for Huawei, with a line for each attempt; a later one of a thread says that it is the newer."""
    block = TICKET if is_first else TICKET.replace("ticket:", "ticket, in place of any above:", 1)
    return [block, *(f"Attempt {number}: 2026-11-22 03:12:00 UTC, {one}" for number, one in enumerate(replies, 1))]


NO_IDS = "error code none, request ID none"
CONFLICT_LINES = ["Request ID: `req-404`", "HTTP status: 404", "Error code: `MSS.41000003`"]
BELOW = {
    ("outcome", "deleted"): ["Request ID: `req-200`", "HTTP status: 200", TOOK],
    ("outcome", "rejected"): [
        *("Request ID: `req-400`", "HTTP status: 400", "Error code: `MSS.00000003`", "Message: `Invalid parameter`"),
        *(TOOK, *ticket("HTTP 400, error code MSS.00000003, request ID req-400")),
    ],
    ("outcome", "never sent"): ["Cause: connection refused", TOOK, *ticket(f"connection refused, {NO_IDS}")],
    ("outcome", "not sent again"): [
        *("Request ID: `req-429`", "HTTP status: 429", "Error code: `APIGW.0308`"),
        *("Cause: the time allowed for sending had passed", TOOK),
        *ticket(
            "HTTP 429, error code APIGW.0308, request ID req-429", f"the time allowed for sending had passed, {NO_IDS}"
        ),
    ],
    ("unknown", "unknown, lost"): [f"Cause: {CUT}", CONFIRMED, *ticket(f"{CUT}, {NO_IDS}")],
    ("unknown", "unknown, sender gone"): [CONFIRMED, *ticket(f"no reply known, {NO_IDS}")],
    ("unknown", "unknown, conflict"): [
        *(*CONFLICT_LINES, CONFIRMED, *ticket("HTTP 404, error code MSS.41000003, request ID req-404")),
    ],
    ("settled", "found gone after a 404"): [*CONFLICT_LINES, TOOK],
    ("settled", "found gone"): [f"The DELETE itself: {CUT}", TOOK],
    ("settled", "still present"): [f"Cause: {CUT}", TOOK, *ticket(f"{CUT}, {NO_IDS}", is_first=False)],
    ("correction", "found gone"): [f"The DELETE itself: {CUT}", *ticket(f"{CUT}, {NO_IDS}", is_first=False)],
    ("cancelled", "cancelled"): [],
    ("expired", "expired"): [],
    ("closed", "deleted by a word"): [],
    ("closed", "failed by a word"): ticket(f"no reply known, {NO_IDS}", is_first=False),
}


@pytest.mark.parametrize(("kind", "name"), BELOW)
def test_what_stands_below_the_sentence(kind: str, name: str) -> None:
    """Huawei's request ID and error code, who confirmed, how long it took, and the block for a ticket.

    The sentences themselves are those of docs/messages.md.
    """
    lines = said(NotificationKind(kind), PLAUSIBLE[name]).split("\n", 1)[1]
    assert lines == "\n".join([*BELOW[kind, name], "Deletion `0123456789abcdef`"])


SENTENCES = [
    pytest.param(
        *("settled", "found gone after a 404", {"reads": 2, "over": 30}),
        f"*Gone:* {NAMED}. 2 checks up to {time_of_day(later(900))} {BY_READS} Huawei answered 404; whether this "
        f"request or something else removed it cannot be told. {BOTH}",
    ),
    pytest.param(
        *("outcome", "not sent again", {}),
        f"*Huawei is rate-limiting us:* {NAMED}. Huawei throttled the DELETE, and the next one never left the bot. A "
        f"check "
        f"of the job follows. If it is still there, ask again. {BOTH}",
    ),
    pytest.param(
        *("settled", "still present", {}),
        f"*Counts as not deleted:* {NAMED}. It was still there at {time_of_day(later(660))} after 9 checks in 10 "
        f"min. You "
        f"can ask again. It is checked once more {when(later(4260))}. {BOTH}",
    ),
    pytest.param(
        *("refused", "refused", {"reason": "job_changed", "differs": [["name", "a  b", "a b"]]}),
        f"*Not deleted, the job has changed:* {NAMED} is no longer the one on the card (name: on the card `a  b`, "
        f"now `a "
        "b`), so the card is closed. Nothing was deleted. Still want it gone? Run the command again. <@UANNA>",
    ),
    pytest.param(
        *("refused", "refused", {"reason": "requester_lost_right", "why": "not_listed"}),
        "*Refused:* <@UANNA> may no longer delete jobs, so the card is closed. Nothing was deleted.",
    ),
    pytest.param(
        *("refused", "refused", {"reason": "job_gone"}),
        "*Huawei no longer shows the job:* it is neither shown nor listed, so the card is closed. The press that found "
        "this sent no DELETE. <@UANNA>",
    ),
]


@pytest.mark.parametrize(("kind", "name", "facts", "sentence"), SENTENCES)
def test_sentences_that_the_page_of_messages_does_not_show(
    kind: str, name: str, facts: dict[str, Any], sentence: str
) -> None:
    """Who is told, and what happened; docs/messages.md has an example of every other."""
    assert said(NotificationKind(kind), PLAUSIBLE[name], facts).split("\n")[0] == sentence


TIME = time_of_day(later(661.5))


@pytest.mark.parametrize(
    ("name", "found", "job_state", "says"),
    [
        ("deleted", "gone", None, f"*Double-checked, it is gone:* {NAMED}, seen at {TIME}."),
        (
            "deleted",
            "present",
            "TRAINING",
            f"*Still shown by Huawei:* {NAMED}, at {TIME} (10 min later) in state `TRAINING`, although",
        ),
        (
            "deleted",
            "present",
            None,
            f"*Still shown by Huawei:* {NAMED}, at {TIME} (10 min later), although Huawei confirmed the deletion. Open",
        ),
        ("deleted", "nothing", None, f"up to {TIME} (10 min later) the bot could not verify that the job is gone."),
        ("rejected", "gone", None, f"*Not shown by Huawei:* {NAMED}, checked at {TIME}."),
        (
            "rejected",
            "present",
            "JOB_FINISH",
            f"*Still there:* {NAMED}, checked at {TIME} in state `JOB_FINISH`.",
        ),
        ("rejected", "nothing", None, f"No check up to {TIME} has decided it."),
    ],
)
def test_what_a_look_afterwards_found(name: str, found: str, job_state: str | None, says: str) -> None:
    """Each finding says what it means for this outcome, and no more than was seen."""
    facts = {"found": found, "job_state": job_state, "at": later(661.5).timestamp()}
    assert says in said(NotificationKind.INSPECTED, PLAUSIBLE[name], facts)


@pytest.mark.parametrize(
    ("confirmed", "says"),
    [
        (True, "Huawei has confirmed a later deletion of it, `fedcba9876543210`."),
        (False, "A later deletion of it, `fedcba9876543210`, may have removed it, or this one may have had its effect"),
    ],
)
def test_a_job_that_a_later_deletion_may_have_removed(says: str, *, confirmed: bool) -> None:
    """The other deletion is named, and nothing is claimed about this one that nobody can know."""
    facts = {"found": "gone", "at": AT.timestamp(), "later": "fedcba9876543210", "later_confirmed": confirmed}
    text = said(NotificationKind.INSPECTED, PLAUSIBLE["still present"], facts)
    assert text.startswith(f"*Gone now:* {NAMED}, checked at {time_of_day(AT)}. ")
    assert says in text


@pytest.mark.parametrize(
    ("deletion", "how"),
    [
        (PLAUSIBLE["found gone"], "that no longer holds: later checks found it gone. No answer"),
        (PLAUSIBLE["deleted"], "that was wrong: Huawei's reply arrived late and confirms it."),
        (PLAUSIBLE["found gone after a 404"], "Huawei answered 404; whether this request or something"),
        (
            PLAUSIBLE["still present"],
            f"checks, the last one at {time_of_day(later(660))}, found it. It counts as not deleted.",
        ),
        (replace(PLAUSIBLE["rejected"], ended_why=Ending.NEVER_SENT), "that was wrong: the DELETE never left the bot."),
    ],
)
def test_a_correction_says_what_was_wrong_and_how_it_was_found(deletion: Deletion, how: str) -> None:
    """What the thread said before, what is true, and why."""
    text = said(NotificationKind.CORRECTION, deletion)
    assert text.startswith("*Correction, ")
    assert "this thread said otherwise before, that " in text
    assert how in text
    assert "<@UANNA> <@UBEN>" in text


def test_a_correction_of_a_former_version_claims_no_more_than_is_known() -> None:
    """It took a late refusal for proof that the request had deleted nothing."""
    text = said(NotificationKind.CORRECTION, PLAUSIBLE["rejected"])
    assert "Huawei answered 400; whether this request or something else removed it cannot be told." in text
    assert "did not delete" not in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "unknown, 5xx",
            (
                f"*Nothing changes:* {NAMED}. Huawei's reply to the DELETE arrived late. It changes nothing that was "
                f"said here."
            ),
        ),
        (
            "unknown, lost",
            f"*Nothing changes:* {NAMED}. The DELETE ended without a reply. It changes nothing that was said here.",
        ),
        (
            "unknown without a word",
            f"*Nothing changes:* {NAMED}. The DELETE ended without a reply. It changes nothing that was said here.",
        ),
        (
            "found gone after a 404",
            f"*Nothing changes:* {NAMED}. Huawei's reply to the DELETE arrived late. It changes nothing that was said",
        ),
        (
            "deleted",
            (
                f"*Confirmed by Huawei, late:* {NAMED}. Huawei's reply to the DELETE arrived late. It confirms that "
                f"the job is deleted."
            ),
        ),
    ],
)
def test_a_late_reply_that_changes_nothing_is_told(name: str, says: str) -> None:
    """With its request ID, which support may need; an answer that never came is not called one."""
    text = said(NotificationKind.LATE, PLAUSIBLE[name])
    assert text.startswith(says)
    assert ("Request ID: `req-500`" in text) is (name == "unknown, 5xx")


@pytest.mark.parametrize(("skew", "where"), [(7200, "behind"), (-7200, "ahead of")])
def test_a_rejected_signature_is_explained_by_the_clock(skew: int, where: str) -> None:
    """By how much, and in which direction; without such a fact the clock is only something to check."""
    text = said(NotificationKind.OUTCOME, PLAUSIBLE["bad credentials"], {"clock_skew": skew})
    assert f"The bot's clock is 120 minutes {where} Huawei's, by the date of its answer" in text
    assert "minutes behind" not in said(NotificationKind.OUTCOME, PLAUSIBLE["bad credentials"])


def test_after_a_restore_nothing_is_said_to_be_undeleted() -> None:
    """A ledger from a backup does not know what was done after it."""
    text = said(NotificationKind.EXPIRED, PLAUSIBLE["closed after a restore"])
    assert "restored from a backup" in text
    assert "othing was deleted" not in text


# -- the parts of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("confirmer", "told"), [(None, "<@UANNA>"), (ANNA, "<@UANNA>"), (CARL, "<@UANNA> <@UCARL>")])
def test_requester_and_confirmer_are_told_once_each(confirmer: Any, told: str) -> None:
    """One mention per person, the requester first."""
    assert people(replace(OVER, confirmer=confirmer)) == told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *(
            (-3, "less than 0.1 s"),
            (0.09, "less than 0.1 s"),
            (0.1, "0.1 s"),
            (0.74, "0.7 s"),
            (9.94, "9.9 s"),
            (10, "10 s"),
            (119.4, "119 s"),
        ),
        *((120, "2 min"), (600, "10 min"), (7199, "120 min"), (7200, "2 h"), (86400, "24 h")),
    ],
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    """As exact as it matters; a clock that was set back makes no negative length."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("agreeing", "over", "words"),
    [
        (9, 600, "9 checks in 10 min"),
        (1, 0, "1 check in less than 0.1 s"),
        (3, 30, "3 checks in 30 s"),
        (0, 5, "0 checks in 5.0 s"),
    ],
)
def test_how_many_reads_agreed(agreeing: int, over: float, words: str) -> None:
    """Count and length, in words."""
    deletion = replace(OVER, reads_agreeing=agreeing, reads_first_at=AT, verified_at=AT + timedelta(seconds=over))
    assert reads(deletion, {}) == words
    assert reads(replace(deletion, verified_at=None), {}) == words.split(" in ", maxsplit=1)[0]
    assert reads(replace(deletion, reads_first_at=None), {}) == words.split(" in ", maxsplit=1)[0]
    # What was counted when it was settled stands, whatever has been read since.
    assert reads(PLAUSIBLE["still present"], {"reads": agreeing, "over": over}) == words


def test_what_is_told_late_announces_no_look_that_was_made_already() -> None:
    """Slack may take the message an hour later; then nothing is due any more."""
    text = said(NotificationKind.SETTLED, replace(PLAUSIBLE["still present"], read_due_at=None))
    assert "You can ask again. <@UANNA>" in text
    assert "once more" not in text


@pytest.mark.parametrize("deletion", [AWAITING, replace(OVER, attempts=()), replace(OVER, attempts=(ATTEMPT,))])
def test_without_a_reply_there_is_no_reply_to_show(deletion: Deletion) -> None:
    """No empty labels."""
    assert reply_line(deletion) == ""


def test_where_the_last_attempt_never_left_the_reply_before_it_is_shown() -> None:
    """The throttled one is MetaStudio's last word; what kept the next one from leaving is the cause."""
    never_left = replace(ATTEMPT, number=2, cause=Cause.TOO_LATE)
    assert reply_line(replace(OVER, attempts=(THROTTLED, never_left))) == (
        "Request ID: `req-429`\nHTTP status: 429\nError code: `APIGW.0308`\n"
        "Cause: the time allowed for sending had passed"
    )
    gone = replace(PLAUSIBLE["found gone"], attempts=(THROTTLED, never_left))
    assert "Huawei answered 429; whether this request" in said(NotificationKind.SETTLED, gone)
    # Of another claim is what another sender was answered.
    foreign = replace(THROTTLED, claim_token="another")
    assert "429" not in reply_line(replace(OVER, claim_token=ATTEMPT.claim_token, attempts=(foreign, never_left)))
    cut_off = replace(ATTEMPT, number=2, cause=Cause.CUT)
    assert "429" not in reply_line(replace(OVER, attempts=(THROTTLED, cut_off)))


def test_a_delete_that_was_not_sent_again_is_not_said_to_have_been_throttled_each_time() -> None:
    """Why not, as docs/messages.md words it, with the fields that differ."""
    once = replace(PLAUSIBLE["throttled"], attempts=(THROTTLED,))
    no = {"reason": "job_changed", "differs": [["state", "TRAIN_FAILED", "TRAINING"]]}
    text = said(NotificationKind.OUTCOME, once, {"not_again": no})
    assert "Huawei throttled the DELETE. It was not sent again, since the job is no longer the one" in text
    assert "(state: on the card `TRAIN_FAILED`, now `TRAINING`). A check" in text
    assert "each time" not in text


def test_the_last_attempts_reply_is_shown() -> None:
    """A throttled first attempt does not hide how the third was answered."""
    assert reply_line(replace(OVER, attempts=(THROTTLED, replace(DONE, number=2)))) == (
        "Request ID: `req-200`\nHTTP status: 200"
    )


# -- the escalation block ------------------------------------------------------------------------------------------

ESCALATED = {
    *(NotificationKind.OUTCOME, NotificationKind.UNKNOWN, NotificationKind.SETTLED, NotificationKind.CORRECTION),
    *(NotificationKind.UNDETERMINED, NotificationKind.CLOSED),
}


def test_the_ticket_lists_each_attempt() -> None:
    """Number, UTC time, HTTP status or cause, error code, request ID, one line each."""
    attempts = (
        THROTTLED,
        replace(ATTEMPT, number=2, cause=Cause.TIMED_OUT),
        replace(BROKEN, number=3, claimed_at=later(7)),
        replace(ATTEMPT, number=4),
    )
    assert escalation(replace(OVER, attempts=attempts)).raw.split("\n")[6:] == [
        "Attempt 1: 2026-11-22 03:12:00 UTC, HTTP 429, error code APIGW.0308, request ID req-429",
        "Attempt 2: 2026-11-22 03:12:00 UTC, no answer within the time allowed, error code none, request ID none",
        "Attempt 3: 2026-11-22 03:12:07 UTC, HTTP 500, error code MSS.00000004, request ID req-500",
        "Attempt 4: 2026-11-22 03:12:00 UTC, no reply known, error code none, request ID none",
    ]


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_the_ticket_holds_nothing_but_what_huawei_may_know(name: str) -> None:
    """No people, no mentions, no job name, no reason, no message, no token of ours, no channel."""
    deletion = replace(PLAUSIBLE[name], ended_by=CARL)
    raw = escalation(deletion).raw
    secrets = ["UANNA", "UBEN", "UCARL", "<", "token", "customer", "C1", "1.2", "Invalid parameter", "Internal Error"]
    assert not [secret for secret in [*secrets, deletion.job.name] if secret and secret in raw]
    assert f"Job: {deletion.job.job_id}\nDeletion: {DELETION_ID}" in raw


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_or_unknown_outcome_brings_the_ticket_along(kind: NotificationKind) -> None:
    """And a good one does not need it."""
    for name in ("rejected", "unknown, lost", "still present"):
        assert ("For a Huawei Cloud ticket" in said(kind, PLAUSIBLE[name], FACTS.get(kind, [{}])[0])) is (
            kind in ESCALATED
        )
    for kind_of_good in (NotificationKind.OUTCOME, NotificationKind.SETTLED, NotificationKind.CLOSED):
        assert "For a Huawei Cloud ticket" not in said(kind_of_good, PLAUSIBLE["deleted"])


def test_a_refusal_that_comes_late_brings_the_newer_ticket() -> None:
    """The thread of an unknown outcome has a block already; a reader has to know which one counts."""
    at_once = PLAUSIBLE["rejected"]
    assert "For a Huawei Cloud ticket:" in said(NotificationKind.OUTCOME, replace(at_once, unknown_since=None))
    late = said(NotificationKind.OUTCOME, replace(at_once, unknown_since=later(2)))
    assert "For a Huawei Cloud ticket, in place of any above:" in late


@pytest.mark.parametrize("kind", sorted(ESCALATED))
def test_outcomes_mention_requester_and_confirmer_and_name_the_job(kind: NotificationKind) -> None:
    """Both are notified, whatever became of it, and read which job it was."""
    for name in ("deleted", "rejected", "unknown, lost", "still present"):
        text = said(kind, PLAUSIBLE[name])
        assert text.split("\n")[0].endswith(" <@UANNA> <@UBEN>")
        assert f"`{JOB_ID}`" in text


def test_the_reasons_tried_above_are_those_that_close_a_card() -> None:
    """Each is a reason that exists."""
    assert {facts["reason"] for facts in FACTS[NotificationKind.REFUSED]} <= set(Reason)

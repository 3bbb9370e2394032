"""Every no has a sentence; no sentence repeats what must not be repeated, or does anything with it."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.events import SHOWN, Event, Kind, Recorded
from bot.domain.job_states import DELETABLE, STATES
from bot.domain.model import OPEN_STATES, Actor, Cause, Freeze, JobId, Operation, Reply, State
from bot.domain.notifications import PendingRequest
from bot.domain.policy import COMPARED
from bot.domain.refusals import Reason, Refused
from bot.domain.replies import Meaning, meaning
from bot.workers.report import MOST_LINES
from handlers.messenger import PLAIN_LIMIT
from handlers.subcommands.help import ALSO, DAILY, help_text
from handlers.views.blocks import when
from handlers.views.differences import FIELD_NAMES, changes
from handlers.views.endings import BY_STATE, restart_text, words
from handlers.views.log_lines import SHOWN_FACTS, WORDS, log_line, log_lines
from handlers.views.refusals import SENTENCES, refusal_text
from handlers.views.replies import REPLY_SENTENCES, reply_facts
from handlers.views.wording import Wording
from handlers.vocabulary import CANCEL, DELETE, MISSING, READ_ONLY, SUBCOMMANDS
from sandbox.slack import block_kit as checks
from tests.support import values
from tests.support.messages import AWAITING, BARE, EMOJI, HOSTILE, JOB_ID, PLAUSIBLE, WORDING, is_tame
from tests.support.values import ANNA, AT, BEN, DELETION_ID

reply = partial(values.reply, operation=Operation.SHOW, request_id=None)
MEANT = {
    Meaning.OK: reply(200, request_id="req-1"),
    Meaning.UNCLEAR: reply(302, request_id="req-1"),
    Meaning.SERVER_ERROR: reply(500, "MSS.00000004", message="Internal Error", request_id="req-1"),
    Meaning.BAD_CREDENTIALS: reply(401, "APIGW.0301", message="Incorrect IAM authentication", request_id="req-1"),
    Meaning.FORBIDDEN: reply(403, "APIGW.0302", request_id="req-1"),
    Meaning.THROTTLED: reply(429, "APIGW.0308", request_id="req-1"),
    Meaning.CONFLICT: reply(410, request_id="req-1"),
    Meaning.REJECTED: reply(400, "MSS.00000003", message="Invalid parameter", request_id="req-1"),
    Meaning.LOST: reply(cause=Cause.TIMED_OUT),
    Meaning.NEVER_SENT: reply(cause=Cause.CONNECTION_REFUSED),
    Meaning.NOT_SIGNED_IN: reply(cause=Cause.SIGN_IN_FAILED, message="IAM: connection refused"),
    Meaning.SIGN_IN_REFUSED: reply(
        cause=Cause.SIGN_IN_REFUSED, code="401", message="IAM answered HTTP 401", request_id="trace-1"
    ),
}
NOT_FOUND = reply(404, "MSS.41000003", message="no such task", request_id="req-1")
DIFFERS = (("name", "Anchor  Li", "Anchor Li"), ("state", "JOB_FINISH", "TRAINING"))
FREEZE = Freeze("0123456789abcdef", BEN, AT, "C1", "the wrong jobs went")
LINK = "https://ours.slack.com/archives/C1/p12"

FACTS: dict[Reason, list[dict[str, Any]]] = {
    Reason.BAD_JOB_ID: [{"detail": "it is longer than 64 characters", "length": 70}, {"detail": "", "length": 3}, {}],
    Reason.BAD_SEARCH: [{"most": 100, "detail": "there was nothing"}, {"most": 100, "detail": "there were 101"}, {}],
    Reason.REASON_TOO_LONG: [{}, {"subcommand": "freeze"}],
    Reason.UNEXPECTED_TEXT: [{"subcommand": name, "detail": "3"} for name in ("open", "history", "unfreeze")] + [{}],
    Reason.NEAR_MISS: [{"meant": (name,)} for name in (*SUBCOMMANDS, DELETE, CANCEL)]
    + [{"meant": ("freeze", "unfreeze", CANCEL)}, {}],
    Reason.UNKNOWN_OPTION: [{"meant": ("freeze",)}, {"meant": (), "subcommand": "freeze"}, {}],
    Reason.MISPLACED_OPTION: [
        {"detail": "`--dry-run` goes with a job id, not with `freeze`", "subcommand": "freeze"},
        {},
    ],
    Reason.IN_OTHER_CHANNEL: [{"channels": ["C1"]}, {"channels": ["C1", "C2", "C9"]}, {"channels": ["C1"] * 40}],
    Reason.CONVERSATION_UNKNOWN: [{"why": "ratelimited"}, {"why": "missing_scope"}, {}],
    Reason.PERSON_UNKNOWN: [{"why": "user_not_found"}, {"whose": "requester", "deletion": AWAITING}, {}],
    Reason.GROUPS_UNKNOWN: [{"why": "fatal_error"}, {"why": "ratelimited", "whose": "requester", "deletion": AWAITING}],
    Reason.NOT_DELETABLE: [{"state": state} for state in ["BRAND_NEW", "", *sorted(set(STATES) - DELETABLE)]],
    Reason.JOB_NOT_FOUND: [{"reply": NOT_FOUND}, {"reply": reply(404)}],
    Reason.JOB_NOT_READ: [{"reply": given} for given in MEANT.values()],
    Reason.JOBS_NOT_LISTED: [{"reply": given} for given in MEANT.values()],
    Reason.CLOCK_OFF: [{"seconds": 3600}, {"seconds": -7}, {}],
    Reason.FROZEN: [{"freeze": FREEZE}, {"freeze": replace(FREEZE, reason="\u202e" * 500)}],
    Reason.ALREADY_FROZEN: [
        {"freeze": FREEZE},
        {"freeze": replace(FREEZE, reason="`" * 500)},
        {"freeze": replace(FREEZE, reason="")},
        {"freeze": replace(FREEZE, reason=""), "is_reason_dropped": True},
    ],
    Reason.JOB_CHANGED: [{"differs": DIFFERS}, {"differs": [list(row) for row in DIFFERS]}],
    Reason.JOB_GONE: [
        {"reply": NOT_FOUND},
        {},
        {"reply": NOT_FOUND, "earlier": "fedcba9876543210"},
        {"status": 404, "code": "MSS.41000003", "request_id": "r"},
    ],
    Reason.ALREADY_OFFERED: [{"deletion": one, "link": link} for one in PLAUSIBLE.values() for link in (LINK, None)],
    Reason.BEING_OFFERED: [{"deletion": AWAITING}],
    Reason.TOO_MANY_OPEN: [{"open": 200}, {}],
    Reason.CARD_NOT_POSTED: [{"why": "is_archived"}, {"why": ""}, {"why": None}, {}],
    Reason.REQUESTER_LOST_RIGHT: [{"why": "not_listed", "deletion": AWAITING}, {}],
    Reason.OTHER_PROJECT: [{"deletion": AWAITING}],
    **{
        reason: [{"deletion": one} for one in PLAUSIBLE.values()]
        for reason in (Reason.EXPIRED, Reason.ALREADY_ENDED, Reason.ALREADY_CONFIRMED)
    },
    Reason.NOT_UNKNOWN: [{"deletion": None}, {}, *({"deletion": one} for one in PLAUSIBLE.values())],
    Reason.NOT_YET_BY_HAND: [{"deletion": PLAUSIBLE["unknown, lost"]}],
    Reason.LEDGER_IN_DOUBT: [{}, {"subcommand": "freeze"}, {"subcommand": "unfreeze"}, {"subcommand": "open"}],
    Reason.LEDGER_TROUBLE: [{}, {"subcommand": "freeze"}],
}
"""What the use-cases put beside each reason; the others need nothing."""

UNDECIDED = {
    *(Reason.ALREADY_OFFERED, Reason.BEING_OFFERED, Reason.EXPIRED, Reason.ALREADY_ENDED, Reason.ALREADY_CONFIRMED),
    *(Reason.NOT_UNKNOWN, Reason.NOT_YET_BY_HAND, Reason.JOB_GONE, Reason.BAD_JOB_ID, Reason.ALREADY_HANDLED),
    Reason.BUG,
}
"""Reasons that cannot say "Nothing was deleted." in these words, because it may not be so, or is said otherwise."""


def is_sound(text: str) -> None:
    """What is answered to one person: tame, pinging nobody else, in whole sentences."""
    assert text
    assert text == text.strip()
    assert is_tame(text)
    assert checks.advice_on_text(text) == []
    assert checks.notifies(text, []) <= {"UANNA", "UBEN", "UCARL"}
    assert text.count("`") % 2 == 0
    assert not EMOJI.search(text)
    assert re.search(r"[.)`]$", text)
    assert len(text) <= checks.SECTION_TEXT  # it is also sent as one section


def test_every_reason_has_exactly_one_sentence() -> None:
    """A new reason without a sentence would be a crash where an answer is owed; one too many is never said."""
    assert list(SENTENCES) == list(Reason)
    assert set(FACTS) <= set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_is_sound(reason: Reason) -> None:
    """With everything that the use-cases may put beside it, as enum and as the word in the ledger."""
    for facts in FACTS.get(reason, [{}]):
        for wording in (WORDING, BARE):
            text = refusal_text(Refused(reason, facts), wording)
            is_sound(text)
            assert text == refusal_text(Refused(reason.value, facts), wording)
            assert text.lstrip("*")[0].isupper() or text[0] in "`<" or text[0].isdigit()


@pytest.mark.parametrize("reason", sorted(set(Reason) - UNDECIDED))
def test_a_refusal_says_that_nothing_was_deleted(reason: Reason) -> None:
    """Nobody is left guessing; while somebody else's click may delete, only what this one did is said."""
    for facts in FACTS.get(reason, [{}]):
        for wording, says in (
            (WORDING, "Nothing was deleted."),
            (WORDING.for_("click"), "This click deleted nothing."),
            (WORDING.for_("command"), "This command deleted nothing."),
        ):
            text = refusal_text(Refused(reason, facts), wording)
            assert text.count(says) == (facts.get("subcommand") not in READ_ONLY)
            assert wording is WORDING or "Nothing was deleted." not in text


@pytest.mark.parametrize("subcommand", sorted(READ_ONLY))
@pytest.mark.parametrize("reason", Reason)
def test_what_deletes_nothing_need_not_say_so(reason: Reason, subcommand: str) -> None:
    """Behind find, open, history, whoami, help, it would only worry; the rest of the sentence is the same."""
    for facts in FACTS.get(reason, [{}]):
        no = Refused(reason, {**facts, "subcommand": subcommand})
        text = refusal_text(no, WORDING.for_("command"))
        is_sound(text)
        assert "This command deleted nothing" not in text
        whole = refusal_text(Refused(reason, {**facts, "subcommand": "dry-run"}), WORDING.for_("command"))
        if reason not in {Reason.UNEXPECTED_TEXT, Reason.BAD_JOB_ID}:  # These name the subcommand.
            assert text == whole.replace(" This command deleted nothing.", "")


@pytest.mark.parametrize(
    ("subcommand", "shown"),
    [("", "&lt;job_id&gt; [reason]"), ("dry-run", "dry-run &lt;job_id&gt;"), ("history", "history &lt;job_id&gt;")],
)
def test_a_missing_job_id_is_asked_for_where_it_belongs(subcommand: str, shown: str) -> None:
    """Who wanted a dry run must not be told to type the command that posts a card."""
    for detail, begins in (
        (MISSING, "*The job id is missing.*"),
        ("it is long", "*Not a job id:* it is long."),
    ):
        text = refusal_text(Refused(Reason.BAD_JOB_ID, {"detail": detail, "subcommand": subcommand}), BARE)
        assert text.startswith(begins)
        assert f"`/delete-dh-job {shown}`" in text


@pytest.mark.parametrize("reason", sorted(UNDECIDED - {Reason.BAD_JOB_ID}))
def test_no_refusal_says_so_of_a_deletion_that_may_have_happened(reason: Reason) -> None:
    """Where a DELETE was sent, "nothing was deleted" would be untrue or unproven."""
    sent = {State.DELETING, State.UNKNOWN, State.DELETED}
    for facts in FACTS.get(reason, [{}]):
        deletion = facts.get("deletion")
        # EXPIRED is only ever said of a card that was not confirmed.
        if deletion is not None and deletion.state in sent and reason is not Reason.EXPIRED:
            assert "othing was deleted" not in refusal_text(Refused(reason, facts), WORDING)


ASKS = {
    *(Reason.NOT_LISTED, Reason.FOREIGN, Reason.DEACTIVATED, Reason.IS_BOT, Reason.IS_GUEST, Reason.OTHER_PROJECT),
    Reason.MAY_NOT_FREEZE,
    *(Reason.BREAKER_OPEN, Reason.LEDGER_TROUBLE, Reason.LEDGER_IN_DOUBT, Reason.BUG),
    *(Reason.LEDGER_REPLACED, Reason.NOT_ALONE, Reason.CLOCK_OFF),
}


@pytest.mark.parametrize("reason", Reason)
def test_who_cannot_help_themselves_is_told_whom_to_ask(reason: Reason) -> None:
    """HELP_CONTACT stands where a person cannot mend it alone, and nowhere else."""
    for facts in FACTS.get(reason, [{}]):
        assert ("Ask the media team." in refusal_text(Refused(reason, facts), WORDING)) is (reason in ASKS)
        assert ("Ask the person who runs this bot." in refusal_text(Refused(reason, facts), BARE)) is (reason in ASKS)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"why": "missing_scope"}, "lacks the scope `usergroups:read`. The person who runs the bot has to add it"),
        ({"why": "plan_upgrade_required"}, "Slack has them only on its paid plans"),
    ],
)
def test_what_user_groups_lack_is_said_by_name(facts: dict[str, Any], says: str) -> None:
    """What whoever runs the bot has to mend: they are named, since trying again would not help."""
    told = refusal_text(Refused(Reason.GROUPS_UNKNOWN, facts), WORDING)
    assert says in told
    assert told.endswith("Nothing was deleted. Ask the media team.")
    is_sound(told)


@pytest.mark.parametrize("why", ["fatal_error", "ratelimited", "TimeoutError", "http_502"])
def test_how_a_look_into_a_group_failed_is_for_the_log_only(why: str) -> None:
    """People are told that it failed and to try again; neither the group nor Slack's code."""
    you = refusal_text(Refused(Reason.GROUPS_UNKNOWN, {"why": why}), WORDING)
    they = refusal_text(
        Refused(Reason.GROUPS_UNKNOWN, {"why": why, "whose": "requester", "deletion": AWAITING}), WORDING
    )
    assert you.startswith("*Slack could not say* whether you are in a user group that may delete jobs")
    assert they.startswith("*Slack could not say* whether <@UANNA> is in a user group that may delete jobs")
    assert why not in you + they
    assert you.endswith("Nothing was deleted. Try again in a minute.")


def test_whoever_asked_is_not_taken_for_whoever_presses() -> None:
    """Where the requester could not be looked up, the one who pressed is not told that they could not."""
    facts = {"why": "ratelimited", "whose": "requester", "deletion": AWAITING}
    assert "who <@UANNA> is" in refusal_text(Refused(Reason.PERSON_UNKNOWN, facts), WORDING)
    assert "who you are" in refusal_text(Refused(Reason.PERSON_UNKNOWN, {"why": "ratelimited"}), WORDING)


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("U0123456789", "<@U0123456789>"),
        ("W0123456789", "<@W0123456789>"),
        ("C0123456789", "<#C0123456789>"),
        ("G0123456789", "<#G0123456789>"),
        ("S0123456789", "<!subteam^S0123456789>"),
        *(
            (as_it_is, as_it_is)
            for as_it_is in (
                *("the media team", "#dh-help", "SUPPORT", "US", "WEBTEAM", "CLOUDOPS", "WEBMASTER", "SUPPORTDESK"),
                *("UÄÖÜÄÖÜÄÖÜ", "u0123456789", "D0123456789"),
            )
        ),
        ("R&D <ops@x>", "R&amp;D &lt;ops@x&gt;"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("U0123456789\n", "U0123456789&lt;U+000A&gt;"),
    ],
)
def test_the_help_contact(contact: str, shown: str) -> None:
    """A Slack id becomes what Slack shows for it; everything else is text, also when it looks a little like one."""
    assert Wording(help_contact=contact).whom_to_ask() == f"Ask {shown}."


# -- from outside --------------------------------------------------------------------------------------------------


def hostile(facts: dict[str, Any], text: str) -> dict[str, Any]:
    """The same facts with this text wherever the outside could have written it."""
    changed = dict(facts)
    for name in ("why", "name", "state"):
        if isinstance(changed.get(name), str):
            changed[name] = text
    if isinstance(changed.get("reply"), Reply):
        changed["reply"] = replace(changed["reply"], code=text, message=text, request_id=text)
    if "differs" in changed:
        changed["differs"] = [(name, text, text[::-1]) for name in COMPARED]
    return changed


@pytest.mark.parametrize("reason", Reason)
def test_no_text_from_outside_does_anything_in_a_refusal(reason: Reason) -> None:
    """Names, states, codes and messages full of tricks ping nobody and break nothing."""
    for facts in FACTS.get(reason, [{}]):
        text = refusal_text(Refused(reason, hostile(facts, HOSTILE)), WORDING)
        assert is_tame(text)
        assert checks.notifies(text, []) <= {"UANNA", "UBEN", "UCARL"}


@given(st.text(max_size=256), st.sampled_from(sorted(FACTS)))
def test_any_text_from_outside_is_tame_in_a_refusal(text: str, reason: Reason) -> None:
    """Whatever it is: no bracket but ours, no mention, every code span closed."""
    for facts in FACTS[reason][:3]:
        answered = refusal_text(Refused(reason, hostile(facts, text)), WORDING)
        assert is_tame(answered)
        assert answered.count("`") % 2 == 0
        assert checks.notifies(answered, []) <= {"UANNA", "UBEN", "UCARL"}


@pytest.mark.parametrize("char", ["x", "&", "\u202e", "\U000e0041"], ids=ascii)
def test_even_the_longest_difference_leaves_room_for_the_rest(char: str) -> None:
    """All four fields at their longest, then and now, fit one section; what happened is still said."""
    differs = [("name", char * 256, char * 255), *((name, char * 80, char * 79) for name in COMPARED[1:])]
    text = refusal_text(Refused(Reason.JOB_CHANGED, {"differs": differs}), WORDING)
    is_sound(text)
    assert text.endswith("Nothing was deleted. Still want it gone? Run the command again.")


def test_a_name_of_ordinary_length_is_shown_whole() -> None:
    """Two names that differ at their very end must not look the same."""
    assert changes([("name", "x" * 255 + "a", "x" * 255 + "b")]) == (
        f"name: on the card `{'x' * 255}a`, now `{'x' * 255}b`"
    )


def test_spaces_are_not_straightened_in_what_others_wrote() -> None:
    """Two names that differ in a space only must not look the same."""
    text = refusal_text(Refused(Reason.JOB_CHANGED, {"differs": [("name", "a  b", "a b")]}), WORDING)
    assert "name: on the card `a  b`, now `a b`" in text
    assert "`A  B`" in refusal_text(Refused(Reason.NOT_DELETABLE, {"state": "A  B"}), WORDING)


@given(st.text(min_size=1, max_size=40))
def test_a_refused_input_is_never_repeated(text: str) -> None:
    """The answer to a bad job id is the same whatever was typed; its facts hold a length and a rule of ours."""
    first = refusal_text(Refused(Reason.BAD_JOB_ID, {"detail": "it is longer than 64 characters", "length": 1}), BARE)
    again = refusal_text(
        Refused(Reason.BAD_JOB_ID, {"detail": "it is longer than 64 characters", "length": len(text), "text": text}),
        BARE,
    )
    assert first == again


# -- words ---------------------------------------------------------------------------------------------------------

WITH_FACTS = [
    pytest.param(
        *(Reason.NEAR_MISS, {"meant": ("delete",)}),
        "*Neither a job id nor a command.* To ask for a deletion, type the id right behind the command: "
        "`/delete-dh-job &lt;job_id&gt; [reason]`. `/delete-dh-job help` lists all. Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.UNKNOWN_OPTION, {"meant": ("dry-run",)}),
        "*No such option;* there are `--dry-run` and `--help`. Did you mean "
        "`/delete-dh-job dry-run &lt;job_id&gt;`? A reason that begins with a dash takes `--` and a space before it. "
        "Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.REASON_TOO_LONG, {"subcommand": "freeze"}),
        "*Nothing was frozen.* The reason is too long: more than 500 characters, and the bot does not cut it. "
        "Shorten it. "
        "Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.FROZEN, {"freeze": replace(FREEZE, reason="")}),
        f"*Deletions are frozen:* <@UBEN> stopped all deletions {when(AT)}. Nothing was deleted. A card that waits "
        "goes on waiting while its time lasts.",
    ),
    pytest.param(
        *(Reason.IN_OTHER_CHANNEL, {"channels": ["C1", "C2"]}),
        "*Not in this channel.* Use it in <#C1>, <#C2>. Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.JOB_NOT_READ, {"reply": MEANT[Meaning.REJECTED]}),
        "*The job could not be checked.* The request was rejected. (HTTP 400, error code `MSS.00000003`, message "
        "`Invalid parameter`, request ID `req-1`) Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.JOB_GONE, {"earlier": "fedcba9876543210"}),
        "*Huawei no longer shows the job:* it is neither shown nor listed, so the card is closed. The press that found "
        "this sent no DELETE. If the job is gone, an earlier deletion by this bot, `fedcba9876543210`, may have "
        "removed "
        "it.",
    ),
    pytest.param(
        *(Reason.ALREADY_OFFERED, {"deletion": AWAITING, "link": LINK}),
        f"*Already asked for,* by <@UANNA>: see <{LINK}|its card>. Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.ALREADY_OFFERED, {"deletion": AWAITING, "link": None}),
        "*Already asked for,* by <@UANNA>: see its card in <#C1>. Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.ALREADY_OFFERED, {"deletion": PLAUSIBLE["unknown, lost"], "link": LINK}),
        f"*Already under way:* see <{LINK}|its card>. A second DELETE is not sent.",
    ),
    pytest.param(
        *(Reason.CARD_NOT_POSTED, {"why": ""}),
        "*The card could not be posted* in this channel (`no answer from Slack`), so the deletion is closed. "
        "Nothing was deleted. Invite the bot or use another channel, then run the command again.",
    ),
    pytest.param(
        *(Reason.REQUESTER_LOST_RIGHT, {}),
        "*Refused:* The person who asked may no longer delete jobs, so the card is closed. Nothing was deleted.",
    ),
    pytest.param(
        *(Reason.NOT_UNKNOWN, {"deletion": PLAUSIBLE["deleting"]}),
        "*How this deletion stands:* its outcome is not known yet. It was confirmed by <@UBEN>.",
    ),
    pytest.param(Reason.NOT_UNKNOWN, {}, "*The outcome is known;* see the thread."),
]


@pytest.mark.parametrize(("reason", "facts", "text"), WITH_FACTS)
def test_sentences_that_the_page_of_messages_does_not_show(reason: Reason, facts: dict[str, Any], text: str) -> None:
    """What happened, Huawei's code and request ID where there are any, and what to do.

    docs/messages.md has an example of each reason, and is held to the code.
    """
    assert refusal_text(Refused(reason, facts), BARE) == text


@pytest.mark.parametrize("means", Meaning)
def test_every_meaning_of_a_reply_is_explained(means: Meaning) -> None:
    """Each answer of section 3 has a text of its own, with status, error code and request ID or the cause."""
    assert set(REPLY_SENTENCES) == set(MEANT) == set(Meaning)
    given_reply = MEANT[means]
    assert meaning(given_reply if means is not Meaning.OK else replace(given_reply, body_ok=True)) is means
    text = refusal_text(Refused(Reason.JOB_NOT_READ, {"reply": given_reply}), BARE)
    assert REPLY_SENTENCES[means] in text
    for fact in (given_reply.status, given_reply.code, given_reply.request_id):
        assert fact is None or str(fact) in text
    assert given_reply.cause is None or given_reply.cause.value in text


def test_the_texts_for_replies_are_all_different() -> None:
    """Two causes with one text would not help."""
    assert len(set(REPLY_SENTENCES.values())) == len(Meaning)


def test_the_missing_permission_is_named() -> None:
    """A 403 says what the person who runs the bot has to grant."""
    assert "MetaStudio FullAccess" in REPLY_SENTENCES[Meaning.FORBIDDEN]


@pytest.mark.parametrize(
    ("skew", "says"),
    [(None, None), (0, None), (900, None), (-900, None), (901, "15 minutes"), (-7200, "120 minutes"), (7200, "120")],
)
def test_a_wrong_clock_is_named(skew: float | None, says: str | None) -> None:
    """A clock that is off by more than the gateway allows explains the refusal, in either direction."""
    text = refusal_text(Refused(Reason.JOB_NOT_READ, {"reply": reply(401, "APIGW.0303", clock_skew=skew)}), BARE)
    assert ("The bot's clock is" in text) is (says is not None)
    assert says is None or f"The bot's clock is {says}" in text
    is_sound(text)


@pytest.mark.parametrize(
    ("given_reply", "text"),
    [
        (reply(200), "(HTTP 200)"),
        (reply(cause=Cause.CUT), "(cause: the connection broke before a whole answer had arrived)"),
        (reply(400, "C", message="M", request_id="R"), "(HTTP 400, error code `C`, message `M`, request ID `R`)"),
        (reply(), ""),
    ],
)
def test_the_facts_of_a_reply(given_reply: Reply, text: str) -> None:
    """Only what there is, in brackets."""
    assert reply_facts(given_reply) == text


def test_every_compared_field_has_a_name_for_people() -> None:
    """What differs is named in words."""
    assert set(FIELD_NAMES) == set(COMPARED)


@pytest.mark.parametrize("state", [state for state in State if state is not State.NEW])
def test_every_state_can_be_told_as_the_end_of_a_sentence(state: State) -> None:
    """Lower case, no full stop; nothing is called deleted or not deleted before it is known."""
    sentence = BY_STATE[state].sentence
    assert re.fullmatch(r"[a-zA-Z ,;]+", sentence)
    assert ("nothing was deleted" in sentence) is (state in {State.REFUSED, State.CANCELLED, State.EXPIRED})
    assert state not in OPEN_STATES or "deleted" not in sentence


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_over_is_said_of_what_is_over(name: str) -> None:
    """An open deletion is not called over."""
    deletion = PLAUSIBLE[name]
    text = refusal_text(Refused(Reason.ALREADY_ENDED, {"deletion": deletion}), BARE)
    assert text.startswith(
        "*How this deletion stands:*" if deletion.state in OPEN_STATES else "*This deletion is over:*"
    )
    assert words(deletion).sentence in text


# -- after a restart -----------------------------------------------------------------------------------------------


def waiting(kind: str) -> PendingRequest:
    return PendingRequest("w", kind, ANNA, "C1", AT, job=JOB_ID if kind == "command" else None)


def test_after_a_restart_a_subcommand_is_about_no_job() -> None:
    """Whoever asked for something else than a deletion is not asked whether "it" should still go."""
    told = restart_text(PendingRequest("w", "command", ANNA, "C1", AT), None, BARE, lambda one: LINK)
    assert told.endswith("Run `/delete-dh-job` again.")


@pytest.mark.parametrize("kind", ["command", "click"])
@pytest.mark.parametrize("link", [LINK, None])
@pytest.mark.parametrize("name", [*PLAUSIBLE, None])
def test_after_a_restart_everybody_learns_how_it_stands(name: str | None, link: str | None, kind: str) -> None:
    """Sound whatever became of it, and never "nothing was deleted" where a DELETE may have been sent."""
    deletion = None if name is None else PLAUSIBLE[name]
    text = restart_text(waiting(kind), deletion, BARE, lambda one: link)
    is_sound(text)
    assert "The bot restarted" in text
    may_have_been_sent = deletion is not None and deletion.state in {State.DELETING, State.UNKNOWN, State.DELETED}
    assert not (may_have_been_sent and "othing was deleted" in text)


@pytest.mark.parametrize("kind", ["command", "click"])
def test_a_card_that_was_never_posted_waits_for_nobody_after_a_restart(kind: str) -> None:
    """The other answers after a restart, word by word, are in docs/messages.md; there the card is only named."""
    again = f"before it could finish. This {kind} deleted nothing. Run `/delete-dh-job` again."
    for name in ("awaiting without a deadline", "refused"):
        assert restart_text(waiting(kind), PLAUSIBLE[name], BARE, lambda one: LINK) == f"*The bot restarted* {again}"
    for name in ("awaiting", "unknown, lost", "deleted"):
        told = restart_text(waiting(kind), PLAUSIBLE[name], BARE, lambda one: LINK)
        assert told.endswith(f" <{LINK}|its card>.")


# -- help, and the running log -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wording", [BARE, WORDING, Wording(command="/remove-job")])
def test_the_help_text(wording: Wording) -> None:
    """Usage with the installation's own command, a line for each subcommand, and whom to ask."""
    text = help_text(wording)
    is_sound(text)
    assert text.startswith(f"`{wording.command} &lt;job_id&gt; [reason]`")
    assert text.endswith(f"\nQuestions? {wording.whom_to_ask()}")
    lines = text.split("\n")[: len(DAILY) + 1 + len(ALSO)]
    del lines[len(DAILY)]
    typed = [line.split("`")[1].removeprefix(f"{wording.command} ") for line in lines]
    shown = [words.split()[0] for words in typed]
    assert sorted(shown) == sorted(SUBCOMMANDS.keys() | {"&lt;job_id&gt;"}), "each has a line of its own"
    assert text.count(wording.command) == len(DAILY) + 1, "a phone's screen is narrow"


def recorded(kind: Kind, **facts: Any) -> Recorded:
    event = Event(kind, AT, ANNA, "C1", DELETION_ID, JOB_ID, "req-1", facts)
    return Recorded(7, event, "text-is-internal", "previous-hash", "hash")


def test_every_kind_that_the_running_log_shows_has_words() -> None:
    """And nothing has words that is never shown."""
    assert set(WORDS) == SHOWN | {Kind.NOT_OFFERED}
    assert len(set(WORDS.values())) == len(WORDS)


@pytest.mark.parametrize("kind", Kind)
def test_a_line_of_the_running_log(kind: Kind) -> None:
    """Number, time, what, and the ids in code: nobody is pinged, no hash and no text of the trail is shown."""
    line = log_line(recorded(kind, reason="expired", secret="x", status=200))
    whole = (
        f"7. {when(AT)} {WORDS.get(kind, kind.value)} · reason `expired` · status `200` · job `{JOB_ID}` · "
        f"request ID `req-1` · by `UANNA` · in <#C1> · deletion `{DELETION_ID}`"
    )
    assert line == whole
    assert "internal" not in line
    assert "hash" not in line
    assert checks.notifies(line, []) == set()


@pytest.mark.parametrize("kind", Kind)
def test_a_long_line_of_the_running_log_keeps_its_ids(kind: Kind) -> None:
    """Only its details are cut, even where every id is as long as can be; as many as one message has fit into it."""
    facts = dict.fromkeys(SHOWN_FACTS, "&" * 300)
    longest = Event(
        kind, AT, Actor("U" + "9" * 11, "T1"), "C" + "9" * 11, DELETION_ID, JobId("j" * 64), "r" * 64, facts
    )
    line = log_line(Recorded(9_999_999, longest, "", "", ""))
    assert line.endswith(f" · in <#C{'9' * 11}> · deletion `{DELETION_ID}`")
    assert f"job `{'j' * 64}` · request ID `{'r' * 64}` · by `U{'9' * 11}`" in line
    assert line.count("`") % 2 == 0
    assert MOST_LINES * (len(line) + 1) + len(log_lines([], 10**9)[0]) <= PLAIN_LIMIT


def test_a_line_leaves_out_what_there_is_not() -> None:
    """No empty separators."""
    bare = Recorded(1, Event(Kind.BREAKER_OPENED, AT, facts={"code": None}), "", "", "")
    assert log_line(bare) == f"1. {when(AT)} {WORDS[Kind.BREAKER_OPENED]}"


@given(st.text(max_size=80), st.sampled_from(Kind))
def test_no_fact_does_anything_in_the_running_log(text: str, kind: Kind) -> None:
    """Codes and words of others stand in code."""
    line = log_line(recorded(kind, code=text, why=text, cause=text))
    assert is_tame(line)
    assert "\n" not in line
    assert checks.notifies(line, []) == set()


@pytest.mark.parametrize("skipped", [0, 4812])
def test_what_the_running_log_skips_is_said(skipped: int) -> None:
    """A backlog that nobody would read is one line."""
    lines = log_lines([recorded(Kind.OUTCOME)] * 2, skipped)
    assert lines[-2:] == [log_line(recorded(Kind.OUTCOME))] * 2
    said = f"{skipped} earlier events are not shown here; the audit trail has them all."
    assert lines[:-2] == ([said] if skipped else [])


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("still present", "it counts as not deleted, since several checks found the job still there"),
        ("deleted by a word", "the job is gone, by the word of a person who checked"),
        ("failed by a word", "the job is still there, by the word of a person who checked"),
        ("closed after a restore", "the bot's database was restored from a backup"),
        ("rejected", "Huawei refused the DELETE; its thread says more"),
        ("never sent", "its DELETE never left the bot, so it deleted nothing"),
        ("found gone", "the job is gone; whether by this deletion, its thread says"),
        ("failed without a word", "it did not succeed"),
        ("deleted", "the job is deleted"),
    ],
)
def test_how_it_ended_says_no_more_than_is_known(name: str, begins: str) -> None:
    """What only seems so, or is a person's word, is not passed off as known."""
    assert words(PLAUSIBLE[name]).sentence.startswith(begins)

"""The card in every state: complete, tame, within Slack's limits, and with buttons only where they can do something."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.job_states import DELETABLE, STATES, describe
from bot.domain.model import Actor, ConfirmBy, Deletion, State
from bot.domain.outcomes import Ending
from bot.domain.ports import Called
from bot.slack.second_people import MOST_CALLED
from handlers import actions
from handlers.views import card
from handlers.views.blocks import DATE_AND_MINUTE, time_of_day, when
from handlers.views.card import CONSEQUENCES, deletion_card, job_time, may_press
from handlers.views.endings import BY_STATE
from sandbox.slack import block_kit as checks
from tests.support.messages import (
    AWAITING,
    BARE,
    EMOJI,
    HOSTILE,
    JOB,
    JOB_ID,
    LONGEST_CHARS,
    LONGEST_WORDING,
    PLAUSIBLE,
    WORDING,
    buttons,
    check,
    check_that_text_suffices,
    later,
    poisoned,
    stretched,
)
from tests.support.values import ANNA, AT, BEN, DELETION_ID

ONE_OF_EACH = {deletion.state: deletion for deletion in reversed(PLAUSIBLE.values())}
EARLIER = [replace(PLAUSIBLE[name], asked_at=later(-3600)) for name in ("rejected", "still present", "cancelled")]


def test_there_is_a_card_for_every_state_but_new() -> None:
    """A deletion that does not exist yet has no card; every other state is tried below."""
    assert set(ONE_OF_EACH) == set(State) - {State.NEW} == set(BY_STATE)


@pytest.mark.parametrize("wording", [BARE, WORDING], ids=["bare", "with labels"])
@pytest.mark.parametrize("name", PLAUSIBLE)
def test_every_card_is_sound(name: str, wording: card.Wording) -> None:
    """Slack takes it, its text says all that its blocks say, it begins with the environment and holds no emoji."""
    deletion = PLAUSIBLE[name]
    built = deletion_card(deletion, wording, EARLIER)
    check(built)
    check_that_text_suffices(built)
    assert not EMOJI.search(built.text)
    assert deletion.job.job_id in built.text
    assert built.text.startswith("[production] ") is (wording is WORDING)
    assert built.blocks[0]["type"] == "header"
    assert built.text.endswith(f"Deletion `{DELETION_ID}`")


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_no_text_from_outside_does_anything_on_a_card(name: str) -> None:
    """A name full of mentions, links and tricks pings nobody, in whatever place it comes."""
    built = deletion_card(poisoned(PLAUSIBLE[name]), WORDING, [poisoned(one) for one in EARLIER])
    check(built)
    assert "<@UEVIL>" not in built.text


@given(st.text(max_size=256), st.sampled_from(sorted(PLAUSIBLE)))
def test_any_text_from_outside_is_tame_on_a_card(text: str, name: str) -> None:
    """Whatever Huawei sends and people type: check() holds."""
    check(deletion_card(poisoned(PLAUSIBLE[name], text), WORDING, [poisoned(one, text) for one in EARLIER]))


@pytest.mark.parametrize("char", LONGEST_CHARS, ids=ascii)
@pytest.mark.parametrize("state", ONE_OF_EACH)
def test_the_longest_card_keeps_what_matters(state: State, char: str) -> None:
    """Everything at its longest and twenty earlier attempts: within the limits, and nothing essential is missing."""
    deletion = stretched(ONE_OF_EACH[state], char)
    built = deletion_card(deletion, LONGEST_WORDING, [stretched(PLAUSIBLE["unknown, 5xx"], char)] * 20)
    check(built)
    assert f"Job `{deletion.job.job_id}`" in built.text
    assert f"Deletion `{DELETION_ID}`" in built.text
    assert ("asked by <@UANNA>" if state is State.AWAITING else "<@UANNA> asked") in built.text
    if state is State.AWAITING:
        assert built.blocks[0]["text"]["text"].endswith(" permanently?")
        assert CONSEQUENCES in built.text
        assert 'Buttons: "Delete permanently" or "Cancel".' in built.text
        assert "Only <@UANNA> can confirm" in built.text
        assert "and 15 more" in built.text
        assert "Reason: " in built.text
        assert buttons(built)[0]["confirm"]["text"]["text"].endswith(f"\n{deletion.job.job_id}")
    else:
        assert "request ID `" in built.text or not deletion.attempts or state is State.DELETING


# -- what it shows -------------------------------------------------------------------------------------------------


def test_the_card_shows_all_that_the_product_promises() -> None:
    """All of product.md section 1.5, line by line, in the text that screen readers read."""
    text = deletion_card(AWAITING, WORDING).text
    created = "<!date^1772093560^{date_short_pretty}|2026-02-26 08:12:40 UTC>"
    assert text.split("\n") == [
        "[production] Delete “Anchor Li” permanently?",
        f"When asked: Finished and accepted by its owner (`JOB_FINISH`) · created {created} · asked by <@UANNA>",
        "Reason: the customer took back their consent",
        (
            "*Warning: This model is finished and may be in use. Anything that uses it may stop working.* "
            "It can be used for: VIDEO_2D, LIVE_2D."
        ),
        CONSEQUENCES,
        'Buttons: "Delete permanently" or "Cancel".',
        f"Only <@UANNA> can confirm, until {when(later(600))}.",
        f"Job `{JOB_ID}`",
        "Asset `a178f6739eec2774a54b16bd581cb8d8`",
        "Linked voice job `v-1`",
        "Region `cn-north-4`, project `0123456789abcdef0123456789abcdef`",
        "Model `V3.2` `1080P`",
        "Created <!date^1772093560^{date_short_pretty} {time_secs}|2026-02-26 08:12:40 UTC>",
        "Last submitted <!date^1772172191^{date_short_pretty} {time_secs}|2026-02-27 06:03:11 UTC>",
        "Can be used for: `VIDEO_2D`, `LIVE_2D`",
        f"Deletion `{DELETION_ID}`",
    ]


def test_a_card_that_is_over_is_short() -> None:
    """The verdict, one line, the reason, and the job's id. The rest is in the thread and the audit trail."""
    assert deletion_card(PLAUSIBLE["deleted"], WORDING).text.split("\n") == [
        "[production] Deleted: “Anchor Li”",
        "Huawei confirmed it. <@UANNA> asked, <@UBEN> confirmed.",
        "Huawei: HTTP 200, request ID `req-200`.",
        "Reason: the customer took back their consent",
        f"Job `{JOB_ID}`",
        f"Ended {when(later(61.5), DATE_AND_MINUTE)}",
        f"Deletion `{DELETION_ID}`",
    ]


@pytest.mark.parametrize("state", [State.AWAITING, State.DELETED])
def test_a_job_is_named_by_its_name_or_by_its_id(state: State) -> None:
    """A name that is too long for the heading stands whole in the small print."""
    job = PLAUSIBLE["deleted"].job
    for name, shown in (
        *(("", JOB_ID), ("x" * 61, "“" + "x" * 59 + "…”"), ("a\nb", "“a<U+000A>b”"), (" \u3164 ", JOB_ID)),
        *(("a “b” c", "“a 'b' c”"), ("\u202e" * 9, JOB_ID)),
    ):
        built = deletion_card(replace(ONE_OF_EACH[state], job=replace(job, name=name)), BARE)
        assert shown in built.blocks[0]["text"]["text"]
        assert ("\nName: " in built.text) is ((shown == JOB_ID and name != "") or len(name) > 60 or "\n" in name)


def test_the_consequences_are_huaweis_words() -> None:
    """What the documentation names, that it is final, and what it does not name."""
    assert CONSEQUENCES == (
        "By Huawei's documentation this deletes the training video, ID-card photos, authorization file and model "
        "asset. "
        "No undo. Not mentioned there: a linked voice job, finished videos."
    )


@pytest.mark.parametrize("state", STATES)
def test_the_card_says_what_the_jobs_state_means(state: str) -> None:
    """Name and meaning, and the warning that belongs to it while there is something to decide."""
    job_state = describe(state)
    text = deletion_card(replace(AWAITING, job=replace(JOB, state=state, supported_service=())), WORDING).text
    assert f"{job_state.meaning} (`{state}`)" in text
    assert (job_state.warning in text) if job_state.warning else ("Warning:" not in text and "Note:" not in text)
    closed = replace(AWAITING, job=replace(JOB, state=state), state=State.CANCELLED)
    assert "Warning:" not in deletion_card(closed, WORDING).text
    assert state in DELETABLE or not job_state.warning


FINISHED = "*Warning: This model is finished and may be in use. Anything that uses it may stop working.*"


@pytest.mark.parametrize(
    ("state", "services", "warning", "note", "dialog"),
    [
        ("JOB_SUCCESS", ("LIVE_2D",), f"{FINISHED} It can be used for: LIVE_2D.", "", "It can be used for: LIVE_2D."),
        ("JOB_FINISH", ("<x>",), f"{FINISHED} It can be used for: &lt;x&gt;.", "", "It can be used for: <x>."),
        ("JOB_FINISH", (), f"{FINISHED} It can be used for: nothing named.", "", "It can be used for: nothing named."),
        # What a model can be used for is no sign that anything uses it.
        ("TRAIN_FAILED", ("VIDEO_2D",), "", "", ""),
        ("MANUAL_VERIFYING", ("LIVE_2D",), "", "reviewing", ""),
        ("MANUAL_VERIFYING", (), "", "reviewing", ""),
    ],
)
def test_what_may_be_in_use_gets_the_strongest_words(
    state: str, services: tuple[str, ...], warning: str, note: str, dialog: str
) -> None:
    """Finished models: a warning on the card, and again in Slack's own dialog."""
    built = deletion_card(replace(AWAITING, job=replace(JOB, state=state, supported_service=services)), WORDING)
    assert (warning in built.text) if warning else ("Warning:" not in built.text)
    assert (f"*Note: When this was asked, a person at Huawei was {note}" in built.text) is bool(note)
    asked = buttons(built)[0]["confirm"]
    assert asked["title"]["text"] == ("Delete a model that may be in use?" if warning else "Delete permanently?")
    assert ("Anything that uses this model may stop working." in asked["text"]["text"]) is bool(warning)
    assert dialog in asked["text"]["text"]
    assert "This cannot be undone." in asked["text"]["text"]


SECOND_PEOPLE = Called(("S00ONCALL", "UBENBENBEN", "WCARLCARL"))
CALLED = "<!subteam^S00ONCALL> <@UBENBENBEN> <@WCARLCARL>"


@pytest.mark.parametrize("rule", ConfirmBy)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_second_person_is_called_once(rule: ConfirmBy, *, is_new: bool) -> None:
    """Groups and people are mentioned by the post of a new card that needs one of them, and never by an update."""
    called = SECOND_PEOPLE if is_new else None
    built = deletion_card(replace(AWAITING, confirm_by=rule), WORDING, called=called)
    expected = is_new and rule is ConfirmBy.SECOND_PERSON
    assert (f"{CALLED} A second person has to confirm this: one of you, but not <@UANNA>." in built.text) is expected
    assert (checks.notifies(built.text, built.blocks) != {"UANNA"}) is expected


def test_where_nobody_else_may_the_card_says_so() -> None:
    """In plain words, with whom to ask; under any other rule nothing of this is said."""
    says = "*A second person has to confirm this, but nobody else on the list may confirm.* Ask SUPPORT."
    wording = replace(WORDING, help_contact="SUPPORT")
    for rule in ConfirmBy:
        built = deletion_card(replace(AWAITING, confirm_by=rule), wording, called=Called())
        assert (says in built.text) is (rule is ConfirmBy.SECOND_PERSON)
        assert "one of you" not in built.text
        assert checks.notifies(built.text, built.blocks) == {"UANNA"}


def test_a_long_list_of_people_is_not_all_called() -> None:
    """Twenty mentions at most; the others find the card in the channel."""
    deletion = replace(AWAITING, confirm_by=ConfirmBy.SECOND_PERSON)
    many = Called(tuple(f"U0{number:09}" for number in range(MOST_CALLED)), 480)
    built = deletion_card(deletion, LONGEST_WORDING, called=many)
    assert checks.check_blocks(built.blocks) == []
    assert len(built.text) <= checks.UPDATE_TEXT
    assert " (and 480 more) A second person" in built.text
    assert len(checks.notifies(built.text, built.blocks) - {"UANNA"}) == 20


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (ConfirmBy.REQUESTER, "Only <@UANNA> can confirm"),
        (ConfirmBy.ANY_OPERATOR, "Anybody who may delete jobs can confirm"),
        (
            ConfirmBy.SECOND_PERSON,
            "Anybody who may delete jobs can confirm, except <@UANNA> (a second person is needed)",
        ),
    ],
)
def test_the_card_says_who_may_confirm(rule: ConfirmBy, says: str) -> None:
    """The very rule that will be checked at the click."""
    deletion = replace(AWAITING, confirm_by=rule)
    assert may_press(deletion) == says
    assert f"\n{says}, until " in deletion_card(deletion, WORDING).text


def test_what_is_empty_is_left_out() -> None:
    """No empty line, no label without a value. That no services are named is said: it is a reason to confirm."""
    text = deletion_card(PLAUSIBLE["awaiting with nothing optional"], WORDING).text
    assert "Can be used for: nothing named\n" in text
    assert not re.search(r"^(Name:|Reason:|Linked|Created|Model|Asset|Last submitted)|until", text, re.MULTILINE)
    nothing = deletion_card(PLAUSIBLE["awaiting, serving nothing"], WORDING).text
    assert "It can be used for: nothing named." in nothing


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-22T03:12:00Z", when(AT)),
        ("2026-11-22T03:12:00+00:00", when(AT)),
        ("2026-11-22T11:12:00+08:00", when(AT)),  # UTC stays UTC
        ("2026-11-22T03:12:00", when(AT)),  # by the documentation times are UTC
        ("2026-11-22 03:12:00.123", when(AT)),
        ("1970-01-01T00:00:00Z", when(datetime(1970, 1, 1, tzinfo=UTC))),
        ("1970-01-01T00:00:00+08:00", "`1970-01-01T00:00:00+08:00`"),
        ("1969-12-31T23:59:59Z", "`1969-12-31T23:59:59Z`"),
        ("0001-01-01T00:00:00+08:00", "`0001-01-01T00:00:00+08:00`"),
        ("9999-12-31T23:59:59-05:00", "`9999-12-31T23:59:59-05:00`"),
        ("1767225600000", "`1767225600000`"),
        ("yesterday", "`yesterday`"),
        ("<!here>", "`&lt;!here&gt;`"),
        ("", "–"),
    ],
)
def test_times_that_metastudio_wrote(text: str, shown: str) -> None:
    """In the reader's zone where it is a time, as it stands where it is not, and never an error."""
    assert job_time(text) == shown


@given(st.text(max_size=40) | st.datetimes().map(datetime.isoformat) | st.datetimes(timezones=st.timezones()).map(str))
def test_no_time_breaks_a_card(text: str) -> None:
    """Whatever stands in create_time: check() holds."""
    check(deletion_card(replace(AWAITING, job=replace(JOB, create_time=text, last_update_time=text)), WORDING))


# -- how it ended --------------------------------------------------------------------------------------------------

UNSURE = "The DELETE may or may not have worked. It is not sent again; the bot checks until it knows."
WHO = "<@UANNA> asked, <@UBEN> confirmed."
ENDINGS = [
    (
        "deleting",
        "Deleting “Anchor Li” …",
        f"Its outcome is not known yet; the thread will say how it ends. {WHO}",
        "Reason: the customer took back their consent",
    ),
    (
        "unknown, lost",
        "Not sure yet if “Anchor Li” is deleted",
        f"{UNSURE} {WHO}",
        "The DELETE: the connection broke before a whole answer had arrived.",
    ),
    (
        "unknown, 5xx",
        "Not sure yet if “Anchor Li” is deleted",
        f"{UNSURE} {WHO}",
        "Huawei: HTTP 500, error code `MSS.00000004`, request ID `req-500`.",
    ),
    ("deleted", "Deleted: “Anchor Li”", f"Huawei confirmed it. {WHO}", "Huawei: HTTP 200, request ID `req-200`."),
    (
        "verified gone",
        "Deleted: “Anchor Li”",
        f"Huawei confirmed it. Double-checked {time_of_day(later(120))}. {WHO}",
        "Huawei: HTTP 200, request ID `req-200`.",
    ),
    (
        "rejected",
        "Huawei refused to delete “Anchor Li”",
        f"The thread says whether it is still there. {WHO}",
        "Huawei: HTTP 400, error code `MSS.00000003`, request ID `req-400`.",
    ),
    (
        "rejected, still there",
        "Huawei refused to delete “Anchor Li”",
        f"Still there when checked at {time_of_day(later(70))}. {WHO}",
        "Huawei: HTTP 400, error code `MSS.00000003`, request ID `req-400`.",
    ),
    (
        "cancelled",
        "Cancelled, nothing deleted: “Anchor Li”",
        f"Cancelled by <@UBEN> {when(later(9), DATE_AND_MINUTE)}. <@UANNA> asked.",
        "Reason: the customer took back their consent",
    ),
    (
        "expired",
        "Timed out, nothing deleted: “Anchor Li”",
        f"The time to confirm is over. Closed {when(later(600), DATE_AND_MINUTE)}. <@UANNA> asked.",
        "Reason: the customer took back their consent",
    ),
    (
        "refused",
        "Not deleted, the job has changed: “Anchor Li”",
        (
            f"Nothing was deleted; the thread says what has changed. Closed when <@UBEN> pressed "
            f"{when(later(9), DATE_AND_MINUTE)}. <@UANNA> asked."
        ),
        "Reason: the customer took back their consent",
    ),
]


@pytest.mark.parametrize(("name", "heading", "line", "small"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_the_card_says_how_it_stands(name: str, heading: str, line: str, small: str) -> None:
    """Heading, first line, small print: what, by whom, what Huawei said; enough for those who see only the card."""
    lines = [one for one in deletion_card(PLAUSIBLE[name], BARE).text.split("\n") if not one.startswith("Buttons: ")]
    assert lines[:3] == [heading, line, small]


@pytest.mark.parametrize("actor", [None, ANNA, BEN])
def test_the_card_names_each_person_once(actor: Actor | None) -> None:
    """A person who asked and confirmed is mentioned once."""
    text = deletion_card(replace(PLAUSIBLE["deleted"], confirmer=actor), BARE).text
    says = {None: "<@UANNA> asked.", ANNA: "<@UANNA> asked and confirmed.", BEN: WHO}
    assert f" {says[actor]}\n" in text
    assert text.count("<@UANNA>") == 1


@pytest.mark.parametrize(("name", "word"), [("deleted by a word", "gone"), ("failed by a word", "still there")])
def test_a_persons_word_is_named_as_such(name: str, word: str) -> None:
    """The bot does not pass off as its own finding what somebody told it."""
    built = deletion_card(PLAUSIBLE[name], BARE)
    assert built.text.split("\n")[0] == f"Checked by hand, {word}: “Anchor Li”"
    assert "By the word of <@UCARL>." in built.text


def test_only_a_deleted_job_is_verified_gone() -> None:
    """A job that is still present keeps the time of its look-up in the same column and must not show it so."""
    assert "Double-checked" not in deletion_card(PLAUSIBLE["still present"], BARE).text


@pytest.mark.parametrize("state", ["deleted", "failed", "refused", "cancelled", "expired", "deleting", "unknown"])
def test_a_card_that_is_decided_asks_nothing(state: str) -> None:
    """No deadline, no "may confirm", no consequences once there is nothing to confirm."""
    text = deletion_card(ONE_OF_EACH[State(state)], WORDING, EARLIER).text
    for words in ("can confirm", ", until", CONSEQUENCES, "Earlier requests", "permanently?"):
        assert words not in text


# -- earlier attempts ----------------------------------------------------------------------------------------------


def test_earlier_attempts_are_shown_while_there_is_something_to_decide() -> None:
    """Who asked, when, and how it ended with Huawei's answer: whoever confirms should know."""
    lines = deletion_card(AWAITING, BARE, EARLIER).text.split("\n")
    at = lines.index("*Earlier requests for this job in the last 24 hours*")
    asked = f"• {when(later(-3600))}: asked by <@UANNA>, "
    assert lines[at + 1 : at + 4] == [
        (f"{asked}refused by Huawei. Huawei: HTTP 400, error code `MSS.00000003`, request ID `req-400`."),
        (
            f"{asked}still there after several checks, so it counts as not deleted. The DELETE: the connection broke "
            "before a whole answer had arrived."
        ),
        f"{asked}cancelled, nothing deleted.",
    ]


@pytest.mark.parametrize(("count", "shown", "more"), [(0, 0, 0), (1, 1, 0), (5, 5, 0), (6, 5, 1), (20, 5, 15)])
def test_at_most_five_earlier_attempts(count: int, shown: int, more: int) -> None:
    """The newest; how many more there are is said."""
    text = deletion_card(AWAITING, BARE, [replace(EARLIER[0], requester=BEN)] * count).text
    assert text.count("asked by <@UBEN>") == shown
    assert (f"• and {more} more" in text) is bool(more)
    assert text.count("more\n") == bool(more)


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_every_state_can_be_an_earlier_attempt(name: str) -> None:
    """None of them breaks the card of the next."""
    check(deletion_card(AWAITING, WORDING, [PLAUSIBLE[name]]))


# -- buttons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_buttons_stand_only_where_they_can_do_something(name: str) -> None:
    """Confirm and cancel while it waits; check now while it is unknown, closing by hand after a day; else none."""
    deletion = PLAUSIBLE[name]
    expected = {
        (State.AWAITING, False): [actions.CONFIRM, actions.CANCEL],
        (State.UNKNOWN, False): [actions.CHECK_NOW],
        (State.UNKNOWN, True): [actions.CHECK_NOW, actions.CLOSE_DELETED, actions.CLOSE_PRESENT],
    }.get((deletion.state, deletion.reminded), [])
    built = deletion_card(deletion, WORDING)
    assert [button["action_id"] for button in buttons(built)] == expected
    assert {button["value"] for button in buttons(built)} <= {DELETION_ID}
    assert ("Buttons:" in built.text) is bool(expected)


@pytest.mark.parametrize(("state", "reminded"), list(itertools.product(ONE_OF_EACH, [False, True])), ids=str)
def test_a_reminder_alone_makes_no_buttons(state: State, *, reminded: bool) -> None:
    """Once it has ended there is nothing to close, reminded or not."""
    built = deletion_card(replace(ONE_OF_EACH[state], reminded=reminded), WORDING)
    assert bool(buttons(built)) is (state in {State.AWAITING, State.UNKNOWN})


def test_deleting_asks_once_more_and_is_the_only_danger() -> None:
    """Slack's dialog names the job and says that it is final; keeping the job is the other choice."""
    confirm, cancel = buttons(deletion_card(PLAUSIBLE["awaiting with nothing optional"], WORDING))
    assert confirm["style"] == confirm["confirm"]["style"] == "danger"
    assert confirm["confirm"]["title"]["text"] == "Delete permanently?"
    assert confirm["confirm"]["text"]["text"] == (
        "j (Its files have not been uploaded yet when asked). With its training video, ID-card photos, "
        "authorization file and "
        "model asset. This cannot be undone.\nj"
    )
    assert confirm["confirm"]["confirm"]["text"] == "Delete permanently"
    assert confirm["confirm"]["deny"]["text"] == "Keep the job"
    assert "style" not in cancel
    assert "confirm" not in cancel


def test_closing_by_hand_asks_for_a_persons_word() -> None:
    """Both dialogs say that it is recorded as such, and which of the two it is."""
    _, gone, present = buttons(deletion_card(PLAUSIBLE["unknown for a day"], WORDING))
    for button, what in ((gone, "is gone"), (present, "is still there")):
        assert button["confirm"]["title"]["text"] == "Close as checked by hand?"
        assert f"the job {what}. This is recorded as your word." in button["confirm"]["text"]["text"]
        assert "style" not in button
    assert gone["text"] != present["text"]


def test_labels_are_short_enough_to_be_read_out() -> None:
    """Slack shows about thirty characters of a label, and cuts it for screen readers too."""
    for deletion in PLAUSIBLE.values():
        for button in buttons(deletion_card(deletion, WORDING)):
            assert len(button["text"]["text"]) <= 30
            assert len(button.get("accessibility_label", "")) <= 75


def test_action_ids_are_ours_and_fixed() -> None:
    """Cards of yesterday are pressed today: these ids are never renamed."""
    ids = [actions.CONFIRM, actions.CANCEL, actions.CHECK_NOW, actions.CLOSE_DELETED, actions.CLOSE_PRESENT]
    assert ids == ["dh_confirm", "dh_cancel", "dh_check_now", "dh_close_deleted", "dh_close_present"]


def test_no_message_carries_the_claim_token_or_the_job_as_a_buttons_value() -> None:
    """A button's value is the deletion's id; the facts are in the ledger, the token nowhere."""
    for deletion in PLAUSIBLE.values():
        assert "token-is-secret" not in str(deletion_card(deletion, WORDING))


def test_what_was_typed_stands_as_typed() -> None:
    """Name and reason are plain text in the blocks, letter by letter, with the invisible spelled out."""
    built = deletion_card(poisoned(AWAITING), WORDING)
    typed = HOSTILE.replace("\u202e", "<U+202E>").replace("\n", "<U+000A>")
    plain = [block["text"]["text"] for block in built.blocks if block.get("text", {}).get("type") == "plain_text"]
    assert built.blocks[0]["text"]["text"] == f"[production] Delete “{typed[:59]}…” permanently?"
    assert f"Reason: {typed}" in plain
    assert f"\nReason: {typed}\n" in html.unescape(built.text)


def test_the_same_deletion_makes_the_same_card() -> None:
    """Views are functions: drawing a card anew changes nothing."""

    def drawn(deletion: Deletion) -> object:
        return deletion_card(deletion, WORDING, EARLIER)

    assert drawn(AWAITING) == drawn(replace(AWAITING, requester=ANNA))


def test_an_end_after_a_person_s_word_is_not_by_that_word() -> None:
    """A late reply may end otherwise what somebody had closed by hand; then the reply is what counts."""
    corrected = replace(PLAUSIBLE["deleted"], ended_by=BEN)
    assert "By the word of" not in deletion_card(corrected, BARE).text
    assert "By the word of <@UBEN>." in deletion_card(replace(corrected, ended_why=Ending.BY_HAND), BARE).text

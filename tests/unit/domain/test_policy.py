"""Who may do what, where, and to which job: full tables. The empty policy comes first."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from bot.domain.job_states import STATES
from bot.domain.model import (
    Actor,
    Cause,
    ConfirmBy,
    Conversation,
    ConversationKind,
    Job,
    JobId,
    LookupFailed,
    Operation,
    Person,
    Reply,
    Shown,
    State,
)
from bot.domain.outcomes import Ending
from bot.domain.policy import (
    COMPARED,
    CONVERSATION_RULES,
    Action,
    CardRule,
    Rules,
    awaiting,
    differences,
    is_barred,
    is_late,
    is_same,
    may,
    may_be_deleted,
    may_be_used_in,
    may_confirm,
    may_freeze,
    may_operate,
    might_confirm,
    might_operate,
    unreadable,
    waits_for,
    who_confirms,
)
from bot.domain.refusals import Reason, Refused
from tests.support.values import ANNA, AT, BEN, CARL, TARGET, deletion, reply, seconds

LISTED = Rules(users=frozenset({"UANNA"}))


def person(actor: Actor = ANNA, *more_ids: str, is_own: bool = True, groups: frozenset[str] = frozenset()) -> Person:
    return Person(actor, frozenset({actor.user, *more_ids}), is_own=is_own, groups=groups)


# -- the empty policy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        person(),
        person(groups=frozenset({"S1"})),
        Person(ANNA, frozenset(), is_own=True),
        replace(person(), is_bot=True),
        LookupFailed("x"),
    ],
)
def test_the_empty_policy_lets_nobody_operate(who: Person | LookupFailed) -> None:
    """Without a list of users and groups nobody may ask for anything."""
    assert may_operate(who, Rules()) is not None


def test_rules_allow_nothing_by_default() -> None:
    """A forgotten setting grants nothing: nobody is listed, the requester alone confirms, for ten minutes."""
    assert Rules() == Rules(
        users=frozenset(),
        groups=frozenset(),
        channels=frozenset(),
        confirm_by=ConfirmBy.REQUESTER,
        second_person_states=frozenset(),
        reason_required=False,
        confirm_within=timedelta(minutes=10),
        freeze_by=frozenset(),
    )


def test_the_words_for_reasons_are_fixed() -> None:
    """Reasons stand in the ledger and the audit trail: each is its own name in lower case, but for one older word."""
    older = {Reason.CONVERSATION_UNKNOWN: "place_unknown"}
    assert {reason: reason.value for reason in Reason} == {reason: reason.name.lower() for reason in Reason} | older


# -- where ---------------------------------------------------------------------------------------------------------

C1 = Conversation("C1", ConversationKind.CHANNEL)
ONLY_C1 = Rules(channels=frozenset({"C1"}))
TWO = Rules(channels=frozenset({"C9", "C2"}))

PLACES = [
    # place, rules, what is answered
    (C1, Rules(), None),
    (C1, ONLY_C1, None),
    (replace(C1, channel="C2"), ONLY_C1, Refused(Reason.IN_OTHER_CHANNEL, {"channels": ["C1"]})),
    (C1, TWO, Refused(Reason.IN_OTHER_CHANNEL, {"channels": ["C2", "C9"]})),
    (replace(C1, kind=ConversationKind.DIRECT), Rules(), Refused(Reason.IN_DIRECT_MESSAGE)),
    (replace(C1, kind=ConversationKind.GROUP_DIRECT), Rules(), Refused(Reason.IN_GROUP_MESSAGE)),
    (replace(C1, kind=ConversationKind.EXTERNAL), Rules(), Refused(Reason.IN_EXTERNAL_CHANNEL)),
    # Being named in AUTHORIZED_CHANNELS does not help a place of the wrong kind.
    (replace(C1, kind=ConversationKind.DIRECT), ONLY_C1, Refused(Reason.IN_DIRECT_MESSAGE)),
    (replace(C1, kind=ConversationKind.EXTERNAL), ONLY_C1, Refused(Reason.IN_EXTERNAL_CHANNEL)),
    (replace(C1, kind=ConversationKind.EXTERNAL), TWO, Refused(Reason.IN_EXTERNAL_CHANNEL)),
    (replace(C1, is_archived=True), Rules(), Refused(Reason.CHANNEL_ARCHIVED)),
    (replace(C1, is_archived=True), ONLY_C1, Refused(Reason.CHANNEL_ARCHIVED)),
    (replace(C1, is_archived=True, is_member=False), Rules(), Refused(Reason.CHANNEL_ARCHIVED)),
    (replace(C1, is_archived=True), TWO, Refused(Reason.IN_OTHER_CHANNEL, {"channels": ["C2", "C9"]})),
    (replace(C1, is_member=False), Rules(), Refused(Reason.BOT_NOT_IN_CHANNEL)),
    (replace(C1, is_member=False), ONLY_C1, Refused(Reason.BOT_NOT_IN_CHANNEL)),
    (replace(C1, is_member=False), TWO, Refused(Reason.IN_OTHER_CHANNEL, {"channels": ["C2", "C9"]})),
    (LookupFailed("channel_not_found"), Rules(), Refused(Reason.BOT_NOT_IN_CHANNEL)),
    (LookupFailed("ratelimited"), Rules(), Refused(Reason.CONVERSATION_UNKNOWN, {"why": "ratelimited"})),
    (LookupFailed("no_channel"), ONLY_C1, Refused(Reason.CONVERSATION_UNKNOWN, {"why": "no_channel"})),
]


@pytest.mark.parametrize(("conversation", "rules", "answer"), PLACES)
def test_where_the_bot_may_be_used(
    conversation: Conversation | LookupFailed, rules: Rules, answer: Refused | None
) -> None:
    """Only channels that the bot can post in, that are ours alone and that the settings allow; never where unsure."""
    assert may_be_used_in(conversation, rules) == answer


def test_every_kind_of_place_has_a_rule_and_only_channels_pass() -> None:
    """A new kind of conversation must be decided on, not let through."""
    assert set(CONVERSATION_RULES) == set(ConversationKind)
    assert [kind for kind, no in CONVERSATION_RULES.items() if no is None] == [ConversationKind.CHANNEL]


# -- who -----------------------------------------------------------------------------------------------------------

FAULTS = (  # in the order in which they are named
    ("is_own", Reason.FOREIGN),
    ("is_deactivated", Reason.DEACTIVATED),
    ("is_bot", Reason.IS_BOT),
    ("is_guest", Reason.IS_GUEST),
    ("listed", Reason.NOT_LISTED),
)


@pytest.mark.parametrize("wrong", list(itertools.product([False, True], repeat=5)), ids=str)
def test_every_mixture_of_faults_refuses_and_names_the_first(wrong: tuple[bool, ...]) -> None:
    """Foreign goes before deactivated, before bot, before guest, before not listed; nothing outweighs a fault."""
    foreign, deactivated, is_bot, guest, unlisted = wrong
    who = Person(ANNA, frozenset({"UANNA"}), not foreign, deactivated, is_bot, guest, frozenset({"S1"}))
    expected = next((Refused(reason) for is_wrong, (_, reason) in zip(wrong, FAULTS, strict=True) if is_wrong), None)
    by_user = Rules(users=frozenset({"UBEN"} if unlisted else {"UANNA", "UBEN"}))
    by_group = Rules(groups=frozenset({"S2"} if unlisted else {"S1", "S2"}))
    assert may_operate(who, by_user) == expected
    assert may_operate(who, by_group) == expected


BARRED = [
    # the account, and why it may do nothing
    (person(), None),
    (person(BEN), None),  # nobody has listed Ben, but he could be
    (replace(person(BEN), groups_unknown="ratelimited"), None),
    (replace(person(), is_own=False), Refused(Reason.FOREIGN)),
    (replace(person(), is_deactivated=True), Refused(Reason.DEACTIVATED)),
    (replace(person(), is_bot=True), Refused(Reason.IS_BOT)),
    (replace(person(), is_guest=True), Refused(Reason.IS_GUEST)),
    (replace(person(), is_deactivated=True, is_guest=True), Refused(Reason.DEACTIVATED)),
    (LookupFailed("user_not_found"), Refused(Reason.PERSON_UNKNOWN, {"why": "user_not_found"})),
]


@pytest.mark.parametrize(("who", "no"), BARRED)
def test_whose_entry_in_the_settings_is_in_vain(who: Person | LookupFailed, no: Refused | None) -> None:
    """That of an account that may do nothing, however it is listed; to be listed nowhere is no fault of an account."""
    assert is_barred(who) == no


@pytest.mark.parametrize(
    ("ids", "groups", "users_listed", "groups_listed", "allowed"),
    [
        ("U1", "", "U1", "", True),
        ("U1 W1", "", "W1", "", True),  # Grid: either id of the same person
        ("U1 W1", "", "U1", "", True),
        ("U1", "S1", "", "S1", True),
        ("U1", "S1 S2", "", "S2 S3", True),
        ("U1", "S1", "U1", "S1", True),
        ("U1", "S1", "U2", "S1", True),
        ("U1", "S1", "U1", "S2", True),
        ("U1", "", "U2", "", False),
        ("U1", "S1", "U2", "S2", False),
        ("U1", "S1", "S1", "U1", False),  # a group id among the users grants nothing, nor the reverse
        ("U1", "", "", "S1", False),
        ("u1", "", "U1", "", False),
        ("", "", "", "", False),
    ],
)
def test_listed_is_whoever_is_named_or_in_a_named_group(
    ids: str, groups: str, users_listed: str, groups_listed: str, *, allowed: bool
) -> None:
    """Ids are compared letter by letter, people with people and groups with groups."""
    who = Person(ANNA, frozenset(ids.split()), is_own=True, groups=frozenset(groups.split()))
    rules = Rules(users=frozenset(users_listed.split()), groups=frozenset(groups_listed.split()))
    assert may_operate(who, rules) == (None if allowed else Refused(Reason.NOT_LISTED))


def test_a_person_who_cannot_be_looked_up_may_do_nothing() -> None:
    """A failed look-up means no, and says why."""
    assert may_operate(LookupFailed("user_not_found"), LISTED) == Refused(
        Reason.PERSON_UNKNOWN, {"why": "user_not_found"}
    )


@pytest.mark.parametrize("why", ["missing_scope", "fatal_error"])
@pytest.mark.parametrize("listed", [True, False])
def test_not_knowing_a_persons_groups_is_a_no_of_its_own(why: str, *, listed: bool) -> None:
    """It is not said that they may not, but that it is not known; whoever is listed does not depend on it."""
    who = replace(person(), groups_unknown=why)
    rules = Rules(users=frozenset({"UANNA"} if listed else {"UBEN"}), groups=frozenset({"S1"}))
    assert may_operate(who, rules) == (None if listed else Refused(Reason.GROUPS_UNKNOWN, {"why": why}))


FREEZERS = [
    # ids, in a listed group, FREEZE_BY, what is answered
    ("UANNA", False, "", None),  # empty: whoever may operate
    ("UBEN", True, "", None),
    ("UBEN", False, "", Reason.NOT_LISTED),
    ("UANNA", False, "UBEN", Reason.MAY_NOT_FREEZE),  # named: nobody but those, operators or not
    ("UBEN", True, "UCARL", Reason.MAY_NOT_FREEZE),
    ("UBEN", False, "UBEN", None),
    ("UBEN WBEN", False, "WBEN", None),
]


@pytest.mark.parametrize(("ids", "in_group", "freeze_by", "no"), FREEZERS)
def test_who_may_freeze(ids: str, freeze_by: str, no: Reason | None, *, in_group: bool) -> None:
    """FREEZE_BY, by either id; or, where it is empty, whoever may delete."""
    who = Person(ANNA, frozenset(ids.split()), is_own=True, groups=frozenset({"S1"} if in_group else ()))
    rules = Rules(frozenset({"UANNA"}), frozenset({"S1"}), freeze_by=frozenset(freeze_by.split()))
    assert may_freeze(who, rules) == (None if no is None else Refused(no))


@pytest.mark.parametrize("freeze_by", [frozenset(), frozenset({"UANNA"})])
@pytest.mark.parametrize(
    ("fault", "no"),
    [
        ({"is_own": False}, Reason.FOREIGN),
        ({"is_deactivated": True}, Reason.DEACTIVATED),
        ({"is_bot": True}, Reason.IS_BOT),
        ({"is_guest": True}, Reason.IS_GUEST),
    ],
)
def test_an_account_that_is_none_of_ours_may_not_freeze_either(
    fault: dict[str, bool], no: Reason, freeze_by: frozenset[str]
) -> None:
    """Being named in FREEZE_BY helps no guest, bot, deactivated or foreign account; nor does a failed look-up."""
    rules = replace(LISTED, freeze_by=freeze_by)
    assert may_freeze(replace(person(), **fault), rules) == Refused(no)
    assert may_freeze(LookupFailed("x"), rules) == Refused(Reason.PERSON_UNKNOWN, {"why": "x"})


# -- one answer for all of it --------------------------------------------------------------------------------------

UNKNOWN_GROUPS = replace(person(BEN), groups_unknown="fatal_error")


@pytest.mark.parametrize(
    ("requester", "no"),
    [
        (LookupFailed("ratelimited"), Refused(Reason.PERSON_UNKNOWN, {"why": "ratelimited", "whose": "requester"})),
        (UNKNOWN_GROUPS, Refused(Reason.GROUPS_UNKNOWN, {"why": "fatal_error", "whose": "requester"})),
        (person(BEN), Refused(Reason.REQUESTER_LOST_RIGHT, {"why": Reason.NOT_LISTED})),
        (replace(person(BEN), is_guest=True), Refused(Reason.REQUESTER_LOST_RIGHT, {"why": Reason.IS_GUEST})),
    ],
)
def test_only_a_requester_who_is_known_to_have_lost_the_right_closes_the_card(
    requester: Person | LookupFailed, no: Refused
) -> None:
    """Where Slack cannot be asked, the click is refused and nothing is concluded about the one who asked."""
    card = CardRule(requester, ConfirmBy.ANY_OPERATOR)
    assert may(Action.CONFIRM, person(), C1, LISTED, card) == no


def test_without_a_card_nothing_is_confirmed() -> None:
    """A forgotten argument grants nothing."""
    assert may(Action.CONFIRM, person(), C1, LISTED) == Refused(Reason.UNKNOWN_DELETION)
    assert may(Action.CANCEL, person(BEN), C1, LISTED) == Refused(Reason.NOT_LISTED)


FOREIGN_ANNA = Person(Actor("UANNA", "T9"), frozenset({"UANNA"}), is_own=False)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (person(ANNA), person(ANNA), True),
        (person(ANNA, "WGRID"), person(Actor("UTWO", "T2"), "WGRID"), True),
        (person(ANNA), person(BEN), False),
        (FOREIGN_ANNA, person(ANNA), False),  # the same id under another company's name
        (FOREIGN_ANNA, FOREIGN_ANNA, True),
        (LookupFailed("x"), person(ANNA), False),
        (person(ANNA), LookupFailed("x"), False),
        (LookupFailed("x"), LookupFailed("x"), False),
    ],
)
def test_who_is_the_same_human_being(one: Person | LookupFailed, other: Person | LookupFailed, *, same: bool) -> None:
    """By one shared id of our own people, never by the id alone; where Slack did not say, it is not assumed."""
    assert is_same(one, other) is same


# -- who confirms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_setting", ConfirmBy)
@pytest.mark.parametrize(
    ("state", "second", "asks_for_a_second"),
    [
        ("JOB_FINISH", set(), False),
        ("JOB_FINISH", {"JOB_FINISH"}, True),
        ("JOB_FINISH", {"JOB_SUCCESS"}, False),
        ("JOB_SUCCESS", {"JOB_SUCCESS", "JOB_FINISH"}, True),
        ("INVENTED", {"JOB_SUCCESS"}, False),
    ],
)
def test_the_jobs_state_goes_before_the_setting(
    by_setting: ConfirmBy, state: str, second: set[str], *, asks_for_a_second: bool
) -> None:
    """SECOND_PERSON_STATES asks for a second person whatever CONFIRM_BY says; else CONFIRM_BY decides."""
    rules = Rules(confirm_by=by_setting, second_person_states=frozenset(second))
    expected = ConfirmBy.SECOND_PERSON if asks_for_a_second else by_setting
    assert who_confirms(Job(JobId("j"), state), rules) is expected


REQUESTER = person(ANNA)
CONFIRMERS = {
    "the requester": (REQUESTER, True),
    "the requester, from another workspace of the Grid": (person(Actor("UOTHER", "T2"), "UANNA"), True),
    "somebody else": (person(BEN), False),
    "somebody else with the same ids' team": (person(Actor("UANN", "T1")), False),
}


@pytest.mark.parametrize("who", CONFIRMERS)
@pytest.mark.parametrize("rule", ConfirmBy)
def test_who_may_confirm(rule: ConfirmBy, who: str) -> None:
    """Requester: only they. Second person: anybody but they. Any operator: everybody."""
    presser, is_requester = CONFIRMERS[who]
    no = {
        (ConfirmBy.REQUESTER, False): Refused(Reason.NOT_THE_REQUESTER),
        (ConfirmBy.SECOND_PERSON, True): Refused(Reason.SECOND_PERSON_NEEDED),
    }.get((rule, is_requester))
    assert may_confirm(presser, REQUESTER, rule) == no


@pytest.mark.parametrize(
    ("rule", "who", "state", "waits"),
    [
        (ConfirmBy.REQUESTER, ANNA, State.AWAITING, True),
        (ConfirmBy.REQUESTER, BEN, State.AWAITING, False),
        (ConfirmBy.ANY_OPERATOR, BEN, State.AWAITING, True),
        (ConfirmBy.SECOND_PERSON, ANNA, State.AWAITING, False),
        (ConfirmBy.SECOND_PERSON, BEN, State.AWAITING, True),
        (ConfirmBy.REQUESTER, ANNA, State.DELETING, False),
        (ConfirmBy.ANY_OPERATOR, BEN, State.EXPIRED, False),
    ],
)
def test_whose_decision_a_card_waits_for(*, rule: ConfirmBy, who: Actor, state: State, waits: bool) -> None:
    """Of whoever may confirm it, and only while it waits."""
    card = deletion(requester=ANNA, confirm_by=rule, state=state)
    assert waits_for(card, person(who)) is waits


def test_a_card_waits_for_its_requester_under_another_id_too() -> None:
    """Enterprise Grid gives one person several."""
    card = deletion(requester=ANNA, confirm_by=ConfirmBy.REQUESTER, state=State.AWAITING)
    assert waits_for(card, Person(Actor("WANNA", "T2"), frozenset({"WANNA", "UANNA"}), is_own=True))


# -- before Slack is asked -----------------------------------------------------------------------------------------

BOTH = Rules(frozenset({"UANNA", "UBEN"}), frozenset({"S1"}))
WANNA = Actor("WANNA", "TOURS")
"""Anna's other id, on Enterprise Grid."""

READ_AHEAD = [
    # who: whether MetaStudio is asked early at a press, by requester, any_operator, second_person; and at a command
    (ANNA, (True, True, False), True),
    (BEN, (False, True, True), True),
    (CARL, (False, False, False), False),  # he may be in S1, but only Slack knows
    (WANNA, (False, False, False), False),
    (Actor("UANNA", "T9"), (False, True, True), True),  # the same id under another company's name is not the requester
]


@pytest.mark.parametrize(("who", "presses", "asks"), READ_AHEAD)
def test_for_whom_metastudio_is_asked_before_slack_has_answered(
    who: Actor, presses: tuple[bool, ...], *, asks: bool
) -> None:
    """For whoever is listed by this very id and is, or is not, the requester, as the card wants it; for nobody else."""
    assert might_operate(who, BOTH) is asks
    cards = [deletion(requester=ANNA, confirm_by=rule) for rule in ConfirmBy]
    assert tuple(might_confirm(who, card, BOTH) for card in cards) == presses


@pytest.mark.parametrize("rule", ConfirmBy)
@pytest.mark.parametrize("requester", [ANNA, BEN])
@pytest.mark.parametrize("who", [ANNA, BEN, CARL])
def test_the_guess_before_slack_has_answered_is_what_is_decided_then(
    who: Actor, requester: Actor, rule: ConfirmBy
) -> None:
    """Where nobody has a second id or needs a group: else reads are wasted, or come too late."""
    decided = may(Action.CONFIRM, person(who), C1, BOTH, CardRule(person(requester), rule))
    assert might_confirm(who, deletion(requester=requester, confirm_by=rule), BOTH) is (decided is None)
    assert might_operate(who, BOTH) is (may(Action.COMMAND, person(who), C1, BOTH) is None)


# -- the card ------------------------------------------------------------------------------------------------------

TEN_MINUTES = seconds(600)
WAITING = deletion(message_ts="1.2", deadline_at=AT + TEN_MINUTES)

STANDS = {
    # how a deletion stands, and what a click on its card is told
    State.AWAITING: None,
    State.DELETING: Reason.ALREADY_CONFIRMED,
    State.UNKNOWN: Reason.ALREADY_CONFIRMED,
    State.DELETED: Reason.ALREADY_ENDED,
    State.FAILED: Reason.ALREADY_ENDED,
    State.REFUSED: Reason.ALREADY_ENDED,
    State.CANCELLED: Reason.ALREADY_ENDED,
    State.EXPIRED: Reason.EXPIRED,
}


def test_every_state_has_an_answer_for_a_click() -> None:
    """All that the ledger can hold; a deletion is kept from its first state on."""
    assert set(STANDS) == set(State) - {State.NEW}


@pytest.mark.parametrize("state", STANDS)
def test_a_click_is_told_how_the_deletion_stands(state: State) -> None:
    """Only one that waits can be confirmed or withdrawn; the others say what became of them."""
    card, no = replace(WAITING, state=state), STANDS[state]
    assert awaiting(card, TARGET, AT) == (card if no is None else Refused(no, {"deletion": card}))


@pytest.mark.parametrize(("state", "no"), [(state, no) for state, no in STANDS.items() if no])
@pytest.mark.parametrize("changes", [{"message_ts": None}, {"deadline_at": None}, {"deadline_at": AT}])
def test_what_became_of_a_deletion_is_said_however_late_the_click_is(
    state: State, no: Reason, changes: dict[str, Any]
) -> None:
    """Neither a time that is over nor a card that was never noted hides a deletion that was confirmed or closed."""
    card = replace(WAITING, state=state, **changes)
    assert awaiting(card, TARGET, AT) == Refused(no, {"deletion": card})


@pytest.mark.parametrize("why", [*Ending, None])
def test_only_a_card_whose_time_ran_out_is_called_too_late(why: Ending | None) -> None:
    """A restore, and lost commits, close cards as well: then nobody was too slow."""
    card = replace(WAITING, state=State.EXPIRED, ended_why=why and why.value)
    reason = Reason.ALREADY_ENDED if why in {Ending.RESTORED, Ending.LOST_COMMITS} else Reason.EXPIRED
    assert awaiting(card, TARGET, AT) == Refused(reason, {"deletion": card})


@pytest.mark.parametrize("state", STANDS)
def test_a_card_of_another_project_is_no_card_here(state: State) -> None:
    """However it stands. The region is a label: under another name of it the project is the same."""
    for changes in ({"project_id": "f" * 32}, {"endpoint": "https://metastudio.ap-southeast-3.myhuaweicloud.com"}):
        other = replace(WAITING, state=state, target=replace(TARGET, **changes))
        assert awaiting(other, TARGET, AT) == Refused(Reason.OTHER_PROJECT, {"deletion": other})
    here = replace(WAITING, target=replace(TARGET, region="elsewhere"))
    assert awaiting(here, TARGET, AT) is here


def test_a_card_that_the_ledger_does_not_know_confirms_nothing() -> None:
    """As after a restore: what the card shows is not enough."""
    assert awaiting(None, TARGET, AT) == Refused(Reason.UNKNOWN_DELETION)


MICROSECOND = timedelta(microseconds=1)
IN_TIME = [
    # the message, the deadline, the time that has passed, and what a click is told
    ("1.2", TEN_MINUTES, seconds(0), None),
    ("1.2", TEN_MINUTES, TEN_MINUTES - MICROSECOND, None),
    ("1.2", TEN_MINUTES, TEN_MINUTES, Reason.EXPIRED),
    ("1.2", TEN_MINUTES, TEN_MINUTES + MICROSECOND, Reason.EXPIRED),
    ("1.2", None, timedelta(days=1), Reason.NOT_POSTED_YET),
    (None, TEN_MINUTES, timedelta(days=1), Reason.NOT_POSTED_YET),
    (None, None, timedelta(days=1), Reason.NOT_POSTED_YET),
]


@pytest.mark.parametrize(("message_ts", "deadline", "passed", "no"), IN_TIME)
def test_the_time_of_a_card_ends_at_its_deadline(
    message_ts: str | None, deadline: timedelta | None, passed: timedelta, no: Reason | None
) -> None:
    """To the microsecond, though nobody has closed it yet; it begins when the card is known to be posted."""
    card = replace(WAITING, message_ts=message_ts, deadline_at=None if deadline is None else AT + deadline)
    facts = {"deletion": card} if no is Reason.EXPIRED else {}
    assert awaiting(card, TARGET, AT + passed) == (card if no is None else Refused(no, facts))
    assert is_late(card, AT + passed) is (no is Reason.EXPIRED)


# -- the job -------------------------------------------------------------------------------------------------------

SHOW = partial(reply, operation=Operation.SHOW)
NOT_ASKED = {Cause.LIMITED: Reason.BUSY, Cause.BREAKER_OPEN: Reason.BREAKER_OPEN}
NOT_SHOWN = [
    # the reply to Show that brought no job, and what is said of it
    (SHOW(404, "MSS.41000003"), Reason.JOB_NOT_FOUND),
    (SHOW(404, "MSS.00000003"), Reason.JOB_NOT_FOUND),
    (SHOW(404), Reason.JOB_NOT_READ),  # may be a page by a proxy
    (SHOW(404, "APIGW.0101"), Reason.JOB_NOT_READ),  # a wrong URL
    (SHOW(404, "MSS.00010003"), Reason.JOB_NOT_READ),  # no such API
    (SHOW(400, "MSS.41000003"), Reason.JOB_NOT_READ),
    (SHOW(410, "MSS.41000003"), Reason.JOB_NOT_READ),
    (SHOW(401), Reason.JOB_NOT_READ),
    (SHOW(403, "MSS.41000012"), Reason.JOB_NOT_READ),
    (SHOW(429), Reason.JOB_NOT_READ),  # MetaStudio is busy, not the bot
    (SHOW(500, "MSS.00000004"), Reason.JOB_NOT_READ),
    (SHOW(200, body_ok=False), Reason.JOB_NOT_READ),
    *((SHOW(cause=cause), NOT_ASKED.get(cause, Reason.JOB_NOT_READ)) for cause in Cause),
]


@pytest.mark.parametrize(
    ("answer", "reason"), NOT_SHOWN, ids=[f"{row[0].status or row[0].cause}-{row[0].code}" for row in NOT_SHOWN]
)
def test_a_job_is_said_not_to_exist_only_on_metastudios_own_word(answer: Reply, reason: Reason) -> None:
    """Any other answer says that the job was not read, and which answer that was; or that nobody was asked."""
    facts = {} if answer.cause in NOT_ASKED else {"reply": answer}
    assert unreadable(Shown(answer)) == Refused(reason, facts)


def test_a_job_that_was_read_is_not_refused() -> None:
    """Nothing but the job itself decides that."""
    assert unreadable(Shown(SHOW(200), Job(JobId("j"), "BRAND_NEW"))) is None


CARD = Job(
    JobId("j"),
    "JOB_FINISH",
    name="Twin",
    asset_id="a-1",
    create_time="2026-01-01T00:00:00Z",
    last_update_time="2026-02-01T00:00:00Z",
    model_version="V1",
    model_resolution="1080P",
    supported_service=("LIVE",),
    voice_train_job_id="v-1",
)


@pytest.mark.parametrize("state", [*STATES, "", "BRAND_NEW", "job_finish"])
def test_only_jobs_in_deletable_states_may_be_deleted(state: str) -> None:
    """The eleven pass; the others, and every state that nobody has heard of, are refused with their name."""
    allowed = state in STATES and STATES[state].deletable
    no = None if allowed else Refused(Reason.NOT_DELETABLE, {"state": state})
    assert may_be_deleted(Job(JobId("j"), state)) == no


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({}, ()),
        ({"name": "Twin 2"}, (("name", "Twin", "Twin 2"),)),
        ({"name": "twin"}, (("name", "Twin", "twin"),)),
        ({"name": "Twin "}, (("name", "Twin", "Twin "),)),
        ({"asset_id": ""}, (("asset_id", "a-1", ""),)),
        ({"state": "JOB_REJECT"}, (("state", "JOB_FINISH", "JOB_REJECT"),)),
        (
            {"last_update_time": "2026-02-01T00:00:01Z"},
            (("last_update_time", "2026-02-01T00:00:00Z", "2026-02-01T00:00:01Z"),),
        ),
        (
            {"last_update_time": "x", "state": "y", "asset_id": "z", "name": "w"},
            (
                ("name", "Twin", "w"),
                ("asset_id", "a-1", "z"),
                ("state", "JOB_FINISH", "y"),
                ("last_update_time", "2026-02-01T00:00:00Z", "x"),
            ),
        ),
        ({"create_time": "x", "model_version": "x", "model_resolution": "x"}, ()),
        ({"supported_service": (), "voice_train_job_id": ""}, ()),
    ],
)
def test_the_approval_holds_for_name_asset_state_and_last_submission(
    changed: dict[str, object], differs: tuple[tuple[str, str, str], ...]
) -> None:
    """Any difference in these four is shown, then and now, in their order; the other fields do not matter."""
    assert differences(CARD, replace(CARD, **changed)) == differs


def test_what_is_compared_are_fields_of_a_job() -> None:
    """A misspelled field would compare nothing."""
    assert set(COMPARED) <= {field.name for field in fields(Job)}
    assert COMPARED == ("name", "asset_id", "state", "last_update_time")

"""The table of who may do what where, through the real bot: every row and every column that has a listener.

The whole table, cell by cell, stands in tests/unit/domain/test_who_may_table.py, and the rules are one function. These
tests show that the listeners ask that function, about the right people, in the right place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.domain.model import ConfirmBy, State
from bot.domain.policy import Action
from docs.generate import who_may
from docs.generate.who_may import CONFIRMS, OTHERS, PEOPLE, Column
from sandbox.metastudio.faults import DELETE, drop
from sandbox.slack.slack import Message
from tests.flow.world import World

DAY = 24 * 3600


class Cast(World):
    """A world with one person for each row of the table, in an organisation, so that there are Grid ids."""

    def __init__(self, folder: Path, rule: ConfirmBy) -> None:
        super().__init__(folder, enterprise=True, CONFIRM_BY=rule.value)
        self.rule = rule

    def start(self) -> Cast:
        super().start()
        other = self.slack.add_team("Elsewhere")
        flags: dict[str, dict[str, object]] = {
            "guest": {"is_restricted": True},
            "bot": {"is_bot": True},
            "deactivated": {"deleted": True},
            "foreign workspace": {"team": other},
        }
        self.who = {
            name: self.slack.add_user(name.replace(" ", "-"), **flags.get(name, {}))  # type: ignore[arg-type]
            for name in PEOPLE
        }
        self.slack.channels[self.ops].members.extend(self.who.values())
        grid = self.slack.users[self.who["Grid id"]].enterprise_user
        assert grid is not None
        names = ("listed", "second operator", "guest", "bot", "deactivated", "foreign workspace")
        self.run_bot(
            AUTHORIZED_USERS=",".join([self.anna, grid["id"], *(self.who[name] for name in names)]),
            AUTHORIZED_USERGROUPS=self.slack.add_group("oncall", [self.who["group member"]]),
            AUTHORIZED_CHANNELS=self.ops,
            MAX_OPEN="1000",
        )
        self.confirmer = self.who["listed"] if self.rule is ConfirmBy.SECOND_PERSON else self.anna
        return self

    def command(self, user: str, job: str) -> str | None:
        """Type the command, also where Slack would not let this person; why they are refused, or None."""
        before = len(self.reasons(user))
        self.slack.command(user, self.ops, job, force=True).wait_ack()
        self.idle()
        return self._refusal(user, before)

    def click(self, user: str, card: Message, action: str) -> str | None:
        """Press a button, also where Slack would not let this person; why they are refused, or None."""
        before = len(self.reasons(user))
        self.press(card, action, user, force=True)
        return self._refusal(user, before)

    def _refusal(self, user: str, before: int) -> str | None:
        refused = self.reasons(user)[before:]
        assert len(refused) <= 1
        return refused[0] if refused else None

    def unknown(self) -> Message:
        """A card whose outcome has been unknown for a day; anna asked, and whoever may confirmed."""
        job, card = self.offered()
        self.cloud.faults.add(DELETE, drop())
        self.press(card, user=self.confirmer)
        self.clock.add(DAY + 60)
        # The first look after a day puts the buttons for closing by hand on the card.
        self.press(card, "dh_check_now")
        assert self.deletion(job).state is State.UNKNOWN
        return card


@pytest.fixture(params=ConfirmBy)
def cast(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cast]:
    """The same people under each rule for confirming."""
    made = Cast(tmp_path, request.param)
    try:
        yield made.start()
        assert made.slack.violations == []
        assert made.verdict().is_sound
    finally:
        made.stop()


def expected(who: str, deed: Action, rule: ConfirmBy = ConfirmBy.REQUESTER, *, is_own: bool = False) -> str | None:
    """What the specification says."""
    columns: tuple[Column, ...] = (*OTHERS, *CONFIRMS)
    column = next(one for one in columns if (one.deed, one.is_own, one.rule) == (deed, is_own, rule))
    no = who_may.answer(who, column, "allowed channel")
    return None if no is None else str(no.reason)


def test_the_command_and_the_buttons_of_another_s_card(cast: Cast) -> None:
    """Every person types the command, and presses each button of a card that anna asked for."""
    for who, user in cast.who.items():
        job = cast.cloud.add_job(state="TRAIN_FAILED")
        asks = cast.command(user, job)
        assert asks == expected(who, Action.COMMAND), who
        for action, deed in (("dh_confirm", Action.CONFIRM), ("dh_cancel", Action.CANCEL)):
            job, card = cast.offered()
            rule = cast.rule if deed is Action.CONFIRM else ConfirmBy.REQUESTER
            no = cast.click(user, card, action)
            assert no == expected(who, deed, rule), (who, action)
            assert cast.cloud.deletes_arrived(job) == int(no is None and deed is Action.CONFIRM), who
            assert bool(card.buttons) is (no is not None), (who, action)


def test_the_buttons_of_an_unknown_outcome(cast: Cast) -> None:
    """Every person presses *Check now*, and closes by hand, after a day without a result."""
    if cast.rule is not ConfirmBy.REQUESTER:
        # These buttons do not depend on it; two persons are enough to see that.
        cast.who = {who: cast.who[who] for who in ("group member", "colleague")}
    card = cast.unknown()
    for who, user in cast.who.items():
        assert cast.click(user, card, "dh_check_now") == expected(who, Action.CHECK_NOW), who
    for who, user in reversed(cast.who.items()):
        no = cast.click(user, card, "dh_close_present")
        assert no == expected(who, Action.CLOSE_BY_HAND), who
        if no is None:
            card = cast.unknown()


def test_the_buttons_of_one_s_own_card(cast: Cast) -> None:
    """Whoever may ask, confirms as the rule says, and takes back."""
    for who, user in cast.who.items():
        if expected(who, Action.COMMAND) is not None:
            continue
        job, card = cast.offered(user)
        no = cast.click(user, card, "dh_confirm")
        assert no == expected(who, Action.CONFIRM, cast.rule, is_own=True), who
        assert cast.cloud.deletes_arrived(job) == int(no is None), who
        card = cast.card(cast.cloud.add_job(state="TRAIN_FAILED"), user)
        assert cast.click(user, card, "dh_cancel") is None
        assert card.buttons == []


BECOMES: dict[str, Callable[[Cast], None]] = {
    "other channel": lambda cast: None,
    "Slack Connect channel": lambda cast: setattr(cast.slack.channels[cast.ops], "ext_shared", True),
    "archived channel": lambda cast: cast.slack.archive(cast.ops),
    "channel without the bot": lambda cast: cast.slack.kick_bot(cast.ops),
    "group message": lambda cast: setattr(cast.slack.channels[cast.ops], "kind", "mpim"),
}


@pytest.mark.parametrize("where", BECOMES)
def test_in_a_place_that_may_no_longer_be_used_only_taking_back_works(tmp_path: Path, where: str) -> None:
    """The card stands, then its channel changes: nobody can delete there any more, but anna can still cancel."""
    cast = Cast(tmp_path, ConfirmBy.ANY_OPERATOR)
    try:
        cast.start()
        # Without it Slack does not say that a conversation is a group message, which refuses too.
        cast.slack.scopes.add("mpim:read")
        job, card = cast.offered()
        BECOMES[where](cast)
        if where == "other channel":
            cast.stop_bot()
            cast.run_bot(AUTHORIZED_CHANNELS=cast.slack.add_channel("incidents"))
        cast.clock.add(61)
        reason = str(who_may.answer("listed", CONFIRMS[1], where).reason)  # type: ignore[union-attr]
        for user, action in ((cast.anna, "dh_confirm"), (cast.who["listed"], "dh_cancel")):
            assert cast.click(user, card, action) == reason
        assert cast.command(cast.anna, job) == reason
        assert cast.click(cast.anna, card, "dh_cancel") is None
        assert cast.deletion(job).state is State.CANCELLED
        assert cast.cloud.deletes_arrived(job) == 0
    finally:
        cast.stop()


def test_reading_freezing_and_the_button_of_a_search(cast: Cast) -> None:
    """Every person reads each list, freezes and unfreezes, and presses the button of a search that anna made."""
    if cast.rule is not ConfirmBy.REQUESTER:
        # None of these depends on it; two persons are enough to see that.
        cast.who = {who: cast.who[who] for who in ("group member", "colleague")}
    job = cast.cloud.add_job(state="TRAIN_FAILED", name="Anchor Li")
    cast.ask("find Anchor")
    found = cast.slack.ephemerals(cast.anna)[-1]
    for who, user in cast.who.items():
        for text in ("history", f"history {job}", "open", "find Anchor", f"--dry-run {job}"):
            assert cast.command(user, text) == expected(who, Action.COMMAND), (who, text)
        no = cast.command(user, "freeze the wrong jobs went")
        assert no == expected(who, Action.FREEZE), who
        if no is None:
            assert cast.command(user, "unfreeze") is None, who
        else:
            assert cast.command(user, "unfreeze") == no, who
        no = cast.click(user, found, "dh_offer")
        assert no == expected(who, Action.FIND), who
        if no is None:
            cast.press(cast.slack.messages(cast.ops)[-1], "dh_cancel", user)

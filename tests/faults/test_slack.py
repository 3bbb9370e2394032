"""The fault matrix, towards Slack: every error at every kind of call.

Rows are the tables of `troubles`; columns are the look-ups, the card's post, the posts in its thread, its redrawing,
answers to one person by each of their three ways, the link, direct messages and the running log. In every cell the
outcome is told somewhere, truthfully and in order, or told again until Slack takes it; nobody is left without an
answer; what Slack asked to wait for is waited for; nothing is deleted without a card.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

import bot.clients
from bot.domain.model import State
from sandbox.metastudio.faults import AFTER as EFFECT
from sandbox.metastudio.faults import DELETE, SHOW, drop, error
from sandbox.slack.slack import Call, Message
from tests.faults import troubles
from tests.faults.cells import CANCEL, CONFIRM, LIVE, Cell, Keeper, some
from tests.faults.troubles import GONE, PASSES, Trouble, cells, cells_with
from tests.flow.world import World
from tests.support.claims import NOT_DELETED, Claim, claims_of

SOME_POSTS = {(name, when) for name, when in cells(troubles.POST) if name in troubles.ONE_OF_EACH}


class SlackWorld(World):
    """A world with a running log."""

    def start(self) -> World:
        super().start()
        self.audit = self.slack.add_channel("audit", members=[self.carl])
        self.extra["AUDIT_CHANNEL"] = self.audit
        return self


class ImpatientWorld(SlackWorld):
    """Its bot waits for Slack a short time only."""

    def run_bot(self, **settings: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bot.clients, "SLACK_TIMEOUT", troubles.PATIENCE)
            running = super().run_bot(**settings)
        # response_urls are called with the timeout of the moment.
        hook = running.ports.messenger.webhook

        def webhook(url: str) -> Any:
            made = hook(url)
            made.timeout = troubles.PATIENCE
            return made

        running.ports.messenger.webhook = webhook
        return running


@pytest.fixture(scope="module")
def worlds(worlds: Keeper) -> Keeper:
    """Two worlds more."""
    settings = {"CONFIRM_BY": "any_operator", "CONFIRM_WITHIN_SECONDS": "3600"}
    worlds.add("slack", lambda folder: SlackWorld(folder, **settings))
    worlds.add("slack, impatient", lambda folder: ImpatientWorld(folder, **settings))
    return worlds


# ----------------------------------------------------------------------------------------------- what is measured


class Calls:
    """The calls of one cell, by the clock that the bot goes by."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.seen: list[tuple[datetime, Call, bool]] = []
        cell.w.slack.before_call = self._see
        cell.broken.callback(self._stop)

    def _see(self, call: Call) -> None:
        self.seen.append((self.cell.w.clock.now(), call, call.fault == "ratelimited"))

    def _stop(self) -> None:
        self.cell.w.slack.before_call = None

    def check(self, trouble: Trouble) -> None:
        """After a 429 the same method is not called for the same conversation before its time has come."""
        until: dict[tuple[str, str], datetime] = {}
        for at, call, was_limited in self.seen:
            if call.method == "response_url":
                continue
            key = (call.method, str(call.args.get("channel") or call.args.get("user")))
            assert at >= until.get(key, at), f"{call.method} again {until[key] - at} before its time"
            if was_limited:
                until[key] = at + timedelta(seconds=trouble.retry_after or 0)


def of_card(cell: Cell) -> Callable[[dict[str, Any]], bool]:
    return lambda args: args.get("channel") == cell.channel and not args.get("thread_ts")


def of_thread(cell: Cell) -> Callable[[dict[str, Any]], bool]:
    return lambda args: args.get("channel") == cell.channel and bool(args.get("thread_ts"))


def in_channel(cell: Cell) -> Callable[[dict[str, Any]], bool]:
    return lambda args: args.get("channel") == cell.channel


def to_people(cell: Cell) -> Callable[[dict[str, Any]], bool]:
    return lambda args: args.get("channel") in cell.w.slack.users


def in_audit(cell: Cell) -> Callable[[dict[str, Any]], bool]:
    return lambda args: args.get("channel") == cell.w.audit


def buttons(card: Message) -> list[str]:
    return [button["action_id"] for button in card.buttons]


def check_order(texts: list[str]) -> None:
    """The outcome comes before what was found afterwards; either may be said twice."""
    outcome = next((i for i, text in enumerate(texts) if Claim.DELETED.stands_in(text)), None)
    verified = next((i for i, text in enumerate(texts) if Claim.VERIFIED_GONE.stands_in(text)), None)
    assert verified is None or outcome is None or outcome < verified, texts


def outcome_told_to(cell: Cell, *users: str) -> bool:
    """Whether each of them has the outcome, with its request ID, as direct message."""
    request_id = cell.requests(DELETE)[-1]
    for user in users:
        texts = [message.text for message in cell.w.slack.dm(user) if cell.job in message.text]
        check_order(texts)
        if not any(Claim.DELETED.stands_in(text) and request_id in text for text in texts):
            return False
    return True


def outcome_in_thread(cell: Cell, card: Message) -> bool:
    check_order(cell.thread(card))
    request_id = cell.requests(DELETE)[-1]
    return any(Claim.DELETED.stands_in(text) and request_id in text for text in cell.thread(card))


def pass_time(cell: Cell) -> None:
    """Ten minutes in which the workers have much to try again."""
    for seconds in (0, 1, 2, 5, 10, 30, 60, 90, 150, 250):
        cell.w.tick(seconds)


def ends(cell: Cell) -> None:
    """Slack is well again; everything comes to rest."""
    cell.w.slack.faults.clear()
    cell.quiet()
    assert cell.next_due() is None


def still_works(cell: Cell) -> None:
    """Another job is offered in the same channel, and kept."""
    before = len(cell.cards())
    cell.ask(text=cell.add_job())
    assert len(cell.cards()) == before + 1
    assert buttons(cell.cards()[-1]) == LIVE
    cell.press(cell.cards()[-1], CANCEL)


# ----------------------------------------------------------------------------------------------------- the look-ups


@pytest.mark.parametrize("name", list(troubles.LOOK_UP))
@pytest.mark.parametrize("method", ["users.info", "conversations.info"])
def test_look_up_at_the_command(worlds: Keeper, name: str, method: str) -> None:
    """Who cannot be looked up, or where, is refused with the reason; nothing is posted; later it works."""
    trouble = troubles.LOOK_UP[name]
    with worlds.cell(trouble.world) as cell:
        calls = Calls(cell)
        trouble.at(cell.w.slack, method, times=None)
        cell.ask()
        (told,) = cell.told(cell.w.anna)
        assert claims_of(told) & NOT_DELETED
        assert cell.cards() == []
        calls.check(trouble)
        ends(cell)
        # A command does not ask afresh, and a place that could not be looked up is left alone for five seconds.
        kept = 5.1 if method == "conversations.info" else 0
        cell.w.tick(max(trouble.retry_after or 0, kept))
        still_works(cell)


@pytest.mark.parametrize("name", list(troubles.LOOK_UP))
@pytest.mark.parametrize("method", ["users.info", "conversations.info"])
def test_look_up_at_the_click(worlds: Keeper, name: str, method: str) -> None:
    """The click is refused with the reason; nothing is sent; the card keeps its buttons and works later."""
    trouble = troubles.LOOK_UP[name]
    with worlds.cell(trouble.world) as cell:
        card = cell.card()
        cell.w.tick(10)
        calls = Calls(cell)
        trouble.at(cell.w.slack, method, times=None)
        cell.press(card, user=cell.w.ben)
        (told,) = cell.told(cell.w.ben)
        assert claims_of(told) & NOT_DELETED
        assert cell.deletes() == 0
        assert buttons(card) == LIVE
        calls.check(trouble)
        ends(cell)
        cell.w.tick(trouble.retry_after or 0)
        cell.press(card, user=cell.w.ben)
        cell.quiet()
        assert cell.must_be_over().state is State.DELETED


# --------------------------------------------------------------------------------------------------------- the card


@pytest.mark.parametrize(("name", "when", "click"), cells_with(troubles.CARD, "the first", "the last"))
def test_card_post_once(worlds: Keeper, name: str, when: str, click: str) -> None:
    """A card whose post failed, or may have, is posted again; a click on either message works, and one DELETE leaves.

    Where it can never be posted the deletion is refused and the requester is told.
    """
    trouble = troubles.CARD[name]
    with worlds.cell(trouble.world) as cell:
        w = cell.w
        calls = Calls(cell)
        trouble.at(w.slack, "chat.postMessage", of_card(cell), when=when)
        cell.ask()
        calls.check(trouble)
        if trouble.then != PASSES or (trouble.retry_after or 0) > 60 or not cell.cards():
            refused_without_card(cell, trouble)
            return
        cards = cell.cards()
        assert len(cards) == (2 if when == troubles.AFTER else 1)
        assert all(buttons(card) == LIVE for card in cards)
        pressed = cards[0] if click == "the first" else cards[-1]
        cell.press(pressed, user=w.ben)
        assert cell.deletes() == 1
        assert buttons(pressed) == []
        # A copy that the bot does not know keeps its buttons until somebody presses one of them.
        for card in cards:
            cell.press(card, user=w.ben, force=True)
        cell.quiet()
        assert cell.deletes() == 1
        assert cell.deletion().state is State.DELETED
        assert [buttons(card) for card in cards] == [[] for _ in cards]
        assert any(outcome_in_thread(cell, card) for card in cards)


def refused_without_card(cell: Cell, trouble: Trouble) -> None:
    """Nothing was offered, nothing is deleted, the requester knows; afterwards the job can be offered again."""
    ends(cell)
    (told,) = cell.told(cell.w.anna)
    assert "could not be posted" in told
    assert claims_of(told) & NOT_DELETED
    deletion = cell.deletion()
    assert deletion.state is State.REFUSED
    for card in cell.cards():
        cell.press(card, user=cell.w.ben, force=True)
        assert buttons(card) == []
    assert cell.deletes() == 0
    cell.w.tick(trouble.retry_after or 0)
    still_works(cell)


@pytest.mark.parametrize(("name", "when"), cells(troubles.CARD))
def test_card_post_for_ever(worlds: Keeper, name: str, when: str) -> None:
    """A card that Slack never takes, as far as the bot hears: refused and told; copies that stand are dead.

    They are answered and lose their buttons; nothing is deleted without a card that counts.
    """
    trouble = troubles.CARD[name]
    with worlds.cell(trouble.world) as cell:
        calls = Calls(cell)
        trouble.at(cell.w.slack, "chat.postMessage", of_card(cell), times=None, when=when)
        cell.ask()
        calls.check(trouble)
        assert len(cell.cards()) <= 5
        refused_without_card(cell, trouble)


# ------------------------------------------------------------------------------------------------------- the thread


@pytest.mark.parametrize(("name", "when", "how"), cells_with(troubles.POST, "for a while", "once"))
def test_thread_post(worlds: Keeper, name: str, when: str, how: str) -> None:
    """The outcome: told again until the thread takes it, or to requester and confirmer and in the running log.

    In order, with its request ID, and not before the time that Slack asked for.
    """
    trouble = troubles.POST[name]
    with worlds.cell(trouble.world) as cell:
        w = cell.w
        card = cell.card()
        calls = Calls(cell)
        trouble.at(w.slack, "chat.postMessage", of_thread(cell), times=1 if how == "once" else None, when=when)
        cell.press(card, user=w.ben)
        if how == "for a while":
            pass_time(cell)
            if trouble.then == GONE:
                assert outcome_told_to(cell, w.anna, w.ben)
                assert any(cell.job in message.text for message in w.slack.messages(w.audit))
        ends(cell)
        calls.check(trouble)
        assert cell.deletes() == 1
        assert buttons(card) == []
        assert cell.deletion().state is State.DELETED
        if trouble.then == GONE:
            assert outcome_told_to(cell, w.anna, w.ben)
        else:
            assert outcome_in_thread(cell, card)
            assert Claim.VERIFIED_GONE.stands_in(cell.thread(card)[-1])


def test_thread_post_without_ts(worlds: Keeper) -> None:
    """Slack's "ok" is enough for an outcome, whose ts nothing hangs on: it is told once, not every few minutes."""
    trouble = troubles.CARD["ok without ts"]
    with worlds.cell(trouble.world) as cell:
        card = cell.card()
        trouble.at(cell.w.slack, "chat.postMessage", of_thread(cell), times=None, when=troubles.AFTER)
        cell.press(card, user=cell.w.ben)
        pass_time(cell)
        ends(cell)
        assert len([text for text in cell.thread(card) if Claim.DELETED.stands_in(text)]) == 1
        assert outcome_in_thread(cell, card)


@pytest.mark.parametrize(("name", "when"), some(cells(troubles.POST), SOME_POSTS))
def test_thread_post_of_doubt(worlds: Keeper, name: str, when: str) -> None:
    """The thread does not take that the outcome is not known; when it does again it is told what is true then.

    A doubt that is over is not told any more.
    """
    trouble = troubles.POST[name]
    with worlds.cell(trouble.world) as cell:
        w = cell.w
        card = cell.card()
        calls = Calls(cell)
        trouble.at(w.slack, "chat.postMessage", of_thread(cell), times=None, when=when)
        cell.spoil(DELETE, drop(), when=EFFECT)
        cell.press(card, user=w.ben)
        pass_time(cell)
        ends(cell)
        calls.check(trouble)
        assert cell.deletion().state is State.DELETED
        assert buttons(card) == []
        if trouble.then == GONE:
            for user in (w.anna, w.ben):
                assert any(Claim.DELETED.stands_in(text) and cell.job in text for text in cell.told(user))
        else:
            cell.must_be_over()
            if trouble.then == PASSES and when == troubles.BEFORE:
                assert not Claim.UNKNOWN.stands_in_any(cell.thread(card))


# ------------------------------------------------------------------------------------------------------- the card again


@pytest.mark.parametrize(("name", "when", "how"), cells_with(troubles.UPDATE, "for a while", "once"))
def test_card_update(worlds: Keeper, name: str, when: str, how: str) -> None:
    """A card that cannot be redrawn holds nothing up: the thread says it all; later the card loses its buttons.

    Where it can never be redrawn a click on its dead buttons is answered.
    """
    trouble = troubles.UPDATE[name]
    with worlds.cell(trouble.world) as cell:
        w = cell.w
        card = cell.card()
        calls = Calls(cell)
        trouble.at(w.slack, "chat.update", in_channel(cell), times=1 if how == "once" else None, when=when)
        cell.press(card, user=w.ben)
        assert outcome_in_thread(cell, card)
        pass_time(cell)
        assert Claim.VERIFIED_GONE.stands_in(cell.thread(card)[-1])
        if buttons(card):
            cell.press(card, user=w.anna)
            assert "deleted" in cell.told(w.anna)[-1]
        ends(cell)
        calls.check(trouble)
        assert cell.deletes() == 1
        if trouble.then != GONE:
            assert buttons(card) == []


# ------------------------------------------------------------------------------------------- answers to one person


def refused_command(cell: Cell) -> str:
    cell.ask(cell.w.carl)
    return cell.w.carl


def refused_click(cell: Cell) -> str:
    cell.press(cell.cards()[0], user=cell.w.carl)
    return cell.w.carl


ASKS = {"command": refused_command, "click": refused_click}


def check_told_once_or_twice(cell: Cell, user: str) -> None:
    told = cell.told(user)
    assert 1 <= len(told) <= 8
    assert all("You don't have access" in text for text in told)


@pytest.mark.parametrize(("name", "when", "ask"), cells_with(troubles.RESPONSE_URL, "command", "click"))
def test_response_url(worlds: Keeper, name: str, when: str, ask: str) -> None:
    """When the response_url does not take the answer it goes as ephemeral message, at once."""
    trouble = troubles.RESPONSE_URL[name]
    with worlds.cell(trouble.world) as cell:
        cell.card()
        trouble.at(cell.w.slack, "response_url", times=None, when=when)
        user = ASKS[ask](cell)
        check_told_once_or_twice(cell, user)
        ends(cell)
        check_told_once_or_twice(cell, user)
        cell.press(cell.cards()[0], CANCEL)


@pytest.mark.parametrize(("name", "when", "ask"), cells_with(troubles.EPHEMERAL, "command", "click"))
@pytest.mark.parametrize("how", some(["for a while", "once"], {"for a while"}))
def test_ephemeral(worlds: Keeper, name: str, when: str, how: str, ask: str) -> None:
    """Without response_url: the ephemeral message is tried until Slack takes it; where it never will, it is a DM."""
    trouble = troubles.EPHEMERAL[name]
    with worlds.cell(trouble.world) as cell:
        cell.card()
        calls = Calls(cell)
        troubles.RESPONSE_URL["used up"].at(cell.w.slack, "response_url", times=None)
        trouble.at(cell.w.slack, "chat.postEphemeral", times=1 if how == "once" else None, when=when)
        user = ASKS[ask](cell)
        if how == "for a while":
            pass_time(cell)
        ends(cell)
        calls.check(trouble)
        check_told_up_to(cell, user)
        cell.press(cell.cards()[0], CANCEL)


def check_told_up_to(cell: Cell, user: str) -> None:
    """Told at least once; a duplicate is better than none."""
    told = cell.told(user)
    assert told
    assert all("You don't have access" in text for text in told)


@pytest.mark.parametrize(("name", "when", "ask"), cells_with(troubles.DIRECT, "command", "click"))
def test_answer_as_dm(worlds: Keeper, name: str, when: str, ask: str) -> None:
    """Without response_url and ephemeral message the DM is tried until Slack takes it."""
    trouble = troubles.DIRECT[name]
    with worlds.cell(trouble.world) as cell:
        w = cell.w
        cell.card()
        calls = Calls(cell)
        troubles.RESPONSE_URL["used up"].at(w.slack, "response_url", times=None)
        troubles.EPHEMERAL["user_not_in_channel"].at(w.slack, "chat.postEphemeral", times=None)
        trouble.at(w.slack, "chat.postMessage", to_people(cell), times=2, when=when)
        user = ASKS[ask](cell)
        pass_time(cell)
        ends(cell)
        calls.check(trouble)
        if trouble.then == GONE:
            # Nothing is left to try; the trail has it.
            assert cell.told(user) == []
            cell.asked = [asked for asked in cell.asked if asked.invocation.user != user]
            assert [event for event in w.trail()[-12:] if event.event.kind.value == "not_told"]
        else:
            check_told_up_to(cell, user)
        cell.press(cell.cards()[0], CANCEL)


@pytest.mark.parametrize("name", list(troubles.LINK))
def test_permalink(worlds: Keeper, name: str) -> None:
    """Without a link the second asker is told in words where the card is."""
    trouble = troubles.LINK[name]
    with worlds.cell(trouble.world) as cell:
        card = cell.card()
        trouble.at(cell.w.slack, "chat.getPermalink", times=None)
        cell.ask(cell.w.ben)
        (told,) = cell.told(cell.w.ben)
        assert "Already asked for" in told
        assert f"<#{cell.channel}>" in told
        assert len(cell.cards()) == 1
        ends(cell)
        cell.press(card, CANCEL)


# ------------------------------------------------------------------------------------------- the thread's place is gone


@pytest.mark.parametrize(("name", "when", "how"), cells_with(troubles.DIRECT, "for a while", "once"))
def test_outcome_as_dm(worlds: Keeper, name: str, when: str, how: str) -> None:
    """The thread is gone and the DM fails: it is tried until Slack takes it; the running log has the outcome anyway."""
    trouble = troubles.DIRECT[name]
    with worlds.cell(trouble.world) as cell:
        w = cell.w
        card = cell.card()
        calls = Calls(cell)
        troubles.POST["is_archived"].at(w.slack, "chat.postMessage", of_thread(cell), times=None)
        trouble.at(w.slack, "chat.postMessage", to_people(cell), times=1 if how == "once" else None, when=when)
        cell.press(card, user=w.ben)
        pass_time(cell)
        assert any(cell.requests(DELETE)[-1] in message.text for message in w.slack.messages(w.audit))
        w.slack.faults.clear()
        troubles.POST["is_archived"].at(w.slack, "chat.postMessage", of_thread(cell), times=None)
        cell.quiet()
        calls.check(trouble)
        if trouble.then != GONE:
            assert outcome_told_to(cell, w.anna, w.ben)
        elif how == "for a while":
            cell.asked = cell.asked[:1]
        assert cell.deletes() == 1


@pytest.mark.parametrize(("name", "when"), some(cells(troubles.POST), SOME_POSTS))
def test_running_log(worlds: Keeper, name: str, when: str) -> None:
    """A running log that fails holds up nothing, loses nothing and keeps its order."""
    trouble = troubles.POST[name]
    with worlds.cell(trouble.world) as cell:
        w = cell.w
        before = len(w.slack.messages(w.audit))
        calls = Calls(cell)
        trouble.at(w.slack, "chat.postMessage", in_audit(cell), times=None, when=when)
        card = cell.card()
        cell.press(card, user=w.ben)
        assert outcome_in_thread(cell, card)
        pass_time(cell)
        ends(cell)
        # A channel that seems to be gone is asked again after a while.
        w.tick(601)
        w.tick(601)
        calls.check(trouble)
        lines = "\n".join(message.text for message in w.slack.messages(w.audit)[before:]).split("\n")
        numbers = [int(line.partition(".")[0]) for line in lines if cell.job in line]
        wanted = [
            recorded.number
            for recorded in w.app.ledger.trail.events_of(cell.deletion().id)
            if recorded.event.kind.value in {"proposed", "claimed", "outcome"}
        ]
        assert set(wanted) <= set(numbers)
        first_seen = list(dict.fromkeys(numbers))
        assert first_seen == sorted(first_seen)


# ---------------------------------------------------------------------------------------------------- places that go


PLACES: dict[str, Callable[[Cell, Message], object]] = {
    "archived": lambda cell, card: cell.w.slack.archive(cell.channel),
    "bot removed": lambda cell, card: cell.w.slack.kick_bot(cell.channel),
    "card deleted": lambda cell, card: cell.w.slack.delete_message(card),
    "read-only": lambda cell, card: setattr(
        cell.w.slack.channels[cell.channel], "restricted", "restricted_action_read_only_channel"
    ),
}


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("story", ["deleted", "rejected", "lost"])
def test_the_place_goes_between_claim_and_outcome(worlds: Keeper, place: str, story: str) -> None:
    """Archived, bot removed, card deleted, read-only: requester and confirmer are told by DM, and the running log."""
    with worlds.cell("slack") as cell:
        w = cell.w
        card = cell.card()
        if story == "rejected":
            cell.spoil(DELETE, error(400, "MSS.00000003"))
        if story == "lost":
            cell.spoil(DELETE, drop(), when=EFFECT)
        cell.at_the_claim(lambda: PLACES[place](cell, card))
        cell.press(card, user=w.ben)
        cell.quiet()
        says = Claim.STILL_THERE if story == "rejected" else Claim.DELETED
        for user in (w.anna, w.ben):
            assert any(says.stands_in(text) and cell.job in text for text in cell.told(user)), cell.told(user)
        assert any(cell.job in message.text for message in w.slack.messages(w.audit))


def test_an_old_answer_that_is_told_late_is_still_true(worlds: Keeper) -> None:
    """Ben's click was refused and Slack did not take the answer; then Anna's click deleted. What Ben is told holds."""
    with worlds.cell("slack") as cell:
        w = cell.w
        card = cell.card()
        troubles.RESPONSE_URL["used up"].at(w.slack, "response_url", times=None)
        troubles.ANYWHERE["internal_error"].at(w.slack, "chat.postEphemeral", times=None)
        cell.spoil(SHOW, error(403, "APIGW.0302"))
        cell.press(card, user=w.ben)
        assert cell.told(w.ben) == []
        cell.press(card, user=w.anna)
        assert cell.deletes() == 1
        ends(cell)
        assert cell.told(w.ben)
        cell.must_be_over()


def test_the_rate_law_of_slack(worlds: Keeper) -> None:
    """One message per second and channel, as Slack enforces it: everything is told, in order, and nothing too early."""
    with worlds.cell("slack") as cell:
        w = cell.w
        w.slack.rate_limit = True
        cell.broken.callback(lambda: setattr(w.slack, "rate_limit", False))
        try:
            jobs = [cell.job, *(cell.add_job() for _ in range(7))]
            for job in jobs:
                cell.ask(text=job)
                w.tick(2)
            for card in cell.cards():
                cell.press(card, CONFIRM, user=w.ben)
            cell.quiet()
            for card in cell.cards():
                check_order(cell.thread(card))
                assert Claim.VERIFIED_GONE.stands_in(cell.thread(card)[-1])
                assert buttons(card) == []
        finally:
            w.slack.rate_limit = False

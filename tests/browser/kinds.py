"""How the sandbox's page is brought to each kind of card and thread, and which part of it is the picture.

What people do is done by typing and clicking, and what goes wrong by the page's switches. Two kinds need an answer for
which the page has no switch, so the local MetaStudio is told to give it. Every text is the bot's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from playwright.sync_api import Locator, expect

from docs.generate.cards import NARROW, WIDE
from sandbox.metastudio import faults
from sandbox.metastudio.faults import DELETE, Spoil
from tests.browser.visitor import Visitor

REASON = "the customer took back their consent"
FAILED_JOB, FINISHED_JOB = 0, 1
"""Of the jobs that may be deleted: one whose training failed, and one whose model services use."""
FORBIDDEN = faults.gateway(403, "APIGW.0302", "Access denied")
LEISURELY = {"SETTLE_AFTER_SECONDS": "600"}
"""As `dh-bot run` without this setting: long enough for an outcome that is not known yet to stay so."""

Shown = Callable[[Visitor, int], list[Locator]]
"""What the picture has to contain, in a window of this width."""


# ---------------------------------------------------------------------------------------------- which part of the page


def card(me: Visitor, _: int) -> list[Locator]:
    """The channel with all that is in it."""
    return [me.page.locator("#channel-name"), me.page.locator("#messages article").last]


def thread(me: Visitor, width: int) -> list[Locator]:
    """The channel and the thread beside it; where there is no room for both, the thread, which begins with the card."""
    shown = [me.page.locator("#thread-name"), me.page.locator("#replies article").last]
    return [*card(me, width), *shown] if width > NARROW else shown


def answer(me: Visitor, _: int) -> list[Locator]:
    """The last answer that only the person who typed sees."""
    return [me.page.locator("#messages article.private").last]


def home(me: Visitor, _: int) -> list[Locator]:
    """The app's Home."""
    return [me.page.locator("#channel-name"), me.page.locator("#home .home")]


# --------------------------------------------------------------------------------------------------- how to get there


@dataclass(frozen=True)
class Way:
    """How to get to one kind: what Anna does, what the picture says then, which part of the page it is of.

    Cards and threads are shown as Ben sees them, who is in the channel and gets none of the answers to Anna alone.
    """

    walk: Callable[[Visitor], None]
    says: str
    shown: Shown = thread
    settings: Mapping[str, str] = field(default_factory=dict)

    def arrive(self, me: Visitor) -> None:
        """Walk there, and wait until it is to be seen."""
        self.walk(me)
        if self.shown in (card, thread):
            me.act_as("Ben")
            first = me.page.locator("#messages article", has=me.page.get_by_role("heading")).first
            expect(me.thread(first) if self.shown is thread else first).to_contain_text(self.says)
        else:
            expect(self.shown(me, WIDE)[-1]).to_contain_text(self.says)


def asked(number: int = FAILED_JOB) -> Callable[[Visitor], None]:
    """Anna asks; the card waits."""

    def walk(me: Visitor) -> None:
        waiting(me, number)

    return walk


def waiting(me: Visitor, number: int = FAILED_JOB, reason: str = REASON) -> Locator:
    """A card that waits."""
    mine = me.ask(me.job(number), reason)
    expect(mine.locator("[data-action=dh_confirm]")).to_be_visible()
    return mine


def confirmed(trouble: str | None = None) -> Callable[[Visitor], None]:
    """Anna asks and confirms while this trouble is on."""

    def walk(me: Visitor) -> None:
        if trouble is not None:
            me.switch(trouble)
        mine = waiting(me)
        if trouble in ("changed", "gone"):
            expect(me.page.locator(f"[data-trouble={trouble}]")).to_have_attribute("aria-checked", "false")
        press(me, mine)

    return walk


def press(me: Visitor, mine: Locator) -> None:
    """Press the red button, mean it, and wait until the bot has heard it."""
    me.confirm(mine)
    expect(mine.locator("[data-action=dh_confirm]")).to_have_count(0)


def answered(spoil: Callable[[], Spoil]) -> Callable[[Visitor], None]:
    """Anna asks and confirms, and MetaStudio answers the DELETE so."""

    def walk(me: Visitor) -> None:
        me.site.scene.cloud.faults.add(DELETE, spoil())
        press(me, waiting(me))

    return walk


def cancelled(me: Visitor) -> None:
    """Anna presses Cancel."""
    mine = waiting(me)
    mine.locator("[data-action=dh_cancel]").click()
    expect(mine).to_contain_text("Cancelled")


def frozen(me: Visitor) -> None:
    """A card waits, and Anna stops all deletions."""
    waiting(me)
    me.type(f"{me.site.scene.slack.command_name} freeze the list of jobs was wrong")
    expect(me.page.locator("#messages article.private").last).to_contain_text("are frozen")


def typed(text: str) -> Callable[[Visitor], None]:
    """Anna types this after the command."""

    def walk(me: Visitor) -> None:
        me.type(f"{me.site.scene.slack.command_name} {text}")

    return walk


def rehearsed(me: Visitor) -> None:
    """Anna asks for a dry run."""
    typed(f"dry-run {me.job(FAILED_JOB)} {REASON}")(me)


def turned_away(me: Visitor) -> None:
    """Carla, who is not listed, asks."""
    me.act_as("Carla")
    typed(f"{me.job(FAILED_JOB)} {REASON}")(me)


def later(text: str) -> Callable[[Visitor], None]:
    """Anna types this after the command when there have been some deletions."""

    def walk(me: Visitor) -> None:
        some_deletions(me)
        typed(text)(me)

    return walk


def some_deletions(me: Visitor) -> None:
    """One that is over, one whose outcome is not known, one that was cancelled, and a card that waits."""
    mine = waiting(me, 0)
    press(me, mine)
    expect(mine).to_contain_text("Deleted: ")
    me.switch("lost-not")
    # The first one is gone from the jobs by now.
    mine = waiting(me, 0, "")
    press(me, mine)
    expect(mine).to_contain_text("Not sure yet")
    mine = waiting(me, 1, "")
    mine.locator("[data-action=dh_cancel]").click()
    expect(mine).to_contain_text("Cancelled")
    waiting(me, 2, "")


def at_home(me: Visitor) -> None:
    """Anna opens the app's Home when there have been some deletions."""
    some_deletions(me)
    me.go("Home")


WAYS: dict[str, Way] = {
    "open": Way(asked(), "permanently?", card),
    "open-in-use": Way(asked(FINISHED_JOB), "permanently?", card),
    "second-person": Way(asked(), "A second person has to confirm", card, {"CONFIRM_BY": "second_person"}),
    "frozen": Way(frozen, "This card cannot be confirmed"),
    "deleting": Way(answered(faults.late), "Deleting ", card, {"READ_TIMEOUT": "60"}),
    "deleted": Way(confirmed(), "Double-checked, it is gone"),
    "refused": Way(answered(lambda: FORBIDDEN), "Still there:"),
    "throttled": Way(confirmed("throttled"), "Still there:"),
    "not-known-yet": Way(confirmed("lost-not"), "Nothing to do", settings=LEISURELY),
    "gone": Way(confirmed("lost-worked"), "found it gone:"),
    "not-deleted": Way(confirmed("lost-not"), "Counts as not deleted:"),
    "cancelled": Way(cancelled, "Cancelled by"),
    "timed-out": Way(asked(), "Nobody confirmed in time", settings={"CONFIRM_WITHIN_SECONDS": "5"}),
    "changed": Way(confirmed("changed"), "is no longer the one on the card"),
    "no-longer-there": Way(confirmed("gone"), "Huawei no longer shows the job"),
    "not-allowed": Way(turned_away, "Anna", answer),
    "dry-run": Way(rehearsed, "Every check passed", answer),
    "find": Way(typed("find anchor"), "Anchor Li", answer),
    "open-list": Way(later("open"), "Open deletions", answer, LEISURELY),
    "history": Way(later("history"), "Asked in this channel, the newest first", answer, LEISURELY),
    "help": Way(typed("help"), "shows this", answer),
    "home": Way(at_home, "Deleted lately", home, LEISURELY),
}
"""By the names of docs/generate/cards.py, and in the same order."""

"""What a visitor of the sandbox does and sees, by typing and clicking in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from sandbox.page.server import Page
from sandbox.page.waiting import enough
from tests.browser.visitor import NARROW, WIDE, Visitor

Visit = Callable[..., Visitor]
DELETE = "Delete2dModelTrainingJob"
MORE_RULES = {"rules": {"label-content-name-mismatch": {"enabled": True}}}
"""Of those that axe does not apply by itself: that a button can be pressed by speaking what it shows."""


def test_the_main_job_by_typing_and_clicking(visit: Visit, site: Page) -> None:
    """Hint, card, dialog, thread; the request ID is in the thread, in the traffic, and with what is left of the job."""
    me = visit()
    job = me.job()
    me.page.locator("#text").fill(f"/delete-dh-job {job} they took back their consent")
    expect(me.page.locator("#hint")).to_have_text("/delete-dh-job <job_id> [reason]")
    me.page.locator("#text").press("Enter")
    card = me.card(job)
    expect(card).to_contain_text("they took back their consent")
    me.confirm(card)
    replies = me.thread(card)
    expect(replies).to_contain_text("Huawei confirmed it.")
    expect(replies).to_contain_text("Double-checked")
    (sent,) = site.scene.cloud.requests_to(DELETE)
    expect(replies).to_contain_text(sent.request_id)
    expect(card).to_contain_text("Deleted: ")
    expect(card.get_by_role("button", name="Delete")).to_have_count(0)
    expect(me.tab("Traffic").locator("summary", has_text="DELETE …/")).to_contain_text(sent.request_id)
    expect(me.tab("Jobs").locator(f"[data-job='{job}']")).to_contain_text(f"by DELETE, request ID {sent.request_id}")


def test_the_dialog_really_asks(visit: Visit, site: Page) -> None:
    """Whoever keeps the job, by button or Escape, has sent nothing; the buttons are still there."""
    me = visit()
    card = me.ask(me.job())
    button = card.locator("[data-action=dh_confirm]")
    dialog = me.page.get_by_role("dialog")
    button.click()
    expect(dialog).to_contain_text("This cannot be undone.")
    dialog.get_by_role("button", name="Keep the job").click()
    expect(dialog).to_be_hidden()
    button.click()
    me.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("Cancelled")
    clicks = [
        each.payload["actions"][0]["action_id"]
        for each in site.scene.slack.invocations
        if each.kind != "slash_commands"
    ]
    assert clicks == ["dh_cancel"]
    assert site.scene.cloud.requests_to(DELETE) == []


@pytest.mark.parametrize(
    ("who", "channel", "says"),
    [
        ("Carla", "dh-on-call", "Anna"),
        ("Gus", "dh-on-call", "guest"),
        ("Pia", "lumen-films", "/delete-dh-job is not a valid command."),
        ("Anna", "lumen-films", "company"),
    ],
    ids=["no rights", "a guest", "another company", "a shared channel"],
)
def test_refusals_are_seen_by_whom_they_are_for(visit: Visit, who: str, channel: str, says: str) -> None:
    """The person who typed reads why not, marked as visible to them alone; others in the channel see nothing."""
    me, ben = visit(), visit()
    ben.act_as("Ben")
    me.act_as(who)
    for window in (me, ben):
        window.go(f"# {channel}" if window is me or channel != "dh-on-call" else "# dh-on-call")
    me.type(f"/delete-dh-job {me.job()}")
    answer = me.page.locator("#messages article.private").last
    expect(answer).to_contain_text("Only visible to you")
    expect(answer).to_contain_text(re.compile(re.escape(says), re.IGNORECASE))
    expect(ben.page.locator("#messages article")).to_have_count(0)


def test_a_click_that_is_not_allowed_is_answered(visit: Visit) -> None:
    """Ben may not confirm what Anna asked for; he is told so, and the card stays."""
    me = visit()
    job = me.job()
    me.ask(job)
    me.act_as("Ben")
    card = me.card(job)
    me.confirm(card)
    expect(me.page.locator("article.private").last).to_contain_text("Only the person who asked")
    expect(card.locator("[data-action=dh_confirm]")).to_be_visible()


def test_a_lost_reply_resolves_itself(visit: Visit, site: Page) -> None:
    """The page shows the checks so far and what decides, the thread what was found out, and there was one DELETE."""
    me = visit()
    job = me.job()
    me.switch("lost-not")
    card = me.ask(job)
    me.confirm(card)
    expect(me.page.locator("#waiting")).to_contain_text(f"Finding out if job {job[:8]}… is gone. Checks so far: ")
    expect(me.page.locator("#waiting")).to_contain_text(enough(answered=False))
    expect(me.page.locator("[data-trouble=lost-not]")).to_have_attribute("aria-checked", "false")
    replies = me.thread(card)
    expect(replies).to_contain_text("Not sure yet")
    expect(replies).to_contain_text("Counts as not deleted")
    expect(me.page.locator("#waiting li")).to_have_count(0)
    expect(me.tab("Jobs").locator(f"[data-job='{job}']")).not_to_have_class("job gone")
    assert site.scene.cloud.deletes_arrived(job) == 1


@pytest.mark.parametrize(
    ("trouble", "says", "deletes"),
    [
        ("lost-worked", "found it gone", 1),
        ("error-500", "Counts as not deleted", 1),
        ("throttled", "Huawei throttled the DELETE each time", 3),
        ("slow", "Huawei confirmed it.", 1),
        ("changed", "is no longer the one on the card", 0),
        ("gone", "Huawei no longer shows the job", 0),
        ("slack-refuses", "Huawei confirmed it.", 1),
        ("killed", "found it gone", 1),
    ],
)
def test_troubles(visit: Visit, site: Page, trouble: str, says: str, deletes: int) -> None:
    """Each switch plays what it says, and the thread ends with the truth; only a throttled DELETE is sent again."""
    me = visit()
    job = me.job()
    me.switch(trouble)
    card = me.ask(job)
    if trouble in ("changed", "gone"):
        expect(me.page.locator(f"[data-trouble={trouble}]")).to_have_attribute("aria-checked", "false")
    me.confirm(card)
    if trouble == "error-500":
        expect(me.page.locator("#waiting")).to_contain_text(enough(answered=True))
    if trouble == "slack-refuses":
        expect(me.page.locator("[data-until]")).to_contain_text("more")
        expect(me.page.locator("#waiting")).to_contain_text("Slack has refused the bot's message")
    if trouble == "killed":
        expect(me.page.locator("#bot")).to_have_text("The bot was killed")
        expect(me.page.locator("#bot")).to_have_text("The bot is running")
    expect(me.thread(card)).to_contain_text(says)
    assert site.scene.cloud.deletes_arrived(job) == deletes


def test_a_restart_loses_nothing(visit: Visit, site: Page) -> None:
    """A card that was posted before kill -9, and before SIGTERM, can be confirmed after it."""
    me = visit()
    job = me.job()
    card = me.ask(job)
    for button in ("Kill -9", "Restart (SIGTERM)"):
        starts = site.scene.bot_starts
        me.tab("Trouble").get_by_role("button", name=button).click()
        site.scene.slack.wait_for(lambda: site.scene.bot_starts > starts, 60)  # noqa: B023
        expect(me.page.locator("#bot")).to_have_text("The bot is running")
    me.confirm(card)
    expect(me.thread(card)).to_contain_text("Huawei confirmed it.")


def test_deleting_every_job(visit: Visit, site: Page) -> None:
    """One after the other until none is left that may go, then the last one too; new ones can be put in."""
    me = visit()
    jobs = [job["id"] for job in site.scene.jobs_view()]
    panel = me.tab("Jobs")
    for job in jobs:
        if not next(each for each in site.scene.jobs_view() if each["id"] == job)["deletable"]:
            site.scene.cloud.set_state(job, "JOB_FINISH")
        panel.locator(f"[data-job='{job}']").get_by_role("button", name="Type the command").click()
        expect(me.page.locator("#text")).to_have_value(f"/delete-dh-job {job}")
        me.page.locator("#text").press("Enter")
        me.confirm(me.card(job))
        expect(panel.locator(f"[data-job='{job}']")).to_have_class("job gone")
    expect(panel).to_contain_text("All jobs are gone.")
    panel.get_by_role("button", name="More jobs").click()
    expect(panel.locator("li.job:not(.gone)")).to_have_count(len(jobs))


def test_ids_are_copied_with_a_click(visit: Visit) -> None:
    """The clipboard has the id, and the button says so."""
    me = visit(permissions=["clipboard-read", "clipboard-write"])
    job = me.job()
    button = me.tab("Jobs").locator(f"[data-job='{job}']").get_by_role("button", name="Copy id")
    button.click()
    expect(button).to_have_text("Copied")
    assert me.page.evaluate("navigator.clipboard.readText()") == job


def test_two_windows_at_once(visit: Visit, site: Page) -> None:
    """Two people, two windows: each sees the other's card, and only one click of theirs deletes."""
    anna, ben = visit(), visit()
    ben.act_as("Ben")
    job, other = anna.job(0), anna.job(1)
    card = anna.ask(job)
    ben.ask(other)
    expect(anna.card(other)).to_contain_text("Only @Ben can confirm")
    anna.confirm(card)
    ben.confirm(ben.card(other))
    for window in (anna, ben):
        for each in (job, other):
            expect(window.card(each)).to_contain_text("Deleted: ")
    expect(ben.page.locator("article.private", has_text=job)).to_have_count(0)
    assert [site.scene.cloud.deletes_arrived(each) for each in (job, other)] == [1, 1]


def test_a_thread_of_500_messages(visit: Visit, site: Page) -> None:
    """All of them are there, the last one is in view, what comes later is added, and the page still answers."""
    me = visit()
    job = me.job()
    card = me.ask(job)
    slack, scene = site.scene.slack, site.scene
    parent = slack.messages(scene.ops)[-1]
    for number in range(500):
        slack.say(scene.ben.id, scene.ops, f"message {number}", thread=parent)
    expect(card.locator(".replies")).to_have_text("500 replies")
    replies = me.thread(card)
    expect(replies.locator("article")).to_have_count(501)
    expect(replies.get_by_text("message 499")).to_be_in_viewport()
    me.page.locator("#reply-text").fill("and mine: <b> & *bold*")
    me.page.locator("#reply-text").press("Enter")
    expect(replies.locator("article").last).to_contain_text("and mine: <b> & bold")
    me.confirm(card)
    expect(replies).to_contain_text("Huawei confirmed it.")


def test_the_page_comes_back(visit: Visit, site: Page) -> None:
    """When the page's server goes away the visitor reads so; when it is back, so is everything."""
    me = visit()
    me.act_as("Ben")
    job = me.job()
    me.ask(job)
    me.expects_losses = True
    site.stop()
    expect(me.page.get_by_role("alert")).to_contain_text("cannot be reached")
    site.start()
    expect(me.page.locator("#lost")).to_be_hidden()
    expect(me.card(job)).to_contain_text("Only @Ben can confirm")
    expect(me.page.get_by_label("Act as")).to_have_value(site.scene.ben.id)


def test_the_tour(visit: Visit) -> None:
    """Six steps, each of which notices that it is done; by their own buttons alone one gets to the end."""
    me = visit()
    panel = me.page.locator("#panel-tour")

    def step(number: int) -> None:
        expect(panel).to_contain_text(f"Step {number} of 6")

    def done() -> None:
        me.tab("Tour")
        expect(panel.get_by_role("status")).to_contain_text("✓")
        panel.get_by_role("button", name="Next").click()

    step(1)
    panel.get_by_role("button", name="Type it for me").click()
    expect(me.page.locator("#text")).to_have_value(re.compile("^/delete-dh-job "))
    me.page.locator("#text").press("Enter")
    done()
    step(2)
    me.confirm(me.page.locator("#messages article", has_text="permanently?"))
    done()
    step(3)
    panel.get_by_role("button", name="Open the thread").click()
    done()
    step(4)
    panel.get_by_role("button", name="Be Carla and type it").click()
    expect(me.page.locator("#text")).to_have_value(re.compile("^/delete-dh-job "))
    me.page.locator("#text").press("Enter")
    done()
    step(5)
    panel.get_by_role("button", name="Open Traffic").click()
    me.tab("Tour").get_by_role("button", name="Open Ledger").click()
    done()
    step(6)
    panel.get_by_role("button", name="Lose the next reply and type").click()
    expect(me.page.locator("#text")).to_have_value(re.compile("a lost reply$"))
    me.page.locator("#text").press("Enter")
    me.confirm(me.page.locator("#messages article", has_text="permanently?"))
    expect(panel.get_by_role("status")).to_contain_text("That was the tour")
    expect(panel).to_contain_text("docs/install.md")


def test_the_ledger(visit: Visit, site: Page) -> None:
    """The trail grows as things happen, and is verified at a press; a version that cannot do that says so."""
    me = visit()
    panel = me.tab("Ledger")
    job = me.job()
    me.confirm(me.ask(job))
    expect(panel.locator("#events li, #no-ledger:not([hidden])").first).to_be_visible()
    panel.get_by_role("button", name="Verify").click()
    verdict = panel.locator("#verdict")
    if not site.ledger.is_built:
        expect(verdict).to_contain_text("This version of the bot has no")
        return
    kind = me.page.locator(".way", has_text=re.compile("^outcome$"))
    row = panel.locator("#events li", has=kind)
    expect(row).to_contain_text(job[:8])
    expect(row.locator("summary")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d [AP]M"))
    expect(verdict).to_have_class("good")


def test_the_home(visit: Visit, site: Page) -> None:
    """What the bot publishes is drawn, and drawn anew; a button in it reaches the bot."""
    me = visit()
    me.go("Home")
    expect(me.page.locator("#home")).to_contain_text("MetaStudio training jobs")
    button = {"type": "button", "action_id": "made_up", "text": {"type": "plain_text", "text": "Look"}}
    header = {"type": "header", "text": {"type": "plain_text", "text": "A Home"}}
    blocks = [header, {"type": "actions", "block_id": "b", "elements": [button]}]
    site.scene.slack.publish_home(site.scene.anna.id, {"id": "V0", "hash": "made up", "blocks": blocks})
    expect(me.page.locator("#home")).to_contain_text("A Home")
    me.page.locator("#home").get_by_role("button", name="Look").click()
    site.scene.slack.wait_for(lambda: site.scene.slack.invocations[-1].kind == "interactive")


def test_text_stays_text(visit: Visit, site: Page) -> None:
    """As Slack draws mrkdwn: escaped text is shown, not run; formatting, mentions, dates and code come out right."""
    me = visit()
    text = (
        f"*bold* _it_ ~no~ `*code*` &lt;script&gt;alert(1)&lt;/script&gt; <@{site.scene.anna.id}> <!here> 2*3*4 "
        "snake_case_name <!date^1772443801^{date_num} {time}|fallback> <https://example.com/?a=1&amp;b=2|a link> "
        "<javascript:alert(1)|no link>\n```fenced *not bold*\nsecond line```"
    )
    site.scene.slack.put(site.scene.ops, {"text": text}, via="chat.postMessage")
    body = me.page.locator("#messages article .body")
    expect(body).to_contain_text("bold it no *code* <script>alert(1)</script> @Anna @here 2*3*4 snake_case_name")
    expect(body.locator("time")).to_have_text("2026-03-02 10:30 AM")
    expect(body.locator("strong")).to_have_text("bold")
    expect(body.locator("pre")).to_have_text("fenced *not bold*\nsecond line")
    expect(body.get_by_role("link")).to_have_count(1)
    expect(body.get_by_role("link")).to_have_attribute("href", "https://example.com/?a=1&b=2")


def test_by_keyboard_alone(visit: Visit, site: Page) -> None:
    """From the skip link to the deletion without a mouse; focus stays where a person expects it."""
    me = visit()
    job = me.job()
    keys = me.page.keyboard
    keys.press("Tab")
    keys.press("Enter")
    expect(me.page.locator("#text")).to_be_focused()
    keys.type(f"/delete-dh-job {job}")
    keys.press("Enter")
    card = me.card(job)
    button = card.locator("[data-action=dh_confirm]")
    expect(button).to_be_visible()
    for _ in range(6):
        keys.press("Shift+Tab")
        if button.evaluate("node => node === document.activeElement"):
            break
    keys.press("Enter")
    expect(me.page.get_by_role("dialog").get_by_role("button", name="Keep the job")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(card).to_contain_text("Deleted: ")
    expect(card.locator(".replies")).to_be_focused()
    keys.press("Enter")
    expect(me.page.locator("#replies")).to_contain_text("Huawei confirmed it.")
    keys.press("Escape")
    expect(card.locator(".replies")).to_be_focused()
    me.page.locator("#tab-tour").focus()
    keys.press("ArrowRight")
    expect(me.page.locator("#tab-jobs")).to_be_focused()
    expect(me.page.locator("#panel-jobs")).to_be_visible()


def test_focus_stays_when_buttons_vanish(visit: Visit) -> None:
    """A button that was pressed keeps it. In a thread the card has no replies to go to, so the card itself gets it."""
    me = visit()
    me.switch("lost-worked")
    card = me.ask(me.job())

    def confirm(card: Locator) -> None:
        card.locator("[data-action=dh_confirm]").press("Enter")
        me.page.keyboard.press("Tab")
        me.page.keyboard.press("Enter")

    me.act_as("Ben")
    confirm(card)
    expect(me.page.locator("article.private").last).to_contain_text("Only the person who asked")
    expect(card.locator("[data-action=dh_confirm]")).to_be_focused()
    me.act_as("Anna")
    parent = me.thread(card).locator("article").first
    confirm(parent)
    expect(parent).to_contain_text("Not sure yet if ")
    expect(parent).to_be_focused()
    parent.locator("[data-action=dh_check_now]").press("Enter")
    expect(parent).to_contain_text("Gone: ")
    expect(parent).to_be_focused()


def test_trouble_that_is_on_is_shown_where_one_types(visit: Visit) -> None:
    """Whoever forgot a switch sees its name above the message box, and puts all of them off there."""
    me = visit()
    armed = me.page.locator("#armed")
    expect(armed).to_be_hidden()
    me.switch("lost-not")
    me.switch("slow")
    expect(armed).to_contain_text("Trouble is on: ")
    armed.get_by_role("button", name="All off").click()
    expect(armed).to_be_hidden()
    me.tab("Trouble")
    for key in ("lost-not", "slow"):
        expect(me.page.locator(f"[data-trouble={key}]")).to_have_attribute("aria-checked", "false")


def test_on_a_phone_the_page_leaves_room_for_slack(visit: Visit) -> None:
    """Bar and channels take a line each, and what one presses is as large as a finger."""
    me = visit(viewport=NARROW)
    name = me.page.locator("#channel-name").bounding_box()
    assert name is not None
    assert name["y"] <= 120
    small = me.page.evaluate(
        """() => [...document.querySelectorAll("button:not([role=switch]), input:not([type=checkbox]), select")]
            .filter((each) => each.offsetParent && each.getBoundingClientRect().height < 43.5)
            .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert small == []
    me.tab("Trouble")
    switch = me.page.locator("[data-trouble=lost-not]")
    box = switch.bounding_box()
    assert box is not None
    assert box["height"] < 30, "it is a switch and no egg"
    above = {"x": box["x"] + box["width"] / 2, "y": box["y"] - 8}
    hit = me.page.evaluate("({x, y}) => document.elementFromPoint(x, y)?.dataset.trouble", above)
    assert hit == "lost-not", "a finger finds it beside its picture, too"


def test_on_a_phone_what_one_does_is_answered_in_view(visit: Visit) -> None:
    """After a press on a card further up, and after a command; whoever scrolls away from it again stays there."""
    me, ben = visit(viewport=NARROW), visit()
    first, second = me.job(), me.job(1)
    me.ask(first)
    me.ask(second)
    button = me.card(first).locator("[data-action=dh_confirm]")
    messages, answers = me.page.locator("#messages article"), me.page.locator("#messages article.private")

    def scroll_up() -> None:
        """As a finger does: the page is told, and the first card is in view."""
        me.page.locator("#messages").dispatch_event("wheel")
        button.scroll_into_view_if_needed()
        expect(button).to_be_in_viewport()
        expect(messages.last).not_to_be_in_viewport()

    me.act_as("Ben")
    scroll_up()
    me.confirm(me.card(first))
    expect(answers.last).to_contain_text("Only the person who asked")
    expect(answers.last).to_be_in_viewport(ratio=0.9)

    scroll_up()
    me.type("/delete-dh-job whoami")
    expect(answers).to_have_count(2)
    expect(answers.last).to_be_in_viewport(ratio=0.9)

    me.act_as("Anna")
    me.card(second).locator("[data-action=dh_cancel]").click()
    expect(me.card(second)).to_contain_text("Cancelled")
    scroll_up()
    ben.act_as("Ben")
    ben.type("good morning")
    expect(messages.last).to_contain_text("good morning")
    expect(button).to_be_in_viewport()


def test_a_card_fits_a_phone(visit: Visit) -> None:
    """The buttons of an open card are on the first screen; what a card that is over says takes a quarter of it."""
    me = visit(viewport=NARROW)
    card = me.ask(me.job(), "the customer took back their consent")
    whole, button = card.bounding_box(), card.locator("[data-action=dh_cancel]").bounding_box()
    assert whole is not None
    assert button is not None
    assert button["y"] + button["height"] - whole["y"] <= 560
    me.confirm(card)
    expect(card).to_contain_text("Double-checked")
    assert height(card) <= 220


def height(card: Locator) -> float:
    """The height of what the bot says in the card: without the author above and the thread's line below."""
    box = card.locator(".body").bounding_box()
    assert box is not None
    return box["height"]


@pytest.mark.parametrize(
    ("trouble", "verdict"),
    [("lost-worked", "Gone"), ("lost-not", "Counts as not deleted"), ("throttled", "Huawei rate-limits us")],
)
def test_a_card_that_went_wrong_fits_a_phone(visit: Visit, trouble: str, verdict: str) -> None:
    """Also with the cause, or with Huawei's error code and request ID."""
    me = visit(viewport=NARROW)
    me.switch(trouble)
    card = me.ask(me.job(), "the customer took back their consent")
    me.confirm(card)
    expect(card.locator(".body")).to_contain_text(verdict, timeout=60_000)
    assert height(card) <= 220


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier(visit: Visit, scheme: str, viewport: dict[str, int]) -> None:
    """By axe, on the card, in the dialog, in the thread and on every tab; and nothing is wider than the window."""
    me = visit(color_scheme=scheme, viewport=viewport)

    def look(where: str) -> None:
        found = Axe().run(me.page, options=MORE_RULES).response["violations"]
        serious = [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
        ]
        assert serious == [], f"{where}: {json.dumps(serious, indent=1)}"
        assert me.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where

    look("start")
    me.switch("lost-worked")
    me.act_as("Carla")
    me.type(f"/delete-dh-job {me.job()}")
    expect(me.page.locator("#messages article.private").last).to_contain_text("Anna")
    look("refusal")
    me.act_as("Anna")
    card = me.ask(me.job(), "a reason")
    look("card")
    card.locator("[data-action=dh_confirm]").click()
    look("dialog")
    me.page.get_by_role("dialog").get_by_role("button", name="Delete permanently").click()
    replies = me.thread(card)
    expect(replies).to_contain_text("For a Huawei Cloud ticket")
    look("thread")
    for name in ("Jobs", "Trouble", "Traffic", "Ledger"):
        panel = me.tab(name)
        if name == "Traffic":
            panel.locator("summary").first.click()
        look(name)
    me.go("Home")
    look("Home")

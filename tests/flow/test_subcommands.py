"""history, find, open and --dry-run: private, for whoever may delete, and true."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.domain.events import Kind
from handlers.views.blocks import when
from handlers.vocabulary import SUBCOMMANDS
from sandbox.metastudio import faults as play
from sandbox.slack.slack import Message
from tests.flow.world import World, world


def answer(w: World, text: str, user: str | None = None, channel: str | None = None) -> Message:
    """What only this person sees after typing this."""
    before = len(w.slack.ephemerals(user or w.anna))
    w.ask(text, user, channel)
    # The ack may reach Slack after the answer did.
    (told,) = (each for each in w.slack.ephemerals(user or w.anna)[before:] if each.text != "Looking …")
    return told


READING = ["history", "history job-1", "open", "find Anchor", "dry-run job-1"]


@pytest.mark.parametrize("text", READING)
def test_a_colleague_without_rights_reads_nothing(w: World, text: str) -> None:
    """Whoever may delete may read, and nobody else: the refusal costs MetaStudio no call and is recorded."""
    w.card(w.failed_job())
    calls = len(w.cloud.requests)
    assert "You don't have access" in answer(w, text, w.carl).text
    assert len(w.cloud.requests) == calls
    refusal = [one.event for one in w.trail() if one.event.kind is Kind.REFUSED][-1]
    assert (refusal.actor.user, refusal.facts["reason"]) == (w.carl, "not_listed")


@pytest.mark.parametrize("text", READING)
def test_nothing_is_read_where_others_listen(w: World, text: str) -> None:
    """A channel that is shared with another company gets the refusal, too."""
    partners = w.slack.add_channel("partners", members=[w.anna], ext_shared=True)
    assert "Slack Connect" in answer(w, text, channel=partners).text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("history a.b", "letters, digits"),
        (
            "history job-1 please",
            "just `/delete-dh-job history &lt;job_id&gt;`, nothing after it (there were 6 characters)",
        ),
        ("--dry-run", "*The job id is missing.* Nothing was asked of Huawei and nothing was deleted."),
        ("dry-run", "Type `/delete-dh-job dry-run &lt;job_id&gt;`."),
        ("--dry-run höhe", "outside ASCII"),
        (f"--dry-run job {'x' * 501}", "more than 500"),
        ("find", "there was nothing"),
        (f"find {'x' * 101}", "there were 101"),
        ("find a\x00b", "at least one was invisible"),
        ("open sesame", "(there were 6 characters)"),
    ],
)
def test_bad_input_is_named_by_its_length_and_the_rule(w: World, text: str, says: str) -> None:
    """Nothing of it is repeated or sent on."""
    assert says in answer(w, text).text
    assert not w.cloud.requests
    assert all(text.partition(" ")[2] not in one.text for one in w.trail() if text.partition(" ")[2])


# -- history --


def test_the_history_of_a_channel_goes_back_page_by_page(w: World) -> None:
    """Newest first, ten at a time; *Older* shows the next page below, and each entry links to its card."""
    jobs = [w.failed_job() for _ in range(12)]
    cards = [w.card(job) for job in jobs]
    w.press(cards[0])
    first = answer(w, "history")
    shown = [job for job in jobs if job in first.text]
    assert shown == jobs[2:]
    assert f"p{cards[-1].ts.replace('.', '')}|its card>" in first.text
    w.press(first, "dh_older_of_channel")
    second = w.slack.ephemerals(w.anna)[-1]
    assert [job for job in jobs if job in second.text] == jobs[:2]
    assert f"Deleted · `{jobs[0]}` · " in second.text
    assert w.cloud.requests_to(play.DELETE)[0].request_id in second.text
    assert second.buttons == []
    assert first.buttons


def test_an_empty_history_says_so(w: World) -> None:
    """In a channel, and of a job that nobody asked for."""
    assert "No deletion was asked in this channel" in answer(w, "history").text
    assert "No deletion was asked for job `job-1`" in answer(w, "history job-1").text


def test_a_jobs_history_tells_nothing_of_what_was_said_elsewhere(w: World) -> None:
    """Another channel's deletion is a link, without its reason and without the channel's name; pages too."""
    secret = w.slack.add_channel("acquisition", members=[w.anna], private=True)
    job = w.failed_job()
    for _ in range(11):
        w.ask(f"{job} because we buy Acme", channel=secret)
        w.press(w.slack.messages(secret)[-1], "dh_cancel")
    first = answer(w, f"history {job}", w.ben)
    w.press(first, "dh_older_of_job", w.ben)
    second = w.slack.ephemerals(w.ben)[-1]
    assert first.text.count("|its card>") == 10
    assert second.text.count("|its card>") == 1
    for page in (first, second):
        for unsaid in ("Acme", "acquisition", f"<#{secret}>"):
            assert unsaid not in f"{page.text} {page.blocks}"
    assert "No deletion was asked in this channel" in answer(w, "history", w.ben).text


def test_an_older_page_is_checked_like_the_command(w: World) -> None:
    """A forged value, another channel's page and a stranger's click show nothing."""
    cards = [w.card(w.failed_job()) for _ in range(11)]
    first = answer(w, "history")
    elsewhere = w.slack.add_channel("elsewhere", members=[w.anna, w.ben, w.carl])
    there = answer(w, "history", channel=elsewhere)
    value = first.buttons[-1]["value"]
    assert cards
    for message, user, how, says in (
        (first, w.carl, {"force": True}, "You don't have access"),
        (first, w.anna, {"value": "f" * 16}, "does not know this deletion"),
        (there, w.anna, {"value": value, "force": True}, "does not know this deletion"),
    ):
        w.press(message, "dh_older_of_channel", user, **how)
        assert says in w.slack.ephemerals(user, message.channel)[-1].text


# -- open --


def test_open_shows_what_waits_and_what_is_unknown(w: World) -> None:
    """Oldest first, of every channel, each with its deadline and a link."""
    lost, waits, over = w.failed_job(), w.failed_job(), w.failed_job()
    first = w.card(lost)
    w.cloud.faults.add(play.DELETE, play.error(500, "MSS.00000004"))
    w.press(first)
    second = w.card(waits)
    w.press(w.card(over), "dh_cancel")
    w.clock.add(180)
    told = answer(w, "open", w.ben).text
    assert told.index(lost) < told.index(waits)
    assert over not in told
    deletion = w.deletion(waits)
    assert deletion.deadline_at is not None
    assert f"Waits for a decision until {when(deletion.deadline_at)}" in told
    assert "Outcome not known yet" in told
    for card in (first, second):
        assert f"p{card.ts.replace('.', '')}|its card>" in told


def test_nothing_open(w: World) -> None:
    """Says so, and that deletions are frozen where they are."""
    assert "No card waits" in answer(w, "open").text
    answer(w, "freeze Huawei incident")
    told = answer(w, "open").text
    assert told.index("*Deletions are frozen:*") < told.index("Huawei incident") < told.index("No card waits")


# -- find --


def test_find_by_name_offers_the_normal_flow(w: World) -> None:
    """State and deletability are shown; the button checks everything anew and posts the card in this channel."""
    job = w.failed_job(name="Anchor <b> Li")
    running = w.cloud.add_job(state="TRAINING", name="Anchor Wu")
    w.cloud.add_job(name="Somebody else")
    told = answer(w, "find Anchor")
    assert f"`{job}`" in told.text
    assert "`TRAIN_FAILED`" in told.text
    assert running in told.text
    assert "\nCan't be deleted now: " in told.text
    assert "Somebody" not in told.text
    assert len(told.buttons) == 1
    w.press(told, "dh_offer")
    (card,) = w.slack.messages(w.ops)
    assert job in card.text
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    proposed = next(one.event for one in w.trail() if one.event.kind is Kind.PROPOSED)
    clicked = next(one.event for one in w.trail() if one.event.kind is Kind.CLICK)
    assert (clicked.deletion, clicked.job, clicked.facts["action"]) == (proposed.deletion, job, "dh_offer")


def test_finds_button_is_checked_like_the_command(w: World) -> None:
    """Who presses it, where, and what it carries; a state that changed since is refused with its meaning."""
    job = w.failed_job(name="Anchor Li")
    told = answer(w, "find Anchor")
    w.press(told, "dh_offer", w.carl, force=True)
    assert "You don't have access" in w.said_to(w.carl)[-1]
    w.press(told, "dh_offer", value="job:../../x")
    assert "another version of the bot" in w.said_to(w.anna)[-1]
    w.cloud.set_state(job, "TRAINING")
    w.press(told, "dh_offer")
    assert "Can't be deleted now" in w.said_to(w.anna)[-1]
    assert w.slack.messages(w.ops) == []


def test_where_a_reason_is_required_find_has_no_buttons(tmp_path: Path) -> None:
    """A button carries no reason; the command to type is shown instead."""
    with world(tmp_path, REASON_REQUIRED="true") as w:
        w.failed_job(name="Anchor Li")
        told = answer(w, "find Anchor")
        assert told.buttons == []
        assert "&lt;job_id&gt; reason" in told.text


@pytest.mark.parametrize("ignored", [False, True])
def test_without_a_hit_by_name_the_newest_jobs_are_searched(w: World, *, ignored: bool) -> None:
    """By name and id, whatever the case, in pages of 100; it says so. A filter that is ignored is no hit."""
    if ignored:
        w.cloud.ignored_filters.add("name")
    job = w.failed_job(name="Anchor Li", create_time="2020-01-01T00:00:00Z")
    for number in range(150):
        w.cloud.add_job(name=f"Other {number}")
    told = answer(w, "find aNCHOR")
    assert f"`{job}`" in told.text
    assert "Found 1 job" in told.text
    assert "the newest 151 jobs were searched" in told.text
    asked = [parse_qs(urlsplit(seen.target).query) for seen in w.cloud.requests_to(play.LIST)]
    assert [(each["offset"], "name" in each) for each in asked] == [(["0"], True), (["0"], False), (["100"], False)]
    assert "Found 1 job" in answer(w, f"find {job[5:25].upper()}").text


def test_no_more_than_the_newest_thousand_are_searched(w: World) -> None:
    """Ten pages, and it says how many more fit than it shows."""
    for number in range(1005):
        w.cloud.add_job(name=f"Other {number}")
    oldest = w.failed_job(name="Other one", create_time="2020-01-01T00:00:00Z")
    told = answer(w, "find oTHER")
    assert "Found 1000 jobs" in told.text
    assert "990 more are not shown" in told.text
    assert "the newest 1,000 jobs were searched" in told.text
    assert oldest not in told.text
    assert len(w.cloud.requests_to(play.LIST)) <= 11


def test_more_hits_by_name_than_one_page(w: World) -> None:
    """What lies beyond the first hundred is not counted as found: the filter may be ignored."""
    w.cloud.ignored_filters.add("name")
    w.failed_job(name="Somebody else", create_time="2020-01-01T00:00:00Z")
    for number in range(100):
        w.cloud.add_job(name=f"Other {number}")
    told = answer(w, "find Other").text
    assert "Found at least 100 jobs" in told
    assert "90 more are not shown" in told
    assert len(w.cloud.requests_to(play.LIST)) == 1


def test_a_search_that_fails_says_why(w: World) -> None:
    """With error code and request ID; one that fails on its way shows what it had, and that it is not all."""
    w.cloud.faults.add(play.LIST, play.error(400, "MSS.00000003", "Invalid parameter"))
    told = answer(w, "find Anchor").text
    assert "could not be listed" in told
    assert "MSS.00000003" in told
    assert w.cloud.requests_to(play.LIST)[0].request_id in told
    for number in range(250):
        w.cloud.add_job(name=f"Other {number}")
    w.cloud.faults.add(play.LIST, play.error(400, "MSS.00000003"), skip=2)
    told = answer(w, "find OTHER").text
    assert "the newest 100 jobs were searched; then Huawei gave no more" in told


def test_a_slow_search_says_that_it_goes_on(w: World) -> None:
    """Once, after some seconds, in place of the ack; the answer takes its place."""
    for number in range(250):
        w.cloud.add_job(name=f"Other {number}")
    w.cloud.after_call = lambda seen: w.clock.add(6)
    w.ask("find anchor")
    (told,) = w.slack.ephemerals(w.anna)
    first, meanwhile, last = (text for text, _ in told.contents)
    assert first == "Looking …"
    assert meanwhile.startswith("Looking … 100 jobs so far")
    assert "Found no jobs" in last


# -- --dry-run --


def test_a_dry_run_shows_the_card_and_does_nothing(w: World) -> None:
    """Word for word what the card would have said, privately, without buttons; no message, no row, one event."""
    job = w.failed_job(name="Anchor Li")
    told = answer(w, f"--dry-run {job} gone customer")
    assert "Dry run" in told.text
    assert told.buttons == []
    assert w.slack.messages(w.ops) == []
    assert w.find_deletion(job) is None
    assert [one.event.kind for one in w.trail()] == [Kind.COMMAND]
    card = w.card(job, reason="gone customer")
    # The card's time begins anew, so the deadline is a moment later.
    but = ("Only ", "Buttons:", "Deletion ")
    assert [line for line in card.text.splitlines() if line not in told.text and not line.startswith(but)] == []
    assert "can confirm, until" in told.text


@pytest.mark.parametrize(("state", "says"), [("TRAINING", "Can't be deleted now"), (None, "No job with that id")])
def test_a_dry_run_is_stopped_by_what_would_stop_the_command(w: World, state: str | None, says: str) -> None:
    """The state and the look-up of the job; nothing is kept of it."""
    job = w.cloud.add_job(state=state) if state else "no-such-job"
    assert says in answer(w, f"--dry-run {job}").text
    assert w.find_deletion(job) is None


def test_a_dry_run_meets_what_stands_in_the_way(tmp_path: Path) -> None:
    """The card that waits, the most that may be open, and a freeze."""
    with world(tmp_path, MAX_OPEN="1") as w:
        job, other = w.failed_job(), w.failed_job()
        w.card(job)
        assert "Already asked for" in answer(w, f"--dry-run {job}").text
        assert "which is the most allowed" in answer(w, f"--dry-run {other}").text
        w.ask("freeze wrong jobs went")
        assert "stopped all deletions" in answer(w, f"--dry-run {other}").text


def test_help_names_every_subcommand(w: World) -> None:
    """And nothing that there is not."""
    said = w.slack.command(w.anna, w.ops, "help").wait_ack()["text"]
    assert all(name in said for name in SUBCOMMANDS)

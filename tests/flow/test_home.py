"""The App Home: what waits, what was deleted lately, whether the bot is well; for strangers, how to get the right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import insert

from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Actor, State
from bot.ledger.database.trouble import UNREACHABLE
from bot.ledger.schema.mapping import deletion_columns
from bot.ledger.schema.tables import deletions
from sandbox.metastudio import faults as play
from sandbox.slack.plain import block_text
from tests.contract.values import after, deletion
from tests.flow.world import World, world


def home(w: World, user: str | None = None) -> str:
    """Open the Home tab, and read it."""
    who = user or w.anna
    w.slack.home_opened(who).wait_ack()
    w.idle()
    return "\n".join(block_text(block, str) for block in w.slack.homes[who]["blocks"])


def part(page: str, title: str) -> str:
    """What stands below one of its titles."""
    titles = ["*Waiting for you*", "*Outcome not known yet*", "*Deleted lately, asked or confirmed by you*"]
    titles += ["*Deleted lately by the team*", "/delete-dh-job help"]
    after = page.partition(f"*{title}*")[2]
    return after[: min((at for at in (after.find(other) for other in titles) if at >= 0), default=len(after))]


def test_an_operator_sees_what_waits_and_what_was_deleted(tmp_path: Path) -> None:
    """What waits for me, what is unknown, what I and what the team deleted lately, each linked, each in its place."""
    with world(tmp_path, ENVIRONMENT_LABEL="production") as w:
        waits, theirs, lost, mine, team = (w.failed_job() for _ in range(5))
        card = w.card(waits)
        w.card(theirs, w.ben)
        w.press(w.card(mine))
        w.press(w.card(team, w.ben), user=w.ben)
        w.cloud.faults.add(play.DELETE, play.error(500, "MSS.00000004"))
        w.press(w.card(lost))
        page = home(w)
        assert "[production]" in page
        assert "All good" in page
        for connected in (w.cloud.project_id, w.cloud.url.partition("://")[2], "cn-north-4"):
            assert connected in page
        for title, job in (
            ("Waiting for you", waits),
            ("Outcome not known yet", lost),
            ("Deleted lately, asked or confirmed by you", mine),
            ("Deleted lately by the team", team),
        ):
            assert job in part(page, title)
            assert page.count(job) == 1
        assert theirs not in page
        assert f"p{card.ts.replace('.', '')}" in page


def test_what_was_typed_and_what_the_job_is_called_stay_on_the_card(w: World) -> None:
    """The page lists what every channel asked for, so it tells neither reasons nor names."""
    w.card(w.cloud.add_job(state="TRAIN_FAILED", name="Anchor Li"), reason="because we buy Acme")
    page = home(w)
    assert "Anchor" not in page
    assert "Acme" not in page


@pytest.mark.parametrize(
    ("rule", "anna", "ben"), [("requester", 1, 0), ("any_operator", 1, 1), ("second_person", 0, 1)]
)
def test_what_waits_for_me_follows_the_rule_of_the_card(tmp_path: Path, rule: str, anna: int, ben: int) -> None:
    """A card waits for whoever may confirm it."""
    with world(tmp_path, CONFIRM_BY=rule) as w:
        job = w.failed_job()
        w.card(job)
        for user, times in ((w.anna, anna), (w.ben, ben)):
            assert home(w, user).count(job) == times


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({}, "by listing you or a user group"),
        ({"is_restricted": True}, "Guests may not"),
        ({"is_stranger": True}, "Only people of the company"),
    ],
)
def test_without_rights_only_how_to_get_them(tmp_path: Path, flags: dict[str, bool], says: str) -> None:
    """Nothing about jobs, people, the project or a freeze."""
    with world(tmp_path, HELP_CONTACT="the media team") as w:
        job = w.failed_job()
        w.card(job)
        w.ask("freeze wrong jobs went")
        for name, value in flags.items():
            setattr(w.slack.users[w.carl], name, value)
        page = home(w, w.carl)
        assert says in page
        assert ("Ask the media team." in page) is ("is_stranger" not in flags)
        for unsaid in (job, w.anna, w.cloud.project_id, "wrong jobs", "cn-north-4"):
            assert unsaid not in page


def test_who_cannot_be_looked_up_sees_nothing(w: World) -> None:
    """users.info fails: the page says so; the next opening shows it."""
    w.slack.faults.add("users.info", "error", error="fatal_error")
    assert "could not say who you are" in home(w)
    assert "All good" in home(w)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing_scope", "lacks the scope `usergroups:read`"),
        ("fatal_error", "whether you are in a user group that may delete jobs"),
    ],
)
def test_where_a_group_cannot_be_looked_into_it_says_so(tmp_path: Path, fault: str, says: str) -> None:
    """What to open again helps against is told from what whoever runs the bot has to mend."""
    with world(tmp_path) as w:
        w.stop_bot()
        w.run_bot(AUTHORIZED_USERGROUPS=w.slack.add_group("oncall", [w.ben]), AUTHORIZED_USERS=w.anna)
        w.slack.faults.add("usergroups.users.list", "error", error=fault, times=None)
        page = home(w, w.ben)
    assert says in page
    assert "who you are" not in page


def test_who_may_only_freeze_is_told_how(tmp_path: Path) -> None:
    """Somebody whom FREEZE_BY names and nobody authorizes."""
    with world(tmp_path) as w:
        w.stop_bot()
        w.run_bot(FREEZE_BY=w.carl)
        page = home(w, w.carl)
        assert "/delete-dh-job freeze" in page
        assert w.cloud.project_id not in page


def test_it_says_what_is_wrong(w: World) -> None:
    """A freeze with who, when and why, and credentials that MetaStudio rejects; well again afterwards."""
    w.ask("freeze wrong jobs went", w.ben)
    page = home(w)
    assert f"@{w.ben} stopped all deletions" in page
    assert "wrong jobs went" in page
    w.ask("unfreeze")
    w.cloud.faults.add(play.SHOW, play.gateway(401, "APIGW.0301"), times=None)
    w.ask(w.failed_job())
    page = home(w)
    assert "Huawei rejected the bot's login" in page
    assert "All good" not in page


def test_a_ledger_in_trouble_is_said(w: World) -> None:
    """One that cannot be written, and one that cannot be read: the page is drawn all the same."""

    def full_disk(name: str) -> None:
        raise OSError(28, name)

    w.app.ledger.before_commit = full_disk
    page = home(w)
    assert "can't save to its database (" in page
    assert "Waiting for you" in page

    def unreachable(_work: object) -> None:
        raise LedgerTrouble(UNREACHABLE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(w.app.ledger, "read", unreachable)
        assert f"can't read its database ({UNREACHABLE})" in home(w)


def test_a_hundred_thousand_deletions_do_not_slow_it_down(w: World) -> None:
    """The page comes in less than a second, whoever deleted all of them, and so do the history and what is open."""
    target = w.app.ports.config.target
    row = deletion_columns(deletion(target=target, requester=Actor(w.ben, "T"), channel=w.ops), "somebody")
    rows = [
        row
        | {
            "id": f"{number:016x}",
            "job_id": f"job-{number % 977}",
            "state": (State.DELETED if number % 2 else State.FAILED).value,
            "asked_at": after(number),
            "ended_at": after(number + 1),
            "message_ts": f"1.{number:06}",
        }
        for number in range(1, 100_001)
    ]
    w.app.ledger.write("fill", lambda connection: connection.execute(insert(deletions), rows))
    w.card(w.failed_job())
    for draw in (lambda: home(w), lambda: w.ask("history"), lambda: w.ask("history job-3"), lambda: w.ask("open")):
        began = time.monotonic()
        draw()
        assert time.monotonic() - began < 1
    assert "and 95 more" in part(home(w), "Deleted lately by the team")


def test_nothing_but_the_home_tab_draws_it(w: World) -> None:
    """The messages tab sends the same event."""
    w.slack.home_opened(w.anna, tab="messages").wait_ack()
    w.idle()
    assert w.slack.homes == {}


def test_an_event_that_comes_again_is_harmless(w: World) -> None:
    """It draws the same again, and nothing is written into the trail for it."""
    opened = w.slack.home_opened(w.anna)
    opened.wait_ack()
    w.slack.redeliver(opened).wait_ack()
    w.idle()
    assert len(w.slack.calls_to("views.publish")) == 2
    assert w.trail() == []


@pytest.mark.parametrize("fault", [{"kind": "ratelimited"}, {"kind": "error", "error": "hash_conflict"}])
def test_a_page_that_slack_does_not_take_is_let_go(w: World, fault: dict[str, str]) -> None:
    """The person opens it again; no retry, no message, no alarm."""
    w.slack.faults.add("views.publish", **fault)
    w.slack.home_opened(w.anna).wait_ack()
    w.idle()
    assert w.slack.homes == {}
    assert "All good" in home(w)
    assert w.said_to(w.anna) == []


def test_without_a_permit_the_event_is_acked_all_the_same(tmp_path: Path) -> None:
    """A page is worth less than a click, so it does not queue; Slack need not send it again."""
    with world(tmp_path, WORKERS="4") as w:
        held = play.late()
        w.cloud.faults.add(play.SHOW, held, times=None)
        asked = [w.slack.command(w.anna, w.ops, w.failed_job()) for _ in range(4)]
        for command in asked:
            command.wait_ack()
        w.slack.home_opened(w.anna).wait_ack()
        held.gate.set()
        w.idle()
        assert w.slack.homes == {}


def test_over_http_the_event_comes_as_json(tmp_path: Path) -> None:
    """Slack sends the page that stands along with the event; the request URL works for events as it does for clicks."""
    with world(tmp_path, SLACK_MODE="http") as w:
        job = w.failed_job()
        w.card(job)
        assert job in home(w)
        assert job in home(w)
        assert w.slack.violations == []

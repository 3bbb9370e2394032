"""METASTUDIO_AUTH=token: a token of IAM comes along, is renewed by reads alone, and nobody hammers IAM."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.domain.events import Kind
from sandbox.metastudio import faults as play
from sandbox.metastudio.faults import DELETE, SHOW, TOKEN
from sandbox.metastudio.world import Seen
from tests.flow.world import IAM_USER, World, world

DAY, MINUTE = 86400, 60
STOPPED = "rejected the bot's login* a short while ago"
PASSWORD = IAM_USER["IAM_PASSWORD"]


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """The bot with an IAM user's name and password, and no access key."""
    with world(tmp_path, METASTUDIO_AUTH="token", CONFIRM_WITHIN_SECONDS="3600", CONFIRM_BY="any_operator") as made:
        yield made
        assert made.slack.violations == []
        assert made.cloud.errors == []
        assert made.verdict().is_sound


def card_with_a_token_of(w: World, minutes: int) -> tuple[str, play.Any]:
    """A job and its card; the bot's token has so many minutes left, and was fetched for something else."""
    w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    w.clock.add(DAY - 40 * MINUTE)
    job, card = w.offered()
    assert len(w.cloud.sign_ins) == 1
    w.clock.add((40 - minutes) * MINUTE)
    return job, card


def tokens_of(requests: list[Seen]) -> list[str | None]:
    return [seen.header("X-Auth-Token") for seen in requests]


def test_a_deletion_by_token(w: World) -> None:
    """Command, card, click, one DELETE with the token and no trace of a signature; IAM was asked once for all of it."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.press(w.card(job))
    assert job in w.cloud.deleted
    (delete,) = w.cloud.requests_to(DELETE)
    assert delete.header("X-Auth-Token") in w.cloud.gate.tokens
    assert len(set(tokens_of(list(w.cloud.requests)))) == 1
    for name in ("Authorization", "X-Sdk-Date", "X-Project-Id", "X-Security-Token"):
        assert all(seen.header(name) is None for seen in w.cloud.requests)
    (sign_in,) = w.cloud.sign_ins
    assert (sign_in.method, sign_in.target) == ("POST", "/v3/auth/tokens?nocatalog=1")


def test_a_token_that_expired_between_card_and_click_is_renewed_by_the_read(w: World) -> None:
    """The click's GET fetches a new one, and the DELETE leaves with that."""
    job, card = card_with_a_token_of(w, minutes=-1)
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    assert job in w.cloud.deleted
    assert len(w.cloud.sign_ins) == 2
    assert [seen.denied for seen in w.cloud.requests] == [None] * len(w.cloud.requests)
    assert tokens_of(w.cloud.requests_to(DELETE)) == [list(w.cloud.gate.tokens)[-1]]


def test_a_token_that_metastudio_takes_no_longer_is_exchanged_once(w: World) -> None:
    """It died early, as after a changed permission: one more GET with a new token, and the breaker stays closed."""
    job, card = w.offered()
    w.cloud.gate.tokens.clear()
    w.press(card)
    assert job in w.cloud.deleted
    assert w.cloud.deletes_arrived(job) == 1
    assert len(w.cloud.sign_ins) == 2
    assert sum(seen.denied is not None for seen in w.cloud.requests) == 1
    assert Kind.BREAKER_OPENED not in {one.event.kind for one in w.trail()}


def test_new_tokens_that_are_rejected_too_open_the_breaker(w: World) -> None:
    """Two GETs and two sign-ins, then nothing more for anybody."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.cloud.faults.add(SHOW, play.gateway(401, "APIGW.0307", "The token must be updated"), times=None)
    w.ask(job)
    assert "APIGW.0307" in w.said_to(w.anna)[-1]
    for _ in range(3):
        w.ask(job)
        assert STOPPED in w.said_to(w.anna)[-1]
    assert (len(w.cloud.requests), len(w.cloud.sign_ins)) == (2, 2)


def test_a_token_rejected_at_the_delete_fails_it_and_stops_the_calls(w: World) -> None:
    """The DELETE is not repeated, the team reads why; after the five minutes a read fetches a new token."""
    job, card = w.offered()
    w.cloud.after_call = lambda seen: w.cloud.gate.tokens.clear() if seen.operation == SHOW else None
    w.press(card)
    w.cloud.after_call = None
    assert w.cloud.deletes_arrived(job) == 1
    assert "APIGW.0301" in w.thread(card)[0]
    assert "rejected the bot's login" in w.thread(card)[0]
    w.ask(job)
    assert STOPPED in w.said_to(w.anna)[-1]
    w.clock.add(5 * MINUTE + 1)
    w.press(w.card(job))
    assert job in w.cloud.deleted
    assert len(w.cloud.sign_ins) == 2


IAM_TROUBLE = {
    "503": (lambda: play.http(503), "HTTP 503"),
    "429": (lambda: play.iam(429, "slow down", "Too Many Requests"), "HTTP 429: slow down"),
    "HTML": (play.html, "HTTP 200"),
    "201 without a token": (lambda: play.http(201, {"token": {"expires_at": "2031-01-01T00:00:00Z"}}), "no token"),
    "302": (lambda: play.http(302, b"", {"Location": "http://127.0.0.1:1/"}), "HTTP 302"),
    "no answer": (play.drop, "the connection broke"),
    "not HTTP": (play.nonsense, "not HTTP"),
    "silence": (play.silence, "no answer within the time allowed"),
}


@pytest.mark.parametrize("name", list(IAM_TROUBLE))
def test_iam_in_trouble_at_the_click_leaves_the_card_waiting(w: World, name: str) -> None:
    """The person reads what failed, MetaStudio is sent nothing, and the next click works."""
    spoil, says = IAM_TROUBLE[name]
    job, card = card_with_a_token_of(w, minutes=-1)
    before = len(w.cloud.requests)
    w.cloud.faults.add(TOKEN, spoil(), times=None)
    w.press(card)
    told = w.said_to(w.anna)[-1]
    assert "could not sign in to Huawei Cloud" in told
    assert says in told
    assert "deleted nothing" in told
    assert len(card.buttons) == 2
    assert (len(w.cloud.requests), len(w.cloud.sign_ins)) == (before, 2)
    w.cloud.faults.clear()
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    assert job in w.cloud.deleted


def test_a_delete_never_leaves_without_a_token_and_never_asks_for_one(w: World) -> None:
    """Another thread's read finds the token rejected between the GET and the DELETE: never sent, IAM is not asked."""
    job, card = card_with_a_token_of(w, minutes=20)
    w.cloud.faults.add(TOKEN, play.http(503), times=None)
    source = w.app.ports.jobs.client._credentials

    def reject(name: str) -> None:
        if name == "change:claim":
            source.rejected(source.current())

    w.app.ledger.after_commit = reject
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    assert "never left the bot" in w.thread(card)[0]
    assert "no usable credentials" in w.thread(card)[0]
    assert len(w.cloud.sign_ins) == 2, "the DELETE asked IAM"


def test_a_wrong_password_stops_the_calls_and_iam_is_asked_once(tmp_path: Path) -> None:
    """Across a restart too: a few wrong passwords may lock the user. A corrected one counts at once."""
    with world(tmp_path, METASTUDIO_AUTH="token", IAM_PASSWORD="yesterday's") as w:
        jobs = [w.cloud.add_job(state="TRAIN_FAILED") for _ in range(20)]
        w.ask(jobs[0])
        told = w.said_to(w.anna)[-1]
        trace = w.cloud.sign_ins[0].request_id
        for fact in ("IAM refused the bot's sign-in", "HTTP 401", "username or password is wrong", trace):
            assert fact in told
        for command in [w.slack.command(user, w.ops, job) for job in jobs for user in (w.anna, w.ben)]:
            command.wait_ack()
        w.idle()
        assert STOPPED in w.said_to(w.ben)[-1]
        w.stop_bot()
        w.run_bot()
        w.ask(jobs[0])
        assert STOPPED in w.said_to(w.anna)[-1]
        assert (len(w.cloud.sign_ins), len(w.cloud.requests)) == (1, 0)
        opened = [one.event for one in w.trail() if one.event.kind is Kind.BREAKER_OPENED]
        assert [event.request_id for event in opened] == [trace]

        w.clock.add(5 * MINUTE + 1)
        w.ask(jobs[0])
        w.ask(jobs[0])
        assert len(w.cloud.sign_ins) == 2, "one trial after five minutes"

        w.stop_bot()
        w.run_bot(IAM_PASSWORD=PASSWORD)
        w.press(w.card(jobs[0]))
        assert w.cloud.deleted[-1] == jobs[0]


def test_a_crowd_that_meets_a_wrong_password_asks_once(tmp_path: Path) -> None:
    """Thirty commands at once share one refusal."""
    with world(tmp_path, METASTUDIO_AUTH="token", IAM_PASSWORD="yesterday's") as w:
        held = play.late()
        w.cloud.faults.add(TOKEN, held)
        asked = [w.slack.command(w.anna, w.ops, w.cloud.add_job(state="TRAIN_FAILED")) for _ in range(30)]
        for command in asked:
            command.wait_ack()
        held.gate.set()
        w.idle()
        assert len(w.cloud.sign_ins) == 1
        assert len(w.said_to(w.anna)) == 30


def test_thirty_clicks_at_once_cost_one_sign_in_and_one_delete(w: World) -> None:
    """All of them find the token expired; one of them fetches the new one for all."""
    w.stop_bot()
    w.run_bot(AUTHORIZED_USERS=f"{w.anna},{w.ben},{w.carl}")
    job, card = card_with_a_token_of(w, minutes=-1)
    people = [w.anna, w.ben, w.carl] * 10
    with ThreadPoolExecutor(30) as crowd:
        clicks = list(crowd.map(lambda user: w.slack.click(user, card, "dh_confirm", force=True), people))
    for click in clicks:
        click.wait_ack()
    w.idle()
    assert len(w.cloud.sign_ins) == 2
    assert w.cloud.deletes_arrived(job) == 1
    assert len([text for user in (w.anna, w.ben, w.carl) for text in w.said_to(user)]) == 29


def test_a_crowd_whose_token_has_died_asks_once(w: World) -> None:
    """Thirty reads meet 401 with one token; the first exchanges it, and the others take what it got."""
    w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    w.cloud.gate.tokens.clear()
    held = play.late()
    w.cloud.faults.add(SHOW, held, times=30)
    asked = [w.slack.command(w.anna, w.ops, w.cloud.add_job(state="TRAIN_FAILED")) for _ in range(30)]
    assert w.cloud.wait_for(lambda: len(w.cloud.requests) == 31)
    for command in asked:
        command.wait_ack()
    held.gate.set()
    w.idle()
    assert len(w.cloud.sign_ins) == 2
    assert len(w.slack.messages(w.ops)) == 31


def test_a_token_is_renewed_in_good_time(w: World) -> None:
    """With less than thirty minutes left the next read fetches a new one, although the old one still works."""
    _, card = card_with_a_token_of(w, minutes=29)
    w.press(card)
    assert len(w.cloud.sign_ins) == 2
    assert tokens_of(w.cloud.requests_to(DELETE)) == [list(w.cloud.gate.tokens)[-1]]


def test_iam_in_trouble_matters_to_nobody_while_the_token_lasts(w: World) -> None:
    """A renewal in advance that fails is tried again once a minute, and the old token goes on working."""
    job, card = card_with_a_token_of(w, minutes=20)
    w.cloud.faults.add(TOKEN, play.drop(), times=None)
    for _ in range(3):
        w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    assert len(w.cloud.sign_ins) == 2
    w.clock.add(MINUTE)
    w.press(card)
    assert job in w.cloud.deleted
    assert len(w.cloud.sign_ins) == 3


def test_while_one_renews_in_advance_nobody_else_waits(tmp_path: Path) -> None:
    """IAM hangs with one command; another one goes through on the old token meanwhile."""
    with world(tmp_path, METASTUDIO_AUTH="token", CONFIRM_WITHIN_SECONDS="3600", READ_TIMEOUT="10") as w:
        card_with_a_token_of(w, minutes=20)
        before = len(w.slack.messages(w.ops))
        held = play.late()
        w.cloud.faults.add(TOKEN, held)
        w.slack.command(w.anna, w.ops, w.cloud.add_job(state="TRAIN_FAILED")).wait_ack()
        assert w.cloud.wait_for(lambda: len(w.cloud.sign_ins) == 2)
        w.slack.command(w.ben, w.ops, w.cloud.add_job(state="TRAIN_FAILED")).wait_ack()
        assert w.slack.wait_for(lambda: len(w.slack.messages(w.ops)) > before, 8)
        assert not held.gate.is_set()
        held.gate.set()
        w.idle()
        assert len(w.slack.messages(w.ops)) == before + 2


def test_a_password_that_was_changed_is_told_while_the_old_token_works(w: World) -> None:
    """The renewal in advance is refused: the calls stop now, and not with each later try in half an hour."""
    _, card = card_with_a_token_of(w, minutes=20)
    w.cloud.gate.users.clear()
    w.press(card)
    assert "IAM refused the bot's sign-in" in w.said_to(w.anna)[-1]
    assert len(card.buttons) == 2
    w.press(card)
    assert STOPPED in w.said_to(w.anna)[-1]
    assert len(w.cloud.sign_ins) == 2

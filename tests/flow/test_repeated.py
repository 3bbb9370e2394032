"""What replies and reads prove, where a DELETE is repeated on the way or MetaStudio forgets a job for a while."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.metastudio import faults as play
from sandbox.metastudio.faults import Held
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Message
from sandbox.wire.server import Reply
from tests.flow.world import World, world
from tests.support.claims import BY_WHOM, NOT_DELETED, Claim, claims_of

DELETE, SHOW, LIST = "Delete2dModelTrainingJob", "Show2dModelTrainingJob", "List2dModelTrainingJob"
SURE = NOT_DELETED - {Claim.TREATED_AS_NOT_DELETED}
"""What only a DELETE which never left, or a look that sees the job, allows to say."""


def pressed(w: World, spoil: play.Spoil, *, effect: bool) -> tuple[str, Message]:
    """A job, and the card on which somebody has confirmed its deletion."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, spoil, when="after" if effect else "before")
    w.press(card)
    return job, card


def test_a_gateway_that_repeats_the_delete_by_itself(w: World) -> None:
    """The first DELETE worked, the bot sees the 404 of the second: code at once, then gone, and by whom stays open."""
    job, card = pressed(w, play.repeated_on_the_way, effect=True)
    assert job not in w.cloud.jobs
    [first] = w.thread(card)
    assert Claim.UNKNOWN.stands_in(first)
    assert "MSS.41000003" in first
    assert "Proxies and gateways repeat a DELETE by themselves" in first
    w.tick(3)
    assert len(w.thread(card)) == 1
    w.tick(31)
    settled = w.thread(card)[1]
    assert Claim.DELETED.stands_in(settled)
    assert job in settled
    assert f"Huawei answered 404; {BY_WHOM}" in settled
    assert not any(claims_of(said) & SURE for said in w.thread(card))
    assert not Claim.CONFIRMED.stands_in_any(w.thread(card))


REFUSALS = {
    "400 MSS.00000003": lambda: play.error(400, "MSS.00000003"),
    "400 empty": lambda: play.http(400),
    "401": lambda: play.gateway(401, "APIGW.0301"),
    "403": lambda: play.gateway(403, "APIGW.0302"),
    "405": lambda: play.http(405),
    "413": lambda: play.html(413),
    "451": lambda: play.http(451),
    "499": lambda: play.html(499),
}


@pytest.mark.parametrize("effect", [True, False], ids=["it worked", "it did not"])
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_claims_nothing_before_a_look(w: World, name: str, *, effect: bool) -> None:
    """With an effect all the same there is a correction, without one the look says that the job is still there."""
    job, card = pressed(w, REFUSALS[name](), effect=effect)
    assert Claim.REFUSED.stands_in(w.thread(card)[0])
    assert job in w.thread(card)[0]
    assert not claims_of(w.thread(card)[0]) & SURE
    assert not claims_of(card.text) & SURE
    for _ in range(3):
        w.tick(311)
    last = w.thread(card)[-1]
    if effect:
        assert claims_of(last) >= {Claim.CORRECTED, Claim.DELETED}
        assert f"Huawei answered {name[:3]}; {BY_WHOM}" in last
    else:
        assert Claim.STILL_THERE.stands_in(last)
        assert re.search(
            r"\d\d:\d\d UTC.* in state `TRAIN_FAILED`\. You can ask again\. It is checked once more ", last
        )
        assert not any(claims_of(said) & SURE for said in w.thread(card))
        for _ in range(3):
            w.tick(3600)
        assert w.thread(card)[-1] == last
        assert w.deletion(job).read_due_at is None
    assert w.cloud.deletes_arrived(job) == 1


LATER = [
    # One in four of them is played in `make test`, so that each refusal and each time is met; the others are long.
    pytest.param(seconds, name, marks=() if (number + at) % 4 == 0 else pytest.mark.long)
    for at, name in enumerate([*REFUSALS, "429"])
    for number, seconds in enumerate([3, 12, 340, 3000])
]


@pytest.mark.parametrize(("seconds", "name"), LATER)
def test_a_repeated_delete_that_has_its_effect_after_the_refusal(w: World, name: str, seconds: float) -> None:
    """Whenever that is within the hour: what was seen before was true then, and a correction follows.

    One look at once said "the job is still there. It was not deleted.", and nobody ever looked again.
    """
    job, card = w.offered()
    w.cloud.faults.add(DELETE, REFUSALS.get(name, play.throttled)(), times=None)
    w.press(card)
    deletes = w.cloud.deletes_arrived(job)
    w.tick(seconds)
    w.cloud.remove(job)
    assert not any(claims_of(said) & SURE for said in w.thread(card))
    for _ in range(70):
        w.tick(60)
    last = w.thread(card)[-1]
    assert claims_of(last) >= {Claim.CORRECTED, Claim.DELETED, Claim.BY_NOBODY_KNOWN}
    assert sum(map(Claim.STILL_THERE.stands_in, w.thread(card))) <= 1
    assert w.cloud.deletes_arrived(job) == deletes


def test_somebody_else_removes_what_metastudio_refused_to_delete(w: World) -> None:
    """Nobody can tell them apart, so nobody is credited."""
    job, card = pressed(w, play.error(409, "MSS.41000011"), effect=False)
    w.cloud.remove(job)
    w.tick(3)
    w.tick(31)
    assert f"Huawei answered 409; {BY_WHOM}" in w.thread(card)[-1]
    assert not Claim.CONFIRMED.stands_in_any(w.thread(card))


class LateRefusal(Held):
    """Held up, then refused."""

    def __call__(self, seen: Seen, due: Reply) -> Reply:
        return play.error(400, "MSS.00000003")(seen, due)


def test_a_late_refusal_does_not_make_a_job_that_is_gone_not_deleted(tmp_path: Path) -> None:
    """It was found gone while the sender waited; the 400 that comes then may be the answer to a repeated DELETE."""
    # The connection waits by the real clock, and all of this has to fit into its patience.
    with world(tmp_path, READ_TIMEOUT="30") as w:
        job, card = w.offered()
        held = LateRefusal(None, then_answer=True)
        sent = w.cloud.faults.add(DELETE, held, when="after")
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.cloud.wait_for(lambda: sent.hits, 5)
        w.tick(60)
        w.tick(31)
        assert Claim.FOUND_GONE.stands_in(w.thread(card)[-1])
        held.gate.set()
        w.idle()
        last = w.thread(card)[-1]
        assert "arrived late. It changes nothing that was said here." in last
        assert "MSS.00000003" in last
        w.tick(3601)
        assert w.thread(card)[-1] == last
        assert w.deletion(job).state == "deleted"


@pytest.mark.parametrize("seconds", [3, 25])
def test_a_job_that_is_forgotten_for_a_moment_is_not_gone(w: World, seconds: float) -> None:
    """One look settles nothing, not by the schedule and not by *Check now*."""
    job, card = pressed(w, play.drop(), effect=False)
    w.cloud.forget(job, seconds + 2)
    w.tick(2)
    w.press(card, "dh_check_now")
    assert w.said_to(w.anna)[-1].startswith("*Checked just now:* so far the job looks gone; it takes more checks")
    for _ in range(10):
        w.tick(100)
    assert not Claim.DELETED.stands_in_any(w.thread(card))
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(w.thread(card)[-1])


def test_an_outcome_that_only_reads_have_found_is_corrected_an_hour_later(w: World) -> None:
    """MetaStudio denies the job for two minutes, longer than anybody waits: deleted, then "the job is there"."""
    job, card = pressed(w, play.drop(), effect=False)
    w.cloud.forget(job, 120)
    w.tick(3)
    w.tick(31)
    assert Claim.FOUND_GONE.stands_in(w.thread(card)[-1])
    w.tick(3601)
    assert Claim.FOUND_GONE.stands_in(w.thread(card)[-1])
    w.tick(31)
    correction = w.thread(card)[-1]
    assert Claim.THERE_AGAIN.stands_in(correction)
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(correction)
    assert "For a Huawei Cloud ticket" in correction
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(card.text)
    w.tick(3601)
    assert w.thread(card)[-1] == correction
    assert w.deletion(job).read_due_at is None


def test_what_metastudio_confirmed_is_not_corrected_by_reads(w: World) -> None:
    """It said 200 and still shows the job: people are told both, when, and to open a ticket."""
    job, card = pressed(w, play.http(200), effect=False)
    for _ in range(8):
        w.tick(300)
    said = w.thread(card)[-1]
    assert re.search(
        r"\*Still shown by Huawei:\* .*, at \S+\d\d:\d\d UTC> \(15 min later\) .*although Huawei confirmed the "
        "deletion",
        said,
    )
    assert "But a later check found it; see the thread." in card.text
    assert w.deletion(job).state == "deleted"
    assert "Correction" not in "".join(w.thread(card))


def test_one_look_that_denies_the_job_verifies_nothing(w: World) -> None:
    """A 200 without effect, and a backend that forgets the job for a moment: it was "Double-checked", for good."""
    job, card = pressed(w, play.http(200), effect=False)
    w.cloud.forget(job, 10)
    w.tick(6)
    for _ in range(30):
        w.tick(120)
    assert job in w.cloud.jobs
    assert not Claim.VERIFIED_GONE.stands_in("".join([*w.thread(card), card.text]))
    assert "Still shown by Huawei" in w.thread(card)[-1]


def test_a_look_after_the_bot_was_down_says_how_much_later_it_is(tmp_path: Path) -> None:
    """Five hours, and one look: it was "ten minutes later"."""
    with world(tmp_path) as w:
        _, card = pressed(w, play.http(200), effect=False)
        w.tick(6)
        w.stop_bot()
        w.clock.add(5 * 3600)
        w.run_bot()
        w.tick(2)
        assert "UTC> (5 h later) in state" in w.thread(card)[-1]
        assert "ten minutes" not in "".join(w.thread(card))


def test_looks_that_decide_nothing_say_until_when_the_bot_looked(tmp_path: Path) -> None:
    """The bot was down and MetaStudio is broken: it was "look-ups over ten minutes", of one look."""
    with world(tmp_path) as w:
        _, card = pressed(w, play.http(200), effect=True)
        w.stop_bot()
        w.clock.add(5 * 3600)
        w.run_bot()
        for operation in (SHOW, LIST):
            w.cloud.faults.add(operation, play.error(500, "MSS.00000004"), times=None)
        w.tick(2)
        assert "(5 h later) the bot could not verify that the job is gone" in w.thread(card)[-1]
        assert "ten minutes" not in "".join(w.thread(card))


def test_a_list_that_lags_is_not_told_as_a_job_that_is_there(w: World) -> None:
    """Show denies the job, List names it for ever: after a confirmation that was "Still shown by Huawei"."""
    job, card = pressed(w, play.http(200), effect=True)
    stale = {"count": 1, "jobs": [{"job_id": job, "state": "TRAIN_FAILED"}]}
    w.cloud.faults.add(LIST, play.http(200, stale), times=None)
    for _ in range(15):
        w.tick(60)
    assert "could not verify that the job is gone" in w.thread(card)[-1]
    assert "Still shown" not in "".join(w.thread(card))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: play.error(500, "MSS.00000004"),
        play.drop,
        lambda: play.http(403),
        lambda: play.gateway(404, "APIG.0101"),
    ],
    ids=["500", "dropped", "403", "gateway"],
)
def test_where_show_fails_for_ever_the_list_settles_it(w: World, spoil: play.Spoil) -> None:
    """List names the job each time: treated as not deleted in the usual time, not "unknown" for a day."""
    job, card = pressed(w, play.drop(), effect=False)
    w.cloud.faults.add(SHOW, spoil(), times=None)
    for _ in range(9):
        w.tick(100)
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(w.thread(card)[-1])
    assert job in w.cloud.jobs


def test_a_click_does_not_wait_for_the_list_where_show_failed(w: World) -> None:
    """At the press a failed Show is answered at once; List is asked only where Show denies the job."""
    _, card = w.offered()
    w.cloud.faults.add(SHOW, play.error(500, "MSS.00000004"), times=None)
    w.press(card)
    assert "could not be checked" in w.said_to(w.anna)[-1]
    assert w.cloud.requests_to(LIST) == []
    assert [button["action_id"] for button in card.buttons] == ["dh_confirm", "dh_cancel"]

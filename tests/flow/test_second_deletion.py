"""A deletion that settled as "treated as not deleted", and what comes after it: a late effect, or another deletion."""

from __future__ import annotations

import re

from sandbox.metastudio import faults as play
from sandbox.slack.slack import Message
from tests.flow.world import World
from tests.support.claims import Claim

DELETE = "Delete2dModelTrainingJob"


def treated_as_not_deleted(w: World) -> tuple[str, Message]:
    """A job whose DELETE was answered 500 and did nothing, and the card of that deletion, which is settled."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.error(500, "MSS.00000004"), when="before")
    w.press(card)
    for _ in range(4):
        w.tick(20)
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(w.thread(card)[-1])
    return job, card


def deletion_id(card: Message) -> str:
    found = re.search(r"Deletion `([0-9a-f]{16})`", card.text)
    assert found is not None
    return found[1]


def test_what_a_later_deletion_did_is_not_the_firsts(w: World) -> None:
    """Asked again, and deleted with a 200: the first thread is not corrected, it names the deletion that did it."""
    job, first = treated_as_not_deleted(w)
    second = w.card(job)
    w.press(second)
    w.tick(10)
    w.tick(3600)
    w.tick(31)
    last = w.thread(first)[-1]
    assert not Claim.CORRECTED.stands_in(last)
    assert Claim.FOUND_GONE.stands_in(last)
    assert deletion_id(second) in last
    assert "Huawei has confirmed" in last
    assert "deleted" not in first.text.split("Deletion")[0].replace("not deleted", "")
    found = w.app.ledger.deletions.get(deletion_id(first))
    assert found is not None
    assert found.state == "failed"


def test_while_the_later_deletion_is_in_doubt_nothing_is_said_about_the_first(w: World) -> None:
    """Both may have removed the job: as long as the second is not settled the first says nothing, then both by name."""
    job, first = treated_as_not_deleted(w)
    w.clock.add(3600)
    second = w.card(job)
    w.cloud.faults.add(DELETE, play.drop(), when="after")
    w.press(second)
    said = len(w.thread(first))
    w.cloud.faults.add("List2dModelTrainingJob", play.html(502), times=9)
    w.tick(3)
    assert w.thread(first)[said:] == []
    w.cloud.faults.clear()
    for _ in range(4):
        w.tick(1800)
    [last] = w.thread(first)[said:]
    assert deletion_id(second) in last
    assert "the bot cannot see which of the two it was" in last
    assert Claim.FOUND_GONE.stands_in(w.thread(second)[-1])


def test_a_late_effect_is_corrected_although_the_job_was_asked_for_again(w: World) -> None:
    """The second card was never confirmed, so nothing else of ours can have removed the job."""
    job, first = treated_as_not_deleted(w)
    w.press(w.card(job), "dh_cancel")
    w.cloud.remove(job)
    w.tick(3600)
    assert "Correction" not in w.thread(first)[-1]
    w.tick(31)
    assert "Correction" in w.thread(first)[-1]
    assert Claim.BY_NOBODY_KNOWN.stands_in(w.thread(first)[-1])


def test_a_job_that_went_before_the_second_click_is_not_said_to_be_untouched(w: World) -> None:
    """The first DELETE's late effect: the second card says what it itself did not do, and names the first deletion."""
    job, first = treated_as_not_deleted(w)
    second = w.card(job)
    w.cloud.remove(job)
    w.press(second)
    for said in (w.said_to(w.anna)[-1], w.thread(second)[-1]):
        assert Claim.SENT_NO_DELETE.stands_in(said)
        assert deletion_id(first) in said

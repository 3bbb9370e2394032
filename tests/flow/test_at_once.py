"""Many at once: one winner, every ack in time, nobody without an answer."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.metastudio import faults as play
from sandbox.metastudio.world import Seen
from tests.flow.world import World, world


def test_thirty_clicks_at_once_from_three_people_send_one_delete(tmp_path: Path) -> None:
    """One DELETE, one winner, and the winner is named to the others."""
    with world(tmp_path, CONFIRM_BY="any_operator") as w:
        w.stop_bot()
        w.run_bot(AUTHORIZED_USERS=f"{w.anna},{w.ben},{w.carl}")
        job, card = w.offered()
        people = [w.anna, w.ben, w.carl] * 10
        with ThreadPoolExecutor(30) as crowd:
            clicks = list(crowd.map(lambda user: w.slack.click(user, card, "dh_confirm", force=True), people))
        for click in clicks:
            click.wait_ack()
        w.idle()
        assert w.cloud.deletes_arrived(job) == 1
        winner = w.deletion(job).confirmer.user
        told = [text for user in (w.anna, w.ben, w.carl) for text in w.said_to(user)]
        assert len(told) == 29
        assert [text for text in told if not re.search(rf"onfirmed\*? by <@{winner}>", text)] == []


def test_fifty_commands_while_metastudio_is_slow_are_all_acked_and_all_get_their_card(w: World) -> None:
    """MetaStudio holds every answer back until all fifty acks are in: no ack waits for it, and every card comes."""
    jobs = [w.cloud.add_job(state="TRAIN_FAILED") for _ in range(50)]
    slow = w.cloud.faults.add("Show2dModelTrainingJob", held := play.late(), times=None)
    asked = [w.slack.command(w.anna, w.ops, job) for job in jobs]
    for command in asked:
        assert "Checking" in command.wait_ack()["text"]
    assert w.slack.messages(w.ops) == []
    held.gate.set()
    w.idle()
    assert slow.hits >= 50
    cards = w.slack.messages(w.ops)
    assert sorted(w.deletion(job).message_ts for job in jobs) == sorted(card.ts for card in cards)
    assert max(command.ack_seconds for command in asked) < 3


def test_a_wrong_key_is_tried_once_however_many_ask(w: World) -> None:
    """Twenty commands at once: one signed call finds out, and the key is not locked by the others."""
    w.stop_bot()
    w.run_bot(METASTUDIO_AUTH="aksk", HUAWEICLOUD_SDK_SK="wrong" * 8, READ_TIMEOUT="30")
    tick = threading.Event()

    def until_all_have_asked(_: Seen) -> None:
        while len(w.trail()) < 20:
            tick.wait(0.02)

    w.cloud.before_call = until_all_have_asked
    asked = [w.slack.command(w.anna, w.ops, w.cloud.add_job(state="TRAIN_FAILED")) for _ in range(20)]
    for command in asked:
        command.wait_ack()
    w.idle()
    assert [seen.status for seen in w.cloud.requests] == [401]
    assert len(w.said_to(w.anna)) == 20
    assert all("rejected the bot's login" in said for said in w.said_to(w.anna))


def test_commands_beyond_the_permits_are_told_that_the_bot_is_busy(tmp_path: Path) -> None:
    """With all permits taken the ack says busy at once; nothing queues, and the next one works."""
    with world(tmp_path, WORKERS="4") as w:
        jobs = [w.cloud.add_job(state="TRAIN_FAILED") for _ in range(5)]
        held = play.late()
        w.cloud.faults.add("Show2dModelTrainingJob", held, times=None)
        asked = [w.slack.command(w.anna, w.ops, job) for job in jobs]
        said = [command.wait_ack()["text"] for command in asked]
        assert sum("Checking" in text for text in said) == 4
        assert sum("busy" in text for text in said) == 1
        held.gate.set()
        w.idle()
        assert len(w.slack.messages(w.ops)) == 4


def test_two_people_asking_for_one_job_at_once_get_one_card(w: World) -> None:
    """One open deletion per job: one card, and the other asker is told where it is."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    asked = [w.slack.command(user, w.ops, job) for user in (w.anna, w.ben) * 5]
    for command in asked:
        command.wait_ack()
    w.idle()
    assert len(w.slack.messages(w.ops)) == 1
    assert len(w.said_to(w.anna)) + len(w.said_to(w.ben)) == 9

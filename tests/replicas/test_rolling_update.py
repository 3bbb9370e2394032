"""A rolling update under load: one replica after the other is replaced while people go on."""

from __future__ import annotations

import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.domain.model import Target
from bot.ledger.factory import open_ledger
from handlers.actions import CONFIRM
from sandbox.bot_process import BotProcess, settings_for
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Invocation, Slack
from tests.flow.world import free_port
from tests.support.postgres import Server

REPLACED = 3


class Fleet:
    """The replicas behind a balancer that sends to the newest one that is ready, as an orchestrator would."""

    def __init__(self, slack: Slack, cloud: MetaStudio, url: str, people: list[str], folder: Path) -> None:
        self._slack = slack
        self._cloud = cloud
        self._url = url
        self.people = people
        self._folder = folder
        self._serving: BotProcess | None = None
        self._started = 0

    def replace(self) -> None:
        """Start a new one, wait until it is ready, send everything there, and end the former in an orderly way."""
        self._started += 1
        folder = self._folder / f"replica-{self._started}"
        folder.mkdir()
        port, ops_port = free_port(), free_port()
        settings = settings_for(self._slack, self._cloud, folder) | {
            "DATABASE_URL": self._url,
            "AUTHORIZED_USERS": ",".join(self.people),
            "SLACK_MODE": "http",
            "HTTP_PORT": str(port),
            "SLACK_SIGNING_SECRET": self._slack.signing_secret,
            "OPS_PORT": str(ops_port),
            "DELETES_PER_SECOND": "0",
            "READS_PER_SECOND": "0",
            "MAX_OPEN": "2000",
        }
        new = BotProcess(folder, settings)
        _wait_ready(new, ops_port)
        self._slack.deliver_http_to = f"http://127.0.0.1:{port}/slack/events"
        former, self._serving = self._serving, new
        if former is not None:
            assert former.stop() == 0

    def end(self) -> None:
        """Leave no process behind."""
        if self._serving is not None:
            self._serving.kill()


def _wait_ready(bot: BotProcess, port: int) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        assert not bot.has_ended, bot.log[-5:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as page:
                if page.status == 200:
                    return
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.1)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("it does not become ready")


@contextmanager
def fleet(folder: Path) -> Iterator[tuple[Fleet, Slack, MetaStudio]]:
    """Slack, MetaStudio and PostgreSQL with one replica."""
    slack, cloud, database = Slack(), MetaStudio(), Server()
    cloud.start()
    slack.start()
    try:
        url = database.database("rolling")
        open_ledger(url, Target(cloud.url, "cn-north-4", cloud.project_id)).close()
        made = Fleet(slack, cloud, url, [slack.add_user("anna")], folder)
        try:
            made.replace()
            yield made, slack, cloud
        finally:
            made.end()
    finally:
        slack.stop()
        cloud.stop()
        database.stop()


PRESSES = 5


class People:
    """Somebody who asks ten times a second, and presses every card as soon as it stands."""

    def __init__(self, slack: Slack, cloud: MetaStudio, user: str) -> None:
        self._slack = slack
        self._cloud = cloud
        self._user = user
        # Slack takes one card a second in each channel.
        self._places = [slack.add_channel(f"ops-{number}", members=[user]) for number in range(10)]
        self.jobs: list[str] = []
        self.asked: list[Invocation] = []
        self.clicks: list[Invocation] = []
        self._is_over = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """They go on all the time."""
        threads = [threading.Thread(target=work, daemon=True) for work in (self._ask, self._press)]
        for thread in threads:
            thread.start()
        yield
        self._is_over.set()
        for thread in threads:
            thread.join()

    def _ask(self) -> None:
        while not self._is_over.wait(0.1):
            self.jobs.append(self._cloud.add_job(state="TRAIN_FAILED"))
            place = self._places[len(self.jobs) % len(self._places)]
            self.asked.append(self._slack.command(self._user, place, self.jobs[-1]))

    def _press(self) -> None:
        pressed: set[str] = set()
        while not self._is_over.wait(0.05):
            for card in (card for place in self._places for card in self._slack.messages(place)):
                if card.ts not in pressed and any(one["action_id"] == CONFIRM for one in card.buttons):
                    pressed.add(card.ts)
                    self.clicks.append(self._slack.click(self._user, card, CONFIRM))

    def press_again(self) -> None:
        """Press each card again for as long as it waits: a replica that had to go, or a busy one, asks for that."""
        for click in self.clicks:
            card = click.message
            assert card is not None
            pressed = click
            for _ in range(PRESSES):
                self._slack.wait_for(lambda card=card, pressed=pressed: not card.buttons or pressed.answers, 60)  # type: ignore[misc]
                if not any(one["action_id"] == CONFIRM for one in card.buttons):
                    break
                pressed = self._slack.click(self._user, card, CONFIRM)


# In the words of this version, and in those of 0.1.0.
DELETED = re.compile(r"\*Deleted:\*|is deleted\.\* MetaStudio confirmed it")
NOT_SENT = "The DELETE never left the bot, so nothing was deleted."


@pytest.mark.long
def test_no_command_goes_unacknowledged_and_no_click_is_lost(tmp_path: Path) -> None:
    """While every replica is replaced, each command is acknowledged and each pressed card ends with what is true.

    A machine that is too slow for its load lets the five seconds between check and DELETE pass. Then no DELETE is sent.
    """
    with fleet(tmp_path) as (replicas, slack, cloud):
        people = People(slack, cloud, replicas.people[0])
        # So that there is always something in flight when a replica has to go.
        cloud.before_call = lambda _: time.sleep(0.3)
        with people.at_work():
            for _ in range(REPLACED):
                replicas.replace()
        everything = people.asked + people.clicks
        slack.wait_for(lambda: all(one.acked or one.error for one in everything), 10)
        assert [one.error for one in everything if not one.acked] == []
        cards = [click.message for click in people.clicks if click.message is not None]
        assert len(cards) > REPLACED
        people.press_again()
        slack.wait_for(lambda: not any(card.buttons for card in cards), 60)
        deleted = 0
        for card in cards:
            thread = "\n".join(reply.text for reply in slack.thread(card))
            (job,) = (job for job in people.jobs if job in thread)
            assert (DELETED.search(thread) is not None, NOT_SENT in thread) == (
                (True, False) if cloud.deletes_arrived(job) else (False, True)
            ), thread
            assert not re.search("Not sure yet|not known", thread)
            assert cloud.deletes_arrived(job) <= 1
            deleted += cloud.deletes_arrived(job)
        assert deleted > REPLACED
        assert sum(cloud.deletes_arrived(job) for job in people.jobs) == deleted

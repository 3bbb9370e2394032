"""A storm over several replicas on one PostgreSQL: clicks doubled, replicas killed, the database restarted and crashed.

The database answers COMMIT before it is durable and isolates too much, as far as its own defaults go. Some DELETEs are
answered with 102 and 103 first, and some are sent a second time by what stands in between.

People ask for deletions in many channels and press twice, so that the two clicks mostly reach different replicas; what
Slack shows them as failed they do again, as people would. At the end everything is counted from the outside: DELETEs at
MetaStudio, texts in Slack, and what the ledger still owes.

    python -m tests.replicas.storm --deletions 500 --channels 20

`make test-long` runs a short one, and `make test-real` one on Debian's PostgreSQL behind PgBouncer.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.domain.model import Target
from bot.ledger.factory import open_ledger
from handlers.actions import CONFIRM
from sandbox.bot_process import BotProcess, settings_for
from sandbox.metastudio import faults as play
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Invocation, Message, NotAcked, Slack
from tests.flow.world import free_port
from tests.replicas.figures import Database, Figures
from tests.replicas.ledger import make_answers_old, owed, rows
from tests.support.postgres import Server

SHORT = {
    "CONNECT_TIMEOUT": "1",
    "READ_TIMEOUT": "3",
    "SETTLE_AFTER_SECONDS": "5",
    "DELETES_PER_SECOND": "0",
    "READS_PER_SECOND": "0",
    "MAX_OPEN": "2000",
    "WORKERS": "64",
    "LOG_LEVEL": "WARNING",
}
"""The settings that differ from production's: shorter waits, no limiter."""
WEAK = {"synchronous_commit": "off", "default_transaction_isolation": "serializable"}
"""What the server's own defaults are; the bot has its own with each transaction."""
DELETE = "Delete2dModelTrainingJob"
PEOPLE_AT_ONCE = 12
PATIENCE = 12.0
"""Seconds that a person waits for something to happen before they try again."""
READS_THE_ANSWER = 1.0
"""Seconds, before somebody who was refused tries again."""
SCRAPE_EVERY = 0.5
CLOUD_SECONDS = 0.2
"""How long MetaStudio takes for each answer."""
REST_WITHIN = 480.0
START_WITHIN = 60.0
PROGRESS_EVERY = 5.0


@dataclass(frozen=True)
class Plan:
    """How hard it blows."""

    deletions: int = 500
    channels: int = 20
    replicas: int = 3
    kill_every: float = 4.0
    database_restarts: int = 2
    answers_wait: bool = True
    """Whether the answers that dead replicas owe have to wait for their six minutes at the end, or are made older."""


class Storm:
    """Slack, MetaStudio, PostgreSQL, some replicas, and people."""

    def __init__(self, plan: Plan, folder: Path, database: Database | None = None) -> None:
        self.plan = plan
        self.figures = Figures()
        self.slack = Slack()
        self.cloud = MetaStudio()
        self.database: Database = database or Server()
        self._folder = folder
        self._newest = folder / "ops-port"
        """Where the port of the newest replica stands that shows its metrics."""
        self._replicas: list[BotProcess] = []
        self._started = 0
        self._over = threading.Event()
        self._counting = threading.Lock()
        self._said_at = 0.0
        self._dice = random.Random(0)  # noqa: S311 - chance, not secrecy.

    @contextmanager
    def running(self) -> Iterator[None]:
        """Everything started, and everything gone afterwards."""
        self.cloud.start()
        # So long that a replica is often killed with a DELETE on its way.
        self.cloud.before_call = lambda _: time.sleep(CLOUD_SECONDS)
        self.slack.start()
        self.people = [self.slack.add_user(name) for name in ("anna", "ben")]
        self.places = [
            self.slack.add_channel(f"ops-{number}", members=self.people) for number in range(self.plan.channels)
        ]
        self.database.execute(*(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in WEAK.items()))
        self.database.restart()
        self.url = self.database.database("storm")
        open_ledger(self.url, self._target()).close()
        try:
            for _ in range(self.plan.replicas):
                self._start_replica()
            self.slack.sockets.wait_connected(self.plan.replicas, 60)
            yield
        finally:
            self._over.set()
            for replica in self._replicas:
                replica.kill()
            self.slack.stop()
            self.cloud.stop()
            self.database.stop()

    def _target(self) -> Target:
        return Target(self.cloud.url, "cn-north-4", self.cloud.project_id)

    def _start_replica(self) -> None:
        self._started += 1
        folder = self._folder / f"replica-{self._started}"
        folder.mkdir()
        settings = settings_for(self.slack, self.cloud, folder) | SHORT
        ops_port = str(free_port())
        self._newest.write_text(ops_port, encoding="ascii")
        settings |= {
            "OPS_PORT": ops_port,
            "DATABASE_URL": self.url,
            "AUTHORIZED_USERS": ",".join(self.people),
        }
        self._replicas.append(BotProcess(folder, settings))

    # -- trouble --

    def make_trouble(self) -> None:
        """Kill a replica every few seconds and put a new one in its place, until the people are done."""
        while not self._over.wait(self.plan.kill_every):
            victim = self._replicas.pop(self._dice.randrange(len(self._replicas)))
            victim.kill()
            self.figures.kills += 1
            self._start_replica()
            # On a slow machine a new one takes seconds to start, and a storm without replicas would show nothing.
            self._wait(lambda: len(self.slack.sockets.links) >= self.plan.replicas, START_WITHIN)

    @contextmanager
    def scraped(self) -> Iterator[None]:
        """The metrics of the newest replica are read all the while, as Prometheus does, only more often."""
        words = [sys.executable, "-m", "tests.replicas.scraper", str(self._newest), str(SCRAPE_EVERY)]
        with (self._folder / "scrapes").open("w+", encoding="ascii") as lines:
            with subprocess.Popen(words, stdout=lines) as scraper:  # noqa: S603 - our own words
                try:
                    yield
                finally:
                    scraper.terminate()
            lines.seek(0)
            self.figures.scrapes = [float(line) for line in lines]

    def restart_database(self) -> None:
        """All connections end in the middle of whatever they do; each second time what is not on disk is lost."""
        (self.database.crash if self.figures.database_restarts % 2 else self.database.restart)()
        self.figures.database_restarts += 1

    # -- people --

    def get_deleted(self, number: int, job: str) -> None:
        """One person's way to the end: ask, press, and do again what did not work."""
        person = self.people[number % len(self.people)]
        place = self.places[number % len(self.places)]
        while not self._is_told(place, job):
            card = self._live_card(place, job)
            if card is None:
                self._ask(person, place, job)
            else:
                self._press_twice(person, card)

    def _cards(self, place: str, job: str) -> list[Message]:
        return [message for message in self.slack.messages(place) if job in message.text]

    def _live_card(self, place: str, job: str) -> Message | None:
        return next((card for card in self._cards(place, job) if card.buttons), None)

    def _is_told(self, place: str, job: str) -> bool:
        """Whether a thread says that the job is deleted, also as a correction."""
        says = re.compile(rf"\*(Deleted|Gone|Correction, it is (deleted|gone)):\*.*`{job}`")
        return any(says.search(reply.text) for card in self._cards(place, job) for reply in self.slack.thread(card))

    def _ask(self, person: str, place: str, job: str) -> None:
        asked = self.slack.command(person, place, job)
        with self._counting:
            self.figures.commands += 1
        if self._acked(asked):
            self._wait(lambda: self._live_card(place, job) or len(asked.answers) > 1)
            if self._live_card(place, job) is None:
                time.sleep(READS_THE_ANSWER)

    def _press_twice(self, person: str, card: Message) -> None:
        if all(button["action_id"] != CONFIRM for button in card.buttons):
            # The outcome is being found out; that takes care of itself.
            self._wait(lambda: not card.buttons)
            return
        try:
            clicks = [self.slack.click(person, card, CONFIRM) for _ in range(2)]
        except LookupError:
            return  # The card was redrawn at this moment.
        with self._counting:
            self.figures.clicks += len(clicks)
        if any(self._acked(click) for click in clicks):
            self._wait(lambda: not card.buttons or self.slack.thread(card))

    def _acked(self, invocation: Invocation) -> bool:
        try:
            invocation.wait_ack()
        except NotAcked:
            with self._counting:
                self.figures.not_acked += 1
            time.sleep(0.5)
            return False
        with self._counting:
            self.figures.acks.append(invocation.ack_seconds or 0.0)
        return True

    def _wait(self, until: Any, seconds: float = PATIENCE) -> None:
        try:
            self.slack.wait_for(until, seconds)
        except TimeoutError:
            return  # Whoever waits for it tries again.

    # -- the whole of it --

    def blow(self) -> Figures:
        """Run it, let it come to rest, and count."""
        began = time.monotonic()
        jobs = [self.cloud.add_job(state="TRAIN_FAILED") for _ in range(self.plan.deletions)]
        for job in jobs[::5]:
            self.cloud.faults.add(DELETE, play.interim(102, 103), when="after", job_id=job)
        for job in jobs[1::10]:
            self.cloud.faults.add(DELETE, play.repeated_on_the_way, when="after", job_id=job)
        trouble = threading.Thread(target=self.make_trouble, daemon=True)
        trouble.start()
        marks = [
            self.plan.deletions * (number + 1) // (self.plan.database_restarts + 1)
            for number in range(self.plan.database_restarts)
        ]
        with ThreadPoolExecutor(PEOPLE_AT_ONCE) as people:
            waiting = [people.submit(self.get_deleted, number, job) for number, job in enumerate(jobs)]
            for mark in (*marks, len(jobs)):
                while (done := sum(one.done() for one in waiting)) < mark:
                    time.sleep(0.2)
                    self._progress(f"{done} of {len(jobs)} deleted, {self.figures.kills} replicas killed")
                if mark < len(jobs):
                    self.restart_database()
            for one in waiting:
                one.result()
        self._over.set()
        trouble.join()
        self._come_to_rest()
        self.figures.seconds = time.monotonic() - began
        self._count(jobs)
        return self.figures

    def _come_to_rest(self) -> None:
        """Wait until the ledger owes nothing; answers of the dead are taken over after six minutes."""
        give_up = time.monotonic() + REST_WITHIN
        if not self.plan.answers_wait:
            make_answers_old(self.url)
        while any((left := owed(self.url)).values()) and time.monotonic() < give_up:
            self._progress(f"still owed: {left}")
            time.sleep(1)

    def _progress(self, what: str) -> None:
        """Say how far it is, every few seconds."""
        if time.monotonic() - self._said_at >= PROGRESS_EVERY:
            self._said_at = time.monotonic()
            print(what, file=sys.stderr, flush=True)

    def _count(self, jobs: list[str]) -> None:
        figures = self.figures
        figures.deletes = Counter(self.cloud.deletes_arrived(job) for job in jobs)
        figures.not_deleted = [job for job in jobs if job in self.cloud.jobs]
        figures.owed = sum(owed(self.url).values())
        for deletion, state, channel, ts in rows(self.url, "SELECT id, state, channel, message_ts FROM deletions"):
            figures.ends[state] += 1
            if state in {"deleted", "failed"} and ts is not None:
                said = [reply.text for reply in self.slack.thread(self.slack.message(channel, ts))]
                wanted = "Deleted:|Gone:|it is (deleted|gone):" if state == "deleted" else "[Nn]ot deleted"
                if not any(re.search(wanted, one) for one in said):
                    figures.untold.append(deletion)
        figures.lost_claims = [
            _seconds(told) - _seconds(ran_out)
            for told, ran_out in rows(
                self.url,
                """SELECT min(told.at), d.takeover_at FROM deletions d JOIN events lost ON lost.deletion = d.id
                   AND lost.kind = 'unknown' AND lost.text LIKE '%sender_gone%'
                   JOIN events told ON told.deletion = d.id AND told.kind = 'told' AND told.number > lost.number
                   GROUP BY d.id, d.takeover_at""",
            )
        ]
        ledger = open_ledger(self.url, self._target(), read_only=True)
        verdict = ledger.trail.verify()
        ledger.close()
        figures.chain = "" if verdict.is_sound else verdict.why
        figures.violations = self.slack.violations


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def main() -> int:
    """Run a storm and print its figures; 1 when something happened that must not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    defaults = Plan()
    for name in ("deletions", "channels", "replicas", "kill_every", "database_restarts"):
        usual = getattr(defaults, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(usual), default=usual, help=f"default {usual}")
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Plan(**vars(parser.parse_args())), Path(folder))
        with storm.running(), storm.scraped():
            figures = storm.blow()
    print(figures)
    print(*figures.faults(), sep="\n")
    return 1 if figures.faults() else 0


if __name__ == "__main__":
    sys.exit(main())

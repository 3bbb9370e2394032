"""The scene of the page: the people, MetaStudio's jobs, and the real bot as its own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.bot_process import BotProcess, settings_for
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.metastudio.world import DELETABLE
from sandbox.slack.slack import Slack

SETTLE_AFTER, READ_TIMEOUT, CONFIRM_WITHIN = 6, 3, 120
"""Seconds, the shortest that still let a person watch. `dh-bot run` waits longer by default."""
START_WITHIN = 60.0
DOWN_FOR = 2.0
"""Seconds between a kill and the next start, so that the visitor notices the gap."""
LOG_LINES = 40

JOBS = (
    ("TRAIN_FAILED", "Anchor Li, summer campaign"),
    ("JOB_SUCCESS", "Anchor Wang, retired"),
    ("WAIT_USER_CONFIRM", "Host Chen, second take"),
    ("MANUAL_VERIFYING", "Tour guide Zhao"),
    ("JOB_FINISH", "News desk, 2025 <final>"),
    ("TRAINING", "Teacher Sun, still training"),
    ("AUTO_VERIFY_FAILED", "Cashier demo"),
)
"""States and names. One job may not be deleted, and one name needs escaping."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom the visitor can act as."""

    id: str
    name: str
    role: str
    explains: str


@dataclass(slots=True)
class Record:
    """What the page keeps of a job after the job is gone."""

    name: str
    state: str
    voice_job: str
    gone_at: float | None = None


class Scene:
    """Slack, MetaStudio and the bot. `changed` is notified at every change of any of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slack, self.cloud = Slack(), MetaStudio()
        self.changed = threading.Condition()
        self.version = 0
        self.stopping = threading.Event()
        self.bot: BotProcess | None = None
        self.bot_state, self.bot_starts, self.bot_since = "stopped", 0, time.time()
        self._bot_lock = threading.Lock()
        self.records: dict[str, Record] = {}
        self._people()
        self.more_jobs()

    def _people(self) -> None:
        slack = self.slack
        lumen = slack.add_team("Lumen Films")

        def person(name: str, role: str, explains: str, **flags: Any) -> Person:
            return Person(slack.add_user(name.lower(), **flags), name, role, explains)

        self.anna = person("Anna", "operator", "is listed and may delete jobs")
        self.ben = person("Ben", "operator", "is listed too: the second person")
        self.carla = person("Carla", "colleague without rights", "is not listed")
        self.gus = person("Gus", "guest", "is listed by mistake, but guests are refused", is_restricted=True)
        self.pia = person("Pia", "of Lumen Films, by Slack Connect", "does not belong to this workspace",
                          team=lumen, is_stranger=True)  # fmt: skip
        self.people = (self.anna, self.ben, self.carla, self.gus, self.pia)
        ours = [person.id for person in self.people[:4]]
        self.ops = slack.add_channel("dh-on-call", members=ours)
        self.shared = slack.add_channel(
            "lumen-films", members=[self.anna.id, self.ben.id, self.pia.id], ext_shared=True
        )
        self.audit = slack.add_channel("dh-audit", members=[self.anna.id, self.ben.id])

    def settings(self) -> dict[str, str]:
        """All settings of the bot."""
        return settings_for(self.slack, self.cloud, self.folder) | {
            "AUTHORIZED_USERS": f"{self.anna.id},{self.ben.id},{self.gus.id}",
            "AUDIT_CHANNEL": self.audit,
            "HELP_CONTACT": self.anna.id,
            "ENVIRONMENT_LABEL": "sandbox",
            "SETTLE_AFTER_SECONDS": str(SETTLE_AFTER),
            "CONFIRM_WITHIN_SECONDS": str(CONFIRM_WITHIN),
            "CONNECT_TIMEOUT": "1",
            "READ_TIMEOUT": str(READ_TIMEOUT),
        }

    # ------------------------------------------------------------------------------------------------- begin and end

    def start(self) -> Scene:
        """Start both servers, and the bot in the background."""
        self.slack.start()
        self.cloud.start()
        for condition in (self.slack.changed, self.cloud.changed):
            threading.Thread(target=self._watch, args=(condition,), daemon=True).start()
        threading.Thread(target=self.start_bot, daemon=True).start()
        return self

    def stop(self) -> None:
        """Kill the bot, since nothing of it is kept, and stop both servers."""
        self.stopping.set()
        with self._bot_lock:
            if self.bot is not None and self.bot.popen.poll() is None:
                self.bot.kill()
        self.slack.stop()
        self.cloud.stop()
        self.slack.notify()
        self.notify()

    def notify(self) -> None:
        """Wake every thread that waits for a change."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def _watch(self, condition: threading.Condition) -> None:
        # The lock is released only while waiting, so no change is missed.
        with condition:
            while not self.stopping.is_set():
                if condition.wait(1):
                    self.notify()

    # --------------------------------------------------------------------------------------------------------- the bot

    def _bot_is(self, state: str) -> None:
        self.bot_state, self.bot_since = state, time.time()
        self.notify()

    def start_bot(self) -> bool:
        """Start the bot and wait until it is connected; False if it does not start."""
        with self._bot_lock:
            if self.stopping.is_set():
                return False
            if self.bot is not None and self.bot.popen.poll() is None:
                return True
            self._bot_is("starting")
            self.bot_starts += 1
            bot = self.bot = BotProcess(self.folder, self.settings(), self.slack.notify)
        try:
            self.slack.wait_for(
                lambda: self.slack.sockets.links or bot.has_ended or self.stopping.is_set(), START_WITHIN
            )
        except TimeoutError:
            self._bot_is("failed")
            return False
        self._bot_is("failed" if bot.has_ended else "running")
        return not bot.has_ended

    def stop_bot(self, *, kill: bool) -> None:
        """End the bot: by SIGKILL, or by SIGTERM as an operator would."""
        bot = self.bot
        if bot is not None and bot.popen.poll() is None:
            self._bot_is("killed" if kill else "stopping")
            _ = bot.kill() if kill else bot.stop()
            self._bot_is("killed" if kill else "stopped")
        # The old bot's connection must be over first, or it would be taken for the next bot's.
        self.slack.wait_for(lambda: not self.slack.sockets.links or self.stopping.is_set(), 10)

    def restart_bot(self, *, kill: bool) -> None:
        """End the bot and start it again."""
        self.stop_bot(kill=kill)
        self.stopping.wait(DOWN_FOR if kill else 0)
        self.start_bot()

    def bot_view(self) -> dict[str, Any]:
        """The state of the bot."""
        bot, state = self.bot, self.bot_state
        if state == "running" and bot is not None and bot.has_ended:
            state = "failed"
        log = bot.log[-LOG_LINES:] if bot is not None and state == "failed" else []
        return {"state": state, "since": self.bot_since, "starts": self.bot_starts, "log": log}

    # -------------------------------------------------------------------------------------------------------- the jobs

    def more_jobs(self) -> None:
        """Put a handful of jobs into MetaStudio."""
        for state, name in JOBS:
            self.cloud.add_job(state=state, name=name)
        self.jobs_view()

    def jobs_view(self) -> list[dict[str, Any]]:
        """Every job that ever existed, the newest batch first; for deleted jobs what the page has kept."""
        with self.cloud.changed:
            for job_id, job in self.cloud.jobs.items():
                record = self.records.setdefault(job_id, Record(job["name"], job["state"], job["voice_train_job_id"]))
                record.state = job["state"]
            deletes = {seen.job_id: seen for seen in self.cloud.requests if seen.had_effect}
            present = set(self.cloud.jobs)
        shown = []
        for job_id, record in self.records.items():
            view: dict[str, Any] = {
                "id": job_id,
                "name": record.name,
                "state": record.state,
                "deletable": record.state in DELETABLE,
            }
            if job_id not in present:
                record.gone_at = record.gone_at or time.time()
                seen = deletes.get(job_id)
                how = f"by DELETE, request ID {seen.request_id}" if seen else "not by the bot: somebody else removed it"
                view["gone"] = {"at": record.gone_at, "how": how, "voice_job": record.voice_job}
            shown.append(view)
        return sorted(shown, key=lambda view: "gone" in view)

    def when_done(self, seconds: float, then: Callable[[], object]) -> None:
        """Call `then` after so many seconds, unless the scene stops before."""

        def wait() -> None:
            if not self.stopping.wait(seconds):
                then()

        threading.Thread(target=wait, daemon=True).start()

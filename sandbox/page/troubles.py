"""Faults on purpose: each switch plays a failure of production once, and reports its progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.metastudio import faults as play
from sandbox.metastudio.faults import AFTER, ANY, BEFORE, DELETE
from sandbox.page.scene import DOWN_FOR
from sandbox.slack.records import buttons_of

if TYPE_CHECKING:
    from sandbox.metastudio.world import Seen
    from sandbox.page.scene import Scene
    from sandbox.slack.faults import Fault
    from sandbox.slack.slack import Call

REFUSE_FOR = 10.0
SLOW_BY = 1.5
BUSY_STATE = "TRAINING"


@dataclass(slots=True)
class Armed:
    """A switch that is on: `off` takes it back, `over` returns whether it has played."""

    over: Callable[[], bool] | None = None
    off: Callable[[], None] = lambda: None
    until: float | None = None
    """When the failure that is being played ends, as seconds since 1970."""
    after_card: Callable[[str], None] | None = None
    """Called right after the next card is posted, with the card's job."""
    on_delete: Callable[[], None] | None = None
    """Called when the next DELETE has arrived and had its effect."""
    played: bool = False

    def is_over(self) -> bool:
        """Whether the failure has played. A switch without `over` has once its hook has run."""
        return self.over() if self.over is not None else self.played


@dataclass(frozen=True, slots=True)
class Trouble:
    """One switch."""

    key: str
    title: str
    plays: str
    """The failure, in words for the visitor."""
    arm: Callable[[Scene], Armed]


def _fault(spoil: play.Spoil, when: str = BEFORE, times: int = 1) -> Callable[[Scene], Armed]:
    """A fault at the next DELETE."""

    def arm(scene: Scene) -> Armed:
        fault = scene.cloud.faults.add(DELETE, spoil, when=when, times=times)
        return Armed(lambda: fault not in scene.cloud.faults.planned, lambda: scene.cloud.faults.remove(fault))

    return arm


def _slow(scene: Scene) -> Armed:
    fault = scene.cloud.faults.add(ANY, play.late(SLOW_BY), times=None)
    return Armed(lambda: False, lambda: scene.cloud.faults.remove(fault))


def _after_card(change: Callable[[Scene, str], None]) -> Callable[[Scene], Armed]:
    return lambda scene: Armed(after_card=lambda job: change(scene, job))


def _slack_refuses(scene: Scene) -> Armed:
    planned: list[Fault] = []

    def off() -> None:
        for fault in planned:
            scene.slack.faults.remove(fault)
        armed.until = 0.0
        scene.notify()

    def begin() -> None:
        add = scene.slack.faults.add
        planned.extend(add(method, "http", status=503, times=None) for method in ("chat.postMessage", "chat.update"))
        armed.until = time.time() + REFUSE_FOR
        scene.when_done(REFUSE_FOR, off)

    armed = Armed(lambda: armed.until is not None and time.time() >= armed.until, off, on_delete=begin)
    return armed


def _killed(scene: Scene) -> Armed:
    fault = scene.cloud.faults.add(DELETE, play.drop(), when=AFTER)

    def kill() -> None:
        scene.stop_bot(kill=True)
        scene.when_done(DOWN_FOR, scene.start_bot)

    return Armed(off=lambda: scene.cloud.faults.remove(fault), on_delete=kill)


TROUBLES = (
    Trouble("lost-worked", "Reply lost, but it worked",
            "The next DELETE deletes the job, and the connection breaks before the answer.",
            _fault(play.drop(), AFTER)),
    Trouble("lost-not", "Reply lost, and it did not work",
            "The connection of the next DELETE breaks before anything is deleted.",
            _fault(play.drop())),
    Trouble("error-500", "Internal error",
            "The next DELETE is answered with HTTP 500 and MSS.00000004, and deletes nothing.",
            _fault(play.error(500, "MSS.00000004", "Internal error"))),
    Trouble("throttled", "Throttled",
            "The next three DELETEs get HTTP 429. This alone is sent again, at most twice, after fresh checks.",
            _fault(play.throttled(), times=3)),
    Trouble("slow", "Cloud slow",
            f"Every answer of MetaStudio takes {SLOW_BY} s longer, until you switch this off.",
            _slow),
    Trouble("changed", "State changes between card and click",
            f"Right after the next card the job goes to {BUSY_STATE}. Then press the button.",
            _after_card(lambda scene, job: scene.cloud.set_state(job, BUSY_STATE))),
    Trouble("gone", "Job already gone",
            "Right after the next card somebody deletes the job in the console. Then press the button.",
            _after_card(lambda scene, job: scene.cloud.remove(job))),
    Trouble("slack-refuses", "Slack refuses posts",
            f"From the next DELETE on Slack answers every post with HTTP 503, for {REFUSE_FOR:.0f} s.",
            _slack_refuses),
    Trouble("killed", "Bot killed in the middle",
            "kill -9 while MetaStudio has the next DELETE, which works. Then the bot is started again.",
            _killed),
)  # fmt: skip


class Troubles:
    """All switches of one scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._armed: dict[str, Armed] = {}
        self._lock = threading.Lock()
        scene.slack.after_call = self._called
        scene.cloud.after_call = self._seen

    def switch(self, key: str, *, on: bool) -> None:
        """Turn a switch on or off. KeyError: there is no such switch."""
        trouble = next((each for each in TROUBLES if each.key == key), None)
        if trouble is None:
            raise KeyError(key)
        with self._lock:
            before = self._armed.pop(key, None)
            if before is not None:
                before.off()
            if on:
                self._armed[key] = trouble.arm(self.scene)
        self.scene.notify()

    def view(self) -> list[dict[str, Any]]:
        """Every switch, with its progress."""
        with self._lock:
            for key in [key for key, armed in self._armed.items() if armed.is_over()]:
                del self._armed[key]
            armed = dict(self._armed)
        return [
            {
                "key": each.key,
                "title": each.title,
                "plays": each.plays,
                "on": each.key in armed,
                "until": armed[each.key].until if each.key in armed else None,
            }
            for each in TROUBLES
        ]

    def _waiting(self, hook: str) -> list[Callable[..., None]]:
        """The hooks of this kind that have not been played. Each is played once."""
        with self._lock:
            waiting = [armed for armed in self._armed.values() if getattr(armed, hook) and not armed.played]
            for armed in waiting:
                armed.played = True
        return [getattr(armed, hook) for armed in waiting]

    def _called(self, call: Call) -> None:
        """Runs after a call of the bot to Slack. A card is a message with buttons that names a job."""
        if call.method == "chat.postMessage" and call.ok and buttons_of(call.args.get("blocks") or []):
            job = next((job for job in list(self.scene.cloud.jobs) if job in call.args.get("text", "")), None)
            for play_it in self._waiting("after_card") if job else ():
                play_it(job)

    def _seen(self, seen: Seen) -> None:
        """Runs after a request had its effect in MetaStudio, before the answer."""
        for play_it in self._waiting("on_delete") if seen.operation == DELETE else ():
            play_it()

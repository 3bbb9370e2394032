"""The stories in which the bot dies: what people do, how the world answers, and how it has to end all the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.domain.model import Deletion, State
from bot.domain.refusals import Reason
from sandbox.metastudio import faults as play
from tests.crash.boundaries import AFTER, BEFORE, Boundary, Died, worth_dying_at
from tests.crash.scene import DELETE, Stage
from tests.crash.truth import problems

SHOW, LIST = "Show2dModelTrainingJob", "List2dModelTrainingJob"
A_LITTLE = 30.0
"""Seconds between the card and the click: long enough for Slack to be asked again who presses."""


def nothing(stage: Stage) -> None:
    """Nothing."""


def confirm(stage: Stage) -> None:
    """Press *Delete permanently*."""
    stage.clock.add(A_LITTLE)
    stage.press("dh_confirm")


@dataclass(frozen=True)
class Story:
    """One course of events. ``act`` is what somebody does with a card that waits for a decision."""

    name: str
    ends: frozenset[State]
    act: Callable[[Stage], None] = confirm
    prepare: Callable[[Stage], None] = nothing
    ask: Callable[[Stage], object] = Stage.ask
    finish: Callable[[Stage], None] = nothing
    """What somebody does who sees how it stands when nothing goes on by itself any more."""
    settings: dict[str, str] = field(default_factory=dict)
    died_at: Boundary | None = None
    """The story is about what follows that death."""
    job_goes: bool | None = None
    """Whether the job is gone in the end; None: as it was decided."""

    @property
    def ends_without_card(self) -> bool:
        """Whether the command is refused."""
        return self.name in {"not allowed", "not deletable"}

    # -- playing it --

    def play(self, stage: Stage) -> None:
        """From the command to the end, where nobody dies."""
        stage.tick()
        self.ask(stage)
        if stage.card_with("dh_confirm"):
            self.act(stage)
        stage.settle()
        self.finish(stage)
        stage.settle()

    def go_on(self, stage: Stage) -> None:
        """What people do who want it to end as they wanted, whatever happened so far."""
        for _ in range(5):
            stage.settle()
            newest = stage.newest()
            if newest is not None and newest.state is State.UNKNOWN:
                self.finish(stage)
            elif newest is not None and self._is_its_end(newest, stage):
                return
            elif newest is not None and newest.state is State.AWAITING:
                self.act(stage)
            elif State.NEW in self.ends and stage.done:
                return
            else:
                self.ask(stage)

    def _is_its_end(self, newest: Deletion, stage: Stage) -> bool:
        # A card that was closed because the bot restarted is nobody's wish: they run the command again.
        is_cut_off = newest.ended_why == Reason.RESTARTED and stage.job in stage.cloud.jobs
        return newest.state in self.ends and not is_cut_off

    def is_over(self, stage: Stage) -> list[str]:
        """What is wrong with the end of the story."""
        newest = stage.newest()
        state = newest.state if newest else State.NEW
        # Where the time ran out because the clock was set, nobody gets another card for a job that has gone meanwhile.
        is_too_late = state is State.EXPIRED and self.job_goes is True and stage.job not in stage.cloud.jobs
        found = [] if state in self.ends or is_too_late else [f"the story ends {state.value}"]
        wanted = state is State.DELETED if self.job_goes is None else self.job_goes
        if (stage.job not in stage.cloud.jobs) != wanted:
            found.append(f"the story ends {state.value}, and the job is {'there' if wanted else 'gone'}")
        return found


def begin(
    story: Story,
    stage: Stage,
    ends_at: Boundary | None = None,
    rotate: int = 0,
    instead: Callable[[], None] | None = None,
) -> None:
    """Play the story up to its end or to that boundary; Died tells which. ``instead`` happens there and nobody dies."""
    stage.new_cell(story.settings, rotate)
    story.prepare(stage)
    if story.died_at is None:
        stage.live(ends_at, instead)
        story.play(stage)
        return
    stage.live(story.died_at)
    try:
        story.play(stage)
        raise AssertionError(f"nobody dies {story.died_at}")
    except Died:
        stage.bury()
    stage.live(ends_at, instead)
    story.go_on(stage)


def recorded(story: Story, stage: Stage) -> list[Boundary]:
    """The boundaries of the story, found by playing it. It has to end well."""
    begin(story, stage)
    trace = list(stage.life.trace)
    found = [*problems(stage), *story.is_over(stage)]
    assert not found, found
    return worth_dying_at(trace)


def cell(story: Story, stage: Stage, ends_at: Boundary, *, rotate: int, at_once: bool) -> list[str] | None:
    """Die there, start again, let everything come to rest; what is wrong then, and what is wrong in the end.

    ``at_once``: people do not wait until the new process has found its feet, but press what there is to press;
    None where there is nothing, so that the cell would be the same as without.
    """
    with contextlib.suppress(Died):
        begin(story, stage, ends_at, rotate)
    if not stage.life.dead:
        return ["the story never gets there"]
    stage.bury()
    stage.live()
    if at_once:
        if not stage.card_with("dh_confirm"):
            return None
        story.act(stage)
    stage.settle()
    found = problems(stage)
    story.go_on(stage)
    return [*found, *problems(stage), *story.is_over(stage)]


def clock_cell(story: Story, stage: Stage, at: Boundary, *, rotate: int, step: float) -> list[str]:
    """The wall clock is set there, and the bot goes on; what is wrong when all has come to rest, and in the end."""
    left = [step]
    begin(story, stage, at, rotate, instead=lambda: stage.set_clock(left.pop()))
    if left:
        return ["the story never gets there"]
    stage.settle()
    found = problems(stage)
    # A request that was signed just before is rejected, and the breaker rests for five minutes.
    stage.tick(301)
    story.go_on(stage)
    return [*found, *problems(stage), *story.is_over(stage)]


# -- the stories -------------------------------------------------------------------------------------------------------


def _fault(operation: str, spoil: play.Spoil, when: str = "before", times: int = 1) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        stage.cloud.faults.add(operation, spoil, when=when, times=times)

    return prepare


def _cancel(stage: Stage) -> None:
    stage.press("dh_cancel")


def _let_it_expire(stage: Stage) -> None:
    stage.clock.add(700)
    stage.tick()


def _change_and_confirm(stage: Stage) -> None:
    stage.cloud.change(stage.job, name=f"Anchor Li {len(stage.moments)}")
    confirm(stage)


def _remove_and_confirm(stage: Stage) -> None:
    if stage.job in stage.cloud.jobs:
        stage.cloud.remove(stage.job)
    confirm(stage)


def _two_people(stage: Stage) -> None:
    stage.clock.add(A_LITTLE)
    card = stage.card_with("dh_confirm")
    stage.press(user=stage.ben, card=card)
    stage.press(user=stage.anna, card=card, force=True)


def _confirm_unless_archived(stage: Stage) -> None:
    if not stage.slack.channels[stage.ops].archived:
        confirm(stage)


def _archive_at_the_delete(stage: Stage) -> None:
    stage.at_delete = lambda: stage.slack.archive(stage.ops)


def _slack_has_a_bad_day(stage: Stage) -> None:
    def in_a_thread(args: dict[str, object]) -> bool:
        return bool(args.get("thread_ts"))

    stage.slack.faults.add("chat.postMessage", "ratelimited", where=in_a_thread, retry_after=5)
    stage.slack.faults.add("chat.postMessage", "drop", where=in_a_thread, when="after")
    stage.slack.faults.add("chat.update", "http", when="after")


def _post_twice(stage: Stage) -> None:
    stage.slack.faults.add("chat.postMessage", "drop", when="after")


def _press_all(stage: Stage) -> None:
    stage.clock.add(A_LITTLE)
    for card in stage.cards():
        stage.press(card=card, force=True)


def _no_way_to_answer(stage: Stage) -> None:
    stage.slack.faults.add("response_url", "http")
    stage.slack.faults.add("chat.postEphemeral", "http")


def _by_a_stranger(stage: Stage) -> object:
    return stage.ask(user=stage.carl)


def _nothing_decides(stage: Stage) -> None:
    stage.skips_days = True
    stage.cloud.faults.add(DELETE, play.drop(), when="after")
    stage.cloud.faults.add(LIST, play.error(503, "MSS.00000004"), times=None)


def _check_and_close(stage: Stage) -> None:
    if stage.card_with("dh_check_now"):
        stage.press("dh_check_now")
    word = "dh_close_present" if stage.job in stage.cloud.jobs else "dh_close_deleted"
    if stage.card_with(word):
        stage.press(word, user=stage.ben)


def _lose_and_forget(stage: Stage) -> None:
    stage.cloud.faults.add(DELETE, play.drop())
    stage.at_delete = lambda: stage.cloud.forget(stage.job, 9)


def _busy_job(stage: Stage) -> None:
    stage.cloud.set_state(stage.job, "TRAINING")


def _after(name: str, nth: int = 1) -> Boundary:
    return Boundary(AFTER, name, nth)


_DELETED, _FAILED = frozenset({State.DELETED}), frozenset({State.FAILED})

STORIES = [
    Story("deleted", _DELETED),
    Story("deleted, with an audit channel", _DELETED, settings={"AUDIT_CHANNEL": "yes"}),
    Story("cancelled", frozenset({State.CANCELLED}), _cancel),
    Story("expired", frozenset({State.EXPIRED}), _let_it_expire),
    Story("the job has changed", frozenset({State.REFUSED}), _change_and_confirm),
    Story("the job has gone", frozenset({State.REFUSED}), _remove_and_confirm, job_goes=True),
    Story("reply lost, deleted", _DELETED, prepare=_fault(DELETE, play.drop(), "after")),
    Story("reply lost, not deleted", _FAILED, prepare=_fault(DELETE, play.drop())),
    Story("500, not deleted", _FAILED, prepare=_fault(DELETE, play.error(500, "MSS.00000004"))),
    Story("rejected", _FAILED, prepare=_fault(DELETE, play.error(400, "MSS.00000003"))),
    Story("rejected, deleted", _DELETED, prepare=_fault(DELETE, play.error(400, "MSS.00000003"), "after")),
    Story("404, not deleted", _FAILED, prepare=_fault(DELETE, play.error(404, "MSS.41000003"))),
    Story("repeated on the way", _DELETED, prepare=_fault(DELETE, play.repeated_on_the_way, "after")),
    Story("forgotten for a moment", _FAILED, prepare=_lose_and_forget),
    Story("throttled twice", _DELETED, prepare=_fault(DELETE, play.throttled(), times=2)),
    Story("throttled each time", _FAILED, prepare=_fault(DELETE, play.throttled(), times=3)),
    Story("two people", _DELETED, _two_people, settings={"CONFIRM_BY": "any_operator"}),
    Story("the channel is archived", _DELETED, _confirm_unless_archived, _archive_at_the_delete),
    Story("Slack has a bad day", _DELETED, prepare=_slack_has_a_bad_day),
    Story("the card is posted twice", _DELETED, _press_all, prepare=_post_twice),
    Story("not allowed", frozenset({State.NEW}), ask=_by_a_stranger, prepare=_no_way_to_answer),
    Story("not deletable", frozenset({State.REFUSED}), prepare=_busy_job),
    Story("closed by hand", _DELETED, prepare=_nothing_decides, finish=_check_and_close),
    Story("died before the DELETE", _DELETED, died_at=Boundary(BEFORE, f"cloud {DELETE}", 1)),
    Story("died after the DELETE", _DELETED, died_at=_after(f"cloud {DELETE}")),
    Story("died after the card", _DELETED, died_at=_after("slack chat.postMessage (card)")),
    Story("died after the outcome", _DELETED, died_at=_after("ledger change:reply: deleted")),
]

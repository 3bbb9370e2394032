"""One deletion in the terminal: the real bot, with its messages and requests printed."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.bot_process import BotProcess, settings_for
from sandbox.metastudio import faults as play
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Slack

if TYPE_CHECKING:
    from sandbox.slack.slack import Message

WAIT = 20.0
COMMAND = "/delete-dh-job"
INTERRUPTED = 130


class Story:
    """Prints what people do, what the bot posts, and which requests MetaStudio gets."""

    def __init__(self, slack: Slack, cloud: MetaStudio) -> None:
        self.slack = slack
        self.cloud = cloud
        self._width = min(shutil.get_terminal_size((100, 40)).columns, 110) - 4
        self._request_ids = 0

    def step(self, text: str) -> None:
        """Print a heading."""
        self.requests()
        print(f"\n== {text}", flush=True)

    def person(self, name: str, does: str) -> None:
        """Print a person's action."""
        print(f"\n  {name}: {does}", flush=True)

    def message(self, who: str, message: Message) -> None:
        """Print a message of the bot as a person reads it."""
        self.requests()
        print(f"\n  {who}:")
        for line in self.slack.plain(message).splitlines():
            print(textwrap.indent(textwrap.fill(line, self._width, subsequent_indent="  ") or "", "    | "), flush=True)

    def requests(self) -> None:
        """Print the requests that MetaStudio got since the last time."""
        seen = list(self.cloud.requests)
        for request in seen[self._request_ids :]:
            status = "no answer" if request.status is None else f"HTTP {request.status}"
            path = request.target.partition("digital-human-training-manage")[2]
            print(
                f"    -> MetaStudio: {request.method} …{path} {status}, X-Request-Id {request.request_id}", flush=True
            )
        self._request_ids = len(seen)


def main() -> int:
    """Run the story; returns the exit status."""
    print("dh-bot sandbox: the real bot against a local Slack and a local MetaStudio, all on this machine.")
    print("Starting …", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="dh-bot-sandbox-"))
    try:
        with Slack() as slack, MetaStudio() as cloud:
            return _run(slack, cloud, folder)
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return INTERRUPTED
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(slack: Slack, cloud: MetaStudio, folder: Path) -> int:
    anna, carl = slack.add_user("anna"), slack.add_user("carl")
    ops = slack.add_channel("dh-on-call", members=[anna, carl])
    settings = settings_for(slack, cloud, folder) | {
        "AUTHORIZED_USERS": anna,
        "ENVIRONMENT_LABEL": "sandbox",
        "HELP_CONTACT": "the person at the next desk",
        "SETTLE_AFTER_SECONDS": "3",
        "READ_TIMEOUT": "2",
        "LOG_LEVEL": "WARNING",
    }

    def wake() -> None:
        with slack.changed:
            slack.changed.notify_all()

    bot = BotProcess(folder, settings, wake)
    try:
        slack.wait_for(lambda: slack.sockets.links or bot.has_ended, WAIT)
        if bot.has_ended:
            print("The bot did not start:", *bot.log, sep="\n  ", file=sys.stderr)
            return 1
        _play(Story(slack, cloud), anna, carl, ops)
    except TimeoutError:
        print("Something that was expected did not happen. The bot's log:", *bot.log, sep="\n  ", file=sys.stderr)
        return 1
    finally:
        if bot.popen.poll() is None:
            bot.stop()
    print("\nThat was all. Nothing outside this machine was touched, and nothing is left behind.")
    return 0


def _play(story: Story, anna: str, carl: str, ops: str) -> None:
    slack, cloud = story.slack, story.cloud
    job = cloud.add_job(state="TRAIN_FAILED", name="Anchor Li, summer campaign")

    story.step("Somebody without rights asks")
    story.person("carl", f"{COMMAND} {job}")
    refused = slack.command(carl, ops, job)
    story.message("dh-bot, only to carl", refused.wait_answer(WAIT))
    story.message("dh-bot, only to carl", refused.wait_answer(WAIT, 2))

    story.step("Anna, who is listed, asks")
    story.person("anna", f"{COMMAND} {job} the customer took back their consent")
    asked = slack.command(anna, ops, f"{job} the customer took back their consent")
    story.message("dh-bot, only to anna", asked.wait_answer(WAIT))
    card = _wait(slack, lambda: slack.messages(ops))[-1]
    story.message("dh-bot, in #dh-on-call", card)

    story.step("Anna presses the red button and confirms in Slack's dialog")
    slack.click(anna, card, "dh_confirm").wait_ack()
    outcome = _wait(slack, lambda: slack.thread(card))[0]
    story.message("dh-bot, in the thread", outcome)
    story.message("dh-bot, in the thread, some seconds later", _wait(slack, lambda: slack.thread(card)[1:])[0])

    story.step("Another job, and this time MetaStudio's answer gets lost after the deletion worked")
    job = cloud.add_job(state="JOB_SUCCESS", name="Anchor Wang, retired")
    cloud.faults.add("Delete2dModelTrainingJob", play.drop(), when="after")
    story.person("anna", f"{COMMAND} {job}")
    slack.command(anna, ops, job).wait_ack()
    card = _wait(slack, lambda: slack.messages(ops)[1:])[0]
    story.person("anna", "presses the red button")
    slack.click(anna, card, "dh_confirm").wait_ack()
    story.message("dh-bot, in the thread", _wait(slack, lambda: slack.thread(card))[0])
    story.message("dh-bot, in the thread, once it knows", _wait(slack, lambda: slack.thread(card)[1:])[0])
    story.requests()
    print(f"\n  DELETE requests that arrived: {len(cloud.requests_to('Delete2dModelTrainingJob'))}, one for each job.")


def _wait(slack: Slack, found: Callable[[], list[Message]]) -> list[Message]:
    return slack.wait_for(found, WAIT)


if __name__ == "__main__":
    sys.exit(main())

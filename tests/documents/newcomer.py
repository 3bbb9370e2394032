"""Somebody at a new machine who has docs/install.md, and what they do there with every way of starting the bot."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Generic, TypeVar

import yaml

from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Slack
from tests.documents.blocks import ROOT, Block, blocks
from tests.documents.machine import Shell

PAGE = ROOT / "docs" / "install.md"
DATABASE_URL = "postgresql+psycopg://dh_bot:made-up@db.example.com/dh_bot"


M = TypeVar("M", bound=Shell)


class Newcomer(Generic[M]):
    """Somebody at a new machine, with a workspace and a project, and the page."""

    def __init__(self, machine: M, slack: Slack, cloud: MetaStudio) -> None:
        self.m, self.slack, self.cloud = machine, slack, cloud
        self.blocks = blocks(PAGE)
        self.done: list[str] = []
        """The commands in sentences that were followed."""
        self.anna = slack.add_user("anna")
        self.ops = slack.add_channel("ops", members=[self.anna], bot=False)
        self.clone = self.m.home / "dh-bot"

    def block(self, begins: str) -> Block:
        """The one block with this beginning."""
        (found,) = [one for one in self.blocks if one.text.startswith(begins)]
        return found

    def values(self) -> dict[str, str]:
        """What the newcomer has copied from Slack and Huawei Cloud, by the names of the page."""
        return {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "METASTUDIO_PROJECT_ID": self.cloud.project_id,
            "HUAWEICLOUD_SDK_AK": self.cloud.ak,
            "HUAWEICLOUD_SDK_SK": self.cloud.sk,
            "AUTHORIZED_USERS": self.anna,
            "AUTHORIZED_CHANNELS": self.ops,
            "HELP_CONTACT": self.ops,
            "DATABASE_URL": DATABASE_URL,
        }

    def pointers(self) -> dict[str, str]:
        """All that is not on the page: that it is not the real Slack and the real MetaStudio."""
        return {"SLACK_API_URL": self.slack.url, "METASTUDIO_ENDPOINT": self.cloud.url}

    def filled_in(self, sample: str) -> str:
        """Sample settings with the newcomer's own values; what is not to be replaced stays as it is."""
        values = self.values()
        return re.sub(r"(?m)^([A-Z_]+)=(.*)$", lambda line: f"{line[1]}={values.get(line[1], line[2])}", sample)

    def secret(self, file: str) -> str:
        """What belongs into the file of this name."""
        return self.values()[file.upper().replace("-", "_")]

    # -- in Slack --

    def install_the_app(self) -> None:
        """The workspace takes the manifest, and grants what it names and nothing more; the bot is invited."""
        manifest = yaml.safe_load((self.clone / "manifest.yml").read_text(encoding="utf-8"))
        self.slack.scopes = set(manifest["oauth_config"]["scopes"]["bot"])
        (command,) = manifest["features"]["slash_commands"]
        self.slack.command_name = command["command"]
        invite = f"/invite @{manifest['features']['bot_user']['display_name']}"
        self.slack.channels[self.ops].members.append(self.slack.bot_user_id)
        self.done.append(invite)

    def sees_that_it_works(self) -> None:
        """What the last section says to type, in its order, up to the deletion."""
        job = self.cloud.add_job(state="TRAIN_FAILED")
        section = PAGE.read_text(encoding="utf-8").split("## 5 See that it works")[1].split("\n## ")[0]
        help_, whoami, dry_run, delete = slash = re.findall(r"`(/delete-dh-job[^`]*)`", section)
        self.done += slash
        self.asks(help_, "whoami")
        self.asks(whoami, "You may")
        self.asks(f"{dry_run} {job}", "TRAIN_FAILED")
        assert self.cloud.deletes_arrived(job) == 0
        before = len(self.slack.messages(self.ops))
        self.asks(f"{delete} {job}", "Checking")
        card = self.slack.wait_for(lambda: self.slack.messages(self.ops)[before:], 20)[0]
        self.slack.click(self.anna, card, "dh_confirm").wait_ack()
        outcome = self.slack.wait_for(lambda: self.slack.thread(card), 20)[0].text
        assert "*Deleted:*" in outcome
        assert "Request ID" in outcome
        assert job not in self.cloud.jobs
        assert self.cloud.deletes_arrived(job) == 1

    def asks(self, typed: str, expected: str) -> None:
        """Type that in the channel, and be told something with this in it."""
        command, _, text = typed.partition(" ")
        asked = self.slack.command(self.anna, self.ops, text, command=command)
        asked.wait_ack()
        self.slack.wait_for(lambda: any(expected in answer.text for answer in asked.answers), 20)


def becomes_so(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that nobody tells; installing takes the longest."""
    give_up = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def status_of(url: str) -> int:
    """The HTTP status that is answered there."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@contextmanager
def running(process: subprocess.Popen[str], until: str) -> Iterator[list[str]]:
    """A process that has said that it is there; nothing of it is left behind, whatever happens. What it prints."""
    lines: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as printed:
            lines.extend(iter(printed.readline, ""))

    reader = Thread(target=read, daemon=True)
    try:
        reader.start()
        becomes_so(lambda: any(until in line for line in lines) or process.poll() is not None, until)
        assert process.poll() is None, "".join(lines)
        yield lines
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(10)


def is_fine(told: str, *, bot_runs: bool) -> None:
    """All is fine but that these are not the real Slack and MetaStudio, and that beside a bot no WebSocket is tried."""
    *lines, last = told.splitlines()
    *waiting, note = [line for line in lines if not line.startswith("fine ")]
    assert note.startswith("note "), told
    assert [line.partition(":")[0] for line in waiting] == ["not checked  WebSocket"] * bot_runs, told
    assert len(lines) > 20
    assert last == ("Nothing wrong, 1 not checked" if bot_runs else f"All well: {len(lines) - 1} fine, 1 note")


def installs_the_unit(n: Newcomer[Any], **more: str) -> None:
    """The commands of root, up to the start; these settings stand in the file besides those of the page."""
    for command in n.block("python3 -m venv").commands:
        n.m.types(command)
    settings = Path(n.m.moved("/etc/dh-bot/settings.env"))
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    filled = n.filled_in(settings.read_text(encoding="utf-8"))
    more = {**n.pointers(), **more}
    settings.write_text(filled + "".join(f"{name}={text}\n" for name, text in more.items()), encoding="utf-8")
    puts_secrets(n, n.block("for name in"))


def puts_secrets(n: Newcomer[Any], block: Block) -> None:
    """Type a loop that asks for one secret after the other, and answer it; each file is its owner's alone."""
    *before, loop = block.commands
    for command in before:
        n.m.types(command)
    (names,) = re.findall(r"^for name in (.*); do$", loop, re.MULTILINE)
    (where,) = re.findall(r'> "(.*)/\$name"', loop)
    assert "read -rs " in loop, "what is typed would be shown"
    n.m.types(loop, "".join(f"{n.secret(name)}\n" for name in names.split()))
    folder = n.m.folder / n.m.moved(where)
    for name in names.split():
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert (folder / name).read_text(encoding="utf-8") == f"{n.secret(name)}\n"

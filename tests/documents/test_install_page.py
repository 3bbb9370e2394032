"""Whoever follows docs/install.md, and nothing else, gets from nothing to a deletion.

The commands are taken from the page and typed one after the other, in a clone, with an empty home. Slack and MetaStudio
are the sandbox's; where they are is all that the page does not say. What stand-ins cannot show stands at the end of the
page: no image is built, no cluster takes the manifest, no systemd starts the unit.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import yaml

from bot.settings import Settings
from sandbox.metastudio import MetaStudio
from sandbox.slack import Slack
from tests.documents import absent
from tests.documents.blocks import ROOT, Block, blocks, in_sentences
from tests.documents.machine import Machine
from tests.documents.unit import Unit
from tests.flow.world import free_port

PAGE = ROOT / "docs" / "install.md"
TYPED = re.compile(r"/delete-dh-job|(?:/delete-dh-job|/invite|make|chmod|cp|git|pip|python3?|dh-bot|docker|kubectl) .+")
"""A command in a sentence."""
DATABASE_URL = "postgresql+psycopg://dh_bot:made-up@db.example.com/dh_bot"


class Newcomer:
    """Somebody at a new machine, with a workspace and a project, and the page."""

    def __init__(self, top: Path, slack: Slack, cloud: MetaStudio) -> None:
        self.m, self.slack, self.cloud = Machine(top), slack, cloud
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
        assert "is deleted" in outcome
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


def is_fine(told: str) -> None:
    """The doctor says of each check that it is fine, and that these are not the real Slack and MetaStudio."""
    states = Counter(line.split()[0] for line in told.splitlines())
    assert states.keys() == {"fine", "note"}, told
    assert states["fine"] > 10
    assert states["note"] == 1, told


def looks_at_the_sandbox(n: Newcomer) -> None:
    """The sandbox, which needs no settings."""
    (sandbox,) = [span for span in in_sentences(PAGE) if span == "make sandbox"]
    n.done.append(sandbox)
    with running(process := n.m.starts(sandbox), "Ctrl-C") as lines:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+/", "".join(lines))
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert b"dh-bot sandbox" in answer.read()
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert "nothing is left behind" in "".join(lines)


def by_hand(n: Newcomer) -> None:
    """`.env`, the doctor, the bot."""
    env = n.clone / ".env"
    env.write_text(n.filled_in(n.block("SLACK_BOT_TOKEN=").text), encoding="utf-8")
    n.m.types("chmod 600 .env")
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    n.done.append("chmod 600 .env")
    install, upgrade, doctor, run = n.block("make install").commands
    n.m.types(install)
    n.done.append(install)
    n.m.types(upgrade)
    is_fine(n.m.types(doctor, **n.pointers()))
    with running(process := n.m.starts(run, **n.pointers()), "ready"):
        n.sees_that_it_works()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(75) == 130


def by_systemd(n: Newcomer) -> None:
    """The commands of root, and then what systemd would do."""
    for command in n.block("python3 -m venv").commands:
        n.m.types(command)
    settings = n.m.root / "etc/dh-bot/settings.env"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    filled = n.filled_in(settings.read_text(encoding="utf-8"))
    settings.write_text(filled + "".join(f"{name}={text}\n" for name, text in n.pointers().items()), encoding="utf-8")
    puts_secrets(n, n.block("for name in"))
    for command in n.block("systemctl").commands:
        n.m.types(command)
    unit = Unit(n.m)
    assert unit.all("WantedBy") == ["multi-user.target"], "else it cannot be enabled"
    enabled, followed = n.m.told()
    assert enabled == ["systemctl", "enable", "--now", "dh-bot"]
    assert followed == ["journalctl", "--unit", "dh-bot", "--follow"]
    folder, port = unit.prepare(), free_port()
    # The unit's own port may be taken on this machine.
    environ = unit.environ() | {"OPS_PORT": str(port)}
    with running(process := n.m.runs(unit.words(), folder, environ), "ready"):
        n.sees_that_it_works()
        becomes_so(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == 200, "ready")
        into, doctor = n.block("cd /etc/dh-bot").commands
        here = n.m.folder
        n.m.types(into)
        is_fine(n.m.types(doctor))
        n.m.folder = here
        process.terminate()
        assert process.wait(int(unit.one("TimeoutStopSec"))) == 0
    assert (folder / "dh-bot.db").exists()


def puts_secrets(n: Newcomer, block: Block) -> None:
    """Type a loop that asks for one secret after the other, and answer it; each file is its owner's alone."""
    *before, loop = block.commands
    for command in before:
        n.m.types(command)
    (names,) = re.findall(r"^for name in (.*); do$", loop, re.MULTILINE)
    (where,) = re.findall(r'> "(.*)/\$name"', loop)
    n.m.types(loop, "".join(f"{n.secret(name)}\n" for name in names.split()))
    folder = n.m.folder / n.m.moved(where)
    for name in names.split():
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert (folder / name).read_text(encoding="utf-8") == f"{n.secret(name)}\n"


def in_a_container(n: Newcomer) -> None:
    """What docker is told fits together, its client takes the words, and the bot takes `.env` as docker hands it on."""
    for command in n.block("docker build").commands:
        n.m.types(command)
    told = n.m.told()
    assert [words for words in told if absent.docker_refuses(words, n.clone)] == []
    built, ran, logged, executed = map(absent.understood, told)
    assert (n.clone / built.f).is_file()
    assert built.context == "."
    assert ran.image == built.t
    assert ran.restart == "unless-stopped", "on-failure does not start it again after the machine was restarted"
    assert ran.name == logged.container == executed.container
    dockerfile = (n.clone / built.f).read_text(encoding="utf-8")
    assert f'ENTRYPOINT ["{executed.program}"]' in dockerfile
    assert ran.volume.endswith(":" + re.findall(r"^WORKDIR (/data)$", dockerfile, re.MULTILINE)[0])
    handed = dict(re.findall(r"^([A-Z_]+)=(.*)$", (n.clone / ran.env_file).read_text(encoding="utf-8"), re.MULTILINE))
    assert Settings.load(handed, env_file=None).notices() == []


def in_kubernetes(n: Newcomer) -> None:
    """What kubectl is told fits to the manifest: its names, and a file for each secret that the settings look for."""
    puts_secrets(n, n.block("mkdir"))
    for command in n.block("kubectl").commands:
        n.m.types(command)
    told = n.m.told()
    namespace, secret, applied, rolled, executed = map(absent.understood, told)
    assert {one.namespace for one in (secret, applied, rolled, executed)} == {namespace.name}
    text = (n.clone / applied.filename).read_text(encoding="utf-8")
    parts = {part["kind"]: part for part in yaml.safe_load_all(text)}
    looked_for = {Path(value).name for name, value in parts["ConfigMap"]["data"].items() if name.endswith("_FILE")}
    (mounted,) = [
        one["secret"] for one in parts["Deployment"]["spec"]["template"]["spec"]["volumes"] if "secret" in one
    ]
    assert secret.name == mounted["secretName"]
    assert {path.name for path in (n.clone / secret.from_file).iterdir()} == looked_for
    assert absent.keys_of_secret(told[1], n.clone) in (looked_for, None)
    assert rolled.what == executed.what == f"deployment/{parts['Deployment']['metadata']['name']}"
    assert executed.program == "dh-bot"
    assert "deploy/secrets" not in n.m.runs_to_its_end("git status --porcelain")


def over_http(n: Newcomer) -> None:
    """The manifest for HTTP mode is written, with that address."""
    (command,) = [span for span in in_sentences(PAGE) if span.startswith("make manifest-http")]
    n.m.types(command)
    n.done.append(command)
    manifest = yaml.safe_load((n.clone / "manifest-http.yml").read_text(encoding="utf-8"))
    assert manifest["settings"]["interactivity"]["request_url"] == f"{command.partition('URL=')[2]}/slack/events"


@pytest.mark.long
def test_following_only_the_page_a_newcomer_deletes_a_job(tmp_path: Path) -> None:
    """By hand and under systemd, from a clone to the outcome in the thread; each command of the page is typed."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, so there is nothing to clone")
    with Slack() as slack, MetaStudio() as cloud:
        n = Newcomer(tmp_path, slack, cloud)
        clone, into = n.block("git clone").commands
        n.m.clones(clone, ROOT)
        n.m.types(into)
        assert n.m.folder == n.clone
        n.install_the_app()
        by_hand(n)
        looks_at_the_sandbox(n)
        over_http(n)
        in_a_container(n)
        in_kubernetes(n)
        by_systemd(n)
        assert slack.violations == []
        assert cloud.errors == []
    assert {command for block in n.blocks if block.info == "sh" for command in block.commands} <= set(n.m.typed)
    assert {span for span in in_sentences(PAGE) if TYPED.fullmatch(span)} == set(n.done)

"""Whoever follows docs/install.md, and nothing else, gets from nothing to a deletion.

The commands are taken from the page and typed one after the other, in a clone, with an empty home. Slack and MetaStudio
are the sandbox's; where they are is all that the page does not say. What stand-ins cannot show
of the image and of the unit, tests/real shows; no cluster takes the manifest.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import urllib.request
from pathlib import Path

import pytest
import yaml

from bot.settings.load import read_settings
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Slack
from tests.documents import absent
from tests.documents.blocks import ROOT, in_sentences
from tests.documents.machine import Machine
from tests.documents.newcomer import (
    PAGE,
    Newcomer,
    becomes_so,
    installs_the_unit,
    is_fine,
    puts_secrets,
    running,
    status_of,
)
from tests.documents.unit import Unit
from tests.flow.world import free_port

TYPED = re.compile(r"/delete-dh-job|(?:/delete-dh-job|/invite|make|chmod|cp|git|pip|python3?|dh-bot|docker|kubectl) .+")
"""A command in a sentence."""


def looks_at_the_sandbox(n: Newcomer[Machine]) -> None:
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


def by_hand(n: Newcomer[Machine]) -> None:
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
    is_fine(n.m.types(doctor, **n.pointers()), bot_runs=False)
    with running(process := n.m.starts(run, **n.pointers()), "ready"):
        n.sees_that_it_works()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(75) == 130


def with_pipx(n: Newcomer[Machine]) -> None:
    """There is no pipx among the development requirements. It gives the folder to pip, as tests/release does."""
    (command,) = n.block("pipx").commands
    n.m.types(command)
    (words,) = n.m.told()
    assert (n.clone / absent.understood(words).what / "pyproject.toml").is_file()


def by_systemd(n: Newcomer[Machine]) -> None:
    """The commands of root, and then what systemd would do."""
    installs_the_unit(n)
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
        is_fine(n.m.types(doctor), bot_runs=True)
        n.m.folder = here
        process.terminate()
        assert process.wait(int(unit.one("TimeoutStopSec"))) == 0
    assert (folder / "dh-bot.db").exists()


def in_a_container(n: Newcomer[Machine]) -> None:
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
    assert read_settings(handed, env_file=None).notices() == []


def in_kubernetes(n: Newcomer[Machine]) -> None:
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
    assert "deploy/secrets" not in n.m.runs_to_its_end(["git", "status", "--porcelain"])


def over_http(n: Newcomer[Machine]) -> None:
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
    with Slack() as slack, MetaStudio(project_id="fedcba9876543210fedcba9876543210") as cloud:
        n = Newcomer(Machine(tmp_path), slack, cloud)
        clone, into = n.block("git clone").commands
        n.m.clones(clone, ROOT)
        n.m.types(into)
        assert n.m.folder == n.clone
        n.install_the_app()
        by_hand(n)
        with_pipx(n)
        looks_at_the_sandbox(n)
        over_http(n)
        in_a_container(n)
        in_kubernetes(n)
        by_systemd(n)
        assert slack.violations == []
        assert cloud.errors == []
    assert {command for block in n.blocks if block.info == "sh" for command in block.commands} <= set(n.m.typed)
    assert {span for span in in_sentences(PAGE) if TYPED.fullmatch(span)} == set(n.done)

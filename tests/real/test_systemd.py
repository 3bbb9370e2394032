"""deploy/systemd/dh-bot.service, installed as docs/install.md says and started by a real systemd."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.metastudio.metastudio import MetaStudio
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Slack
from tests.documents.newcomer import PAGE, Newcomer, becomes_so, installs_the_unit, is_fine, running, status_of
from tests.documents.unit import NAME
from tests.flow.world import free_port
from tests.real.booted import Booted, booted

DELETE = "Delete2dModelTrainingJob"
LEDGER = "/var/lib/private/dh-bot/dh-bot.db"
"""Where systemd keeps the state directory of a dynamic user."""
SETTINGS = "/etc/dh-bot/settings.env"


class Service:
    """The bot as systemd sees it, and people who use it."""

    def __init__(self, n: Newcomer[Booted], port: int) -> None:
        self.n, self.m, self.slack, self.cloud = n, n.m, n.slack, n.cloud
        self._port = port

    def control(self, command: str) -> None:
        """`systemctl` with these words, which has to end well."""
        self.m.runs_to_its_end(self.m.words(f"systemctl {command} dh-bot"))

    def shows(self, name: str) -> str:
        """What systemd knows of it by that name."""
        return self.m.asks(f"systemctl show --property={name} --value dh-bot").strip()

    def journal(self) -> str:
        """All that it has logged since the machine was made, with every field that the journal keeps."""
        return self.m.asks("journalctl --unit dh-bot --output=json --all --no-pager")

    def is_well(self) -> bool:
        """Whether the bot itself says that it is ready, and healthy."""
        try:
            return {status_of(f"http://127.0.0.1:{self._port}/{path}") for path in ("readyz", "healthz")} == {200}
        except OSError:
            return False

    def is_up(self) -> None:
        """Wait until it is well, which systemd has to see, too."""
        becomes_so(self.is_well, "it is ready and healthy")
        assert self.shows("ActiveState") == "active"

    def settings(self) -> Path:
        return Path(self.m.moved(SETTINGS))

    def offers(self) -> tuple[str, str]:
        """Ask for a deletion; the job, and the card's `ts`."""
        job, before = self.cloud.add_job(state="TRAIN_FAILED"), len(self.slack.messages(self.n.ops))
        self.slack.command(self.n.anna, self.n.ops, job).wait_ack()
        return job, self.slack.wait_for(lambda: self.slack.messages(self.n.ops)[before:], 20)[0].ts


@pytest.fixture(scope="module")
def installed() -> Iterator[Service]:
    """Made once: the page was followed up to where the bot is started, and that, too."""
    port = free_port()
    with Slack() as slack, MetaStudio() as cloud, booted() as machine:
        n = Newcomer(machine, slack, cloud)
        n.install_the_app()
        # The unit's own port may be taken on this machine, whose network this is.
        installs_the_unit(n, OPS_PORT=str(port))
        enable, _ = n.block("systemctl").commands
        machine.types(enable)
        yield Service(n, port)
        assert slack.violations == []
        assert cloud.errors == []


@pytest.fixture
def service(installed: Service) -> Iterator[Service]:
    """The bot, started and ready."""
    installed.control("enable --now")
    installed.is_up()
    yield installed
    installed.cloud.before_call = None


def test_the_page_leads_to_a_bot_that_systemd_runs(installed: Service) -> None:
    """Each command of the section, up to a job that is deleted; the unit is well formed, and in force it is tight."""
    n, m = installed.n, installed.m
    _, follow = n.block("systemctl").commands
    with running(process := m.starts(follow), '"ready"'):
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
    installed.is_up()
    n.sees_that_it_works()
    into, doctor = n.block("cd /etc/dh-bot").commands
    here = m.folder
    m.types(into)
    is_fine(m.types(doctor), bot_runs=True)
    m.folder = here
    section = PAGE.read_text(encoding="utf-8").split("### systemd")[1].split("\n### ")[0]
    assert m.typed == [command for block in n.blocks if block.text in section for command in block.commands]
    m.runs_to_its_end(m.words(f"systemd-analyze verify {NAME}"))
    m.runs_to_its_end(m.words(f"systemd-analyze security --threshold=20 {NAME}"))


def test_it_runs_as_nobody_else_with_no_right_too_many(service: Service) -> None:
    """A user of its own, no capability, no new privileges, a filter for system calls; nobody else reads the ledger."""
    shown = service.m.asks(f"cat /proc/{service.shows('MainPID')}/status")
    told = dict(re.findall(r"^(\w+):\s+(.*)$", shown, re.MULTILINE))
    uids = set(told["Uid"].split())
    assert len(uids) == 1
    assert uids != {"0"}
    assert {told[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
    ledger = Path(service.m.moved(LEDGER))
    assert stat.S_IMODE(ledger.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    assert str(ledger.stat().st_uid) in uids


def test_a_restart_keeps_the_ledger(service: Service) -> None:
    """A card from before is confirmed after it, by the process that came next."""
    job, ts = service.offers()
    before = service.shows("MainPID")
    service.control("restart")
    service.is_up()
    assert service.shows("MainPID") != before
    card = service.slack.message(service.n.ops, ts)
    service.slack.click(service.n.anna, card, "dh_confirm").wait_ack()
    service.slack.wait_for(lambda: service.slack.thread(card), 20)
    assert service.cloud.deletes_arrived(job) == 1


def test_a_killed_bot_is_started_again(service: Service) -> None:
    """After kill -9 systemd starts it by itself, and it does its job."""
    restarts = int(service.shows("NRestarts"))
    service.control("kill --signal=KILL")
    becomes_so(lambda: int(service.shows("NRestarts")) == restarts + 1, "started again")
    service.is_up()
    service.n.sees_that_it_works()


def test_a_stop_lets_the_deletion_under_way_finish(service: Service) -> None:
    """Asked to stop with a DELETE on its way, it tells the outcome and ends with 0, within the unit's time."""
    job, ts = service.offers()
    arrived, answered = threading.Event(), threading.Event()

    def holds(seen: Seen) -> None:
        if seen.operation == DELETE:
            arrived.set()
            answered.wait(30)

    service.cloud.before_call = holds
    card = service.slack.message(service.n.ops, ts)
    service.slack.click(service.n.anna, card, "dh_confirm").wait_ack()
    assert arrived.wait(20)
    service.control("stop --no-block")
    becomes_so(lambda: service.shows("ActiveState") == "deactivating", "it is asked to stop")
    answered.set()
    becomes_so(lambda: service.shows("ActiveState") not in {"active", "deactivating"}, "it stops")
    assert (service.shows("Result"), service.shows("ExecMainStatus")) == ("success", "0")
    assert "*Deleted:*" in service.slack.thread(card)[0].text
    assert service.cloud.deletes_arrived(job) == 1


def test_wrong_settings_are_not_tried_again(service: Service) -> None:
    """Status 2 ends it for good, and the journal names the setting; put right, it starts."""
    settings = service.settings()
    right = settings.read_text(encoding="utf-8")
    service.control("stop")
    settings.write_text(re.sub(r"(?m)^METASTUDIO_PROJECT_ID=.*$", "", right), encoding="utf-8")
    service.control("start")
    # Were it started again, it would be "activating" until then, and never "failed".
    becomes_so(lambda: service.shows("ActiveState") not in {"active", "activating"}, "it ends")
    assert (service.shows("ActiveState"), service.shows("SubState")) == ("failed", "failed")
    assert (service.shows("ExecMainStatus"), service.shows("NRestarts")) == ("2", "0")
    assert "METASTUDIO_PROJECT_ID is missing" in service.journal()
    settings.write_text(right, encoding="utf-8")
    service.control("start")
    service.is_up()


def test_no_secret_is_in_the_journal_or_shown_by_systemd(service: Service) -> None:
    """Neither in what the bot logs, nor in the unit's environment, which everybody on the machine may read."""
    service.n.sees_that_it_works()
    journal = service.m.asks("journalctl --all --output=json --no-pager")
    assert any("ready" in str(json.loads(line).get("MESSAGE")) for line in journal.splitlines())
    everybody = service.m.asks("systemctl show dh-bot; systemctl status dh-bot --no-pager")
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"):
        assert service.n.values()[name] not in journal + everybody, name

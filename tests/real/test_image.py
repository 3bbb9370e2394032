"""deploy/Dockerfile, built as it is and run as the installing page says: what it needs, and how it starts and ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.world import free_port
from tests.real.image import MEBIBYTE, Container, Image, built
from tests.real.outside import Outside
from tests.real.postgres import clusters
from tests.support.memory import in_memory

MOST_ADDED = 70
"""MiB that the image may be larger than its base."""
USER = (10001, 10001)
ROOM = 8 * 2**30
"""Bytes that the layers of the image take, each of which is a copy of the one below."""
WITHIN = 15.0
"""Seconds in which a start ends when asked to."""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Built once for all tests here."""
    folder = Path(tempfile.mkdtemp(prefix="dhbot-image-", dir=in_memory(ROOM)))
    try:
        with built(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Containers(Outside):
    """Containers of the image between the local Slack and the local MetaStudio."""

    def __init__(self, image: Image, folder: Path) -> None:
        super().__init__(folder)
        self.image = image
        self.made: list[Container] = []

    def volume(self) -> Path:
        """A new volume: as Docker makes one, with the owner and the mode of the image's folder."""
        made = self.folder / "data"
        made.mkdir()
        as_in_image = (self.image.root / "data").stat()
        os.chown(made, as_in_image.st_uid, as_in_image.st_gid)
        made.chmod(as_in_image.st_mode & 0o7777)
        return made

    def start(self, user: tuple[int, int] = USER, data: Path | None = None, **settings: str) -> Container:
        environ = {
            **self.settings(),
            "DATABASE_URL": "sqlite:////data/dh-bot.db",
            "OPS_HOST": "127.0.0.1",
            "OPS_PORT": str(free_port()),
            **settings,
        }
        folder = self.folder / f"container-{len(self.made) + 1}"
        container = Container(self.image, folder, environ, user=user, data=data)
        self.made.append(container)
        return container


@pytest.fixture
def outside(image: Image, tmp_path: Path) -> Iterator[Containers]:
    """Slack and MetaStudio, and no container yet."""
    made = Containers(image, tmp_path)
    try:
        with made.running():
            yield made
    finally:
        for container in made.made:
            container.remove()


def healthy(container: Container, image: Image) -> tuple[int, str]:
    """What the image's own health check says inside: its status and its words."""
    kind, *command = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    done = container.inside(*command)
    return done.returncode, done.stdout + done.stderr


def test_it_is_small(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    """What the Dockerfile adds to its base is at most 70 MiB."""
    with capsys.disabled():
        print(f"\nimage: {image.size / MEBIBYTE:.1f} MiB over its base")
    assert image.size <= MOST_ADDED * MEBIBYTE


USERS = {"its own user": USER, "a random user of group 0, as OpenShift gives": (1000680000, 0)}


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_it_works_read_only_on_a_volume(outside: Containers, user: tuple[int, int]) -> None:
    """Start, doctor and health check inside, a deletion, SIGTERM with status 0; the next start has the same ledger."""
    volume = outside.volume()
    for _ in range(2):
        container = outside.start(user, volume)
        container.wait_for('"ready"')
        assert healthy(container, outside.image) == (0, "")
        doctor = container.inside("dh-bot", "doctor")
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        outside.delete_a_job()
        container.signal()
        assert container.wait() == 0, container.log
    assert (volume / "dh-bot.db").stat().st_mode & 0o077 == 0


def test_without_health_to_show_nothing_is_unhealthy(outside: Containers) -> None:
    """With OPS_PORT empty there is nothing to ask, and the container stays healthy."""
    container = outside.start(data=outside.volume(), OPS_PORT="")
    container.wait_for('"ready"')
    assert healthy(container, outside.image) == (0, "")


def test_a_bot_that_hangs_is_unhealthy(outside: Containers) -> None:
    """The check fails where nothing answers at the port."""
    container = outside.start(data=outside.volume())
    container.wait_for('"ready"')
    container.signal(signal.SIGSTOP)
    status, _ = healthy(container, outside.image)
    assert status == 1
    container.signal(signal.SIGCONT)


def test_wrong_settings_end_it_with_status_2_and_their_names(outside: Containers) -> None:
    """As PID 1, too."""
    container = outside.start(data=outside.volume(), METASTUDIO_PROJECT_ID="")
    assert container.wait(30) == 2
    assert "METASTUDIO_PROJECT_ID is missing" in container.log


@pytest.mark.parametrize("method", ["auth.test", "apps.connections.open"])
def test_sigterm_ends_a_start_that_waits_for_slack(outside: Containers, method: str) -> None:
    """As PID 1 it would get no signal that it does not handle; the container would be killed after its grace."""
    fault = outside.slack.faults.add(method, "silence", times=None)
    container = outside.start(data=outside.volume())
    assert outside.slack.wait_for(lambda: fault.hits > 0, 60), container.log
    container.signal()
    assert container.wait(WITHIN) == 0, container.log
    outside.slack.faults.remove(fault)


def test_three_replicas_on_postgresql_need_nothing_to_write_to(outside: Containers) -> None:
    """As any user, without a volume: deletions go through, one replica is killed, SIGTERM ends the others with 0."""
    nobody_known = (12345, 12345)
    with clusters() as made:
        url = made.primary().url
        replicas = [outside.start(nobody_known, DATABASE_URL=url) for _ in range(3)]
        for replica in replicas:
            replica.wait_for('"ready"')
        outside.delete_a_job()
        replicas[0].signal(signal.SIGKILL)
        replicas[0].wait()
        outside.delete_a_job()
        for replica in replicas[1:]:
            replica.signal()
        assert [replica.wait() for replica in replicas[1:]] == [0, 0]

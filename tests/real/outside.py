"""The local Slack and the local MetaStudio with people in them, for bots that run in containers or as processes."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.bot_process import settings_for
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Message, Slack
from tests.flow.main_job import main_job

JOB_SECONDS = 40
"""How long the main job may take; on a busy machine a bot that has just started is slow."""


class Outside:
    """Slack, MetaStudio, a channel and somebody in it."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.cloud = MetaStudio(tls=tls, project_id="fedcba9876543210fedcba9876543210")
        self.slack = Slack(tls=tls)

    @contextmanager
    def running(self) -> Iterator[Outside]:
        self.cloud.start()
        self.slack.start()
        self.anna = self.slack.add_user("anna")
        self.ops = self.slack.add_channel("ops", members=[self.anna])
        try:
            yield self
            assert self.slack.violations == []
            assert self.cloud.errors == []
        finally:
            self.slack.stop()
            self.cloud.stop()

    def settings(self) -> dict[str, str]:
        """What a bot needs to know of them."""
        return {**settings_for(self.slack, self.cloud, self.folder), "AUTHORIZED_USERS": self.anna}

    def delete_a_job(self, seconds: float = JOB_SECONDS, patience: float | None = None) -> Message:
        """The main job, told in the thread of the card that it returns; raises ``TimeoutError``."""
        return main_job(self.slack, self.cloud, self.anna, self.ops, seconds=seconds, patience=patience)

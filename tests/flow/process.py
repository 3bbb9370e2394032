"""`dh-bot run` as a process of its own, in the world of the flow tests."""

from __future__ import annotations

import time

from sandbox.bot_process import BotProcess
from tests.flow.world import World, is_listening


class Process(BotProcess):
    """The bot, started by the command line and connected to the world's Slack; or ended, if it would not start."""

    def __init__(self, w: World, **settings: str) -> None:
        self._w = w
        self._links = len(w.slack.sockets.links)
        w.processes.append(self)
        environ = {"LOG_LEVEL": "DEBUG", **w.environ(), **settings}
        super().__init__(w.folder, environ, self._notify)
        if w.http:
            self._wait_for_port(int(environ["HTTP_PORT"]))
        else:
            w.slack.wait_for(lambda: len(w.slack.sockets.links) > self._links or self.popen.poll() is not None, 30)

    def _wait_for_port(self, port: int) -> None:
        give_up = time.monotonic() + 30
        while not is_listening(port) and self.popen.poll() is None:
            assert time.monotonic() < give_up, "the bot does not listen"
            time.sleep(0.05)
        if self.popen.poll() is None:
            self._w.deliver_to(port)

    def _notify(self) -> None:
        with self._w.slack.changed:
            self._w.slack.changed.notify_all()

    def wait(self, seconds: float = 70) -> int:
        """Wait for the end, and for the system to end the process's connections: the next one is not taken for this."""
        status = super().wait(seconds)
        self._w.slack.wait_for(lambda: len(self._w.slack.sockets.links) <= self._links, 10)
        return status

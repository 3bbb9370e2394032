"""`HTTPS_PROXY` and `NO_PROXY` in `.env` count as they do where Docker or systemd reads the file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from tests.flow.modes import usual
from tests.flow.proxy import Proxy
from tests.flow.world import World

PASSWORD = "hunter22x"


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """Slack and MetaStudio, and no bot yet."""
    made = World(tmp_path, **usual(tmp_path)).start()
    try:
        yield made
    finally:
        for bot in made.processes:
            if not bot.has_ended:
                bot.kill()
        made.stop()


def started(w: World, proxy: Proxy, *lines: str) -> BotProcess:
    """`dh-bot run` in a folder with this `.env`; all its other settings stand in the environment."""
    address = proxy.url.replace("//", f"//bot:{PASSWORD}@")
    (w.folder / ".env").write_text("\n".join([f"https_proxy={address}", *lines]), encoding="utf-8")
    bot = BotProcess(w.folder, w.environ() | {"LOG_LEVEL": "DEBUG"})
    w.processes.append(bot)
    return bot


def until(is_so: Callable[[], object], bot: BotProcess) -> None:
    give_up = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < give_up, bot.log
        time.sleep(0.05)


def test_web_api_and_websocket_go_through_it(w: World) -> None:
    """The proxy is asked for both, and its password is in no line of the log."""
    with Proxy() as proxy:
        bot = started(w, proxy)
        until(lambda: any("Failed to connect to the proxy" in line for line in bot.log), bot)
        assert bot.stop() == 0
    assert any(address.endswith("/auth.test") for address in proxy.heard)
    assert PASSWORD not in "\n".join(bot.log)


def test_neither_does_where_no_proxy_names_the_host(w: World) -> None:
    """And the bot works."""
    with Proxy() as proxy:
        bot = started(w, proxy, "no_proxy=127.0.0.1")
        w.slack.sockets.wait_connected(1, 30)
        assert w.slack.command(w.anna, w.ops, "help").wait_ack()
        assert bot.stop() == 0
        assert proxy.heard == []

"""deploy/nginx/dh-bot.conf as it is, in front of HTTP mode: TLS and HTTP/2 outside, the bot on loopback inside."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sandbox.bot_process import BotProcess
from tests.flow.world import free_port, is_listening
from tests.real.nginx import nginx
from tests.real.outside import Outside
from tests.real.parts import run
from tests.support.certificates import trusting


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """Slack, which reaches the bot through nginx only."""
    outside = Outside(tmp_path)
    with outside.running():
        port = free_port()
        http = {"SLACK_MODE": "http", "SLACK_SIGNING_SECRET": outside.slack.signing_secret}
        bot = BotProcess(tmp_path, {**outside.settings(), **http, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port)})
        try:
            with nginx(tmp_path, port) as (public, trusted):
                outside.slack.trusts = trusting(trusted)
                outside.slack.deliver_http_to = f"https://127.0.0.1:{public}/slack/events"
                give_up = time.monotonic() + 30
                while not is_listening(port):
                    assert not bot.has_ended, bot.log
                    assert time.monotonic() < give_up
                    time.sleep(0.05)
                yield outside
        finally:
            bot.stop()


def test_the_main_job_goes_through(outside: Outside) -> None:
    """Twenty deletions over TLS, each acknowledged: also on the connections that nginx keeps to the bot."""
    for _ in range(20):
        outside.delete_a_job()
    assert outside.slack.people.late_acks == []


def test_http_2_reaches_the_bot_with_its_signature_whole(outside: Outside, tmp_path: Path) -> None:
    """A signed command over HTTP/2 is answered; with one byte of the body changed it is refused."""
    slack = outside.slack
    body = urlencode({
        "command": "/delete-dh-job", "text": "help", "user_id": outside.anna, "team_id": slack.team_id,
        "channel_id": outside.ops, "api_app_id": slack.app_id, "trigger_id": "1.2.abc",
        "response_url": f"{slack.url}commands/made-up",
    })  # fmt: skip
    assert slack.deliver_http_to
    found = {}
    for name, sent in (("whole", body), ("changed", body.replace("help", "HELP"))):
        headers = [word for pair in slack.sign(body.encode()).items() for word in ("--header", ": ".join(pair))]
        found[name] = run(
            "curl", "--silent", "--http2", "--cacert", tmp_path / "both.pem", "--data-binary", sent,
            "--write-out", r"\n%{http_version} %{http_code}", *headers, slack.deliver_http_to,
        )  # fmt: skip
    answer, _, status = found["whole"].rpartition("\n")
    assert status == "2 200"
    assert "/delete-dh-job" in answer
    assert found["changed"].endswith("\n2 401")


def test_nothing_else_is_let_through(outside: Outside, tmp_path: Path) -> None:
    """Any other path ends at nginx."""
    assert outside.slack.deliver_http_to
    base = re.sub(r"/slack/events$", "", outside.slack.deliver_http_to)
    for path in ("/", "/healthz", "/metrics", "/slack/events/more"):
        shown = run("curl", "--silent", "--cacert", tmp_path / "both.pem", "--write-out", "%{http_code}",
                    "--output", "/dev/null", base + path)  # fmt: skip
        assert shown == "404"

"""Requests to places that somebody else chose: by settings, by a response_url, by a redirect."""

from __future__ import annotations

import pytest

from bot.clients import tls_context, webhook
from bot.settings.forms import SettingsError
from bot.settings.load import read_settings
from bot.settings.schema import Settings
from bot.slack.connections import Connections
from sandbox.metastudio import faults as play
from sandbox.wire.server import Reply, Request, Server
from tests.flow.world import World

EVIL = [
    "http://169.254.169.254/latest/meta-data",
    "http://169.254.169.254",
    "http://metadata.internal",
    "http://10.0.0.1:8080",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://2130706433.evil.example",
    "https://user:password@metastudio.cn-north-4.myhuaweicloud.com",
    "https://metastudio.cn-north-4.myhuaweicloud.com@evil.example",
    "https://metastudio.cn-north-4.myhuaweicloud.com/../../x",
    "https://metastudio.cn-north-4.myhuaweicloud.com?x=",
    "https://metastudio.cn-north-4.myhuaweicloud.com#@evil.example",
    "https://evil.example\\@metastudio.cn-north-4.myhuaweicloud.com",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70",
    "ftp://127.0.0.1",
    "//evil.example",
    "javascript:alert(1)",
    "https://",
    "https://\u2100.example",
]


# Slack's API has a path, and whatever path is given stays on the same host.
WITH_A_PATH = [url for url in EVIL if "/../" not in url]


@pytest.mark.parametrize(
    ("name", "url"),
    [
        *((name, url) for name in ("METASTUDIO_ENDPOINT", "IAM_ENDPOINT") for url in EVIL),
        *(("SLACK_API_URL", url) for url in WITH_A_PATH),
    ],
)
def test_an_address_in_the_settings(name: str, url: str) -> None:
    """Signed requests and tokens go to https origins, or to this machine; nothing rides along in user or query."""
    with pytest.raises(SettingsError, match=name):
        read_settings({name: url}, None, only={name})


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com.evil.example/x",
        "https://evil.example/hooks.slack.com",
        "https://hooks.slack.com@evil.example/x",
        "https://evil.example#hooks.slack.com",
        "http://169.254.169.254/",
        "http://hooks.slack.com/actions/x",
        "ftp://hooks.slack.com/x",
        "file:///etc/passwd",
        "hooks.slack.com/x",
        "",
    ],
)
def test_a_response_url(url: str) -> None:
    """It comes from a payload, so only Slack's own host is followed, and only encrypted."""
    connections = Connections(tls_context(Settings()), most=1)
    with pytest.raises(ValueError, match="not Slack's"):
        webhook("https://slack.com/api/", connections, url)
    assert webhook("https://slack.com/api/", connections, "https://hooks.slack.com/actions/T/1/x").url


class Inner(Server):
    """A service inside the network that nobody outside should reach."""

    reached = 0

    def answer(self, request: Request) -> Reply:
        self.reached += 1
        return Reply.json({"count": 0, "jobs": []})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(w: World, status: int) -> None:
    """Least of all with a signature on it."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    with Inner() as inner:
        for operation in ("Show2dModelTrainingJob", "List2dModelTrainingJob"):
            w.cloud.faults.add(operation, play.http(status, b"", {"Location": f"{inner.url}/x"}), times=None)
        w.ask(job)
        assert inner.reached == 0
    assert w.slack.messages(w.ops) == []

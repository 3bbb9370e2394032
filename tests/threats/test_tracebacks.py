"""Secrets in tracebacks: whatever goes wrong wherever, what is printed about it holds none of them."""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Callable

import pytest
import structlog

from bot import logs
from bot.clients import web_client
from bot.domain.model import JobId, Target
from bot.ledger.factory import open_ledger
from bot.metastudio.client import MetaStudio
from bot.metastudio.credentials.keys import Credentials, FixedCredentials
from bot.runtime.clock import SystemClock
from bot.settings.forms import SettingsError
from bot.settings.load import read_settings

SECRET = "sEcReT-".ljust(40, "x")
SETTINGS = {
    "SLACK_BOT_TOKEN": f"xoxb-1-{SECRET}",
    "SLACK_APP_TOKEN": f"xapp-1-{SECRET}",
    "SLACK_API_URL": "http://127.0.0.1:9/api/",
    "METASTUDIO_PROJECT_ID": "p1",
    "METASTUDIO_ENDPOINT": "http://127.0.0.1:9",
    "METASTUDIO_PROXY": f"http://user:{SECRET}@127.0.0.1:9",
    "HUAWEICLOUD_SDK_AK": f"AK{SECRET}",
    "HUAWEICLOUD_SDK_SK": SECRET,
}


def a_bad_setting() -> None:
    read_settings({**SETTINGS, "SLACK_BOT_TOKEN": SECRET, "DATABASE_URL": f"mysql://u:{SECRET}@h/d"}, None)


def a_database_that_is_away() -> None:
    open_ledger(f"postgresql+psycopg://user:{SECRET}@127.0.0.1:9/db", Target("e", "r", "p"))


def a_database_url_that_is_none() -> None:
    open_ledger(f"sqlite:///file:{SECRET}?uri=true", Target("e", "r", "p"))


def slack_is_away() -> None:
    settings = read_settings(SETTINGS, None)
    import ssl  # noqa: PLC0415

    web_client(settings, ssl.create_default_context()).auth_test()


def a_signature_that_fails() -> None:
    keys = Credentials(f"AK{SECRET}", SECRET)
    keys.sign(None, "http://x", SystemClock().now())  # type: ignore[arg-type]


def settings_shown() -> None:
    raise RuntimeError(repr(read_settings(SETTINGS, None)))


def credentials_shown() -> None:
    raise RuntimeError(repr(FixedCredentials(Credentials(SECRET, SECRET, SECRET))))


TROUBLES = [
    a_bad_setting,
    a_database_that_is_away,
    a_database_url_that_is_none,
    slack_is_away,
    a_signature_that_fails,
    settings_shown,
    credentials_shown,
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=[each.__name__ for each in TROUBLES])
@pytest.mark.parametrize("form", ["json", "console"])
def test_nothing_is_printed(trouble: Callable[[], None], form: str) -> None:
    """Neither by the bot's log, which also scrubs, nor by Python's own traceback, which does not."""
    stream = io.StringIO()
    logs.configure("DEBUG", form, stream=stream)
    try:
        trouble()
    except Exception as error:  # noqa: BLE001 - whatever it is
        structlog.get_logger("bot.x").exception("failed")
        plain = "".join(traceback.format_exception(error))
    else:
        pytest.fail("nothing went wrong")
    assert "Traceback" in plain
    assert "sEcReT" not in plain
    assert "sEcReT" not in stream.getvalue()
    assert "failed" in stream.getvalue()


def test_the_client_raises_nothing_at_all() -> None:
    """A proxy that is away, with a password in its address: the reply names the cause and no more."""
    client = MetaStudio(
        Target("http://127.0.0.1:9", "cn-north-4", "p1"),
        FixedCredentials(Credentials(f"AK{SECRET}", SECRET)),
        clock=SystemClock(),
        proxy=f"http://user:{SECRET}@127.0.0.1:9",
        connect_timeout=0.5,
        read_timeout=0.5,
    )
    reply = client.delete(JobId("job-1"), may_send=lambda: True)
    assert reply.cause is not None
    assert "sEcReT" not in repr(reply)


def test_several_problems_at_once() -> None:
    """Each by its name."""
    with contextlib.suppress(SettingsError):
        a_bad_setting()
    with pytest.raises(SettingsError) as problems:
        a_bad_setting()
    assert "SLACK_BOT_TOKEN" in str(problems.value)
    assert "DATABASE_URL" in str(problems.value)

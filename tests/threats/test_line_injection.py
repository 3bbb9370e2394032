"""Header and log injection: no text from outside starts a header, a line of the log, or a terminal's command."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from bot import logs
from bot.domain.model import JobId
from bot.metastudio.drafts import delete_draft, show_draft
from bot.settings.forms import SettingsError
from bot.settings.load import read_settings
from sandbox.metastudio import faults as play
from tests.flow.world import World
from tests.support.values import TARGET

LINES = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "a\x0bb", "a\x85b", "a\u2028b"]
DELETE = "Delete2dModelTrainingJob"


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize(
    "name", ["METASTUDIO_APP_USER_ID", "METASTUDIO_PROJECT_ID", "METASTUDIO_REGION", "SLACK_BOT_TOKEN", "SLACK_COMMAND"]
)
def test_no_setting_starts_a_header(name: str, text: str) -> None:
    """What is sent as a header, or as part of a path, is refused with the setting's name."""
    with pytest.raises(SettingsError, match=name):
        read_settings({name: text}, None, only={name})


@pytest.mark.parametrize("job", ["a\r\nHost: evil", "a\n", "a b", "a\t", "\u0430bc"])
def test_no_job_id_starts_a_header(job: str) -> None:
    """The last gate before the wire: whatever came past the first one goes no further."""
    for draft in (show_draft, delete_draft):
        with pytest.raises(ValueError, match="not a job id"):
            draft(TARGET, JobId(job), None)


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("text", [*LINES, "\x1b[2J\x1b[31m", "\u202eevil", '"}\n{"event":"forged"}'])
def test_no_text_starts_a_line_of_the_log(form: str, text: str) -> None:
    """Also none that moves a terminal's cursor."""
    stream = io.StringIO()
    logs.configure("DEBUG", form, stream=stream)
    structlog.get_logger("bot.x").warning("delete_replied", code=text, request_id=text, error=text)
    logging.getLogger("some.library").warning("said %s", text)
    shown = stream.getvalue()
    assert len(shown.splitlines()) == 2
    assert "\x1b[2J" not in shown
    if form == "json":
        assert next(json.loads(line)["event"] for line in shown.splitlines()) == "delete_replied"


def test_what_the_cloud_says_stays_in_its_place(w: World) -> None:
    """A hostile error code, message and request id: the thread pings nobody and the trail verifies and lists them."""
    _, card = w.offered()
    evil = "x\r\n<!channel> `*_~ \x1b[31m"
    w.cloud.faults.add(
        DELETE,
        play.http(400, {"error_code": evil, "error_msg": evil, "request_id": evil}, request_id=False),
    )
    w.press(card)
    said = "\n".join(w.thread(card))
    assert "Huawei refused to delete" in said
    assert "<!channel>" not in said
    assert "\x1b" not in said
    assert w.slack.violations == []

"""The bot's own identity in Slack, looked up once at the start."""

from __future__ import annotations

import time

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.slack.errors import CUT_OFF, cause_of, error_code, is_passing, remedy
from bot.slack.transport import CannotConnect

log = structlog.get_logger(__name__)


START_PAUSES = (0.0, 1.0, 3.0)
"""Seconds before each try to reach Slack at the start."""


def who_are_we(client: WebClient) -> SlackResponse:
    """Slack's answer to auth.test with the bot token; raises ``CannotConnect``.

    Retried, since Slack may be unreachable for a moment when the bot starts.
    """
    why = trouble = ""
    for pause in START_PAUSES:
        time.sleep(pause)
        try:
            return client.auth_test()
        except SlackApiError as error:
            why = error_code(error.response)
            trouble = f"Slack answers with an error ({why}). Try again later; a proxy in between can answer so, too."
            if not is_passing(error):
                break
        except CUT_OFF as error:
            why = cause_of(error)
            trouble = f"Slack cannot be reached ({why}). {remedy(error)}"
            log.warning("slack_unreachable", error=why)
    else:
        raise CannotConnect(trouble)
    raise CannotConnect(
        f"Slack refuses the bot token ({why}). Check that SLACK_BOT_TOKEN is the Bot User OAuth Token of this app, "
        "that the app is installed, and, if the workspace restricts addresses, that this machine's is allowed."
    )

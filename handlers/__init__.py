"""Everything that Slack can invoke, on one screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from slack_bolt import App

from handlers import buttons, command
from handlers.buttons import BUTTONS
from handlers.desk import Desk
from handlers.failures import answered

ANY_OTHER = re.compile(rf"(?!(?:{'|'.join(BUTTONS)})\Z).*", re.DOTALL)
"""Bolt goes on to the next listener that matches, so the last one must not match what the others handle."""


def register(app: App, desk: Desk, command_name: str) -> None:
    """Hang our listeners onto Bolt: the command, each button by its exact id, and every button we do not know."""

    def on_command(ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
        command.delete_dh_job(desk, ack, body)

    def on_button(use_case: buttons.UseCase, action: str, ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
        buttons.pressed(desk, use_case, action, ack, body)

    app.command(command_name)(answered(on_command, partial(command.crashed, desk=desk)))
    for action_id, use_case in BUTTONS.items():
        app.action(action_id)(_button(on_button, use_case, action_id))
    app.action(ANY_OTHER)(_button(on_button, buttons.unknown, "unknown"))


def _button(on_button: Callable[..., None], use_case: buttons.UseCase, action: str) -> Callable[..., None]:
    # Bolt finds a listener's arguments by name, so each gets a plain function of (ack, body).
    def listener(ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
        on_button(use_case, action, ack, body)

    return answered(listener, lambda ack: ack())

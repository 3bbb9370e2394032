"""Everything that Slack can invoke, on one screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from slack_bolt import App

from handlers import buttons, command, home
from handlers.buttons import BUTTONS, LIST_BUTTONS
from handlers.dispatch import Dispatcher
from handlers.failures import answered

ANY_OTHER = re.compile(rf"(?!(?:{'|'.join((*BUTTONS, *LIST_BUTTONS))})\Z).*", re.DOTALL)
"""Matches every action id but ours. Bolt may go on to the next listener that matches, so this one excludes them."""


def register(app: App, dispatcher: Dispatcher, command_name: str) -> None:
    """Register the listeners with Bolt: the command, each button by its exact id, all other buttons, the Home."""

    def on_command(ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
        command.delete_dh_job(dispatcher, ack, body)

    app.command(command_name)(answered(on_command, partial(command.crashed, dispatcher=dispatcher)))
    for action_id in BUTTONS:
        app.action(action_id)(_silent(partial(buttons.pressed, dispatcher, action_id)))
    for action_id, work in LIST_BUTTONS.items():
        app.action(action_id)(_silent(partial(buttons.begin, dispatcher, partial(work, dispatcher), action_id)))
    app.action(ANY_OTHER)(_silent(partial(buttons.pressed, dispatcher, "unknown")))
    app.event("app_home_opened")(_silent(partial(home.opened, dispatcher)))


def _silent(work: Callable[..., None]) -> Callable[..., None]:
    """A listener with an empty ack, also when it fails. Bolt finds arguments by name, so this returns a function."""

    def listener(ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
        work(ack, body)

    return answered(listener, lambda ack: ack())

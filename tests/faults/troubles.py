"""Every error and every lack of an answer of Slack's Web API: rulebook section 4, as a table.

`then` says what the bot has to make of it where it meets a message: PASSES (told again, until Slack takes it), GONE
(that place never takes it, so it goes elsewhere), OURS (the blocks are at fault, so the text is sent alone).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack.faults import AFTER, BEFORE, Fault
from sandbox.slack.slack import Slack
from tests.faults.cells import some

PASSES, GONE, OURS = "told again", "told elsewhere", "told as text"

PATIENCE = 0.3
"""Seconds that the bot waits for Slack in the world of the troubles that keep it waiting."""


@dataclass(frozen=True)
class Trouble:
    """One way of Slack to fail a call."""

    kind: str
    then: str = PASSES
    more: dict[str, Any] = field(default_factory=dict)
    may_have_happened: bool = False
    waits: bool = False

    @property
    def world(self) -> str:
        return "slack, impatient" if self.waits else "slack"

    @property
    def retry_after(self) -> int | None:
        return self.more.get("retry_after")

    def at(
        self,
        slack: Slack,
        method: str,
        where: Callable[[dict[str, Any]], bool] | None = None,
        *,
        times: int | None = 1,
        when: str = BEFORE,
    ) -> Fault:
        """Plan it."""
        return slack.faults.add(method, self.kind, times=times, when=when, where=where, **self.more)


def _error(code: str, then: str = PASSES, **more: bool) -> Trouble:
    return Trouble("error", then, {"error": code}, **more)


def _errors(then: str, *codes: str, **more: bool) -> dict[str, Trouble]:
    return {code: _error(code, then, **more) for code in codes}


def _says(body: object) -> Trouble:
    return Trouble("says", more={"body": body}, may_have_happened=True)


ANYWHERE: dict[str, Trouble] = {
    "429 for 1 s": Trouble("ratelimited", more={"retry_after": 1}),
    "429 for 25 s": Trouble("ratelimited", more={"retry_after": 25}),
    "429 for 120 s": Trouble("ratelimited", more={"retry_after": 120}),
    **_errors(PASSES, "ratelimited", "rate_limited"),
    "HTTP 500": Trouble("http", more={"status": 500}, may_have_happened=True),
    "HTTP 502": Trouble("http", more={"status": 502}, may_have_happened=True),
    "HTTP 503": Trouble("http", more={"status": 503}, may_have_happened=True),
    "HTTP 200, HTML": Trouble("http", more={"status": 200}, may_have_happened=True),
    # None of these is a yes, though slack_sdk takes the last two for one, or stumbles over them.
    "200, no ok": _says({}),
    "200, null": _says(None),
    "200, a list": _says([{"ok": True}]),
    "200, ok is a word": _says({"ok": "false"}),
    **_errors(PASSES, "internal_error", "fatal_error", may_have_happened=True),
    **_errors(PASSES, "service_unavailable", "request_timeout", may_have_happened=True),
    "reset": Trouble("reset", may_have_happened=True),
    "dropped": Trouble("drop", may_have_happened=True),
    "cut": Trouble("cut", may_have_happened=True),
    "silence": Trouble("silence", may_have_happened=True, waits=True),
    # The token, not the message: somebody mends it, and then the message is told.
    **_errors(PASSES, "invalid_auth", "account_inactive", "token_revoked", "missing_scope", "a_code_of_next_year"),
}

POST: dict[str, Trouble] = {
    **ANYWHERE,
    **_errors(PASSES, "message_limit_exceeded"),
    **_errors(
        GONE,
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "restricted_action_non_threadable_channel",
        "restricted_action_thread_locked",
        "cannot_reply_to_message",
        "team_access_not_granted",
    ),
    **_errors(OURS, "invalid_blocks", "msg_blocks_too_long"),
}

CARD: dict[str, Trouble] = {
    **POST,
    # Without the name of the message there is no thread for the outcome.
    "ok without ts": _says({"ok": True}),
    "ok, ts is null": _says({"ok": True, "ts": None}),
    "ok, ts is empty": _says({"ok": True, "ts": ""}),
    "ok, ts is a number": _says({"ok": True, "ts": 1503435956.000247}),
    "ok, ts is malformed": _says({"ok": True, "ts": "yesterday"}),
}

UPDATE: dict[str, Trouble] = {
    **ANYWHERE,
    **_errors(PASSES, "update_failed", may_have_happened=True),
    **_errors(GONE, "message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "block_mismatch"),
    **_errors(OURS, "msg_too_long"),
}

EPHEMERAL: dict[str, Trouble] = {
    **ANYWHERE,
    **_errors(GONE, "user_not_in_channel", "channel_not_found", "is_archived", "not_in_channel"),
    **_errors(OURS, "invalid_blocks"),
}

DIRECT: dict[str, Trouble] = {
    **ANYWHERE,
    **_errors(GONE, "messages_tab_disabled", "channel_not_found", "cannot_dm_bot", "user_disabled"),
}

LOOK_UP: dict[str, Trouble] = {
    **ANYWHERE,
    **_errors(GONE, "user_not_found", "user_not_visible", "channel_not_found"),
}

LINK: dict[str, Trouble] = {**ANYWHERE, **_errors(GONE, "message_not_found", "channel_not_found")}

RESPONSE_URL: dict[str, Trouble] = {
    name: trouble for name, trouble in ANYWHERE.items() if trouble.kind != "error" or name == "internal_error"
} | {"used up": Trouble("http", more={"status": 404})}


ONE_OF_EACH = frozenset(
    {
        *("429 for 25 s", "HTTP 500", "HTTP 200, HTML", "internal_error", "reset", "invalid_auth", "is_archived"),
        *("channel_not_found", "invalid_blocks", "msg_too_long", "message_not_found", "user_not_in_channel"),
        "messages_tab_disabled",
    }
)
"""One trouble of each kind, where all would take too long for `make test`."""


def cells(troubles: dict[str, Trouble]) -> list[tuple[str, str]]:
    """Each trouble before the effect, and after it where both can be."""
    return [
        (name, when)
        for name, trouble in troubles.items()
        for when in ((BEFORE, AFTER) if trouble.may_have_happened else (BEFORE,))
    ]


def cells_with(troubles: dict[str, Trouble], way: str, *others: str) -> list[Any]:
    """Each trouble one way, and the other ways too; in `make test` those only with one trouble of each kind."""
    first = [(*cell, way) for cell in cells(troubles)]
    more = [(*cell, other) for other in others for cell in cells(troubles)]
    # Silence takes seconds: here it is played to the post of an outcome only.
    patient = {cell for cell in first if not troubles[cell[0]].waits or (troubles in (POST, CARD) and cell[1] == AFTER)}
    return some(first, patient) + some(more, {cell for cell in more if cell[0] in ONE_OF_EACH})

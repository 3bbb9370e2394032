"""Faults on purpose: what the real slack_sdk WebClient meets."""

from __future__ import annotations

import threading
from http.client import IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from sandbox.slack.slack import Slack

if TYPE_CHECKING:
    from sandbox.slack.slack import Call

POST = "chat.postMessage"


@pytest.fixture
def ops(slack: Slack) -> str:
    return slack.add_channel("ops")


@pytest.fixture
def bot(slack: Slack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.url, timeout=1, retry_handlers=[])


FAULTS: dict[str, tuple[type[Exception], dict[str, Any]]] = {
    "ratelimited": (SlackApiError, {"retry_after": 7}),
    "http": (SlackApiError, {"status": 503}),
    "error": (SlackApiError, {"error": "fatal_error"}),
    "reset": (ConnectionResetError, {}),
    "drop": (RemoteDisconnected, {}),
    "cut": (IncompleteRead, {}),
    "silence": (TimeoutError, {}),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_strikes_before_or_after_the_effect(
    slack: Slack, bot: WebClient, ops: str, kind: str, when: str
) -> None:
    """The caller cannot tell the two apart, but in one the message is there; the next call is fine."""
    error, facts = FAULTS[kind]
    fault = slack.faults.add(POST, kind, when=when, **facts)
    with pytest.raises(error):
        bot.chat_postMessage(channel=ops, text="one")
    assert [each.text for each in slack.messages(ops)] == (["one"] if when == "after" else [])
    assert (fault.hits, slack.calls[0].fault, slack.calls[0].ok) == (1, kind, when == "after")
    bot.chat_postMessage(channel=ops, text="two")
    assert slack.messages(ops)[-1].text == "two"


def test_retry_after_is_obeyed_by_the_sdk(slack: Slack, bot: WebClient, ops: str) -> None:
    """Its own handler reads the header and comes again."""
    slack.faults.add(POST, "ratelimited", retry_after=0)
    bot.retry_handlers = [RateLimitErrorRetryHandler(max_retry_count=1)]
    assert bot.chat_postMessage(channel=ops, text="x")["ok"]
    assert [call.fault for call in slack.calls] == ["ratelimited", None]


def test_error_codes_and_statuses_arrive(slack: Slack, bot: WebClient, ops: str) -> None:
    """Any error code, any status, and the number of seconds to wait."""
    slack.faults.add("*", "error", error="team_access_not_granted")
    slack.faults.add(POST, "http", status=502)
    slack.faults.add(POST, "ratelimited", retry_after=30)
    seen = []
    for _ in range(3):
        with pytest.raises(SlackApiError) as caught:
            bot.chat_postMessage(channel=ops, text="x")
        answer = caught.value.response
        seen.append((answer.status_code, answer["error"].partition(":")[0], answer.headers.get("Retry-After")))
    assert seen == [
        (200, "team_access_not_granted", None),
        (502, "Received a response in a non-JSON format", None),
        (429, "ratelimited", "30"),
    ]


def test_faults_can_be_narrowed(slack: Slack, bot: WebClient, ops: str) -> None:
    """To some arguments, to later calls, to a number of times, and taken back."""
    other = slack.add_channel("other")
    fault = slack.faults.add(POST, "error", where=lambda args: args["channel"] == ops, skip=1, times=2)
    bot.chat_postMessage(channel=ops, text="skipped")
    bot.chat_postMessage(channel=other, text="not meant")
    for _ in range(2):
        with pytest.raises(SlackApiError):
            bot.chat_postMessage(channel=ops, text="x")
    bot.chat_postMessage(channel=ops, text="over")
    assert fault.hits == 2
    forever = slack.faults.add(POST, "error", times=None)
    with pytest.raises(SlackApiError):
        bot.chat_postMessage(channel=ops, text="x")
    slack.faults.remove(forever)
    bot.chat_postMessage(channel=ops, text="x")


def test_latency_ends_when_released(slack: Slack, bot: WebClient, ops: str) -> None:
    """Before the effect it holds the effect up as well."""
    fault = slack.faults.add(POST, "latency")
    bot.timeout = 5
    caller = threading.Thread(target=bot.chat_postMessage, kwargs={"channel": ops, "text": "x"})
    caller.start()
    slack.wait_for(lambda: slack.calls)
    assert slack.messages(ops) == []
    fault.release()
    caller.join(5)
    assert len(slack.messages(ops)) == 1


def test_response_urls_have_faults_too(slack: Slack, ops: str) -> None:
    """They are called "response_url"."""
    anna = slack.add_user("anna")
    slack.channels[ops].members.append(anna)
    hook = WebhookClient(slack.command(anna, ops, "x").response_url, retry_handlers=[])
    slack.faults.add("response_url", "http", status=500)
    assert hook.send(text="x").status_code == 500
    slack.faults.add("response_url", "reset", when="after")
    with pytest.raises(ConnectionResetError):
        hook.send(text="y")
    assert [each.text for each in slack.ephemerals(anna)] == ["y"]


def test_the_world_can_be_stopped_at_a_call(slack: Slack, bot: WebClient, ops: str) -> None:
    """The hooks see each call before and after its effect, and may change the world in between."""
    seen: list[tuple[str, int]] = []

    def before(call: Call) -> None:
        seen.append((call.method, len(slack.messages(ops))))
        slack.archive(ops, archived=call.args["text"] == "late")

    slack.before_call = before
    slack.after_call = lambda call: seen.append((call.method, len(slack.messages(ops))))
    bot.chat_postMessage(channel=ops, text="x")
    assert seen == [(POST, 0), (POST, 1)]
    with pytest.raises(SlackApiError, match="is_archived"):
        bot.chat_postMessage(channel=ops, text="late")


def test_an_outage_ends(slack: Slack, bot: WebClient, ops: str) -> None:
    """Stopped, nothing answers; started again it is at the same address and remembers everything."""
    bot.chat_postMessage(channel=ops, text="x")
    slack.stop()
    with pytest.raises(OSError, match="refused"):
        bot.chat_postMessage(channel=ops, text="y")
    slack.start()
    bot.chat_postMessage(channel=ops, text="z")
    assert [each.text for each in slack.messages(ops)] == ["x", "z"]


def test_wrong_plans_are_refused(slack: Slack) -> None:
    """A misspelt kind would silently do nothing."""
    with pytest.raises(ValueError, match="kind"):
        slack.faults.add(POST, "explode")

"""Commands, clicks and response_urls of the sandbox, answered by a real Bolt app in both modes."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from sandbox.slack.slack import Impossible, Invocation, NotAcked, Slack
from sandbox.wire.server import Reply, Request, Server
from tests.support.clock import HeldClock

if TYPE_CHECKING:
    from collections.abc import Iterator

BUTTON = {"type": "button", "action_id": "go", "value": "7", "text": {"type": "plain_text", "text": "Go"}}
CARD = [{"type": "actions", "elements": [BUTTON]}]
HOME = {"type": "home", "blocks": CARD}


class BoltServer(Server):
    """Bolt behind HTTP, as in HTTP mode."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self.app = app

    def answer(self, request: Request) -> Reply:
        headers = {name.lower(): [value] for name, value in request.headers.items()}
        response = self.app.dispatch(BoltRequest(body=request.body.decode(), headers=headers))
        return Reply(response.status, response.body.encode(), {k: v[0] for k, v in response.headers.items()})


def bolt(slack: Slack, *, verified: bool = True) -> App:
    """Build a small app that answers everything that the tests do."""
    app = App(
        client=WebClient(slack.bot_token, base_url=slack.url),
        signing_secret=slack.signing_secret,
        request_verification_enabled=verified,
        process_before_response=True,
        raise_error_for_unhandled_request=False,
    )

    @app.command("/delete-dh-job")
    def command(ack: Any, body: dict[str, Any]) -> None:
        if body["text"] == "raise":
            raise ValueError
        if body["text"] == "nothing":
            ack()
        elif body["text"] == "loud":
            ack(text="Heard", response_type="in_channel")
        else:
            ack(f"Checking {body['text']}")

    @app.action("go")
    def click(ack: Any) -> None:
        ack()

    @app.event("app_home_opened")
    def opened(event: dict[str, Any], client: WebClient) -> None:
        client.views_publish(user_id=event["user"], view=HOME)

    return app


@contextmanager
def listening(slack: Slack, mode: str) -> Iterator[None]:
    """Run the app, reached over a socket or over HTTP."""
    app = bolt(slack)
    if mode == "http":
        with BoltServer(app) as server:
            slack.deliver_http_to = f"{server.url}/slack/events"
            yield
            assert server.errors == []
        return
    handler = SocketModeHandler(app, slack.app_token, ping_interval=1)
    handler.connect()
    slack.sockets.wait_connected()
    yield
    hang_up(slack, handler)


def hang_up(slack: Slack, handler: SocketModeHandler) -> None:
    """Close a connection. The SDK waits up to three seconds for a message first, unless the other side goes.

    Its close() may stumble over its own reader, which closes the socket at the same moment; a second call ends well.
    """
    handler.client.auto_reconnect_enabled = False
    slack.sockets.end()
    with suppress(AttributeError):
        handler.close()
    handler.close()


@pytest.fixture
def anna(slack: Slack) -> str:
    return slack.add_user("anna")


@pytest.fixture
def ops(slack: Slack, anna: str) -> str:
    return slack.add_channel("ops", [anna])


both_modes = pytest.mark.parametrize("mode", ["socket", "http"])


@both_modes
def test_a_command_is_answered_by_its_ack(slack: Slack, anna: str, ops: str, mode: str) -> None:
    """The text of the ack is an ephemeral message to who asked; an empty ack shows nothing."""
    with listening(slack, mode):
        asked = slack.command(anna, ops, "job-1 because")
        assert asked.wait_ack() == {"text": "Checking job-1 because"}
        assert [each.text for each in slack.seen_by(anna, ops)] == ["Checking job-1 because"]
        assert slack.messages(ops) == []
        silent = slack.command(anna, ops, "nothing")
        assert silent.wait_ack() == {}
        assert silent.answers == []
        loud = slack.command(anna, ops, "loud")
        loud.wait_ack()
        assert [each.text for each in slack.messages(ops)] == ["Heard"]
    assert slack.violations == []


@both_modes
def test_a_listener_that_raises_is_no_ack(slack: Slack, anna: str, ops: str, mode: str) -> None:
    """Over HTTP the 500 shows as dispatch_failed at once; over a socket nothing comes, and the time runs out."""
    slack.ack_within = 0.5
    with listening(slack, mode):
        asked = slack.command(anna, ops, "raise")
        with pytest.raises(NotAcked, match="dispatch_failed" if mode == "http" else "operation_timeout"):
            asked.wait_ack()
        assert asked.error
        assert asked.answers == []


@both_modes
def test_a_click_reaches_its_listener(slack: Slack, anna: str, ops: str, mode: str) -> None:
    """Bolt recognises the payload, and the empty ack is accepted."""
    with listening(slack, mode):
        card = slack.put(ops, {"text": "x", "blocks": CARD}, via="chat.postMessage")
        assert slack.click(anna, card, "go").wait_ack() == {}
    assert slack.violations == []


@both_modes
def test_opening_the_home_tab_is_an_event(slack: Slack, anna: str, mode: str) -> None:
    """The app publishes the view; its buttons can be pressed, and the event can be delivered again."""
    with listening(slack, mode):
        opened = slack.home_opened(anna)
        opened.wait_ack()
        slack.wait_for(lambda: anna in slack.homes)
        slack.click_home(anna, "go").wait_ack()
        slack.redeliver(opened).wait_ack()
    with pytest.raises(Impossible):
        slack.click_home(anna, "nope")


def test_nobody_listening(slack: Slack, anna: str, ops: str) -> None:
    """Without a connection the person sees dispatch_failed at once."""
    asked = slack.command(anna, ops, "x")
    with pytest.raises(NotAcked, match="dispatch_failed"):
        asked.wait_ack()


def test_a_wrong_signature_is_noticed_by_bolt(slack: Slack, anna: str, ops: str) -> None:
    """Bolt verifies what the sandbox signs, with the same secret only."""
    with listening(slack, "http"):
        slack.signing_secret = "another"
        with pytest.raises(NotAcked, match="dispatch_failed"):
            slack.command(anna, ops, "x").wait_ack()


COMMAND_FIELDS = {
    "token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name", "command", "text",
    "api_app_id", "is_enterprise_install", "response_url", "trigger_id",
}  # fmt: skip


def test_the_payload_of_a_command(slack: Slack, anna: str) -> None:
    """Exactly the documented fields; private places do not tell their name; install flags are text."""
    asked = slack.command(anna, slack.add_channel("secret", [anna], private=True), "a b ", command="/other")
    assert asked.payload.keys() == COMMAND_FIELDS
    told = {name: asked.payload[name] for name in ("channel_name", "command", "text", "is_enterprise_install")}
    assert told == {
        "channel_name": "privategroup",
        "command": "/other",
        "text": "a b ",
        "is_enterprise_install": "false",
    }
    assert slack.command(anna, slack.add_im(anna), "").payload["channel_name"] == "directmessage"


def test_an_organisation_shows_in_payloads() -> None:
    """In an Enterprise organisation commands name it, and its people carry an enterprise_user."""
    with Slack(enterprise=True) as slack:
        anna = slack.add_user("anna")
        asked = slack.command(anna, slack.add_channel("ops", [anna]), "x")
        assert asked.payload["enterprise_id"] == slack.enterprise_id
        assert slack.users[anna].enterprise_user is not None


def test_the_payload_of_a_click(slack: Slack, anna: str, ops: str) -> None:
    """Container, channel, message, the button as it was sent, and whose click it is."""
    parent = slack.say(anna, ops, "parent")
    card = slack.put(ops, {"text": "x", "blocks": CARD, "thread_ts": parent.ts}, via="chat.postMessage")
    payload = slack.click(anna, card, "go").payload
    assert payload["container"] == {
        "type": "message",
        "message_ts": card.ts,
        "channel_id": ops,
        "is_ephemeral": False,
        "thread_ts": parent.ts,
    }
    assert payload["channel"] == {"id": ops, "name": "ops"}
    assert payload["message"]["blocks"] == card.blocks
    assert payload["user"]["team_id"] == payload["team"]["id"] == slack.team_id
    action = payload["actions"][0]
    assert (action["action_id"], action["value"], action["type"]) == ("go", "7", "button")
    assert action["block_id"] == card.blocks[0]["block_id"]


def test_a_foreign_click_carries_two_teams(slack: Slack, ops: str) -> None:
    """In a shared channel: team is the app's workspace, user.team_id the clicker's own; commands they cannot run."""
    other = slack.add_team("Other")
    eve = slack.add_user("eve", team=other, is_stranger=True)
    slack.channels[ops].members.append(eve)
    card = slack.put(ops, {"text": "x", "blocks": CARD}, via="chat.postMessage")
    payload = slack.click(eve, card, "go").payload
    assert (payload["team"]["id"], payload["user"]["team_id"]) == (slack.team_id, other)
    with pytest.raises(Impossible, match="workspaces"):
        slack.command(eve, ops, "x")
    assert slack.command(eve, ops, "x", force=True).payload["user_id"] == eve


def test_ephemeral_clicks_have_no_message(slack: Slack, anna: str, ops: str) -> None:
    """Ids must come from the container; and only who sees the message can click on it."""
    ben = slack.add_user("ben")
    slack.channels[ops].members.append(ben)
    card = slack.put(ops, {"text": "x", "blocks": CARD}, via="response_url", only_for=anna)
    payload = slack.click(anna, card, "go").payload
    assert "message" not in payload
    assert payload["container"]["is_ephemeral"] is True
    with pytest.raises(Impossible):
        slack.click(ben, card, "go")


@pytest.mark.parametrize("case", ["gone button", "deleted message", "outsider", "deactivated", "archived"])
def test_what_nobody_can_click_must_be_forced(slack: Slack, anna: str, ops: str, case: str) -> None:
    """A stale or forged click is possible, but only on purpose; a button that was there keeps its value."""
    ben = slack.add_user("ben")
    card = slack.put(ops, {"text": "x", "blocks": CARD}, via="chat.postMessage")
    match case:
        case "gone button":
            slack.rewrite(card, {"text": "done"})
        case "deleted message":
            slack.delete_message(card)
        case "deactivated":
            slack.users[anna].deleted = True
        case "archived":
            slack.archive(ops)
        case "outsider":
            anna = ben
    with pytest.raises(Impossible):
        slack.click(anna, card, "go")
    assert slack.click(anna, card, "go", force=True).payload["actions"][0]["value"] == "7"
    assert slack.click(anna, card, "go", force=True, value="8").payload["actions"][0]["value"] == "8"


@pytest.fixture
def asked(slack: Slack, anna: str, ops: str) -> Invocation:
    return slack.command(anna, ops, "x")


def test_a_response_url_works_five_times(asked: Invocation) -> None:
    """The sixth use is refused with a 404."""
    hook = WebhookClient(asked.response_url)
    assert [hook.send(text="x").status_code for _ in range(5)] == [200] * 5
    assert hook.send(text="more").status_code == 404
    assert asked.uses == 5


def test_a_response_url_lives_thirty_minutes(clock: HeldClock, asked: Invocation) -> None:
    """At 30 minutes it works, a second later it does not."""
    hook = WebhookClient(asked.response_url)
    clock.add(1800)
    assert hook.send(text="in time").body == "ok"
    clock.add(1)
    late = hook.send(text="late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)
    assert asked.wait_answer().text == "in time"


def test_a_response_url_needs_no_membership(slack: Slack, anna: str) -> None:
    """It speaks where the bot cannot: to one person, or to all."""
    place = slack.add_im(anna, slack.add_user("ben"))
    hook = WebhookClient(slack.command(anna, place, "x").response_url)
    hook.send(text="psst")
    assert [each.text for each in slack.ephemerals(anna)] == ["psst"]
    hook.send(text="all", response_type="in_channel")
    assert [each.text for each in slack.messages(place)] == ["all"]
    assert slack.violations == []


def test_a_response_url_of_a_click_may_replace_or_delete(slack: Slack, anna: str, ops: str) -> None:
    """replace_original rewrites the clicked message, also an ephemeral one; delete_original removes it."""
    card = slack.put(ops, {"text": "x", "blocks": CARD}, via="response_url", only_for=anna)
    hook = WebhookClient(slack.click(anna, card, "go").response_url)
    hook.send(text="chosen", replace_original=True)
    assert (card.text, card.buttons, card.only_for) == ("chosen", [], anna)
    hook.send(text="also", replace_original=False)
    assert [each.text for each in slack.ephemerals(anna)] == ["chosen", "also"]
    hook.send(delete_original=True)
    assert [each.text for each in slack.ephemerals(anna)] == ["also"]
    assert slack.violations == []


def test_forgetting_replace_original_is_noted(slack: Slack, anna: str, ops: str) -> None:
    """In a click's answer it decides whether the card survives."""
    card = slack.put(ops, {"text": "x", "blocks": CARD}, via="chat.postMessage")
    WebhookClient(slack.click(anna, card, "go").response_url).send(text="hm")
    assert len(slack.violations) == 1
    assert card.text == "x"


@pytest.mark.parametrize("replaces", [True, False])
def test_the_ack_of_a_command_can_be_replaced(slack: Slack, anna: str, ops: str, *, replaces: bool) -> None:
    """The answer takes its place; with the switch off, without an ack, or for all to see, it is a new message."""
    slack.replaces_acks = replaces
    with listening(slack, "socket"):
        asked = slack.command(anna, ops, "job-1")
        asked.wait_ack()
        silent = slack.command(anna, ops, "nothing")
        silent.wait_ack()
    hook = WebhookClient(asked.response_url)
    hook.send(text="Done.", replace_original=True, response_type="ephemeral")
    acks = [] if replaces else ["Checking job-1"]
    assert [each.text for each in slack.ephemerals(anna)] == [*acks, "Done."]
    assert asked.answers[-1].text == "Done."
    assert len(asked.answers) == 2
    hook.send(text="More.", replace_original=False)
    hook.send(text="For all.", replace_original=True, response_type="in_channel")
    WebhookClient(silent.response_url).send(text="Late.", replace_original=True)
    assert [each.text for each in slack.ephemerals(anna)] == [*acks, "Done.", "More.", "Late."]
    assert [each.text for each in slack.messages(ops)] == ["For all."]
    assert slack.violations == []


@pytest.mark.parametrize("said", [{"text": ""}, {"text": "x", "blocks": [{"type": "section"}]}])
def test_bad_content_at_a_response_url(slack: Slack, asked: Invocation, said: dict[str, Any]) -> None:
    """It is not shown; the answer says ok: false although the status is 200."""
    answer = WebhookClient(asked.response_url).send_dict(said)
    assert (answer.status_code, '"ok":false' in answer.body) == (200, True)
    assert asked.answers == []
    assert len(slack.violations) == 1


def test_a_late_ack_is_shown_to_nobody(slack: Slack, anna: str, ops: str) -> None:
    """After the time is up Slack has told the person that it failed; the late text is only noted."""
    slack.ack_within = 0.2
    done = threading.Event()
    app = bolt(slack)

    @app.command("/slow")
    def slow(ack: Any) -> None:
        done.wait(5)
        ack("too late")

    handler = SocketModeHandler(app, slack.app_token, ping_interval=1)
    handler.connect()
    slack.sockets.wait_connected()
    asked = slack.command(anna, ops, "x", command="/slow")
    with pytest.raises(NotAcked, match="operation_timeout"):
        asked.wait_ack()
    done.set()
    slack.wait_for(lambda: slack.people.late_acks == [asked])
    assert (asked.acked, asked.error, slack.ephemerals(anna)) == (False, "operation_timeout", [])
    hang_up(slack, handler)


def test_everything_visible_is_recorded_in_order(slack: Slack, anna: str, ops: str) -> None:
    """The history tells what appeared, changed and went, for whom."""
    card = slack.put(ops, {"text": "a"}, via="chat.postMessage")
    slack.put(ops, {"text": "b"}, via="response_url", only_for=anna)
    slack.rewrite(card, {"text": "c"})
    slack.delete_message(card)
    told = [(each.what, each.text, each.user) for each in slack.history]
    assert told == [("posted", "a", None), ("posted", "b", anna), ("updated", "c", None), ("deleted", "c", None)]


def test_messages_are_readable(slack: Slack, anna: str, ops: str) -> None:
    """Names, dates and buttons are written as a person would read them."""
    text = f"<@{anna}> asked in <#{ops}> at <!date^1700000000^{{time}}|22:13 UTC>: a &lt; b <https://x.example|docs>"
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Delete?"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": text}, "accessory": BUTTON},
        {"type": "context", "elements": [{"type": "plain_text", "text": "<raw>"}]},
    ]
    shown = slack.plain(slack.put(ops, {"text": "x", "blocks": blocks}, via="chat.postMessage"))
    assert shown.splitlines() == [
        "# Delete?",
        "@anna asked in #ops at 22:13 UTC: a < b docs (https://x.example)",
        "[Go]",
        "<raw>",
    ]

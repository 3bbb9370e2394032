"""The sandbox's Web API, driven by the real slack_sdk WebClient."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, PlainTextObject, SectionBlock

from sandbox.slack.slack import Slack
from tests.support.clock import HeldClock

if TYPE_CHECKING:
    from collections.abc import Callable

BUTTONS = [
    {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}],
    }
]


@pytest.fixture
def bot(slack: Slack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.url, timeout=5, retry_handlers=[])


def post_raw(slack: Slack, kind: str, body: bytes) -> str:
    """Post bytes to chat.postMessage, as no SDK would."""
    connection = http.client.HTTPConnection(urlsplit(slack.url).netloc)
    headers = {"Authorization": f"Bearer {slack.bot_token}", "Content-Type": kind}
    connection.request("POST", "/api/chat.postMessage", body, headers)
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def refusal(call: Callable[..., Any], **args: Any) -> str:
    """Make a call that Slack refuses, and give the error code."""
    with pytest.raises(SlackApiError) as caught:
        call(**args)
    return str(caught.value.response["error"])


def test_a_message_is_posted_updated_and_linked(slack: Slack, bot: WebClient) -> None:
    """What the SDK's models say arrives, gets block_ids, and text without blocks takes the blocks away again."""
    anna = slack.add_user("anna")
    ops = slack.add_channel("ops", [anna])
    blocks = [
        SectionBlock(text="Delete *job-1*?"),
        ActionsBlock(elements=[ButtonElement(text=PlainTextObject(text="Go"), action_id="go", value="7")]),
    ]
    posted = bot.chat_postMessage(channel=ops, text="Delete job-1?", blocks=blocks)
    message = slack.message(ops, posted["ts"])
    assert [each["action_id"] for each in message.buttons] == ["go"]
    assert all(block["block_id"] for block in posted["message"]["blocks"])
    assert slack.plain(message) == "Delete *job-1*?\n[Go]"
    link = bot.chat_getPermalink(channel=ops, message_ts=posted["ts"])["permalink"]
    assert link.endswith(f"/archives/{ops}/p{posted['ts'].replace('.', '')}")
    bot.chat_update(channel=ops, ts=posted["ts"], text="Gone")
    assert (message.text, message.blocks, len(message.versions)) == ("Gone", [], 1)
    assert slack.violations == []
    assert [call.method for call in slack.calls] == ["chat.postMessage", "chat.getPermalink", "chat.update"]
    assert all(call.ok and "token" not in call.args for call in slack.calls)


def test_ts_is_unique_and_rising(slack: Slack, bot: WebClient) -> None:
    """Even when the clock stands still, or goes back."""
    ops = slack.add_channel("ops")
    seen = [bot.chat_postMessage(channel=ops, text="x")["ts"] for _ in range(3)]
    slack.now = lambda: 5.0
    seen.append(bot.chat_postMessage(channel=ops, text="x")["ts"])
    assert seen == sorted(set(seen))


def test_threads_hang_on_parents_only(slack: Slack, bot: WebClient) -> None:
    """A reply's ts, or none at all, is no parent."""
    ops = slack.add_channel("ops")
    parent = bot.chat_postMessage(channel=ops, text="parent")["ts"]
    reply = bot.chat_postMessage(channel=ops, text="reply", thread_ts=parent)["ts"]
    assert [each.text for each in slack.thread(slack.message(ops, parent))] == ["reply"]
    assert [each.text for each in slack.messages(ops)] == ["parent"]
    for wrong in (reply, "123.456"):
        assert refusal(bot.chat_postMessage, channel=ops, text="x", thread_ts=wrong) == "cannot_reply_to_message"
    slack.delete_message(slack.message(ops, parent))
    assert refusal(bot.chat_postMessage, channel=ops, text="x", thread_ts=parent) == "cannot_reply_to_message"


PLACES: dict[str, tuple[dict[str, Any], str | None]] = {
    "member": ({}, None),
    "not in a public channel": ({"bot": False}, "not_in_channel"),
    "not in a private channel": ({"bot": False, "private": True}, "channel_not_found"),
    "private with the bot": ({"private": True}, None),
    "archived": ({"archived": True}, "is_archived"),
    "read-only": ({"restricted": "restricted_action_read_only_channel"}, "restricted_action_read_only_channel"),
}


@pytest.mark.parametrize("place", PLACES)
def test_where_the_bot_may_post(slack: Slack, bot: WebClient, place: str) -> None:
    """Membership, privacy, archiving and restrictions decide, each with its own code."""
    facts, error = PLACES[place]
    channel = slack.add_channel("here", **facts)
    if error is None:
        assert bot.chat_postMessage(channel=channel, text="x")["ok"]
    else:
        assert refusal(bot.chat_postMessage, channel=channel, text="x") == error


def test_chat_write_public_opens_public_channels_only(slack: Slack, bot: WebClient) -> None:
    """With that scope the bot need not be a member, but of private channels it still knows nothing."""
    slack.scopes.add("chat:write.public")
    assert bot.chat_postMessage(channel=slack.add_channel("a", bot=False), text="x")["ok"]
    private = slack.add_channel("b", bot=False, private=True)
    assert refusal(bot.chat_postMessage, channel=private, text="x") == "channel_not_found"


def test_a_user_id_opens_the_dm(slack: Slack, bot: WebClient) -> None:
    """The answer names the D channel, which is what updates need; a closed messages tab and bots refuse."""
    anna = slack.add_user("anna")
    posted = bot.chat_postMessage(channel=anna, text="psst")
    assert posted["channel"].startswith("D")
    assert [each.text for each in slack.dm(anna)] == ["psst"]
    assert refusal(bot.chat_update, channel=anna, ts=posted["ts"], text="x") == "channel_not_found"
    bot.chat_update(channel=posted["channel"], ts=posted["ts"], text="hush")
    assert refusal(bot.chat_postMessage, channel=slack.add_user("r2", is_bot=True), text="x") == "cannot_dm_bot"
    slack.messages_tab = False
    assert refusal(bot.chat_postMessage, channel=anna, text="x") == "messages_tab_disabled"


def test_the_dm_of_two_people_is_closed_to_the_bot(slack: Slack, bot: WebClient) -> None:
    """Neither posting nor looking it up works."""
    between = slack.add_im(slack.add_user("anna"), slack.add_user("ben"))
    assert refusal(bot.chat_postMessage, channel=between, text="x") == "channel_not_found"
    assert refusal(bot.conversations_info, channel=between) == "channel_not_found"


def test_updates_have_their_own_laws(slack: Slack, bot: WebClient, clock: HeldClock) -> None:
    """Only own messages, 4000 characters, the edit window, no archived channels, no loss of rich_text."""
    anna = slack.add_user("anna")
    ops = slack.add_channel("ops", [anna])
    ts = bot.chat_postMessage(channel=ops, text="x", blocks=BUTTONS)["ts"]
    theirs = slack.say(anna, ops, "mine").ts
    assert refusal(bot.chat_update, channel=ops, ts=theirs, text="x") == "cant_update_message"
    assert refusal(bot.chat_update, channel=ops, ts="1.000001", text="x") == "message_not_found"
    bot.chat_update(channel=ops, ts=ts, text="x" * 4000)
    assert refusal(bot.chat_update, channel=ops, ts=ts, text="x" * 4001) == "msg_too_long"
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": "hi"}]}
    bot.chat_update(channel=ops, ts=ts, text="x", blocks=[{"type": "rich_text", "elements": [section]}])
    assert refusal(bot.chat_update, channel=ops, ts=ts, text="x", blocks=BUTTONS) == "block_mismatch"
    slack.edit_window = 60.0
    clock.add(61)
    assert refusal(bot.chat_update, channel=ops, ts=ts, text="x") == "edit_window_closed"
    slack.archive(ops)
    assert refusal(bot.chat_update, channel=ops, ts=ts, text="x") == "is_inactive"


def test_a_block_id_is_not_used_again(slack: Slack, bot: WebClient) -> None:
    """Slack advises new block_ids at every update; reusing one for other content is noted."""
    ops = slack.add_channel("ops")
    block = {"type": "section", "block_id": "same", "text": {"type": "mrkdwn", "text": "one"}}
    ts = bot.chat_postMessage(channel=ops, text="x", blocks=[block])["ts"]
    bot.chat_update(channel=ops, ts=ts, text="x", blocks=[block])
    assert slack.violations == []
    block["text"] = {"type": "mrkdwn", "text": "two"}
    bot.chat_update(channel=ops, ts=ts, text="x", blocks=[block])
    assert "same" in slack.violations[0]


def test_an_ephemeral_message_is_for_one_person(slack: Slack, bot: WebClient) -> None:
    """Only that person sees it, its ts is good for nothing, and it needs them in the channel."""
    anna, ben, carl = (slack.add_user(name) for name in ("anna", "ben", "carl"))
    ops = slack.add_channel("ops", [anna, ben])
    ts = bot.chat_postEphemeral(channel=ops, user=anna, text="psst")["message_ts"]
    assert [each.text for each in slack.seen_by(anna, ops)] == ["psst"]
    assert slack.seen_by(ben, ops) == []
    assert [each.text for each in slack.ephemerals(anna)] == ["psst"]
    assert slack.messages(ops) == []
    assert refusal(bot.chat_update, channel=ops, ts=ts, text="x") == "message_not_found"
    assert refusal(bot.chat_getPermalink, channel=ops, message_ts=ts) == "message_not_found"
    assert refusal(bot.chat_postEphemeral, channel=ops, user=carl, text="x") == "user_not_in_channel"
    assert refusal(bot.chat_postEphemeral, channel=anna, user=anna, text="x") == "channel_not_found"


def test_an_ephemeral_reply_needs_a_thread_that_lives(slack: Slack, bot: WebClient) -> None:
    """In a thread without replies Slack takes it and shows it to nobody: noted."""
    anna = slack.add_user("anna")
    ops = slack.add_channel("ops", [anna])
    parent = bot.chat_postMessage(channel=ops, text="x")["ts"]
    bot.chat_postEphemeral(channel=ops, user=anna, text="lost", thread_ts=parent)
    assert slack.ephemerals(anna) == []
    assert len(slack.violations) == 1
    slack.say(anna, ops, "reply", thread=slack.message(ops, parent))
    bot.chat_postEphemeral(channel=ops, user=anna, text="seen", thread_ts=parent)
    assert [each.text for each in slack.ephemerals(anna)] == ["seen"]


BAD_CONTENT: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "no_text"),
    "empty": ({"text": ""}, "no_text"),
    "blocks": ({"text": "x", "blocks": [{"type": "section"}]}, "invalid_blocks"),
    "blocks as broken text": ({"text": "x", "blocks": "[{"}, "invalid_blocks_format"),
    "metadata": ({"text": "x", "metadata": {"id": 1}}, "invalid_metadata_format"),
    "somebody else's name": ({"text": "x", "username": "root"}, "missing_scope"),
}


@pytest.mark.parametrize("name", BAD_CONTENT)
@pytest.mark.filterwarnings("ignore:The top-level")
def test_bad_content_is_refused(slack: Slack, bot: WebClient, name: str) -> None:
    """Each with Slack's code, and nothing is posted."""
    content, error = BAD_CONTENT[name]
    ops = slack.add_channel("ops")
    assert refusal(bot.chat_postMessage, channel=ops, **content) == error
    assert slack.messages(ops) == []


def test_long_text_is_cut_when_posted(slack: Slack, bot: WebClient) -> None:
    """Slack cuts at 40,000 characters without a word; the sandbox says so."""
    ops = slack.add_channel("ops")
    ts = bot.chat_postMessage(channel=ops, text="x" * 40_001)["ts"]
    assert len(slack.message(ops, ts).text) == 40_000
    assert len(slack.violations) == 1


@pytest.mark.parametrize(
    "args",
    [
        {"link_names": True},
        {"parse": "full"},
        {"as_user": True},
        {"client_msg_id": "1"},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "a < b"}}]},
        {"text": "Tom & Jerry"},
    ],
)
def test_what_slack_advises_against_is_noted(slack: Slack, bot: WebClient, args: dict[str, Any]) -> None:
    """It works, as with Slack, but a test that looks at `violations` fails."""
    ops = slack.add_channel("ops")
    assert bot.chat_postMessage(**{"channel": ops, "text": "x", **args})["ok"]
    assert len(slack.violations) == 1


def test_unstrict_skips_the_checks() -> None:
    """For benchmarks: blocks and texts pass unseen, everything else stays."""
    with Slack(strict=False) as slack:
        bot = WebClient(slack.bot_token, base_url=slack.url)
        ops = slack.add_channel("ops")
        bot.chat_postMessage(channel=ops, text="a & b", blocks=[{"type": "what"}])
        assert refusal(bot.chat_update, channel=ops, ts="1.0", text="x") == "message_not_found"
        assert slack.violations == []


def test_tokens_and_scopes(slack: Slack) -> None:
    """No token, a wrong one, the wrong kind, a missing scope: each has its code."""
    ops = slack.add_channel("ops")

    def code(token: str | None, method: str = "chat_postMessage", **args: Any) -> str:
        client = WebClient(token, base_url=slack.url)
        return refusal(getattr(client, method), **(args or {"channel": ops, "text": "x"}))

    assert code(None) == "not_authed"
    assert code("xoxb-wrong") == "invalid_auth"
    assert code(slack.app_token) == "not_allowed_token_type"
    assert code(None, "apps_connections_open", app_token=slack.bot_token) == "not_allowed_token_type"
    slack.scopes.discard("chat:write")
    assert code(slack.bot_token) == "missing_scope"
    assert slack.calls[-1].response == {
        "ok": False,
        "error": "missing_scope",
        "needed": "chat:write",
        "provided": "channels:read,commands,groups:read,usergroups:read,users:read",
    }


SCOPED = {
    "users:read": lambda bot, slack: bot.users_info(user=slack.add_user("a")),
    "usergroups:read": lambda bot, slack: bot.usergroups_users_list(usergroup=slack.add_group("g")),
    "channels:read": lambda bot, slack: bot.conversations_info(channel=slack.add_channel("a")),
    "groups:read": lambda bot, slack: bot.conversations_members(channel=slack.add_channel("a", private=True)),
    "im:read": lambda bot, slack: bot.conversations_info(channel=slack.add_im(slack.add_user("a"))),
    "mpim:read": lambda bot, slack: bot.conversations_info(channel=slack.add_mpim([slack.add_user("a")], bot=True)),
    "im:write": lambda bot, slack: bot.conversations_open(users=slack.add_user("a")),
}


@pytest.mark.parametrize("scope", SCOPED)
def test_each_look_up_needs_its_scope(slack: Slack, bot: WebClient, scope: str) -> None:
    """Without it the answer is missing_scope, with it the call works."""
    slack.scopes.discard(scope)
    with pytest.raises(SlackApiError) as caught:
        SCOPED[scope](bot, slack)
    assert caught.value.response["needed"] == scope
    slack.scopes.add(scope)
    assert SCOPED[scope](bot, slack)["ok"]


def test_people_are_described_with_their_flags(slack: Slack, bot: WebClient) -> None:
    """Guests, strangers, the deactivated, bots and org members each carry what Slack says of them."""

    def told(**flags: Any) -> dict[str, Any]:
        answer: dict[str, Any] = bot.users_info(user=slack.add_user("x", **flags))["user"]
        return answer

    assert told()["is_restricted"] is False
    guest = told(is_ultra_restricted=True)
    assert (guest["is_restricted"], guest["is_ultra_restricted"]) == (True, True)
    gone = told(deleted=True)
    assert gone["deleted"] is True
    assert "is_restricted" not in gone
    other = slack.add_team("Other")
    stranger = told(team=other, is_stranger=True)
    assert (stranger["team_id"], stranger["is_stranger"]) == (other, True)
    assert told(is_bot=True)["is_bot"] is True
    assert told(enterprise_user={"id": "W1", "teams": [slack.team_id]})["enterprise_user"]["id"] == "W1"
    assert refusal(bot.users_info, user="U404") == "user_not_found"
    assert refusal(bot.users_info, user=slack.add_user("y", hidden=True)) == "user_not_visible"


def test_channels_tell_who_shares_them(slack: Slack, bot: WebClient) -> None:
    """is_ext_shared is about other companies, is_shared also about one's own organisation."""
    plain = bot.conversations_info(channel=slack.add_channel("a"))["channel"]
    assert (plain["is_shared"], plain["is_ext_shared"], plain["is_member"]) == (False, False, True)
    org = bot.conversations_info(channel=slack.add_channel("b", org_shared=True))["channel"]
    assert (org["is_shared"], org["is_ext_shared"]) == (True, False)
    outside = bot.conversations_info(channel=slack.add_channel("c", ext_shared=True, bot=False))["channel"]
    assert (outside["is_shared"], outside["is_ext_shared"], outside["is_member"]) == (True, True, False)


def test_members_come_in_pages(slack: Slack, bot: WebClient) -> None:
    """The SDK's iterator gathers them all."""
    people = [slack.add_user(f"u{i}") for i in range(5)]
    ops = slack.add_channel("ops", people, bot=False)
    pages = [page["members"] for page in bot.conversations_members(channel=ops, limit=2)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [user for page in pages for user in page] == people


def test_user_groups(slack: Slack, bot: WebClient) -> None:
    """Members are listed; unknown and disabled groups, and a free plan, are refused."""
    anna = slack.add_user("anna")
    group = slack.add_group("oncall", [anna])
    assert bot.usergroups_users_list(usergroup=group)["users"] == [anna]
    assert [each["handle"] for each in bot.usergroups_list(include_users=True)["usergroups"]] == ["oncall"]
    slack.groups[group].disabled = True
    assert refusal(bot.usergroups_users_list, usergroup=group) == "no_such_subteam"
    assert bot.usergroups_users_list(usergroup=group, include_disabled=True)["users"] == [anna]
    assert refusal(bot.usergroups_users_list, usergroup="S404") == "no_such_subteam"
    slack.paid_plan = False
    assert refusal(bot.usergroups_users_list, usergroup=group) == "plan_upgrade_required"


def test_auth_test_says_who_we_are(slack: Slack, bot: WebClient) -> None:
    """Team, user and bot ids are those of the sandbox."""
    told = bot.auth_test()
    assert (told["team_id"], told["user_id"], told["bot_id"]) == (slack.team_id, slack.bot_user_id, slack.bot_id)


def test_the_home_tab_is_published(slack: Slack, bot: WebClient) -> None:
    """The view is shown to that person; a broken one, a stale hash and a closed tab are refused."""
    anna = slack.add_user("anna")
    view = {"type": "home", "blocks": [{"type": "divider"}]}
    first = bot.views_publish(user_id=anna, view=view)["view"]
    assert slack.homes[anna]["id"] == first["id"]
    assert bot.views_publish(user_id=anna, view=view, hash=first["hash"])["view"]["id"] == first["id"]
    assert refusal(bot.views_publish, user_id=anna, view=view, hash=first["hash"]) == "hash_conflict"
    assert refusal(bot.views_publish, user_id=anna, view={"type": "home"}) == "invalid_arguments"
    slack.home_tab = False
    assert refusal(bot.views_publish, user_id=anna, view=view) == "not_enabled"


def test_the_rate_law(slack: Slack, bot: WebClient, clock: HeldClock) -> None:
    """Switched on, a channel takes a small burst and then one message per second; other channels stay usable."""
    ops, other = slack.add_channel("ops"), slack.add_channel("other")
    slack.rate_limit, slack.rate_burst = True, 2
    for _ in range(2):
        bot.chat_postMessage(channel=ops, text="x")
    with pytest.raises(SlackApiError) as caught:
        bot.chat_postMessage(channel=ops, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    assert bot.chat_postMessage(channel=other, text="x")["ok"]
    clock.add(1)
    assert bot.chat_postMessage(channel=ops, text="x")["ok"]


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("application/json", b"{", "invalid_json"),
        ("application/json", b"[]", "json_not_object"),
        ("application/x-www-form-urlencoded", b"channel", "invalid_form_data"),
        ("text/plain", b"channel=C1", "invalid_post_type"),
    ],
)
def test_malformed_requests_are_refused(slack: Slack, kind: str, body: bytes, error: str) -> None:
    """The body must be well-formed JSON or a form, and say which."""
    assert f'"error":"{error}"' in post_raw(slack, kind, body)
    assert len(slack.violations) == 1


def test_forms_work_as_well_as_json(slack: Slack) -> None:
    """Structures in forms are JSON text, flags are 1 or 0."""
    ops = slack.add_channel("ops")
    body = f"channel={ops}&text=hi&unfurl_links=0&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D".encode()
    assert '"ok":true' in post_raw(slack, "application/x-www-form-urlencoded", body)
    assert slack.messages(ops)[0].blocks[0]["type"] == "divider"
    assert slack.calls[0].args["unfurl_links"] is False


def test_unknown_methods_are_noted(slack: Slack, bot: WebClient) -> None:
    """What the sandbox does not know it does not wave through."""
    assert refusal(bot.conversations_history, channel="C1") == "unknown_method"
    assert len(slack.violations) == 1

"""The Teller: every answer of Slack becomes told, again after, or gone; no body that Slack sends leaks through."""

from __future__ import annotations

from dataclasses import replace
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

import pytest
import structlog
from slack_sdk.errors import SlackApiError, SlackClientNotConnectedError, SlackRequestError

from bot.domain.events import Event, Kind, Recorded
from bot.domain.model import DeletionId
from bot.domain.notifications import QUOTES_THE_TRAIL, Notification, NotificationKind, PendingRequest, ResponseUrl
from bot.domain.ports import Called, Delivered, RetryLater, Undeliverable
from bot.slack.errors import WITHOUT_RETRY_AFTER, Troubles, error_code, is_passing
from handlers import messenger
from handlers.messenger import GONE, OUR_FAULT, TOO_FAST, UNSURE, SlackMessenger
from handlers.views.blocks import when
from handlers.views.card import deletion_card
from handlers.views.thread import thread_message
from tests.support.messages import AWAITING, PLAUSIBLE, WORDING
from tests.support.slack_web import RepeatingWeb, api_error, response
from tests.support.values import ANNA, AT

QUIET = {"unfurl_links": False, "unfurl_media": False}
OUTCOME = Notification(NotificationKind.OUTCOME, AWAITING.id, "C1", "1.2")
DELETED = PLAUSIBLE["deleted"]


def refusal(code: Any, status: int = 200, headers: dict[str, Any] | None = None) -> SlackApiError:
    return api_error({"ok": False, "error": code}, status, headers)


POSTED = response({"ok": True, "ts": "9.9", "message_ts": "8.8", "permalink": "https://ours.example/p99"})


class Hook:
    """What WebhookClient answers when it sends."""

    def __init__(self, status: int = 200, body: str = "ok", error: Exception | None = None) -> None:
        self.status_code = status
        self.body = body
        self.error = error
        self.urls: list[str] = []
        self.sent: list[dict[str, Any]] = []

    def __call__(self, url: str) -> Hook:
        self.urls.append(url)
        return self

    def send(self, **arguments: Any) -> Hook:
        self.sent.append(arguments)
        if self.error is not None:
            raise self.error
        return self


def slack_messenger(web: RepeatingWeb, hook: Hook | None = None) -> SlackMessenger:
    return SlackMessenger(web, WORDING, hook or Hook())  # type: ignore[arg-type]


def waiting(**more: Any) -> PendingRequest:
    return PendingRequest(**{"id": "w", "kind": "click", "actor": ANNA, "channel": "C1", "since": AT, **more})


# -- translation ---------------------------------------------------------------------------------------------------

PLACE_GONE = [
    *("not_in_channel", "channel_not_found", "is_archived", "restricted_action", "restricted_action_read_only_channel"),
    *("restricted_action_thread_only_channel", "restricted_action_non_threadable_channel"),
    *("restricted_action_thread_locked", "cannot_reply_to_message", "messages_tab_disabled", "team_access_not_granted"),
    *("message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "block_mismatch"),
    *("user_not_in_channel", "user_not_found", "user_not_visible", "method_not_supported_for_channel_type"),
]
"""Rulebook section 4: codes after which the same message is never taken at the same place."""

TRANSLATED = [
    *((refusal(code), Undeliverable(code)) for code in PLACE_GONE),
    # Throttled: Slack's own wish is honoured, by either spelling and whether or not the status says so.
    (refusal("ratelimited", 429, {"Retry-After": "7"}), RetryLater(7.0, "ratelimited")),
    (refusal("rate_limited", 429, {"retry-after": "120"}), RetryLater(120.0, "rate_limited")),
    (refusal("rate_limited", 200, {"Retry-After": "3"}), RetryLater(3.0, "rate_limited")),
    (refusal("ratelimited", 429, {"Retry-After": ["11"]}), RetryLater(11.0, "ratelimited")),
    (refusal("ratelimited", 429), RetryLater(30.0, "ratelimited")),
    (refusal("ratelimited", 429, {"Retry-After": "soon"}), RetryLater(30.0, "ratelimited")),
    (refusal("ratelimited", 429, {"Retry-After": None}), RetryLater(30.0, "ratelimited")),
    (refusal("message_limit_exceeded"), RetryLater(30.0, "message_limit_exceeded")),
    (refusal("channel_not_found", 429, {"Retry-After": "2"}), RetryLater(2.0, "channel_not_found")),
    (refusal("<html>slow down xoxb-1</html>", 429, {"Retry-After": "5"}), RetryLater(5.0, "http_429")),
    # Part of the work may have happened.
    *(
        (refusal(code), RetryLater(1.0, code, unanswered=True))
        for code in ("internal_error", "fatal_error", "update_failed")
    ),
    *(
        (refusal(code, status), RetryLater(1.0, code, unanswered=True))
        for code, status in (
            *(("service_unavailable", 503), ("request_timeout", 408), ("something_new", 500), ("something_new", 502)),
        )
    ),
    # What is no JSON, or no code, is named by its status.
    *(
        (refusal(body, status), RetryLater(1.0, f"http_{status}", unanswered=True))
        for body, status in (
            *(("<html><body>xoxb-secret</body></html>", 502), ("upstream connect error", 503), ("A" * 10, 404)),
            *((body, 200) for body in ("xoxb-1-secret", "a" * 65, "channel_not_found\n", "", None, ["is_archived"])),
        )
    ),
    (api_error("<html>secret"), RetryLater(1.0, "http_200", unanswered=True)),
    (api_error(None, 500), RetryLater(1.0, "http_500", unanswered=True)),
    # Neither the message nor its place is at fault: it waits.
    *(
        (refusal(code), RetryLater(60.0, code))
        for code in ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "missing_scope", "new_code")
    ),
    # No whole answer.
    *(
        (error("secret"), RetryLater(1.0, error.__name__, unanswered=True))
        for error in (
            *(TimeoutError, ConnectionResetError, BrokenPipeError, RemoteDisconnected, ValueError),
            *(SlackRequestError, SlackClientNotConnectedError),
        )
    ),
    (IncompleteRead(b"secret"), RetryLater(1.0, "IncompleteRead", unanswered=True)),
    (POSTED, Delivered("9.9")),
    (response({"ok": True}), Delivered(None)),
]


NO_YES = [
    *({}, {"ts": "9.9"}, None, [], [1], "ok", 1),
    *({"ok": value, "ts": "9.9"} for value in (False, None, 0, "", "false", "true", 1, [1])),
]
NO_TS: list[dict[str, Any]] = [{}, *({"ts": ts} for ts in (None, "", 9.9, ["9.9"], "9", "9.", "9.9\n", "x"))]


@pytest.mark.parametrize("body", NO_YES, ids=repr)
def test_only_a_plain_yes_is_one(body: Any) -> None:
    """Whatever else comes with a 200 is no answer, also where slack_sdk takes it for one or stumbles over it."""
    posted = messenger._call(lambda: response(body).validate(), Troubles())
    assert isinstance(posted, RetryLater)
    assert posted.unanswered


@pytest.mark.parametrize("body", NO_TS, ids=repr)
def test_a_card_stands_once_its_ts_is_known(body: dict[str, Any]) -> None:
    """Its outcome would be told outside of any thread, so it is posted again; for a reply "ok" is enough."""
    web = RepeatingWeb(response({"ok": True} | body))
    assert slack_messenger(web).post_card(AWAITING, (), Called()) == RetryLater(1.0, "no_ts", unanswered=True)
    assert slack_messenger(web).send(OUTCOME, DELETED) == Delivered()


def test_the_channel_of_an_answer_is_not_compared() -> None:
    """Of a person Slack answers with the id of the direct message, of a converted channel with its new one."""
    assert slack_messenger(RepeatingWeb(response({"ok": True, "ts": "9.9", "channel": "D9"}))).post_card(
        AWAITING, (), Called()
    ) == Delivered("9.9")


@pytest.mark.parametrize(
    ("given", "answer"), TRANSLATED, ids=[f"{n}-{row[1]}"[:60] for n, row in enumerate(TRANSLATED)]
)
@pytest.mark.parametrize("method", ["post", "update"])
def test_every_answer_of_slack_is_told_again_or_gone(
    method: str, given: Any, answer: Delivered | RetryLater | Undeliverable
) -> None:
    """One table for posting and for drawing anew; the words of it are Slack's codes or ours, never a body."""
    web = RepeatingWeb(given)
    tell = OUTCOME if method == "post" else replace(OUTCOME, kind=NotificationKind.CARD)
    with structlog.testing.capture_logs() as lines:
        assert slack_messenger(web).send(tell, DELETED) == answer
    assert len(web.calls) == 1
    assert "secret" not in str(lines)
    assert "html" not in str(lines)
    waits = isinstance(answer, RetryLater) and answer.after == 60.0
    assert [line["event"] for line in lines] == ["slack_refused"] * waits


def test_the_tables_of_codes_do_not_overlap() -> None:
    """A code has one meaning; those that close a place are those of the rulebook and a few of its neighbours."""
    tables = [GONE, UNSURE, OUR_FAULT, TOO_FAST]
    assert sum(map(len, tables)) == len(frozenset().union(*tables))
    assert set(PLACE_GONE) <= GONE
    assert GONE - set(PLACE_GONE) == {"cannot_dm_bot", "thread_not_found", "user_disabled"}


@pytest.mark.parametrize("code", sorted(OUR_FAULT))
@pytest.mark.parametrize("second", [POSTED, refusal("is_archived"), refusal("internal_error"), refusal("msg_too_long")])
def test_refused_blocks_fall_back_to_the_text(code: str, second: Any) -> None:
    """The text, complete by itself, is sent without blocks, which takes old buttons away; the log says so."""
    web = RepeatingWeb(refusal(code), second)
    with structlog.testing.capture_logs() as lines:
        answer = slack_messenger(web).send(OUTCOME, DELETED)
    assert [method for method, _ in web.calls] == ["chat.postMessage"] * 2
    text = thread_message(OUTCOME, DELETED, WORDING).text
    assert web.calls[1][1] == {"text": text, "blocks": [], "channel": "C1", "thread_ts": "1.2", **QUIET}
    assert (lines[0]["event"], lines[0]["code"], lines[0]["log_level"]) == ("slack_refused_blocks", code, "error")
    assert second is not POSTED or answer == Delivered("9.9")
    assert isinstance(answer, Undeliverable) is (second is not POSTED and second.response["error"] == "is_archived")


def test_the_fallback_text_is_short_enough_for_anything() -> None:
    """A long text without blocks is cut at three thousand characters."""
    web = RepeatingWeb(refusal("msg_too_long"), POSTED)
    with structlog.testing.capture_logs():
        slack_messenger(web).answer(waiting(), "x" * 5000, None)
    assert len(web.calls[1][1]["text"]) <= 3000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"error": "is_archived"}, "is_archived"),
        ({"error": "a1_b"}, "a1_b"),
        *(({"error": error}, "http_418") for error in ("1a", "_a", "a b", "caf\u00e9")),
        *((body, "http_418") for body in ({}, None, "text", b"bytes")),
    ],
)
def test_only_the_form_of_a_code_passes(data: Any, code: str) -> None:
    """Where the body was no JSON slack_sdk hands all of it over as the error."""
    assert error_code(response(data, 418)) == code


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (refusal("ratelimited", 429), True),
        (refusal("ratelimited"), True),
        (refusal("anything", 429), True),
        (refusal("internal_error", 500), True),
        (refusal("<html>", 503), True),
        (refusal("<html>", 200), True),
        (refusal("invalid_auth"), False),
        (refusal("missing_scope"), False),
        (refusal("channel_not_found", 404), False),
    ],
)
def test_throttled_and_unwell_are_told_from_refused(error: SlackApiError, *, passing: bool) -> None:
    """At the start the bot waits for the one and gives up on the other."""
    assert is_passing(error) is passing


# -- what is sent, and where ---------------------------------------------------------------------------------------


def test_a_card_is_posted_without_unfurling() -> None:
    """Text and blocks together, in the deletion's channel; Slack's ts comes back."""
    web = RepeatingWeb(POSTED)
    assert slack_messenger(web).post_card(AWAITING, [DELETED], Called()) == Delivered("9.9")
    card = deletion_card(AWAITING, WORDING, [DELETED])
    assert web.calls == [("chat.postMessage", {"channel": "C1", "text": card.text, "blocks": card.blocks, **QUIET})]


def test_a_card_is_drawn_anew_where_it_stands() -> None:
    """chat.update with both text and blocks: without blocks the buttons would stay or go at Slack's whim."""
    web = RepeatingWeb(POSTED)
    slack_messenger(web).send(Notification(NotificationKind.CARD, DELETED.id, "C7", "5.5"), DELETED)
    card = deletion_card(DELETED, WORDING)
    assert web.calls == [("chat.update", {"channel": "C7", "ts": "5.5", "text": card.text, "blocks": card.blocks})]


@pytest.mark.parametrize(
    ("thread_ts", "place"), [("1.2", {"channel": "X1", "thread_ts": "1.2"}), (None, {"channel": "X1"})]
)
def test_a_message_goes_to_its_thread_or_as_direct_message(thread_ts: str | None, place: dict[str, str]) -> None:
    """A direct message has no thread, and must not be sent with an empty one."""
    web = RepeatingWeb(POSTED)
    tell = Notification(NotificationKind.OUTCOME, DELETED.id, "X1", thread_ts)
    slack_messenger(web).send(tell, DELETED)
    said = thread_message(tell, DELETED, WORDING)
    assert web.calls == [("chat.postMessage", {**place, "text": said.text, "blocks": said.blocks, **QUIET})]


def test_the_running_log_is_one_message() -> None:
    """Many lines, one section, within the limits."""
    web = RepeatingWeb(POSTED)
    events = [Recorded(n, Event(Kind.OUTCOME, AT, ANNA, "C1"), "", "", "") for n in range(1, 4)]
    assert slack_messenger(web).log("CLOG", events, 5) == Delivered("9.9")
    ((method, arguments),) = web.calls
    assert (method, arguments["channel"]) == ("chat.postMessage", "CLOG")
    assert arguments["text"].count("\n") == 3
    assert arguments["blocks"][0]["text"]["verbatim"]


def test_the_head_is_shown_as_the_command_line_takes_it() -> None:
    """In AUDIT_CHANNEL, ready to be copied."""
    web = RepeatingWeb(POSTED)
    assert slack_messenger(web).log_head("CLOG", 1234, "9f3a62c1d0b4e7aa" + "0" * 48, 0) == Delivered("9.9")
    ((method, arguments),) = web.calls
    assert (method, arguments["channel"]) == ("chat.postMessage", "CLOG")
    assert "`dh-bot audit verify --against 1234:9f3a62c1d0b4e7aa`" in arguments["text"]
    assert "Typing errors" not in arguments["text"]


@pytest.mark.parametrize(("number", "said"), [(1, "1 command"), (1234, "1,234 commands")])
def test_the_days_typing_errors_are_one_line(number: int, said: str) -> None:
    """Below the head, since none has a line of its own."""
    web = RepeatingWeb(POSTED)
    slack_messenger(web).log_head("CLOG", 1234, "9f3a62c1d0b4e7aa" + "0" * 48, number)
    ((_, arguments),) = web.calls
    assert arguments["text"].endswith(f"\nTyping errors of the last 24 hours: {said}. Nothing was done for them.")


@pytest.mark.parametrize("kind", sorted(QUOTES_THE_TRAIL))
def test_the_thread_shows_the_event_behind_an_end(kind: NotificationKind) -> None:
    """Where the message knows it; one that was written by an older version does not."""
    tell = Notification(kind, DELETED.id, "C1", "1.1", {"reason": "job_gone", "trail": "1234:9f3a62c1d0b4e7aa"})
    last = "\nAudit trail: event `1234:9f3a62c1d0b4e7aa`"
    assert thread_message(tell, DELETED, WORDING).text.endswith(last)
    assert "Audit trail" not in thread_message(replace(tell, facts={"reason": "job_gone"}), DELETED, WORDING).text


# -- answers to one person -----------------------------------------------------------------------------------------

URL = ResponseUrl("https://hooks.slack.example/secret")
OF_A_COMMAND = ResponseUrl(URL.url, replaces_ack=True)


def test_an_answer_goes_by_response_url_first() -> None:
    """Ephemeral, and never in place of the card that was clicked."""
    web, hook = RepeatingWeb(POSTED), Hook()
    assert slack_messenger(web, hook).answer(waiting(), "No.", URL) == Delivered()
    assert hook.urls == [URL.url]
    assert hook.sent == [{"text": "No.", "response_type": "ephemeral", "replace_original": False}]
    assert web.calls == []


def test_the_answer_to_a_command_takes_the_place_of_its_ack() -> None:
    """One call, and one message is left."""
    web, hook = RepeatingWeb(POSTED), Hook()
    assert slack_messenger(web, hook).answer(waiting(), "No.", OF_A_COMMAND) == Delivered()
    assert hook.sent == [{"text": "No.", "response_type": "ephemeral", "replace_original": True}]
    assert web.calls == []


def test_an_ack_that_cannot_be_replaced_is_followed_by_the_answer() -> None:
    """Where Slack refuses to replace, the answer is a new message at the same address."""
    web, hook = RepeatingWeb(POSTED), Hook()

    def send(**arguments: Any) -> Hook:
        hook.sent.append(arguments)
        hook.body = '{"ok": false, "error": "message_not_found"}' if arguments["replace_original"] else "ok"
        return hook

    hook.send = send  # type: ignore[method-assign]
    assert slack_messenger(web, hook).answer(waiting(), "No.", OF_A_COMMAND) == Delivered()
    assert [sent["replace_original"] for sent in hook.sent] == [True, False]
    assert web.calls == []


@pytest.mark.parametrize("hook", [Hook(404, "used_url"), Hook(500), Hook(error=TimeoutError("secret"))])
def test_an_address_that_does_not_answer_is_not_tried_twice(hook: Hook) -> None:
    """The answer to a command then goes as an ephemeral message, at once."""
    web = RepeatingWeb(POSTED)
    assert isinstance(slack_messenger(web, hook).answer(waiting(), "No.", OF_A_COMMAND), Delivered)
    assert len(hook.sent) == 1
    assert [method for method, _ in web.calls] == ["chat.postEphemeral"]


def test_the_secret_address_is_not_shown() -> None:
    """Neither in a log nor in a traceback."""
    assert "secret" not in repr(OF_A_COMMAND)


@pytest.mark.parametrize(
    "hook",
    [
        Hook(404, "expired_url"),
        Hook(500),
        Hook(200, '{"ok":false,"error":"invalid_blocks"}'),
        Hook(200, '{ "ok": false }'),
        Hook(error=TimeoutError("secret")),
        Hook(error=IncompleteRead(b"secret")),
        Hook(error=SlackRequestError("secret")),
        Hook(error=ValueError("secret")),
        None,
    ],
)
def test_then_it_is_posted_for_that_person_alone(hook: Hook | None) -> None:
    """A response_url that is used up, broken or unknown is followed by chat.postEphemeral in the same place."""
    web = RepeatingWeb(POSTED)
    given = waiting(thread_ts="1.2")
    assert isinstance(slack_messenger(web, hook).answer(given, "No. *x*", None if hook is None else URL), Delivered)
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "No. *x*", "verbatim": True}}
    place = {"channel": "C1", "user": "UANNA", "thread_ts": "1.2"}
    assert web.calls == [("chat.postEphemeral", {**place, "text": "No. *x*", "blocks": [block]})]


def test_an_answer_outside_a_thread_names_none() -> None:
    """An empty thread_ts would be refused."""
    web = RepeatingWeb(POSTED)
    slack_messenger(web).answer(waiting(), "No.", None)
    assert "thread_ts" not in web.calls[0][1]


@pytest.mark.parametrize("code", ["user_not_in_channel", "channel_not_found", "is_archived", "not_in_channel"])
def test_then_it_is_sent_as_direct_message(code: str) -> None:
    """Where the bot cannot post for them in the channel, the person gets it privately."""
    web = RepeatingWeb(refusal(code), POSTED)
    assert slack_messenger(web, Hook(404)).answer(waiting(), "No.", URL) == Delivered("9.9")
    assert [method for method, _ in web.calls] == ["chat.postEphemeral", "chat.postMessage"]
    assert web.calls[1][1]["channel"] == "UANNA"
    assert web.calls[1][1]["text"] == "No."


@pytest.mark.parametrize("error", [refusal("ratelimited", 429), refusal("internal_error"), TimeoutError()])
def test_an_answer_that_may_come_yet_is_not_sent_twice_at_once(error: Exception) -> None:
    """Only a place that is gone leads to the next way; a doubt is repeated later, by whoever keeps the answer."""
    web = RepeatingWeb(error)
    assert isinstance(slack_messenger(web).answer(waiting(), "No.", None), RetryLater)
    assert [method for method, _ in web.calls] == ["chat.postEphemeral"]


def test_when_no_way_is_left_it_is_gone() -> None:
    """The caller learns why."""
    web = RepeatingWeb(refusal("channel_not_found"), refusal("messages_tab_disabled"))
    assert slack_messenger(web).answer(waiting(), "No.", None) == Undeliverable("messages_tab_disabled")


def test_a_long_answer_keeps_its_text_and_cuts_its_block() -> None:
    """A section takes three thousand characters."""
    web = RepeatingWeb(POSTED)
    slack_messenger(web).answer(waiting(), "x" * 3500, None)
    assert len(web.calls[0][1]["text"]) == 3500
    assert len(web.calls[0][1]["blocks"][0]["text"]["text"]) <= 3000


BUTTONS = [{"type": "actions", "elements": [{"type": "button", "action_id": "a", "value": "v"}]}]


def test_an_answer_may_have_buttons() -> None:
    """They go with the text, by response_url or as ephemeral message."""
    hook = Hook()
    assert slack_messenger(RepeatingWeb(POSTED), hook).answer(waiting(), "Found.", URL, BUTTONS) == Delivered()
    assert hook.sent[0]["blocks"] == BUTTONS
    web = RepeatingWeb(POSTED)
    slack_messenger(web).answer(waiting(), "Found.", None, BUTTONS)
    assert [(method, sent["blocks"]) for method, sent in web.calls] == [("chat.postEphemeral", BUTTONS)]


@pytest.mark.parametrize("code", sorted(OUR_FAULT))
def test_an_answer_is_worth_having_without_its_buttons(code: str) -> None:
    """Blocks that Slack refuses cost the person their buttons, not the answer."""
    web = RepeatingWeb(refusal(code), POSTED)
    assert isinstance(slack_messenger(web).answer(waiting(), "Found.", None, BUTTONS), Delivered)
    assert [method for method, _ in web.calls] == ["chat.postEphemeral", "chat.postEphemeral"]
    assert web.calls[1][1]["text"] == "Found."
    assert web.calls[1][1]["blocks"] != BUTTONS


def test_after_a_restart_the_answer_says_how_it_stands() -> None:
    """With a link to the card where there is one."""
    web = RepeatingWeb(POSTED)
    assert isinstance(slack_messenger(web).answer_after_restart(waiting(), DELETED), Delivered)
    assert [method for method, _ in web.calls] == ["chat.getPermalink", "chat.postEphemeral"]
    assert "the job is deleted" in web.calls[1][1]["text"]
    assert "<https://ours.example/p99|its card>" in web.calls[1][1]["text"]


def test_a_late_answer_says_of_when_it_is() -> None:
    """The deletion may have gone on since; the rest of the text is what was to be said then."""
    web = RepeatingWeb(POSTED)
    kept = replace(waiting(), text="The card still waits.")
    assert isinstance(slack_messenger(web).answer_late(kept), Delivered)
    assert web.calls[0][1]["text"] == (
        f"*Late answer* to your {kept.kind} of {when(kept.since)}, as things stood then: The card still waits."
    )


# -- links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "link"),
    [
        (POSTED, "https://ours.example/p99"),
        (response({"ok": True}), None),
        (response({"ok": True, "permalink": None}), None),
        (response({"ok": True, "permalink": "https://x|y"}), None),
        (response({"ok": True, "permalink": "https://x>y"}), None),
        (refusal("message_not_found"), None),
        (refusal("<html>", 500), None),
        (TimeoutError(), None),
        (IncompleteRead(b""), None),
        (ValueError(), None),
    ],
)
def test_a_link_to_the_card_where_slack_gives_one(answer: Any, link: str | None) -> None:
    """Never an error, and nothing that would break out of the link's brackets."""
    web = RepeatingWeb(answer)
    assert slack_messenger(web).link(DELETED) == link
    assert web.calls == [("chat.getPermalink", {"channel": "C1", "message_ts": "1.2"})]


def test_without_a_card_there_is_no_link_and_no_call() -> None:
    """Nothing to link to."""
    web = RepeatingWeb(POSTED)
    assert slack_messenger(web).link(replace(AWAITING, id=DeletionId("f" * 16), message_ts=None)) is None
    assert web.calls == []


def test_the_pauses_are_what_the_rulebook_advises() -> None:
    """Thirty seconds where Slack names none, one where an answer was lost, a minute where the token is wrong."""
    assert (WITHOUT_RETRY_AFTER, messenger.SHORT_PAUSE, messenger.TOKEN_PAUSE) == (30.0, 1.0, 60.0)

"""docs/how-it-works.md: the card, the thread, the states and what replies come to are what the code says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bot.domain import outcomes
from bot.domain.job_states import DELETABLE
from bot.domain.model import (
    NEVER_LEFT,
    Cause,
    Deletion,
    DeletionId,
    Job,
    JobId,
    Reply,
    State,
)
from bot.domain.notifications import Notification, NotificationKind
from bot.settings.schema import Settings
from handlers.views.blocks import plain
from handlers.views.card import deletion_card
from handlers.views.thread import thread_message
from handlers.views.wording import Wording
from tests.support import values
from tests.support.outcomes import AGAIN, outcome
from tests.support.pages import Page
from tests.support.values import ANNA, attempt, deletion

PAGE = Page("docs/how-it-works.md")

STATES_IN_ORDER = (
    *(State.AWAITING, State.DELETING, State.DELETED, State.FAILED, State.UNKNOWN),
    *(State.REFUSED, State.CANCELLED, State.EXPIRED),
)
ASKED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
REQUEST_ID = "e40c13061ce81f3c359bc897cddd2503"
OURS = Wording("/delete-dh-job", None, "production")
WAITING = deletion(
    id=DeletionId("5f0c2a9be1d84c37"),
    job=Job(
        job_id=JobId("26f06524-4f75-4b3a-a853-b649a21aaf66"),
        state="TRAIN_FAILED",
        name="Anchor Li",
        asset_id="a178f6739eec2774a54b16bd581cb8d8",
        create_time="2026-02-26T08:12:40Z",
        last_update_time="2026-02-27T06:03:11Z",
        model_version="V3.2",
        model_resolution="1080P",
        supported_service=("VIDEO_2D", "LIVE_2D"),
    ),
    channel="C0OPS",
    asked_at=ASKED,
    reason="the customer took back their consent",
    message_ts="1772443801.000100",
    deadline_at=ASKED + timedelta(minutes=10),
)


def deleted() -> Deletion:
    confirmed = ASKED + timedelta(seconds=41)
    ended = confirmed + timedelta(seconds=0.7)
    sent = attempt(claimed_at=confirmed, replied_at=ended, status=200, request_id=REQUEST_ID)
    return replace(
        WAITING, state=State.DELETED, confirmer=ANNA, confirmed_at=confirmed, ended_at=ended, attempts=(sent,)
    )


def read(text: str) -> list[str]:
    """As a person reads it, word by word: the page may break lines where Slack does not."""
    return plain(text).replace(f"<@{ANNA.user}>", "@anna").split()


def test_the_card_is_the_bot_s() -> None:
    """The card on the page is word by word what the bot posts."""
    text = deletion_card(WAITING, OURS).text
    assert PAGE.block("text-card").split() == read(text), f"the page should show:\n{plain(text)}"


def test_the_thread_is_the_bot_s() -> None:
    """So is the thread."""
    tells = (
        Notification(
            NotificationKind.OUTCOME,
            WAITING.id,
            WAITING.channel,
            WAITING.message_ts,
            {"trail": "1234:9f3a62c1d0b4e7aa"},
        ),
        Notification(
            NotificationKind.INSPECTED,
            WAITING.id,
            WAITING.channel,
            WAITING.message_ts,
            {"found": "gone", "at": (ASKED + timedelta(seconds=78)).timestamp()},
        ),
    )
    text = "\n\n".join(thread_message(tell, deleted(), OURS).text for tell in tells)
    assert PAGE.block("text-thread").split() == read(text), f"the page should show:\n{plain(text)}"


# How a deletion goes.


def test_the_states_of_a_deletion_are_in_the_table() -> None:
    """All that the ledger knows, but for the moment before there is one."""
    assert [row[0] for row in PAGE.rows("How a deletion goes")] == [state.value for state in STATES_IN_ORDER]
    assert set(STATES_IN_ORDER) == set(State) - {State.NEW}


reply = partial(values.reply, request_id=None)

SAID_OF_REPLIES: dict[str, tuple[str, tuple[Reply, ...]]] = {
    # Words of the page, what it says that they come to, and such replies to a DELETE.
    "200 or 204 with a request ID": ("deleted", (reply(200, request_id="r"), reply(204, request_id="r"))),
    "a refusal (most 4xx)": ("failed", (reply(400), reply(401), reply(403), reply(405), reply(413), reply(499))),
    "404, 409, 410, 412": ("unknown", (reply(404), reply(409), reply(410), reply(412))),
    "a 4xx with a code of MetaStudio other than `MSS.0000xxxx`": (
        "unknown",
        (reply(400, code="MSS.41000011"), reply(422, code="MSS.00010003")),
    ),
    "certainly never left": ("failed", tuple(reply(None, cause=cause) for cause in sorted(NEVER_LEFT))),
    "Every 5xx": ("unknown", (reply(500), reply(502), reply(503))),
    "500 with `MSS.00000004`": ("unknown", (reply(500, code="MSS.00000004"),)),
    "a timeout": ("unknown", (reply(None, cause=Cause.TIMED_OUT),)),
    "a cut connection": ("unknown", (reply(None, cause=Cause.CUT),)),
    "a success without a request ID": ("unknown", (reply(200), reply(204))),
    "throttled (429, or a 4xx with a code ending in 0308)": (
        AGAIN,
        (reply(429), reply(400, code="APIGW.0308"), reply(404, code="APIG.0308")),
    ),
}


@pytest.mark.parametrize("words", SAID_OF_REPLIES)
def test_what_replies_come_to_is_said_as_it_is(words: str) -> None:
    """The page names the outcome in the paragraph in which it has these words; the code decides the same."""
    ends, replies = SAID_OF_REPLIES[words]
    text = " ".join(PAGE.section("Outcomes").split())
    paragraph = text[: text.index(words) + len(words)].rsplit(" - **", maxsplit=1)[-1]
    assert ends == AGAIN or paragraph.startswith(f"{ends}**")
    assert {outcome(one) for one in replies} == {ends}


def test_a_throttled_delete_is_sent_again_as_often_as_is_said() -> None:
    """At most twice."""
    assert "is sent again, at most twice." in " ".join(PAGE.section("Outcomes").split())
    assert [outcomes.may_send_again(reply(429), number) for number in (1, 2, 3)] == [True, True, False]


def test_the_deletable_states_are_named() -> None:
    """All eleven and no other."""
    states = set(re.findall(r"`([A-Z][A-Z_]+)`", PAGE.section("What it refuses, and why")))
    named = states - {name.upper() for name in Settings.model_fields}
    assert named == DELETABLE

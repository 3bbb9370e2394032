"""Values for the tests of the views, and what every message has to obey."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.models.blocks import Block

from bot.domain.model import Attempt, Cause, ConfirmBy, Deletion, Job, JobId, State
from bot.domain.outcomes import Ending
from handlers.views.blocks import Message
from handlers.views.wording import Wording
from sandbox.slack import block_kit as checks
from tests.support.values import AT, BEN, CARL, DELETION_ID, attempt, deletion

JOB_ID = JobId("efc5300ecdba4ea48d1ff13a9d907bc0")
WORDING = Wording(help_contact="the media team", environment="production")
BARE = Wording()


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


JOB = Job(
    JOB_ID,
    "JOB_FINISH",
    name="Anchor Li",
    asset_id="a178f6739eec2774a54b16bd581cb8d8",
    create_time="2026-02-26T08:12:40Z",
    last_update_time="2026-02-27T06:03:11Z",
    model_version="V3.2",
    model_resolution="1080P",
    supported_service=("VIDEO_2D", "LIVE_2D"),
    voice_train_job_id="v-1",
)
BARE_JOB = Job(JobId("j"), "WAIT_FILE_UPLOAD")

ATTEMPT = attempt(token="token-is-secret")
DONE = replace(ATTEMPT, replied_at=later(1), status=200, request_id="req-200")
REJECTED = replace(ATTEMPT, status=400, code="MSS.00000003", message="Invalid parameter", request_id="req-400")
BROKEN = replace(ATTEMPT, status=500, code="MSS.00000004", message="Internal Error", request_id="req-500")
CONFLICT = replace(ATTEMPT, status=404, code="MSS.41000003", request_id="req-404")
CUT_OFF = replace(ATTEMPT, cause=Cause.CUT)
THROTTLED = replace(ATTEMPT, status=429, code="APIGW.0308", request_id="req-429")

AWAITING = deletion(job=JOB, reason="the customer took back their consent", message_ts="1.2", deadline_at=later(600))
CLAIMED = replace(
    AWAITING, state=State.DELETING, confirmer=BEN, confirmed_at=later(60), claim_token="c", attempts=(ATTEMPT,)
)
OVER = replace(CLAIMED, ended_at=later(61.5))


def failed(ending: Ending, *attempts: Attempt) -> Deletion:
    return replace(OVER, state=State.FAILED, ended_why=ending.value, attempts=attempts)


def unknown(ending: Ending, *attempts: Attempt, **more: Any) -> Deletion:
    return replace(
        CLAIMED,
        state=State.UNKNOWN,
        ended_why=ending.value,
        attempts=attempts or CLAIMED.attempts,
        unknown_since=later(62),
        **more,
    )


PLAUSIBLE: dict[str, Deletion] = {
    "awaiting": AWAITING,
    "awaiting without a deadline": replace(AWAITING, deadline_at=None, message_ts=None),
    "awaiting a second person": replace(AWAITING, confirm_by=ConfirmBy.SECOND_PERSON),
    "awaiting any operator": replace(AWAITING, confirm_by=ConfirmBy.ANY_OPERATOR),
    "awaiting with nothing optional": replace(AWAITING, job=BARE_JOB, reason=None, deadline_at=None),
    "awaiting under review": replace(AWAITING, job=replace(JOB, state="MANUAL_VERIFYING")),
    "awaiting, serving nothing": replace(AWAITING, job=replace(JOB, supported_service=())),
    "deleting": CLAIMED,
    "deleting without its confirmer": replace(CLAIMED, confirmer=None, confirmed_at=None, attempts=()),
    "unknown, lost": unknown(Ending.LOST, CUT_OFF),
    "unknown, 5xx": unknown(Ending.SERVER_ERROR, BROKEN, answered_5xx=True),
    "unknown, unclear": unknown(Ending.UNCLEAR, replace(ATTEMPT, status=302)),
    "unknown, sender gone": unknown(Ending.SENDER_GONE),
    "unknown for a day": unknown(Ending.LOST, CUT_OFF, reminded=True, reads_agreeing=3, reads_last="present"),
    "unknown without a word": replace(unknown(Ending.LOST), ended_why=None, attempts=()),
    "deleted": replace(OVER, state=State.DELETED, ended_why=Ending.REPLY_DELETED.value, attempts=(DONE,)),
    "deleted, third attempt": replace(
        OVER,
        state=State.DELETED,
        ended_why=Ending.REPLY_DELETED.value,
        attempts=(THROTTLED, replace(THROTTLED, number=2), replace(DONE, number=3)),
    ),
    "verified gone": replace(
        OVER, state=State.DELETED, ended_why=Ending.REPLY_DELETED.value, attempts=(DONE,), verified_at=later(120)
    ),
    "found gone": replace(
        OVER,
        state=State.DELETED,
        ended_why=Ending.READ_GONE.value,
        attempts=(CUT_OFF,),
        verified_at=later(900),
        reads_agreeing=1,
        reads_first_at=later(900),
    ),
    "deleted by a word": replace(OVER, state=State.DELETED, ended_why=Ending.BY_HAND.value, ended_by=CARL),
    "failed by a word": replace(OVER, state=State.FAILED, ended_why=Ending.BY_HAND.value, ended_by=CARL),
    "rejected": failed(Ending.REPLY_REJECTED, REJECTED),
    "rejected, still there": replace(failed(Ending.REPLY_REJECTED, REJECTED), verified_at=later(70)),
    "bad credentials": failed(Ending.BAD_CREDENTIALS, replace(REJECTED, status=401, code="APIGW.0301", message=None)),
    "forbidden": failed(Ending.FORBIDDEN, replace(REJECTED, status=403, code=None, message=None)),
    "throttled": failed(Ending.THROTTLED, *(replace(THROTTLED, number=number) for number in (1, 2, 3))),
    "not sent again": failed(Ending.THROTTLED, THROTTLED, replace(ATTEMPT, number=2, cause=Cause.TOO_LATE)),
    "unknown, conflict": unknown(Ending.CONFLICT, CONFLICT, answered_5xx=True),
    "found gone after a 404": replace(
        OVER, state=State.DELETED, ended_why=Ending.READ_GONE.value, attempts=(CONFLICT,), verified_at=later(900)
    ),
    "never sent": failed(Ending.NEVER_SENT, replace(ATTEMPT, cause=Cause.CONNECTION_REFUSED)),
    "failed without a word": replace(OVER, state=State.FAILED, attempts=()),
    "still present": replace(
        failed(Ending.READ_PRESENT, CUT_OFF),
        reads_agreeing=9,
        reads_first_at=later(60),
        verified_at=later(660),
        read_due_at=later(4260),
    ),
    "refused": replace(AWAITING, state=State.REFUSED, ended_at=later(9), ended_why="job_changed", ended_by=BEN),
    "cancelled": replace(AWAITING, state=State.CANCELLED, ended_at=later(9), ended_why="cancelled", ended_by=BEN),
    "cancelled by nobody known": replace(AWAITING, state=State.CANCELLED),
    "expired": replace(AWAITING, state=State.EXPIRED, ended_at=later(600), ended_why="expired"),
    "closed after a restore": replace(
        AWAITING, state=State.EXPIRED, ended_at=later(600), ended_why=Ending.RESTORED.value
    ),
}
"""A deletion in each state that the ledger can hold, with and without its optional parts."""

HOSTILE = "<!channel> *x* _y_ ~z~ <https://e|y> <@UEVIL> <#CEVIL> <!subteam^S1> &amp; @everyone `c` :x: \u202e > \n x"

HOSTILE_JOB = Job(
    JOB_ID,
    "JOB_FINISH",
    name=HOSTILE,
    asset_id=HOSTILE,
    create_time=HOSTILE,
    last_update_time=HOSTILE,
    model_version=HOSTILE,
    model_resolution=HOSTILE,
    supported_service=(HOSTILE, HOSTILE),
    voice_train_job_id=HOSTILE,
)


def poisoned(deletion: Deletion, text: str = HOSTILE) -> Deletion:
    """The same deletion with this text in every place that the outside can write to."""
    job = deletion.job
    changed = {
        name: (text, text) if name == "supported_service" else text
        for name in Job.__slots__  # type: ignore[attr-defined]
        if name not in {"job_id", "state"}
    }
    attempts = tuple(replace(one, code=text, message=text, request_id=text) for one in deletion.attempts)
    return replace(deletion, job=replace(job, **changed), reason=text, attempts=attempts)


def stretched(deletion: Deletion, char: str) -> Deletion:
    """The same deletion with everything as long as it can get, made of this character."""
    job = Job(
        JobId("j" * 64),
        deletion.job.state,
        name=char * 256,
        asset_id=char * 80,
        create_time=char * 40,
        last_update_time=char * 40,
        model_version=char * 40,
        model_resolution=char * 40,
        supported_service=(char * 40,) * 16,
        voice_train_job_id=char * 80,
    )
    attempts = tuple(
        replace(ATTEMPT, number=number, status=500, code="c" * 64, message=char * 500, request_id="r" * 128)
        for number in (1, 2, 3)
    )
    return replace(deletion, job=job, reason=char * 500, attempts=attempts if deletion.attempts else ())


LONGEST_CHARS = ["x", "&", "<", "`", "\u202e", "\U000e0041", "\U0001f600", " ", "\n"]
LONGEST_WORDING = Wording(command="/" + "d" * 31, help_contact="h" * 200, environment="&" * 50)

# -- the laws ------------------------------------------------------------------------------------------------------

OURS = re.compile(
    r"<@U(?:ANNA|BEN|CARL)>|<#C(?:1|2|9)>|<https://ours\.slack\.com/archives/C1/p12\|its card>"
    r"|<!date\^[0-9]+\^[^<>|]+\|(?:[0-9]{4}-[0-9]{2}-[0-9]{2} )?[0-9]{2}:[0-9]{2}(?::[0-9]{2})? UTC>"
)
"""Everything in angle brackets that a message of ours may hold; a time always brings its UTC along."""

EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d]|:[a-z0-9_+-]*[a-z][a-z0-9_+-]*:"
)
ENTITY = re.compile(r"&(?:amp|lt|gt);")


def is_tame(text: str) -> bool:
    """No ``<…>`` but ours, and no ``&`` that does not begin an entity."""
    rest = OURS.sub("", text)
    return "<" not in rest and ">" not in rest and "&" not in ENTITY.sub("", rest)


def texts(blocks: list[dict[str, Any]], kind: str) -> Iterator[str]:
    """Every text of this kind in the blocks."""
    return (text for found, text, _ in checks.texts(blocks) if found == kind)


def buttons(message: Message) -> list[dict[str, Any]]:
    """The buttons, in their order."""
    return [element for block in message.blocks if block["type"] == "actions" for element in block["elements"]]


def check(message: Message) -> None:
    """Whatever the message: Slack takes it as it is, nothing in it pings whom we do not mean, and its text suffices."""
    text, blocks = message.text, message.blocks
    assert checks.check_blocks(blocks) == []
    assert checks.advice_on_blocks(blocks) == []
    for block in Block.parse_all(blocks):
        assert block is not None
        block.to_dict()  # slack_sdk's own checks run here
    assert 0 < len(text) <= checks.UPDATE_TEXT
    assert text == text.strip()
    assert checks.advice_on_text(text) == []
    assert is_tame(text)
    assert all(is_tame(body) for body in texts(blocks, "mrkdwn"))
    assert checks.notifies(text, []) | checks.notifies(text, blocks) <= {"UANNA", "UBEN", "UCARL"}
    for _, _, verbatim in (found for found in checks.texts(blocks) if found[0] == "mrkdwn"):
        assert verbatim
    assert all(not plain["emoji"] for plain in _plain_texts(blocks))
    assert DELETION_ID in text


def _plain_texts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == "plain_text":
            yield value
        value = list(value.values())
    for entry in value if isinstance(value, list) else ():
        yield from _plain_texts(entry)


def spoken(text: str) -> str:
    """Words only: no formatting, no difference in white space."""
    return " ".join(re.sub(r"[*`]|(?<=\w):(?=\s|$)", " ", html.unescape(text)).split())


def check_that_text_suffices(message: Message) -> None:
    """Line by line, all that the blocks say stands in the text too: screen readers read only that."""
    said = spoken(message.text)
    for block in message.blocks:
        if block["type"] == "actions":
            lines = [element["text"]["text"] for element in block["elements"]]
        else:
            lines = [line for _, text, _ in checks.texts(block) for line in text.split("\n")]
        for line in lines:
            assert spoken(line) in said, line

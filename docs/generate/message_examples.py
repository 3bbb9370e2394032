"""The examples of docs/messages.md: one for each refusal, ending and later message, with what a person does next.

For each there is a row here, and a test compares the rows with the bot's own enums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.events import Kind
from bot.domain.model import (
    Actor,
    Attempt,
    Cause,
    ConfirmBy,
    Deletion,
    DeletionId,
    Freeze,
    Job,
    JobId,
    Operation,
    Reply,
    State,
    Target,
)
from bot.domain.notifications import NotificationKind
from bot.domain.outcomes import Ending
from bot.domain.refusals import Reason
from bot.domain.replies import Meaning
from handlers.grammar import OPTIONS_COME_FIRST

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ANNA, BEN = Actor("U0ANNA000", "T0TEAM000"), Actor("U0BEN0000", "T0TEAM000")
NAMES = {"<@U0ANNA000>": "@anna", "<@U0BEN0000>": "@ben", "<#C0OPS0000>": "#ops"}
CARD = Deletion(
    id=DeletionId("5f0c2a9be1d84c37"),
    target=Target("https://metastudio.cn-north-4.myhuaweicloud.com", "cn-north-4", "0123456789abcdef0123456789abcdef"),
    job=Job(JobId("26f06524"), "TRAIN_FAILED"),
    state=State.AWAITING,
    requester=ANNA,
    channel="C0OPS0000",
    confirm_by=ConfirmBy.REQUESTER,
    asked_at=AT,
    message_ts="1772443801.000100",
    deadline_at=AT + timedelta(minutes=10),
)
CLAIMED = replace(
    CARD,
    confirmer=BEN,
    confirmed_at=AT,
    attempts=(Attempt(1, "token", AT, AT + timedelta(seconds=5)),),
)
NOT_FOUND = Reply(Operation.SHOW, AT, status=404, code="MSS.41000003", request_id="e40c1306")
SERVER_ERROR = Reply(Operation.SHOW, AT, status=500, code="MSS.00000004", request_id="e40c1306")
FREEZE = Freeze(id="0123456789abcdef", by=ANNA, at=AT, channel="C0OPS0000", reason="Huawei has an incident")

OTHER = "fedcba9876543210"

FACTS: dict[Reason, Mapping[str, Any]] = {
    Reason.BAD_JOB_ID: {"detail": "it is longer than 64 characters"},
    Reason.BAD_SEARCH: {"most": 100, "detail": "there was nothing"},
    Reason.UNEXPECTED_TEXT: {"subcommand": "open", "detail": "3"},
    Reason.NEAR_MISS: {"meant": ("freeze",)},
    Reason.MISPLACED_OPTION: {"detail": OPTIONS_COME_FIRST},
    Reason.IN_OTHER_CHANNEL: {"channels": ["C0OPS0000"]},
    Reason.CONVERSATION_UNKNOWN: {"why": "ratelimited"},
    Reason.PERSON_UNKNOWN: {"why": "ratelimited"},
    Reason.NOT_DELETABLE: {"state": "TRAINING"},
    Reason.JOB_NOT_FOUND: {"reply": NOT_FOUND},
    Reason.JOB_NOT_READ: {"reply": SERVER_ERROR},
    Reason.JOBS_NOT_LISTED: {"reply": SERVER_ERROR},
    Reason.JOB_CHANGED: {"differs": [("state", "TRAIN_FAILED", "JOB_SUCCESS")]},
    Reason.JOB_GONE: {"reply": NOT_FOUND},
    Reason.ALREADY_OFFERED: {"deletion": CARD},
    Reason.BEING_OFFERED: {"deletion": CARD},
    Reason.TOO_MANY_OPEN: {"open": 200},
    Reason.CARD_NOT_POSTED: {"why": "not_in_channel"},
    Reason.REQUESTER_LOST_RIGHT: {"deletion": CARD},
    Reason.EXPIRED: {"deletion": replace(CARD, state=State.EXPIRED)},
    Reason.ALREADY_ENDED: {"deletion": replace(CARD, state=State.CANCELLED)},
    Reason.ALREADY_CONFIRMED: {"deletion": replace(CLAIMED, state=State.DELETING)},
    Reason.NOT_UNKNOWN: {"deletion": replace(CLAIMED, state=State.DELETED)},
    Reason.FROZEN: {"freeze": FREEZE},
    Reason.CLOCK_OFF: {"seconds": 3600},
    Reason.ALREADY_FROZEN: {"freeze": FREEZE},
}

# What to do next.

LIST_THEM = "Whoever runs the bot adds them to `AUTHORIZED_USERS`, or to a group of `AUTHORIZED_USERGROUPS`."
FULL_MEMBER = "Somebody whose account is a full member of your workspace has to ask."
SEE_METASTUDIO = "Look the meaning up under [What MetaStudio's answers mean](#what-metastudios-answers-mean)."
OTHER_CARD = "Run the command again; see [the runbook](runbook.md#buttons-that-lead-nowhere)."
SEE_LOG = "The log names the cause; see the [runbook](runbook.md)."

TICKET = "Open a Huawei Cloud ticket with the block of the thread or the request ID."
LOOK = "Look at the job in MetaStudio's console."

NEXT: dict[Reason, str] = {
    Reason.BAD_JOB_ID: "Copy the id from MetaStudio and type it again.",
    Reason.REASON_TOO_LONG: "Type a shorter reason.",
    Reason.REASON_MISSING: "Type a reason; `REASON_REQUIRED` is on.",
    Reason.BAD_SEARCH: "Type part of a name or id.",
    Reason.UNEXPECTED_TEXT: "Type the subcommand alone.",
    Reason.NEAR_MISS: "Type what it suggests. It comes behind a word that is nearly a subcommand, such as `freez`, and "
    "behind `delete`, `cancel`, `stop` and their like.",
    Reason.UNKNOWN_OPTION: "Type one of the options that it names, or `--` before the reason.",
    Reason.MISPLACED_OPTION: "Move the option to the front, or type `--` before the reason.",
    Reason.ONE_JOB_AT_A_TIME: "Type a command for each job.",
    Reason.IN_DIRECT_MESSAGE: "Go to a channel.",
    Reason.IN_GROUP_MESSAGE: "Go to a channel.",
    Reason.IN_EXTERNAL_CHANNEL: "Go to a channel of your own company.",
    Reason.IN_OTHER_CHANNEL: "Go to a channel that it names, or have this one added to `AUTHORIZED_CHANNELS`.",
    Reason.BOT_NOT_IN_CHANNEL: "Invite the bot to the channel.",
    Reason.CHANNEL_ARCHIVED: "Go to a channel that is not archived.",
    Reason.CONVERSATION_UNKNOWN: "Try again. If it stays, run `dh-bot doctor`; the code in brackets is Slack's.",
    Reason.NOT_LISTED: LIST_THEM,
    Reason.FOREIGN: FULL_MEMBER,
    Reason.DEACTIVATED: FULL_MEMBER,
    Reason.IS_BOT: FULL_MEMBER,
    Reason.IS_GUEST: FULL_MEMBER,
    Reason.PERSON_UNKNOWN: "Try again. If it stays, run `dh-bot doctor`; the code in brackets is Slack's.",
    Reason.GROUPS_UNKNOWN: "Try again. If it stays, look for `group_look_up_failed` in the log.",
    Reason.MAY_NOT_FREEZE: "Ask somebody who is named in `FREEZE_BY`.",
    Reason.NOT_THE_REQUESTER: "Let whoever asked press, or change `CONFIRM_BY`.",
    Reason.SECOND_PERSON_NEEDED: "Let somebody else who may delete press.",
    Reason.NOT_DELETABLE: "Do what stands under [States of a job](#states-of-a-job).",
    Reason.JOB_NOT_FOUND: "Check the id, and that the job is in the project that the bot serves.",
    Reason.JOB_NOT_READ: SEE_METASTUDIO,
    Reason.JOBS_NOT_LISTED: SEE_METASTUDIO,
    Reason.JOB_CHANGED: "Look at the job; run the command again if it should still go.",
    Reason.JOB_GONE: "Nothing, if it should be gone; `history <job_id>` shows who asked before. Else ask again.",
    Reason.ALREADY_OFFERED: "Use the card that it links to.",
    Reason.BEING_OFFERED: "Wait for the card of the other person.",
    Reason.TOO_MANY_OPEN: "Close some (`open` lists them). `MAX_OPEN` sets the limit.",
    Reason.CARD_NOT_POSTED: "Find the code under [Slack's codes](#slacks-codes).",
    Reason.REQUESTER_LOST_RIGHT: "Somebody who may delete runs the command again.",
    Reason.UNKNOWN_BUTTON: "Run the command again.",
    Reason.UNKNOWN_DELETION: OTHER_CARD,
    Reason.OTHER_PROJECT: OTHER_CARD,
    Reason.NOT_POSTED_YET: "Press again.",
    Reason.EXPIRED: "Run the command again. `CONFIRM_WITHIN_SECONDS` sets the time.",
    Reason.ALREADY_ENDED: "Read the thread of the card.",
    Reason.ALREADY_CONFIRMED: "Read the thread of the card.",
    Reason.NOT_UNKNOWN: "Read the thread of the card.",
    Reason.NOT_YET_BY_HAND: "Press *Check now*, or wait; see [unknown outcome](runbook.md#unknown-outcome).",
    Reason.RESTARTED: "Run the command again.",
    Reason.FROZEN: "Ask whoever froze it; `unfreeze` lifts it.",
    Reason.ALREADY_FROZEN: "Nothing: it is frozen.",
    Reason.NOT_FROZEN: "Nothing: it is not frozen.",
    Reason.ALREADY_HANDLED: "Nothing. If it comes again and again, see [already handled](runbook.md#already-handled).",
    Reason.BUSY: "Try again. If it stays, see [the bot is busy](runbook.md#busy).",
    Reason.CHECKS_TOO_OLD: "Press again. A DELETE is sent only on answers about person, channel and job that are at "
    "most five seconds old.",
    Reason.STOPPING: "Try again when the bot is back.",
    Reason.BREAKER_OPEN: "See [key locked](runbook.md#key-locked).",
    Reason.LEDGER_TROUBLE: "See [ledger full](runbook.md#ledger-full).",
    Reason.LEDGER_IN_DOUBT: "Look at what it names; then see [ledger full](runbook.md#ledger-full).",
    Reason.LEDGER_REPLACED: "See [the bot takes no new work](runbook.md#the-bot-takes-no-new-work).",
    Reason.NOT_ALONE: "See [the bot takes no new work](runbook.md#the-bot-takes-no-new-work).",
    Reason.CLOCK_OFF: "See [the bot takes no new work](runbook.md#the-bot-takes-no-new-work).",
    Reason.BUG: SEE_LOG,
}

AFTER_DELETE: dict[Meaning, str] = {
    Meaning.OK: "Nothing.",
    Meaning.UNCLEAR: "Wait: the bot finds out by reading. See [unknown outcome](runbook.md#unknown-outcome).",
    Meaning.SERVER_ERROR: "Wait: the bot finds out by reading. If it comes again, open a Huawei Cloud ticket.",
    Meaning.LOST: "Wait: the bot finds out by reading. See [unknown outcome](runbook.md#unknown-outcome).",
    Meaning.BAD_CREDENTIALS: "See [key locked](runbook.md#key-locked).",
    Meaning.FORBIDDEN: "Give the IAM user the permission; see [the Huawei side](install.md#2-huawei-cloud).",
    Meaning.THROTTLED: "Ask again in a minute. If it comes often, lower `DELETES_PER_SECOND` and `READS_PER_SECOND`.",
    Meaning.CONFLICT: "Wait: the bot finds out by reading. See [unknown outcome](runbook.md#unknown-outcome).",
    Meaning.REJECTED: "Read the look at the job that follows in the thread; then a Huawei Cloud ticket.",
    Meaning.NEVER_SENT: "Look the cause up under [Causes](#causes); then ask again.",
    Meaning.NOT_SIGNED_IN: "Check `METASTUDIO_AUTH` and what it names; `dh-bot doctor` tells what is missing.",
    Meaning.SIGN_IN_REFUSED: "See [key locked](runbook.md#key-locked).",
}

ON_CAUSE: dict[Cause, str] = {
    Cause.CONNECTION_REFUSED: "Check the endpoint and the firewall.",
    Cause.NO_ADDRESS: "Check `METASTUDIO_REGION` or `METASTUDIO_ENDPOINT`, and the name server.",
    Cause.CONNECT_TIMEOUT: "Check the network; `CONNECT_TIMEOUT` sets the time.",
    Cause.BAD_CERTIFICATE: "Check the endpoint. If your proxy reads the traffic, put its authority into `CA_BUNDLE`.",
    Cause.PROXY_REFUSED: "Check `METASTUDIO_PROXY`.",
    Cause.UNUSABLE_CONNECTION: "Ask again; if it stays, check the proxy and what else stands in between.",
    Cause.NO_CREDENTIALS: "Check `METASTUDIO_AUTH` and what it names.",
    Cause.SIGN_IN_FAILED: "Check the network towards `IAM_ENDPOINT`; try again.",
    Cause.SIGN_IN_REFUSED: "Check `IAM_DOMAIN`, `IAM_USER`, `IAM_PASSWORD` and the project id.",
    Cause.LIMITED: "Ask again; `DELETES_PER_SECOND` and `READS_PER_SECOND` set the limit.",
    Cause.TOO_LATE: "Ask again; the machine or the ledger was slow.",
    Cause.BREAKER_OPEN: "See [key locked](runbook.md#key-locked).",
    Cause.LEDGER_TROUBLE: "See [ledger full](runbook.md#ledger-full).",
    Cause.TIMED_OUT: "Of a DELETE: wait, the bot finds out. `READ_TIMEOUT` sets the time.",
    Cause.CUT: "Of a DELETE: wait, the bot finds out.",
    Cause.HANDSHAKE_HUNG: "Of a DELETE: wait, the bot finds out. Check the proxy.",
    Cause.NONSENSE: "Of a DELETE: wait, the bot finds out. Check what stands in between.",
}

LOST_COMMITS = "See [lost commits](runbook.md#lost-commits)."
LOST_FACTS: dict[str, Any] = {
    "about": Kind.LOST_COMMITS.value,
    "stood": "cancelled",
    "outcome": "unknown",
    "cause": Cause.TIMED_OUT.value,
}

ENDINGS: dict[Ending, tuple[State, NotificationKind, str]] = {
    # How it stands then, which message tells it, and what to do.
    Ending.REPLY_DELETED: (State.DELETED, NotificationKind.OUTCOME, 'Nothing; "Double-checked, it is gone" follows.'),
    Ending.REPLY_REJECTED: (
        State.FAILED,
        NotificationKind.OUTCOME,
        "Read the check that follows; then a Huawei Cloud ticket.",
    ),
    Ending.BAD_CREDENTIALS: (State.FAILED, NotificationKind.OUTCOME, "See [key locked](runbook.md#key-locked)."),
    Ending.FORBIDDEN: (State.FAILED, NotificationKind.OUTCOME, "Give the IAM user the permission; ask again."),
    Ending.THROTTLED: (State.FAILED, NotificationKind.OUTCOME, "Ask again in a minute."),
    Ending.NEVER_SENT: (
        State.FAILED,
        NotificationKind.OUTCOME,
        "Look the cause up under [Causes](#causes); ask again.",
    ),
    Ending.LOST: (State.UNKNOWN, NotificationKind.UNKNOWN, "See [unknown outcome](runbook.md#unknown-outcome)."),
    Ending.UNCLEAR: (State.UNKNOWN, NotificationKind.UNKNOWN, "See [unknown outcome](runbook.md#unknown-outcome)."),
    Ending.SERVER_ERROR: (
        State.UNKNOWN,
        NotificationKind.UNKNOWN,
        "See [unknown outcome](runbook.md#unknown-outcome).",
    ),
    Ending.CONFLICT: (State.UNKNOWN, NotificationKind.UNKNOWN, "See [unknown outcome](runbook.md#unknown-outcome)."),
    Ending.SENDER_GONE: (State.UNKNOWN, NotificationKind.UNKNOWN, "See [unknown outcome](runbook.md#unknown-outcome)."),
    Ending.READ_GONE: (State.DELETED, NotificationKind.SETTLED, "Nothing; the bot checks once more an hour later."),
    Ending.READ_PRESENT: (State.FAILED, NotificationKind.SETTLED, "Wait for the check an hour later, or ask again."),
    Ending.BY_HAND: (State.DELETED, NotificationKind.CLOSED, "Nothing: it is a person's word."),
    Ending.CANCELLED: (State.CANCELLED, NotificationKind.CANCELLED, "Nothing."),
    Ending.EXPIRED: (State.EXPIRED, NotificationKind.EXPIRED, "Run the command again if the job should go."),
    Ending.RESTORED: (State.EXPIRED, NotificationKind.EXPIRED, "Read what stands above; run the command again."),
    Ending.LOST_COMMITS: (State.CANCELLED, NotificationKind.NOTICE, LOST_COMMITS),
}

LATER: tuple[tuple[NotificationKind, State, Ending, Mapping[str, Any], str], ...] = (
    # What else is said in a thread: kind, how the deletion stands and why, facts, and what to do.
    (NotificationKind.INSPECTED, State.DELETED, Ending.REPLY_DELETED, {"found": "gone"}, "Nothing."),
    (NotificationKind.INSPECTED, State.DELETED, Ending.REPLY_DELETED, {"found": "present"}, TICKET),
    (NotificationKind.INSPECTED, State.DELETED, Ending.REPLY_DELETED, {"found": "nothing"}, LOOK),
    (
        NotificationKind.INSPECTED,
        State.FAILED,
        Ending.REPLY_REJECTED,
        {"found": "present", "job_state": "TRAIN_FAILED"},
        TICKET,
    ),
    (NotificationKind.INSPECTED, State.FAILED, Ending.REPLY_REJECTED, {"found": "nothing"}, LOOK),
    (NotificationKind.INSPECTED, State.FAILED, Ending.READ_PRESENT, {"found": "gone", "later": OTHER}, LOOK),
    (
        NotificationKind.INSPECTED,
        State.FAILED,
        Ending.READ_PRESENT,
        {"found": "gone", "later": OTHER, "later_confirmed": True},
        "Nothing.",
    ),
    (NotificationKind.CORRECTION, State.DELETED, Ending.READ_GONE, {}, "Believe this message, not the former ones."),
    (
        NotificationKind.CORRECTION,
        State.DELETED,
        Ending.REPLY_DELETED,
        {},
        "Believe this message, not the former ones.",
    ),
    (
        NotificationKind.CORRECTION,
        State.FAILED,
        Ending.READ_PRESENT,
        {},
        "Believe this message; ask again if it should go.",
    ),
    (NotificationKind.CORRECTION, State.FAILED, Ending.NEVER_SENT, {}, "Believe this message, not the former ones."),
    (NotificationKind.LATE, State.DELETED, Ending.READ_GONE, {}, "Nothing; the request ID may help in a ticket."),
    (NotificationKind.LATE, State.DELETED, Ending.REPLY_DELETED, {}, "Nothing."),
    (
        NotificationKind.UNDETERMINED,
        State.UNKNOWN,
        Ending.LOST,
        {},
        "See [unknown outcome](runbook.md#unknown-outcome).",
    ),
    (NotificationKind.CLOSED, State.FAILED, Ending.BY_HAND, {}, "Ask again if the job should go."),
    (
        NotificationKind.NOTICE,
        State.DELETED,
        Ending.REPLY_DELETED,
        LOST_FACTS | {"stood": "expired", "outcome": "deleted", "has_changed": True},
        LOST_COMMITS,
    ),
    (NotificationKind.REMINDER, State.AWAITING, Ending.EXPIRED, {}, "Press one of the buttons."),
    (
        NotificationKind.REMINDER,
        State.AWAITING,
        Ending.EXPIRED,
        {"called": [], "more": 0},
        "Put somebody on the list who may confirm, or cancel.",
    ),
)

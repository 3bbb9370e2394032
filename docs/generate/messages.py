"""Every text and code that the bot can show, asked of the bot itself; `make docs` writes it to docs/messages.md.

The texts come from the bot's own tables, the examples and next steps from `message_examples`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.domain import job_states, lifecycle
from bot.domain.model import (
    NEVER_LEFT,
    Cause,
    ConfirmBy,
    Deletion,
    State,
)
from bot.domain.notifications import Notification, NotificationKind, PendingRequest
from bot.domain.outcomes import BY_MEANING, Ending
from bot.domain.refusals import Reason, Refused
from bot.domain.replies import ANSWERED, CONSEQUENCES, Meaning
from bot.ledger.database.trouble import REMEDIES
from docs.generate.message_examples import (
    AFTER_DELETE,
    ANNA,
    AT,
    CARD,
    CLAIMED,
    ENDINGS,
    FACTS,
    LATER,
    LOST_FACTS,
    NAMES,
    NEXT,
    ON_CAUSE,
)
from handlers.messenger import GONE, OUR_FAULT, TOO_FAST, UNSURE
from handlers.views.blocks import plain
from handlers.views.endings import BY_ENDING, BY_STATE, late_text, restart_text
from handlers.views.refusals import refusal_text
from handlers.views.replies import REPLY_SENTENCES
from handlers.views.thread import WHY_NOT_AGAIN, thread_message
from handlers.views.wording import Wording

PAGE = Path(__file__).parents[1] / "messages.md"

ABOUT = """\
# Messages and codes

Made by `make docs` from the code; a test keeps it up to date. Texts are shown as examples: names, ids and times are
made up, and an answer ends with "This command deleted nothing." or "This click deleted nothing." where
that is certain.

- [Refusals](#refusals): a command or click was answered with no.
- [Endings](#endings): how a deletion ended, as its thread says.
- [Later messages](#later-messages) in the thread.
- [Headings of the card](#headings-of-the-card); [pictures of them](cards.md)
- [After a restart](#after-a-restart): the answers to people whom it cut off.
- [What MetaStudio's answers mean](#what-metastudios-answers-mean), and [causes](#causes) where there was no answer.
- [States of a job](#states-of-a-job)
- [Slack's codes](#slacks-codes)
- [Diagnoses of the ledger](#diagnoses-of-the-ledger)
"""

REFUSALS = """\
## Refusals

The first column is the word in the audit trail (event `refused`, fact `reason`; event `not_offered`, fact `why`)
and in the label `reason` of the metric `dh_bot_refusals_total`.
"""

OF_ENDINGS = """\
## Endings

The first column is the word in the ledger. The text is the first line of the message in the thread. An outcome other
than *deleted* also brings a block for a Huawei Cloud ticket. What turns out to be wrong later is told as
"Correction: …".
"""

OF_LATER = """\
## Later messages

What else is said in a thread: looks after an outcome, corrections, late answers, reminders.
"""

OF_RESTARTS = """\
## After a restart

What somebody is told whose command or click the end of the bot cut off. Each is true of the moment when it is said.
An answer that Slack did not take at once says of when it is.
"""

OF_HEADINGS = """\
## Headings of the card
"""

OF_ANSWERS = """\
## What MetaStudio's answers mean

The first row that fits counts. Huawei's error code and message are shown, but only those named here decide anything.
"""

OF_MEANINGS = """\
What each meaning leads to. The sentence is told when the bot could not read a job or list jobs.
"""

OF_CAUSES = """\
## Causes

Where there was no HTTP answer, the thread says one of these. *Never left*: nothing was sent, so nothing was deleted.
"""

OF_STATES = """\
## States of a job

The bot deletes only those that MetaStudio documents as deletable. A state that is not here is refused.
"""

OF_SLACK = """\
## Slack's codes

What the bot does when Slack refuses one of its messages. The codes stand in the log, in events `not_told`, and in
refusals in brackets.
"""

OF_LEDGER = """\
## Diagnoses of the ledger

The bot's log has them in lines `ledger_trouble`, and at the start they stand in its last words.
"""


def shown(text: str) -> str:
    """As a person reads it in Slack, in one cell of a table."""
    text = re.sub(r"<([^<>|]+)\|([^<>]+)>", r"\2", plain(text))
    for mention, name in NAMES.items():
        text = text.replace(mention, name)
    # In code of Markdown the characters stand for themselves; everywhere else the entity is right.
    text = re.sub(r"`[^`]*`", lambda span: span[0].replace("&lt;", "<").replace("&gt;", ">"), text)
    return " ".join(text.replace("|", "\\|").split())


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown, and an empty line."""
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def refusals() -> Iterator[tuple[str, str, str]]:
    """One row per ``Reason``: the word, what the person is told, and what to do."""
    for reason in Reason:
        told = refusal_text(Refused(reason, FACTS.get(reason, {})), Wording().for_("command"))
        yield f"`{reason.value}`", shown(told), NEXT[reason]


def endings() -> Iterator[tuple[str, str, str, str]]:
    """One row per ``Ending``: the word, the state, the first paragraph in the thread, and what to do."""
    for ending in Ending:
        state, kind, do = ENDINGS[ending]
        began = CARD if ending in {Ending.CANCELLED, Ending.EXPIRED, Ending.RESTORED} else CLAIMED
        over = replace(
            began,
            state=state,
            ended_why=ending.value,
            ended_by=ANNA,
            ended_at=AT + timedelta(seconds=1),
            verified_at=AT + timedelta(minutes=10),
            reads_first_at=AT,
            reads_agreeing=9,
        )
        facts = LOST_FACTS if kind is NotificationKind.NOTICE else {}
        said = thread_message(Notification(kind, over.id, over.channel, over.message_ts, facts), over, Wording())
        yield f"`{ending.value}`", state.value, shown(said.text.split("\n")[0]), do
        if ending is Ending.THROTTLED:
            yield from not_sent_again(over)


def not_sent_again(over: Deletion) -> Iterator[tuple[str, str, str, str]]:
    """One row for each reason why a throttled DELETE is not sent again."""
    alike: dict[tuple[str, str], list[str]] = {}
    for reason, words in WHY_NOT_AGAIN.items():
        alike.setdefault(words, []).append(reason)
    for reasons in alike.values():
        no = {"reason": reasons[0]}
        if reasons[0] == Reason.JOB_CHANGED:
            no |= FACTS[Reason.JOB_CHANGED]
        tell = Notification(NotificationKind.OUTCOME, over.id, over.channel, over.message_ts, {"not_again": no})
        said = thread_message(tell, over, Wording()).text.split("\n")[0]
        yield f"`throttled`, then {codes(reasons)}", over.state.value, shown(said), "Do what it says."


def later() -> Iterator[tuple[str, str, str]]:
    """One row per message that follows or precedes an outcome: its kind, its first line, and what to do."""
    for kind, state, ending, facts, do in LATER:
        began = CARD if state is State.AWAITING else CLAIMED
        if "called" in facts:
            began = replace(began, confirm_by=ConfirmBy.SECOND_PERSON)
        stands = replace(began, state=state, ended_why=ending.value, ended_by=ANNA, ended_at=AT)
        at = (AT + timedelta(minutes=10)).timestamp()
        said = thread_message(
            Notification(kind, stands.id, stands.channel, "1", {"at": at, **facts}), stands, Wording()
        )
        yield f"{kind.value}, {state.value}", shown(said.text.split("\n")[0]), do


def restarts() -> Iterator[tuple[str, str]]:
    """What is told after a restart, by how the deletion stands."""
    for kind in ("command", "click"):
        waiting = PendingRequest("1", kind, ANNA, "C0OPS0000", AT, job=CARD.job.job_id)
        for deletion in (None, *(replace(CARD, state=state) for state in State if state is not State.NEW)):
            stands = deletion.state.value if deletion else "none"
            yield f"{kind}, {stands}", shown(restart_text(waiting, deletion, Wording(), lambda _: None))
    text = refusal_text(Refused(Reason.NOT_THE_REQUESTER), Wording().for_("click"))
    yield (
        "an answer that Slack took late",
        shown(late_text(PendingRequest("1", "click", ANNA, "C0OPS0000", AT, text=text))),
    )


def headings() -> Iterator[tuple[str, str, str]]:
    """How the card begins, by state, and its next line; some endings say it otherwise."""
    for state, words in BY_STATE.items():
        yield state.value, words.heading.format(job="Anchor Li"), words.line
    for (ending, state), words in BY_ENDING.items():
        yield f"{state.value}, `{ending}`", words.heading.format(job="Anchor Li"), words.line


def meanings() -> Iterator[tuple[str, str, str, str, str]]:
    """One row per ``Meaning``."""
    for meaning, follows in CONSEQUENCES.items():
        stops = "yes" if follows.opens_breaker else ""
        yield meaning.value, ends(meaning), stops, shown(REPLY_SENTENCES[meaning]), AFTER_DELETE[meaning]


def ends(meaning: Meaning) -> str:
    """What a reply to a DELETE comes to."""
    if meaning is Meaning.THROTTLED:
        return "sent again at most twice, then failed"
    return lifecycle.after(State.DELETING, BY_MEANING[meaning].step).value


def codes(names: Iterable[str]) -> str:
    """Several codes in one cell."""
    return ", ".join(f"`{name}`" for name in sorted(names))


SLACK = (
    (
        GONE,
        (
            "Does not try again there. What a thread should have said goes to the requester and the confirmer as "
            "direct message, and to `AUDIT_CHANNEL`; a card stays as it looks."
        ),
        "See [edit_window_closed](runbook.md#edit_window_closed-and-other-places-that-are-gone).",
    ),
    (TOO_FAST, "Sends it again when Slack allows.", "Nothing."),
    (UNSURE, "Sends it again; it may then stand there twice.", "Nothing; if it stays, look at Slack's status."),
    (
        OUR_FAULT,
        "Sends the text without its layout; what needs its buttons is not sent.",
        "Report it: it is a bug of the bot.",
    ),
)


def page() -> str:
    """The page, in Markdown."""
    lines = [
        ABOUT,
        REFUSALS,
        *table(["reason", "what the person is told", "next step"], refusals()),
        OF_ENDINGS,
        *table(["ending", "state", "what the thread says", "next step"], endings()),
        OF_LATER,
        *table(["about, state", "what the thread says", "next step"], later()),
        OF_HEADINGS,
        *table(["state", "the card's heading", "below it"], headings()),
        OF_RESTARTS,
        *table(["cut off, the deletion", "what the person is told"], restarts()),
        OF_ANSWERS,
        *table(["answer", "meaning"], ((row.reply, row.meaning.value) for row in ANSWERED)),
        OF_MEANINGS,
        *table(
            ["meaning", "a DELETE so answered is", "stops all calls", "what is said of a read", "next step"], meanings()
        ),
        OF_CAUSES,
        *table(
            ["cause", "never left", "next step"],
            ((cause.value, "yes" if cause in NEVER_LEFT else "no", ON_CAUSE[cause]) for cause in Cause),
        ),
        OF_STATES,
        *table(
            ["state", "meaning", "deletable", "what to do, or what the card warns of"],
            (
                (f"`{name}`", state.meaning, "yes" if state.deletable else "no", state.hint or state.warning)
                for name, state in job_states.STATES.items()
            ),
        ),
        OF_SLACK,
        *table(["codes", "what the bot does", "next step"], ((codes(names), does, do) for names, does, do in SLACK)),
        "Any other code (a token that Slack refuses, for example) is logged as `slack_refused`; the message waits.\n",
        OF_LEDGER,
        *table(["diagnosis", "what to do"], ((f"`{name}`", text) for name, text in REMEDIES.items())),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Every no as a sentence: what happened, why, and what to do. One row per ``Reason``. Pure.

Each text stands alone, is short, and says whether anything was deleted wherever that could be in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot import job_states
from bot.metastudio.replies import Meaning, meaning
from bot.model import OPEN_STATES, Actor, Deletion, Refused, Reply, State
from bot.outcomes import Ending
from bot.policy import Reason
from bot.trail import Waiting
from handlers.views.parts import code, cut, escape, mention, when

NOTHING_DELETED = "Nothing was deleted."


@dataclass(frozen=True, slots=True)
class Wording:
    """What the texts need to know of this installation."""

    command: str = "/delete-dh-job"
    help_contact: str | None = None
    environment: str | None = None
    nothing: str = NOTHING_DELETED
    """What a refusal may say for certain. Somebody else's click may be deleting at the same moment."""

    def for_(self, kind: str) -> Wording:
        """The wording for an answer to a command or to a click."""
        return replace(self, nothing=f"This {kind} deleted nothing.")

    def whom_to_ask(self) -> str:
        """The end of every refusal that a person cannot mend alone."""
        if not self.help_contact:
            return "Ask whoever runs this bot."
        who = self.help_contact
        return f"Ask {_contact(who)}."


_SLACK_ID = re.compile(r"[UWCGS][A-Z0-9]{8,}")
_AS_SLACK_SHOWS = {"U": "<@{}>", "W": "<@{}>", "C": "<#{}>", "G": "<#{}>", "S": "<!subteam^{}>"}


def _contact(who: str) -> str:
    """A Slack id as Slack shows it; everything else, such as "SUPPORT", is text."""
    return _AS_SLACK_SHOWS[who[0]].format(who) if _SLACK_ID.fullmatch(who) else escape(who)


Facts = Mapping[str, Any]
Sentence = Callable[[Facts, Wording], str]


def _joined(*sentences: str) -> str:
    """Those that there are, with one space between them."""
    return " ".join(sentence for sentence in sentences if sentence)


def _says(text: str) -> Sentence:
    return lambda facts, wording: text


def _channels(facts: Facts, wording: Wording) -> str:
    names = ", ".join(f"<#{channel}>" for channel in facts.get("channels", ())[:5])
    return f"This command is not allowed in this channel. Use it in {names}. {wording.nothing}"


def _not_deletable(facts: Facts, wording: Wording) -> str:
    known = job_states.describe(facts["state"])
    state = code(facts["state"])
    return f"The job cannot be deleted in its state {state}: {known.meaning}. {known.hint} {wording.nothing}"


REPLY_SENTENCES: dict[Meaning, str] = {
    Meaning.OK: "MetaStudio answered, but not with this job; the answer cannot be trusted.",
    Meaning.UNCLEAR: "MetaStudio gave no usable answer. Try again in a minute.",
    Meaning.SERVER_ERROR: "MetaStudio had an internal error. Try again in a minute; if it stays, open a Huawei ticket.",
    Meaning.BAD_CREDENTIALS: "MetaStudio rejected the bot's credentials, so the bot has stopped calling it for five "
    "minutes. The person who runs the bot has to check the access key, the project id and the clock.",
    Meaning.FORBIDDEN: "The bot's Huawei account has no permission for this. Its IAM user needs the MetaStudio actions "
    "for showing, listing and deleting training jobs in this project (MetaStudio FullAccess contains them).",
    Meaning.THROTTLED: "MetaStudio is throttling this project. Wait a few seconds and try again.",
    Meaning.REJECTED: "MetaStudio rejected the request.",
    Meaning.LOST: "MetaStudio did not answer. Try again in a minute.",
    Meaning.NEVER_SENT: "MetaStudio could not be reached. The person who runs the bot has to check its network.",
}


def reply_facts(reply: Reply) -> str:
    """Error code, status and request ID of a reply, for people and for support; empty parts are left out."""
    parts = [
        f"HTTP {reply.status}" if reply.status is not None else "",
        f"error code {code(reply.code)}" if reply.code else "",
        f"message {code(reply.message)}" if reply.message else "",
        f"request ID {code(reply.request_id)}" if reply.request_id else "",
        f"cause: {reply.cause.value}" if reply.cause is not None else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f"({told})" if told else ""


def _not_read(facts: Facts, wording: Wording) -> str:
    reply: Reply = facts["reply"]
    skew = reply.clock_skew
    extra = ""
    if skew is not None and abs(skew) > 900:
        extra = f"The bot's clock is {abs(skew) / 60:.0f} minutes off MetaStudio's, which alone makes it refuse."
    return _joined(
        "The job could not be read.", REPLY_SENTENCES[meaning(reply)], extra, reply_facts(reply), wording.nothing
    )


def _not_found(facts: Facts, wording: Wording) -> str:
    return _joined(
        "MetaStudio has no such job in this project. Check the id: it is looked up in the one region and project that "
        "this bot serves.",
        reply_facts(facts["reply"]),
        wording.nothing,
    )


def _standing(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    link = facts.get("link")
    where = f"<{link}|its card>" if link else f"its card in <#{deletion.channel}>"
    if deletion.state is State.AWAITING:
        return f"A deletion of this job already waits for a decision: see {where}. {wording.nothing}"
    return f"A deletion of this job is under way: see {where}. A second one is not sent."


def _being_offered(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    return (
        f"This job is being offered for deletion by {mention(deletion.requester)} right now. "
        "Its card appears in a moment."
    )


FIELD_NAMES = {
    "name": "name",
    "asset_id": "asset id",
    "state": "state",
    "last_update_time": "last submission",
}
LONGEST_VALUE = 300
"""Longer than any name, but for one made of characters that have to be spelled out; two of each field fit a section."""


def changes(differs: Any) -> str:
    """What differs between the card and the job now, both shown."""
    return "; ".join(
        f"{FIELD_NAMES.get(name, name)}: on the card {cut(code(then), LONGEST_VALUE)}, now "
        f"{cut(code(now), LONGEST_VALUE)}"
        for name, then, now in differs
    )


def _changed(facts: Facts, wording: Wording) -> str:
    return (
        f"The job is no longer the one on the card ({changes(facts['differs'])}), so the card is closed. "
        f"{wording.nothing} Look at the job and, if it should still go, run the command again."
    )


def how_it_ended(deletion: Deletion) -> str:
    """How a deletion stands or ended, as the end of a sentence."""
    if deletion.ended_why == Ending.RESTORED:
        return (
            "the bot's ledger was restored from a backup, so its card is closed; its thread says what was done before"
        )
    return ENDED[deletion.state]


def _ended(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    who = f" It was confirmed by {mention(deletion.confirmer)}." if deletion.confirmer else ""
    stands = "How this deletion stands" if deletion.state in OPEN_STATES else "This deletion is over"
    return f"{stands}: {how_it_ended(deletion)}.{who}"


ENDED: dict[State, str] = {
    State.NEW: "it has not begun",
    State.AWAITING: "it waits for a decision",
    State.DELETING: "its outcome is not known yet",
    State.UNKNOWN: "its outcome is not known yet and is being found out",
    State.DELETED: "the job is deleted",
    State.FAILED: "the job was not deleted by it; its thread says why",
    State.REFUSED: "it was refused and nothing was deleted",
    State.CANCELLED: "it was cancelled and nothing was deleted",
    State.EXPIRED: "its time ran out and nothing was deleted",
}


def _confirmed(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    who = f" by {mention(deletion.confirmer)}" if deletion.confirmer else ""
    return f"This deletion was already confirmed{who}: {how_it_ended(deletion)}. Its thread says how it ends."


def _expired(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    at = f" at {when(deletion.deadline_at)}" if deletion.deadline_at else ""
    return f"The time to confirm was over{at}. {wording.nothing} Run `{wording.command}` again if the job should go."


def _ask(text: str) -> Sentence:
    return lambda facts, wording: f"{text} {wording.nothing} {wording.whom_to_ask()}"


def _again(text: str) -> Sentence:
    return lambda facts, wording: f"{text} {wording.nothing}"


def _lookup(what: str) -> Sentence:
    return lambda facts, wording: (
        f"Slack could not say {what} ({code(str(facts.get('why', 'no answer')))}), "
        "and without that the bot does nothing. "
        f"{wording.nothing} Try again in a minute."
    )


def _who(facts: Facts, you: str, they: str) -> str:
    """What could not be found out: about the one who acts, or about the one who asked."""
    return they.format(who=_requester(facts)) if facts.get("whose") == "requester" else you


def _usage(facts: Facts, wording: Wording) -> str:
    detail = facts.get("detail")
    return (
        f"That is not a job id{': ' + detail if detail else ''}. A job id has 1 to 64 ASCII letters, digits, hyphens "
        "and underscores and begins with a letter or digit. Nothing was asked of MetaStudio and nothing was deleted. "
        f"Usage: `{wording.command} <job_id> [reason]`"
    ).replace("<job_id>", "&lt;job_id&gt;")


SENTENCES: dict[Reason, Sentence] = {
    Reason.BAD_JOB_ID: _usage,
    Reason.REASON_TOO_LONG: _again(
        "The reason is longer than 500 characters, and the bot does not cut it. Shorten it."
    ),
    Reason.REASON_MISSING: lambda facts, wording: (
        f"A reason is required here: `{wording.command} &lt;job_id&gt; why it has to go`. {wording.nothing}"
    ),
    Reason.NOT_BUILT_YET: lambda facts, wording: (
        f"{code(str(facts.get('name', 'this subcommand')))} is not built yet. `{wording.command} help` says what is. "
        f"{wording.nothing}"
    ),
    Reason.IN_DIRECT_MESSAGE: _again(
        "Deletions are asked for where the team sees them, so not in a direct message. Use a channel the bot is in."
    ),
    Reason.IN_GROUP_MESSAGE: _again(
        "Deletions are asked for where the team sees them, so not in a group message. Use a channel the bot is in."
    ),
    Reason.IN_EXTERNAL_CHANNEL: _again(
        "This channel is shared with another company (Slack Connect), so the bot shows no jobs here. "
        "Use an internal channel."
    ),
    Reason.IN_OTHER_CHANNEL: _channels,
    Reason.BOT_NOT_IN_CHANNEL: _again(
        "The bot is not in this channel. Invite it with `/invite`, then try again. "
        "In a group message it cannot be used."
    ),
    Reason.CHANNEL_ARCHIVED: _again("This channel is archived, so the outcome could not be posted. Use another one."),
    Reason.PLACE_UNKNOWN: _lookup("what kind of channel this is"),
    Reason.NOT_LISTED: _ask("You are not among the people who may delete jobs with this bot."),
    Reason.FOREIGN: _again(
        "Only people of the company that installed this bot may use it; you belong to another workspace."
    ),
    Reason.DEACTIVATED: _ask("This Slack account is deactivated."),
    Reason.IS_BOT: _again("Bots may not delete jobs."),
    Reason.IS_GUEST: _ask("Guests may not delete jobs, even if they are listed."),
    Reason.PERSON_UNKNOWN: lambda facts, wording: _lookup(_who(facts, "who you are", "who {who} is"))(facts, wording),
    Reason.NOT_THE_REQUESTER: _again(
        "Only the person who asked may confirm this deletion. The card still waits for them."
    ),
    Reason.SECOND_PERSON_NEEDED: _again(
        "This deletion needs a second person: somebody else who is authorized has to confirm. The card still waits."
    ),
    Reason.NOT_DELETABLE: _not_deletable,
    Reason.JOB_NOT_FOUND: _not_found,
    Reason.JOB_NOT_READ: _not_read,
    Reason.JOB_CHANGED: _changed,
    Reason.JOB_GONE: lambda facts, wording: _joined(
        "The job is no longer there, so the card is closed. This bot did not delete it.", _reply_of(facts)
    ),
    Reason.ALREADY_OFFERED: _standing,
    Reason.BEING_OFFERED: _being_offered,
    Reason.TOO_MANY_OPEN: lambda facts, wording: (
        f"{facts.get('open', 'Too many')} deletions are open, which is the most allowed. "
        f"Confirm or cancel some of them first. {wording.nothing}"
    ),
    Reason.CARD_NOT_POSTED: lambda facts, wording: (
        f"The card could not be posted in this channel ({code(str(facts.get('why') or 'no answer from Slack'))}), "
        f"so the deletion is closed. {wording.nothing} Invite the bot or use another channel, then run the "
        "command again."
    ),
    Reason.REQUESTER_LOST_RIGHT: lambda facts, wording: (
        f"{_requester(facts)} may no longer delete jobs, so the card is closed. {wording.nothing}"
    ),
    Reason.UNKNOWN_BUTTON: lambda facts, wording: (
        f"This button belongs to another version of the bot. {wording.nothing} Run `{wording.command}` again."
    ),
    Reason.UNKNOWN_DELETION: lambda facts, wording: (
        "The bot does not know this deletion, or the message is not its card; it may come from another installation. "
        f"{wording.nothing} "
        f"Run `{wording.command}` again."
    ),
    Reason.OTHER_PROJECT: _ask(
        "This card was made for another MetaStudio project or endpoint than the one the bot serves now."
    ),
    Reason.NOT_POSTED_YET: _again("The card is still being written down. Press again in a moment."),
    Reason.EXPIRED: _expired,
    Reason.ALREADY_ENDED: _ended,
    Reason.ALREADY_CONFIRMED: _confirmed,
    Reason.NOT_UNKNOWN: lambda facts, wording: (
        _ended(facts, wording) if facts.get("deletion") else "The outcome of this deletion is known; see its thread."
    ),
    Reason.NOT_YET_BY_HAND: _says(
        "The bot is still finding out; after a day without a result it can be closed by hand. "
        "Use *Check now* meanwhile."
    ),
    Reason.RESTARTED: lambda facts, wording: (
        f"The bot restarted before it could finish. {wording.nothing} Run `{wording.command}` again."
    ),
    Reason.BUSY: _again("The bot is busy. Try again in a minute; a card that waits keeps waiting."),
    Reason.STOPPING: _again("The bot is restarting. Try again in a minute; a card that waits keeps waiting."),
    Reason.BREAKER_OPEN: _ask(
        "MetaStudio rejected the bot's credentials a short while ago, so nothing is sent to it for now (more wrong "
        "signatures would lock the key). It is tried again after five minutes."
    ),
    Reason.LEDGER_TROUBLE: _ask("The bot cannot write to its ledger at the moment, and without that it does nothing."),
    Reason.BUG: lambda facts, wording: (
        "Something in the bot went wrong; its log says what. If a deletion was confirmed, the thread of its card says "
        f"how it stands. {wording.whom_to_ask()}"
    ),
}


def _reply_of(facts: Facts) -> str:
    return reply_facts(facts["reply"]) if "reply" in facts else ""


def _requester(facts: Facts) -> str:
    deletion: Deletion | None = facts.get("deletion")
    who: Actor | None = deletion.requester if deletion else None
    return mention(who) if who else "The person who asked"


def refusal_text(no: Refused, wording: Wording) -> str:
    """The sentence for a refusal, in mrkdwn, with everything from outside escaped."""
    return SENTENCES[Reason(no.reason)](no.facts, wording)


def restart_text(
    waiting: Waiting, deletion: Deletion | None, wording: Wording, link: Callable[[Deletion], str | None]
) -> str:
    """What somebody is told whose command or click a crash cut off: only what is true of the deletion by now."""
    wording = wording.for_(waiting.kind)
    again = f"Run `{wording.command}` again" if waiting.kind == "command" else "Press the button again"
    if deletion is None:
        return f"The bot restarted before it could answer. {wording.nothing} {again} if it should still go."
    found = link(deletion)
    where = f"<{found}|its card>" if found else "its card"
    if deletion.state is State.AWAITING and deletion.message_ts is not None:
        do = f"See {where}." if waiting.kind == "command" else f"{again} on {where}."
        return f"The bot restarted. {wording.nothing} The card still waits for a decision. {do}"
    if deletion.state in {State.AWAITING, State.REFUSED}:
        return f"The bot restarted before it could finish. {wording.nothing} Run `{wording.command}` again."
    return f"The bot restarted meanwhile. How the deletion stands: {how_it_ended(deletion)}. See the thread of {where}."

"""Every refusal as a sentence: what happened, why, and what to do. One row per ``Reason``. Pure.

Each text is short, needs no context, and says whether anything was deleted if that could be in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import job_states
from bot.domain.model import OPEN_STATES, Actor, Deletion, Reply, State
from bot.domain.refusals import Reason, Refused
from bot.domain.replies import is_clock_skew, meaning
from handlers.views import usage
from handlers.views.blocks import code, mention, when
from handlers.views.differences import changes
from handlers.views.endings import words
from handlers.views.freezing import freeze_line
from handlers.views.replies import REPLY_SENTENCES, clock_sentence, reply_facts
from handlers.views.wording import Wording
from handlers.vocabulary import READ_ONLY

BOLD = re.compile(r"\*([^*]+)\*")
NEW_REASON_DROPPED = "That freeze stands as it is: the reason that you gave is not recorded. "

Facts = Mapping[str, Any]
Sentence = Callable[[Facts, Wording], str]


def _joined(*sentences: str) -> str:
    """The sentences that are not empty, joined by spaces."""
    return " ".join(sentence for sentence in sentences if sentence)


def _says(text: str) -> Sentence:
    return lambda facts, wording: text


def _channels(facts: Facts, wording: Wording) -> str:
    names = ", ".join(f"<#{channel}>" for channel in facts.get("channels", ())[:5])
    return f"*Not in this channel.* Use it in {names}. {wording.nothing}"


def _not_deletable(facts: Facts, wording: Wording) -> str:
    known = job_states.describe(facts["state"])
    state = code(facts["state"])
    return f"*Can't be deleted now:* {known.meaning} ({state}). {known.hint} {wording.nothing}"


def _not_read(facts: Facts, wording: Wording) -> str:
    reply: Reply = facts["reply"]
    clock = clock_sentence(reply.clock_skew) if is_clock_skew(reply) else ""
    return _joined(
        "*The job could not be checked.*", REPLY_SENTENCES[meaning(reply)], clock, reply_facts(reply), wording.nothing
    )


def _not_listed(facts: Facts, wording: Wording) -> str:
    reply: Reply = facts["reply"]
    return _joined(
        "*The jobs could not be listed.*", REPLY_SENTENCES[meaning(reply)], reply_facts(reply), wording.nothing
    )


def _not_found(facts: Facts, wording: Wording) -> str:
    return _joined(
        "*No job with that id:* Huawei answers that it has no such job in the one region and project that this bot "
        f"serves. Check the id. Wanted a command? `{wording.command} help` lists them.",
        reply_facts(facts["reply"]),
        wording.nothing,
    )


def _gone(facts: Facts, wording: Wording) -> str:
    before = facts.get("earlier")
    return _joined(
        "*Huawei no longer shows the job:* it is neither shown nor listed, so the card is closed. The press that found "
        "this sent no DELETE.",
        f"If the job is gone, an earlier deletion by this bot, {code(str(before))}, may have removed it."
        if before
        else "",
        reply_facts(facts["reply"]) if "reply" in facts else "",
    )


def _already_offered(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    link = facts.get("link")
    where = f"<{link}|its card>" if link else f"its card in <#{deletion.channel}>"
    if deletion.state is State.AWAITING:
        return f"*Already asked for,* by {mention(deletion.requester)}: see {where}. {wording.nothing}"
    return f"*Already under way:* see {where}. A second DELETE is not sent."


def _being_offered(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    return (
        f"*Already asked for,* by {mention(deletion.requester)}, right now. "
        f"If its card does not appear within a minute, run `{wording.command}` again."
    )


def _changed(facts: Facts, wording: Wording) -> str:
    return (
        f"*Not deleted, the job has changed:* it is no longer the one on the card ({changes(facts['differs'])}), so "
        f"the card is closed. {wording.nothing} Still want it gone? Run the command again."
    )


def _only_the_requester(facts: Facts, wording: Wording) -> str:
    who = f", {_requester(facts)}," if facts.get("deletion") else ""
    return f"*Only the person who asked*{who} can confirm this. {wording.nothing}"


def _ended(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    who = f" It was confirmed by {mention(deletion.confirmer)}." if deletion.confirmer else ""
    stands = "How this deletion stands" if deletion.state in OPEN_STATES else "This deletion is over"
    return f"*{stands}:* {words(deletion).sentence}.{who}"


def _confirmed(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    who = f" by {mention(deletion.confirmer)}" if deletion.confirmer else ""
    return f"*Already confirmed*{who}: {words(deletion).sentence}. The thread says how it ends."


def _expired(facts: Facts, wording: Wording) -> str:
    deletion: Deletion = facts["deletion"]
    at = f" at {when(deletion.deadline_at)}" if deletion.deadline_at else ""
    return (
        f"*Timed out.* The time to confirm was over{at}. {wording.nothing} Still want it gone? Run "
        f"`{wording.command}` again."
    )


def _clock_off(facts: Facts, wording: Wording) -> str:
    seconds = facts.get("seconds")
    off = f"{abs(seconds)} seconds {'ahead of' if seconds > 0 else 'behind'}" if seconds else "not in step with"
    return (
        f"*Paused: the bot's clock is wrong.* It is {off} its database's, so this bot takes no commands and clicks "
        f"until it is set. {wording.nothing} Try again in a minute: where several bots share the work, another one "
        f"may answer. {wording.whom_to_ask()}"
    )


def _in_doubt(facts: Facts, wording: Wording) -> str:
    hint = f"See `{wording.command} open` before you try again."
    if facts.get("subcommand") in usage.NOT_DONE:
        hint = f"`{wording.command} open` says whether deletions are frozen."
    return (
        f"*Not sure that this was saved:* the bot's database did not say. {hint} {wording.nothing} "
        f"{wording.whom_to_ask()}"
    )


def _ask(text: str) -> Sentence:
    return lambda facts, wording: f"{text} {wording.nothing} {wording.whom_to_ask()}"


def _again(text: str) -> Sentence:
    return lambda facts, wording: f"{text} {wording.nothing}"


def _lookup(what: str) -> Sentence:
    return lambda facts, wording: (
        f"*Slack could not say* {what} ({code(str(facts.get('why', 'no answer')))}), and without that the bot does "
        f"nothing. {wording.nothing} Try again in a minute."
    )


def _place_unknown(facts: Facts, wording: Wording) -> str:
    if facts.get("why") == "missing_scope":
        # With the scopes of manifest.yml only group messages lack one. A retry would not help.
        return (
            "*Not here:* the bot's Slack app has no scope for this kind of conversation, a group message for example. "
            f"Use a channel the bot is in. {wording.nothing}"
        )
    return _lookup("what kind of channel this is")(facts, wording)


def _who(facts: Facts, you: str, they: str) -> str:
    """The text about the person who acts, or about the requester."""
    return they.format(who=_requester(facts)) if facts.get("whose") == "requester" else you


NO_GROUPS: dict[str, str] = {
    "missing_scope": "*The bot may not see user groups:* its Slack app lacks the scope `usergroups:read`. The "
    "person who runs the bot has to add it, as in manifest.yml, and install the app again.",
    "plan_upgrade_required": "*No user groups here:* Slack has them only on its paid plans, and this workspace has "
    "none of those, so people have to be listed one by one.",
}
"""Failures that the person who runs the bot has to mend. For all others only the log has the code and the group: the
reader may have no rights."""


def _groups_unknown(facts: Facts, wording: Wording) -> str:
    if known := NO_GROUPS.get(str(facts.get("why"))):
        return f"{known} {wording.nothing} {wording.whom_to_ask()}"
    what = _who(facts, "you are in a user group", "{who} is in a user group")
    return (
        f"*Slack could not say* whether {what} that may delete jobs, and without that the bot does nothing. "
        f"{wording.nothing} Try again in a minute."
    )


SENTENCES: dict[Reason, Sentence] = {
    **usage.SENTENCES,
    Reason.IN_DIRECT_MESSAGE: _again(
        "*Not in a direct message:* deletions are asked for where the team sees them. Use a channel the bot is in."
    ),
    Reason.IN_GROUP_MESSAGE: _again(
        "*Not in a group message:* deletions are asked for where the team sees them. Use a channel the bot is in."
    ),
    Reason.IN_EXTERNAL_CHANNEL: _again(
        "*Not in this channel:* it is shared with another company (Slack Connect), so the bot shows no jobs here. "
        "Use an internal channel."
    ),
    Reason.IN_OTHER_CHANNEL: _channels,
    Reason.BOT_NOT_IN_CHANNEL: _again(
        "*The bot is not in this channel.* Invite it with `/invite`, then try again. "
        "In a group message it cannot be used."
    ),
    Reason.CHANNEL_ARCHIVED: _again("*This channel is archived,* so the outcome could not be posted. Use another one."),
    Reason.CONVERSATION_UNKNOWN: _place_unknown,
    Reason.NOT_LISTED: _ask("*You don't have access to delete jobs* with this bot."),
    Reason.FOREIGN: _ask(
        "*You belong to another workspace.* Only people of the company that installed this bot may use it."
    ),
    Reason.DEACTIVATED: _ask("*This Slack account is deactivated.*"),
    Reason.IS_BOT: _ask("*Bots may not delete jobs.*"),
    Reason.IS_GUEST: _ask("*Guests may not delete jobs,* even if they are listed."),
    Reason.PERSON_UNKNOWN: lambda facts, wording: _lookup(_who(facts, "who you are", "who {who} is"))(facts, wording),
    Reason.GROUPS_UNKNOWN: _groups_unknown,
    Reason.MAY_NOT_FREEZE: _ask("*You don't have access to freeze deletions* or to allow them again."),
    Reason.NOT_THE_REQUESTER: _only_the_requester,
    Reason.SECOND_PERSON_NEEDED: _again("*This needs a second person,* somebody else who may delete jobs."),
    Reason.NOT_DELETABLE: _not_deletable,
    Reason.JOB_NOT_FOUND: _not_found,
    Reason.JOB_NOT_READ: _not_read,
    Reason.JOBS_NOT_LISTED: _not_listed,
    Reason.JOB_CHANGED: _changed,
    Reason.JOB_GONE: _gone,
    Reason.ALREADY_OFFERED: _already_offered,
    Reason.BEING_OFFERED: _being_offered,
    Reason.TOO_MANY_OPEN: lambda facts, wording: (
        f"*Too many open deletions:* {facts.get('open', 'so many')}, which is the most allowed. "
        f"Confirm or cancel some of them first. {wording.nothing}"
    ),
    Reason.CARD_NOT_POSTED: lambda facts, wording: (
        f"*The card could not be posted* in this channel ({code(str(facts.get('why') or 'no answer from Slack'))}), "
        f"so the deletion is closed. {wording.nothing} Invite the bot or use another channel, then run the "
        "command again."
    ),
    Reason.REQUESTER_LOST_RIGHT: lambda facts, wording: (
        f"*Refused:* {_requester(facts)} may no longer delete jobs, so the card is closed. {wording.nothing}"
    ),
    Reason.UNKNOWN_BUTTON: lambda facts, wording: (
        f"*This button does nothing any more:* it belongs to another version of the bot. {wording.nothing} Run "
        f"`{wording.command}` again."
    ),
    Reason.UNKNOWN_DELETION: lambda facts, wording: (
        "*Not known here:* the bot does not know this deletion, or the message is not its card. It may come from "
        f"another installation. {wording.nothing} Run `{wording.command}` again."
    ),
    Reason.OTHER_PROJECT: _ask(
        "*Not this project:* the card was made for another project or endpoint than the one the bot serves now."
    ),
    Reason.NOT_POSTED_YET: _again("*Too early:* the card is still being saved. Press again in a moment."),
    Reason.EXPIRED: _expired,
    Reason.ALREADY_ENDED: _ended,
    Reason.ALREADY_CONFIRMED: _confirmed,
    Reason.NOT_UNKNOWN: lambda facts, wording: (
        _ended(facts, wording) if facts.get("deletion") else "*The outcome is known;* see the thread."
    ),
    Reason.NOT_YET_BY_HAND: _says(
        "*The bot is still checking.* After a day without a result it can be closed by hand. Use *Check now* meanwhile."
    ),
    Reason.RESTARTED: lambda facts, wording: (
        f"*The bot restarted* before it could finish. {wording.nothing} Run `{wording.command}` again."
    ),
    Reason.FROZEN: lambda facts, wording: (
        f"*Deletions are frozen:* {freeze_line(facts['freeze'])} {wording.nothing} A card that waits goes on waiting "
        "while its time lasts."
    ),
    Reason.ALREADY_FROZEN: lambda facts, wording: (
        f"*Deletions are frozen already:* {freeze_line(facts['freeze'])} "
        f"{NEW_REASON_DROPPED if facts.get('is_reason_dropped') else ''}"
        f"`{wording.command} unfreeze` allows them again. {wording.nothing}"
    ),
    Reason.NOT_FROZEN: _again("*Deletions are not frozen,* so there was nothing to allow again."),
    # Not "deleted nothing": the first request may have deleted something.
    Reason.ALREADY_HANDLED: _says(
        "*Already handled:* this request reached the bot a second time, and it is not carried out again. "
        "The answer to the first one, or the thread of its card, says what came of it."
    ),
    Reason.BUSY: _again("*The bot is busy.* Try again in a minute; a card that waits keeps waiting."),
    Reason.CHECKS_TOO_OLD: _again(
        "*Too slow:* Slack or Huawei took so long to answer that what they said was too old to delete on. The card "
        "keeps waiting: press again."
    ),
    Reason.STOPPING: _again("*The bot is restarting.* Try again in a minute; a card that waits keeps waiting."),
    Reason.BREAKER_OPEN: _ask(
        "*Paused: Huawei rejected the bot's login* a short while ago, so nothing is sent to Huawei for now (more "
        "attempts could lock the key or the user). It is tried again after five minutes."
    ),
    Reason.LEDGER_TROUBLE: _ask("*The bot can't save to its database* now, and without that it does nothing."),
    Reason.LEDGER_IN_DOUBT: _in_doubt,
    Reason.LEDGER_REPLACED: _ask(
        "*Paused: the bot's database was replaced.* Its file was removed or replaced while the bot runs, so it takes "
        "no commands and clicks until that is mended and the bot restarted."
    ),
    Reason.NOT_ALONE: _ask(
        "*Paused: a second bot is connected* to this Slack app, or was a moment ago. This bot has to be alone there, "
        "so it takes no commands and clicks until it is; it checks again within a minute."
    ),
    Reason.CLOCK_OFF: _clock_off,
    Reason.BUG: lambda facts, wording: (
        "*Something in the bot went wrong;* its log says what. If a deletion was confirmed, the thread of its card "
        f"says how it stands. {wording.whom_to_ask()}"
    ),
}


def _requester(facts: Facts) -> str:
    deletion: Deletion | None = facts.get("deletion")
    who: Actor | None = deletion.requester if deletion else None
    return mention(who) if who else "The person who asked"


def refusal_text(no: Refused, wording: Wording) -> str:
    """The sentence for a refusal, in mrkdwn, with everything from outside escaped."""
    before = usage.not_done(no)
    text = SENTENCES[no.reason](no.facts, wording)
    if no.facts.get("subcommand") in READ_ONLY:
        text = text.replace(f" {wording.nothing}", "")
    # One verdict in bold is enough.
    return _joined(before, BOLD.sub(r"\1", text, count=1) if before else text)

"""The answers to a command that breaks a rule of its grammar. Pure. No answer repeats what was typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.refusals import Reason, Refused
from handlers.views.wording import Wording
from handlers.vocabulary import CANCEL, DELETE, DRY_RUN, MISSING, OPTIONS, READ_ONLY

Facts = Mapping[str, Any]

ID = "&lt;job_id&gt;"

TAKE_AN_ID = frozenset({"dry-run", "history"})
"""Subcommands that a job id follows."""

WAYS: dict[str, str] = {
    # How to do what was probably meant. ``DID_YOU_MEAN`` is for names that are not in this table.
    DELETE: f"To ask for a deletion, type the id right behind the command: `{{command}} {ID} [reason]`.",
    CANCEL: "To cancel one deletion, press *Cancel* on its card; `{command} open` lists the cards.",
    DRY_RUN: f"Did you mean `{{command}} dry-run {ID}`?",
    "freeze": "Did you mean `{command} freeze`, which stops all deletions?",
    "unfreeze": "Did you mean `{command} unfreeze`, which allows deletions again?",
}
DID_YOU_MEAN = "Did you mean `{command} {name}`?"

NOT_DONE = {"freeze": "*Nothing was frozen.*", "unfreeze": "*Nothing was unfrozen.*"}
"""The beginning of an answer to a person who wanted this, or may have wanted it, and did not get it."""

MAY_BE_DONE = {
    "freeze": "*Deletions may be frozen now, or not.*",
    "unfreeze": "*Deletions may be allowed again, or not.*",
}
"""The same if the effect is not known."""

NOT_KNOWN = frozenset({Reason.LEDGER_IN_DOUBT, Reason.BUG})
SAYS_ITSELF = frozenset({Reason.ALREADY_FROZEN, Reason.NOT_FROZEN, Reason.ALREADY_HANDLED})
"""Refusals whose own sentence says whether deletions are frozen, or refers to an earlier answer."""

SHOWN_OPTIONS = " and ".join(f"`--{name}`" for name in OPTIONS if len(name) > 1)


def not_done(no: Refused) -> str:
    """If the refusal is about a freeze or its end: that this did not happen, or may not have happened."""
    if no.reason in SAYS_ITSELF:
        return ""
    names = {no.facts.get("subcommand"), *no.facts.get("meant", ())}
    begins = MAY_BE_DONE if no.reason in NOT_KNOWN else NOT_DONE
    return " ".join(words for name, words in begins.items() if name in names)


def _ways(facts: Facts, wording: Wording) -> str:
    ways = (WAYS.get(name, DID_YOU_MEAN).format(command=wording.command, name=name) for name in facts.get("meant", ()))
    return "".join(f"{way} " for way in ways)


def _bad_job_id(facts: Facts, wording: Wording) -> str:
    detail, name = facts.get("detail"), facts.get("subcommand")
    nothing = "" if name in READ_ONLY else "Nothing was asked of Huawei and nothing was deleted. "
    typed = f"`{wording.command} {f'{name} {ID}' if name in TAKE_AN_ID else f'{ID} [reason]'}`"
    if detail == MISSING:
        return f"*The job id is missing.* {nothing}Type {typed}."
    return (
        f"*Not a job id{':* ' + detail if detail else '.*'}{'.' if detail else ''} A job id has 1 to 64 ASCII "
        f"letters, digits, hyphens and underscores and begins with a letter or digit. {nothing}Usage: {typed}"
    )


def _reason_too_long(facts: Facts, wording: Wording) -> str:
    return (
        f"*The reason is too long:* more than 500 characters, and the bot does not cut it. Shorten it. "
        f"{wording.nothing}"
    )


def _reason_missing(facts: Facts, wording: Wording) -> str:
    return f"*A reason is required here:* `{wording.command} {ID} why it has to go`. {wording.nothing}"


def _bad_search(facts: Facts, wording: Wording) -> str:
    return (
        f"*Not a search:* `{wording.command} find` takes 1 to {facts.get('most', 'so many')} visible characters, part "
        f"of a job's name or id; {facts.get('detail', 'that was something else')}. {wording.nothing}"
    )


def _unexpected_text(facts: Facts, wording: Wording) -> str:
    name = facts.get("subcommand") or "help"
    return (
        f"*Too much text:* just `{wording.command} {name + ' ' + ID if name == 'history' else name}`, nothing after it "
        f"(there were {facts.get('detail') or 'some'} characters), so it did nothing. {wording.nothing}"
    )


def _near_miss(facts: Facts, wording: Wording) -> str:
    return (
        f"*Neither a job id nor a command.* {_ways(facts, wording)}`{wording.command} help` lists all. "
        f"{wording.nothing}"
    )


def _unknown_option(facts: Facts, wording: Wording) -> str:
    return (
        f"*No such option;* there are {SHOWN_OPTIONS}. {_ways(facts, wording)}"
        f"A reason that begins with a dash takes `--` and a space before it. {wording.nothing}"
    )


def _misplaced_option(facts: Facts, wording: Wording) -> str:
    return f"*Not like that:* {facts.get('detail') or 'that option goes with a job id'}. {wording.nothing}"


def _one_job_at_a_time(facts: Facts, wording: Wording) -> str:
    return (
        "*One job at a time:* what follows the first job id looks like one more, so none was looked up. Type a command "
        f"for each. If it is the reason, put `--` before it: `{wording.command} {ID} -- reason`. {wording.nothing}"
    )


SENTENCES: dict[Reason, Callable[[Facts, Wording], str]] = {
    Reason.BAD_JOB_ID: _bad_job_id,
    Reason.REASON_TOO_LONG: _reason_too_long,
    Reason.REASON_MISSING: _reason_missing,
    Reason.BAD_SEARCH: _bad_search,
    Reason.UNEXPECTED_TEXT: _unexpected_text,
    Reason.NEAR_MISS: _near_miss,
    Reason.UNKNOWN_OPTION: _unknown_option,
    Reason.MISPLACED_OPTION: _misplaced_option,
    Reason.ONE_JOB_AT_A_TIME: _one_job_at_a_time,
}

"""docs/cards.md: every kind of card and thread with its pictures; `make docs` writes it, `make pictures` takes them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.domain.model import State
from bot.domain.outcomes import Ending
from bot.domain.refusals import Reason
from handlers.views.endings import BY_ENDING, BY_STATE, Words

PAGE = Path(__file__).parents[1] / "cards.md"
WIDE, NARROW = 1440, 390
WIDTHS = (WIDE, NARROW)
SCHEMES = ("light", "dark")

ABOUT = """\
# Cards and threads in pictures

Made by `make docs`; `make pictures` takes the pictures. Each shows what the real bot posts in the sandbox, where people
and jobs are made up and waits are short: in a window of 1440 pixels, then in one of 390, such as a phone's.
[Messages and codes](messages.md) has the headings and endings in words, and what to do next.

On the page of `make sandbox` you get to most of them yourself. It has no switch for two answers of Huawei, one that
takes long and the refusal; and where two people are needed or nobody presses, the bot had settings of its own.
"""

OF_MISSING = """\
## Without a picture

These headings take what the page of the sandbox cannot bring about in a short time.

| the card's heading | when it comes |
|---|---|
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: the name of its pictures, its title, what it means for the reader, and what is to be seen."""

    name: str
    title: str
    means: str
    seen: str
    heading: Words | None = None
    """Of which card it is, where it is one."""

    def file(self, width: int, scheme: str) -> str:
        """The name of one of its four pictures."""
        return f"{self.name}-{width}-{scheme}.png"

    def text(self) -> str:
        """Its part of the page."""
        pictures = "\n\n".join(self._picture(width) for width in WIDTHS)
        return f"### {self.title}\n\n{textwrap.fill(self.means, 120)}\n\n{pictures}\n"

    def _picture(self, width: int) -> str:
        light, dark = (f"pictures/kinds/{self.file(width, scheme)}" for scheme in SCHEMES)
        alt = self.seen if width == WIDE else f"On a phone: {self.seen[0].lower()}{self.seen[1:]}"
        whole = (
            f'<picture> <source media="(prefers-color-scheme: dark)" srcset="{dark}"> <img src="{light}" alt="{alt}"> '
            "</picture>"
        )
        return textwrap.fill(whole, 120, break_on_hyphens=False, break_long_words=False)


BEFORE = (
    Kind(
        "open",
        "A card that waits",
        "Somebody has asked and every check has passed: read the job's name, state and reason, then press one of the "
        "buttons before the time in small print is over; nothing is deleted yet.",
        "A card that asks whether to delete a job whose training failed, with the reason, a warning, the buttons "
        "Delete permanently and Cancel, and the job's ids in small print",
        BY_STATE[State.AWAITING],
    ),
    Kind(
        "open-in-use",
        "A card about a finished model",
        "The job's training is done, so its model can be in use, and what uses it stops working: press only if you "
        "know that nobody needs it.",
        "A card about a finished job, with a warning that names the services, and the buttons Delete permanently and "
        "Cancel",
        BY_STATE[State.AWAITING],
    ),
    Kind(
        "second-person",
        "A card that waits for a second person",
        "It comes where `CONFIRM_BY` or `SECOND_PERSON_STATES` ask for two people: whoever asked cannot confirm, and "
        "one of those whom the card mentions has to look and press.",
        "A card that mentions Ben and says that a second person has to confirm, but not Anna, who asked",
        BY_STATE[State.AWAITING],
    ),
    Kind(
        "frozen",
        "A card during a freeze",
        "Somebody has stopped all deletions with `freeze`, as the channel and the thread of each waiting card say: no "
        "press deletes anything until `unfreeze`, and the card's time goes on running out.",
        "A waiting card, and in its thread who has stopped all deletions, when and why, and that this card cannot be "
        "confirmed",
        BY_STATE[State.AWAITING],
    ),
)
PRESSED = (
    Kind(
        "deleting",
        "Being deleted",
        "Somebody has confirmed, and Huawei takes more than a moment to answer: wait, the thread says how it ends.",
        "A card without buttons: the job is being deleted, and its outcome is not known yet",
        BY_STATE[State.DELETING],
    ),
    Kind(
        "deleted",
        "Deleted and double-checked",
        "Huawei has confirmed the deletion with a request ID, and looks some seconds later have found the job gone: "
        "nothing is left to do.",
        "A card with the heading Deleted, and its thread: Huawei confirmed it, the request ID, then double-checked",
        BY_ENDING[Ending.REPLY_DELETED, State.DELETED],
    ),
    Kind(
        "refused",
        "Refused by Huawei",
        "Huawei has said no to the DELETE, and a look afterwards says whether the job is still there: do what the "
        "thread says about the cause, then ask again.",
        "A card with the heading Huawei refused to delete, and its thread: the cause, the request ID, the block for a "
        "Huawei Cloud ticket, then still there",
        BY_ENDING[Ending.FORBIDDEN, State.FAILED],
    ),
    Kind(
        "throttled",
        "Throttled by Huawei",
        "Huawei has turned the DELETE away, three times at most, because there were too many calls: if the thread "
        "finds the job still there, ask again in a minute.",
        "A card with the heading Huawei rate-limits us, and its thread: the block for a Huawei Cloud ticket with three "
        "attempts, then still there",
        BY_ENDING[Ending.THROTTLED, State.FAILED],
    ),
    Kind(
        "not-known-yet",
        "Not known yet",
        "The DELETE was sent and no whole answer came back, so it may or may not have worked: wait, since the bot "
        "checks until it knows and never sends it again; *Check now* looks at once.",
        "A card with the heading Not sure yet and the button Check now, and its thread: the cause and the block for a "
        "Huawei Cloud ticket",
        BY_STATE[State.UNKNOWN],
    ),
    Kind(
        "gone",
        "Found gone by checks",
        "After an outcome that was not known the bot has looked, and Huawei neither shows nor lists the job any more: "
        "it is gone, and whether this request removed it cannot be known.",
        "A card with the heading Gone, and its thread: first not sure yet, then found gone by several checks",
        BY_ENDING[Ending.READ_GONE, State.DELETED],
    ),
    Kind(
        "not-deleted",
        "Counts as not deleted",
        "After an outcome that was not known several checks have found the job still there: ask again if it should "
        "still go; an hour later the bot looks once more, and corrects itself if it was wrong.",
        "A card with the heading Counts as not deleted, and its thread: first not sure yet, then still there after "
        "several checks, with a block for a Huawei Cloud ticket in place of the one above",
        BY_ENDING[Ending.READ_PRESENT, State.FAILED],
    ),
)
CLOSED = (
    Kind(
        "cancelled",
        "Cancelled",
        "Somebody has pressed *Cancel*, so nothing was deleted: run the command again if the job should go after all.",
        "A card with the heading Cancelled, nothing deleted, and its thread, which names who cancelled",
        BY_STATE[State.CANCELLED],
    ),
    Kind(
        "timed-out",
        "Timed out",
        "Nobody has confirmed within `CONFIRM_WITHIN_SECONDS`, so nothing was deleted: run the command from the thread "
        "again if the job should still go.",
        "A card with the heading Timed out, nothing deleted, and its thread with the command to run again",
        BY_STATE[State.EXPIRED],
    ),
    Kind(
        "changed",
        "The job has changed",
        "Between card and press the job became another one than was approved, so nothing was deleted: look at it, then "
        "run the command again if it should still go.",
        "A card with the heading Not deleted, the job has changed, and its thread: the state on the card and now",
        BY_ENDING[Reason.JOB_CHANGED, State.REFUSED],
    ),
    Kind(
        "no-longer-there",
        "The job is no longer there",
        "At the press Huawei neither shows nor lists the job, so no DELETE was sent: there is nothing to do if it "
        "should be gone.",
        "A card with the heading Huawei no longer shows the job, and its thread with HTTP status, error code and "
        "request ID",
        BY_ENDING[Reason.JOB_GONE, State.REFUSED],
    ),
)
ANSWERS = (
    Kind(
        "not-allowed",
        "A refusal",
        "The bot has not done what you asked, and says why: here you are not listed, so ask the person whom it names.",
        "An answer visible to one person: you don't have access to delete jobs, this command deleted nothing, ask Anna",
    ),
    Kind(
        "dry-run",
        "A dry run",
        "`dry-run` makes every check and shows the card to you alone, so nobody can press anything: leave the word out "
        "to post it.",
        "An answer visible to one person: every check passed, and below it the card without buttons",
    ),
    Kind(
        "find",
        "Jobs that were found",
        "`find` lists the jobs with a text in their name or id: *Ask to delete* posts the card of one, and deletes "
        "nothing yet.",
        "A list of two jobs with name, id and state, each with the button Ask to delete",
    ),
    Kind(
        "open-list",
        "What is open",
        "`open` lists what waits for a press and what is not known yet, in every channel: follow the link to a card.",
        "A list of open deletions: one whose outcome is not known yet, one that waits for a decision, each with a link",
    ),
    Kind(
        "history",
        "What there was",
        "`history` lists the deletions of the channel, the newest first: follow the link to read a card and its "
        "thread.",
        "A list of four deletions: waiting, cancelled, not known yet, and deleted with its request ID",
    ),
    Kind(
        "help",
        "Help",
        "`help`, or the command alone, lists what can be typed.",
        "The list of subcommands with a line about each",
    ),
    Kind(
        "home",
        "The Home tab of an operator",
        "The app's Home shows what waits for you, what is not known yet and what was deleted lately, and says so if "
        "something stops the bot: open it to see how things stand.",
        "The app's Home: all good, a card that waits, an outcome that is not known yet, a deletion, and the region, "
        "project and endpoint",
    ),
)

SECTIONS = {
    "Before the press": BEFORE,
    "After the press": PRESSED,
    "Closed without a deletion": CLOSED,
    "Answers to one person": ANSWERS,
}
KINDS = tuple(kind for kinds in SECTIONS.values() for kind in kinds)

MISSING: dict[str, str] = {
    BY_ENDING[Ending.BY_HAND, State.DELETED].heading: "somebody has closed by hand what was not known for a day",
    BY_ENDING[Ending.BY_HAND, State.FAILED].heading: "the same, and the job is still there",
    BY_ENDING[Ending.NEVER_SENT, State.FAILED].heading: "Huawei could not be reached just when the DELETE was due",
    BY_STATE[State.FAILED].heading: "another failure, for example one that a former version recorded",
    BY_STATE[State.REFUSED].heading: "the person who asked may no longer delete jobs",
    BY_ENDING[Reason.RESTARTED, State.REFUSED].heading: "the bot restarted, or Slack failed, while the card was posted",
    BY_ENDING[Ending.RESTORED, State.EXPIRED].heading: "the bot's database was restored from a backup",
    BY_ENDING[Ending.LOST_COMMITS, State.FAILED].heading: "the bot's database lost what was recorded",
}


def parts() -> Iterator[str]:
    """The parts of the page, from top to bottom."""
    yield ABOUT
    for title, kinds in SECTIONS.items():
        yield f"## {title}\n"
        for kind in kinds:
            yield kind.text()
    rows = (f"| {heading.format(job='…')} | {when} |" for heading, when in MISSING.items())
    yield OF_MISSING + "\n".join(rows) + "\n"


def page() -> str:
    """The page, in Markdown."""
    return "\n".join(parts())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

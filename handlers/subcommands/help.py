"""``help``, and the command without any text."""

from __future__ import annotations

from handlers.views.wording import Wording

DAILY = (
    (
        "&lt;job_id&gt; [reason]",
        (
            "asks to delete one MetaStudio avatar training job. The bot checks it and posts a card here. Nothing is "
            "deleted until somebody who may presses *Delete permanently* on it."
        ),
    ),
    ("find &lt;text&gt;", "finds jobs by name or id."),
    ("open", "shows the cards that wait and the outcomes that are not known yet."),
)
"""What people need most, a line each."""

ALSO = (
    ("dry-run &lt;job_id&gt; [reason]", "makes every check and shows the card only to you."),
    ("history [job_id]", "shows what was asked in this channel, or for one job."),
    ("freeze [reason]", "stops all deletions at once, until `unfreeze`."),
    ("unfreeze", "allows deletions again."),
    ("whoami", "says what you may do here, and by which rule."),
    ("help", "shows this."),
)
"""The rest, behind the command's name."""


def help_text(wording: Wording) -> str:
    """Usage, in mrkdwn."""
    return "\n".join(
        (
            *(f"`{wording.command} {words}` {what}" for words, what in DAILY),
            f"Also, behind `{wording.command}`:",
            *(f"• `{words}` {what}" for words, what in ALSO),
            "The outcome comes in the card's thread, with Huawei's request ID or error code.",
            (
                "A job id has 1 to 64 ASCII letters, digits, hyphens and underscores. A reason has at most 500 "
                "characters; one that begins with a dash takes `--` before it."
            ),
            f"Questions? {wording.whom_to_ask()}",
        )
    )

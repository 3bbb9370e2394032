"""``help``, and the command without any text."""

from __future__ import annotations

from handlers.views.wording import Wording

LINES = (
    ("&lt;job_id&gt; [reason]", "asks to delete one MetaStudio avatar training job."),
    ("dry-run &lt;job_id&gt; [reason]", "makes every check and shows the card, only to you, without posting it."),
    ("find &lt;text&gt;", "finds jobs by name or id."),
    ("open", "shows the cards that wait and the outcomes that are not known yet."),
    ("history [job_id]", "shows what was asked in this channel, or for one job."),
    ("freeze [reason]", "stops all deletions at once, until `unfreeze`."),
    ("unfreeze", "allows deletions again."),
    ("whoami", "says what you may do here, and by which rule."),
    ("help", "shows this."),
)


def help_text(wording: Wording) -> str:
    """Usage, in mrkdwn."""
    return "\n".join(
        (
            *(f"`{wording.command} {words}` {what}" for words, what in LINES),
            "The bot checks that you may do this and that the job's state allows it, and posts a card in this channel.",
            "Nothing is deleted until somebody who may presses *Delete permanently* there.",
            "The outcome, with Huawei's request ID or error code, comes in the card's thread.",
            "A job id has 1 to 64 ASCII letters, digits, hyphens and underscores. A reason has at most 500 characters.",
            "`--dry-run` may also stand behind the job id. A reason that begins with a dash takes `--` before it.",
            f"Questions? {wording.whom_to_ask()}",
        )
    )

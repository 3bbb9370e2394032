"""``help``, and the command without anything behind it."""

from __future__ import annotations

from handlers.views.refusals import Wording


def help_text(wording: Wording) -> str:
    """Usage, in mrkdwn."""
    return "\n".join(
        (
            f"`{wording.command} &lt;job_id&gt; [reason]` offers one MetaStudio avatar training job for deletion.",
            "The bot checks that you may do this and that the job's state allows it, and posts a card in this channel.",
            "Nothing is deleted until somebody who may presses *Delete permanently* there.",
            "The outcome, with Huawei's request ID or error code, comes in the card's thread.",
            "A job id has 1 to 64 ASCII letters, digits, hyphens and underscores. A reason has at most 500 characters.",
            f"`{wording.command} whoami` says what you may do here, and by which rule.",
            f"`{wording.command} help` shows this. {wording.whom_to_ask()}",
        )
    )

"""MetaStudio's reply to a read: a sentence for each meaning, and the facts that support asks for. Pure."""

from __future__ import annotations

from bot.domain.model import Reply
from bot.domain.replies import Meaning
from handlers.views.blocks import code, request_ids

REPLY_SENTENCES: dict[Meaning, str] = {
    Meaning.OK: "Huawei answered, but not with this job; the answer cannot be trusted.",
    Meaning.UNCLEAR: "Huawei gave no usable answer. Try again in a minute.",
    Meaning.SERVER_ERROR: "Huawei had an internal error. Try again in a minute; if it stays, open a Huawei ticket.",
    Meaning.BAD_CREDENTIALS: "Huawei rejected the bot's login, so the bot has stopped calling it for five "
    "minutes. The person who runs the bot has to check the access key, the project id and the clock.",
    Meaning.FORBIDDEN: "The bot's Huawei account has no permission for this. Its IAM user needs the MetaStudio actions "
    "for showing, listing and deleting training jobs in this project (MetaStudio FullAccess contains them).",
    Meaning.THROTTLED: "Huawei is rate-limiting us. Wait a few seconds and try again.",
    Meaning.CONFLICT: "Huawei refused the request.",
    Meaning.REJECTED: "The request was rejected.",
    Meaning.LOST: "Huawei did not answer. Try again in a minute.",
    Meaning.NEVER_SENT: "Huawei could not be reached. The person who runs the bot has to check its network.",
    Meaning.NOT_SIGNED_IN: "The bot could not sign in to Huawei Cloud, so nothing was asked. Try again in "
    "a minute; if it stays, the person who runs the bot has to check how it signs in (METASTUDIO_AUTH).",
    Meaning.SIGN_IN_REFUSED: "Huawei Cloud's IAM refused the bot's sign-in, so nothing was asked, and the "
    "bot has stopped signing in for five minutes. The person who runs the bot has to check the IAM user, the password "
    "and the project id.",
}


def reply_facts(reply: Reply) -> str:
    """Status, error code, message, request ID and cause of a reply; empty parts are left out."""
    parts = [
        f"HTTP {reply.status}" if reply.status is not None else "",
        f"error code {code(reply.code)}" if reply.code else "",
        f"message {code(reply.message)}" if reply.message else "",
        f"request ID {request_ids(reply)}" if reply.request_id else "",
        f"cause: {reply.cause.value}" if reply.cause is not None else "",
    ]
    shown = ", ".join(part for part in parts if part)
    return f"({shown})" if shown else ""


def clock_sentence(skew: float | None) -> str:
    """Why the signature was rejected: ``skew`` is how many seconds MetaStudio's clock is ahead of the bot's."""
    if skew is None:
        return ""
    where = "behind" if skew > 0 else "ahead of"
    return (
        f"The bot's clock is {abs(skew) / 60:.0f} minutes {where} Huawei's, by the date of its answer; more than "
        "15 minutes alone make it refuse."
    )

"""Checks of MetaStudio, by one List call of one row, which changes nothing. No call is made while calls are stopped."""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.doctor.findings import CheckResult, Findings, clock, fine, not_checked, wrong
from bot.domain.model import Reply
from bot.domain.replies import Meaning, is_clock_skew, meaning
from bot.settings.addresses import KNOWN_REGIONS
from bot.settings.schema import Settings

REGION, REACH, KEYS, PROJECT, PERMISSION, CLOCK = (
    "region",
    "MetaStudio",
    "credentials",
    "project",
    "permission",
    "MetaStudio's clock",
)
ORDER = (REACH, CLOCK, KEYS, PROJECT, PERMISSION)
"""Each depends on those before it."""

OTHER_PROJECT = "MSS.00010009"
LOCKED = "reach the limit"
"""Part of the gateway's message about a key that it has locked for five minutes."""


def region(settings: Settings) -> CheckResult:
    """Whether region and endpoint can belong together."""
    host = urlsplit(settings.metastudio_endpoint).hostname or ""
    if host.endswith(".myhuaweicloud.com") and settings.metastudio_region not in host.split("."):
        return wrong(REGION, "METASTUDIO_ENDPOINT belongs to another region than METASTUDIO_REGION. Correct one.")
    if settings.metastudio_region not in KNOWN_REGIONS:
        known = ", ".join(sorted(KNOWN_REGIONS))
        return wrong(REGION, f"METASTUDIO_REGION is not a region that MetaStudio is documented for: {known}.")
    return fine(REGION, f"{settings.metastudio_region}, one that MetaStudio is documented for.")


def not_asked(why: str, keys: CheckResult | None = None) -> Findings:
    """The findings if the call must not be made. ``keys`` is the one about the credentials, if they are the reason."""
    yield from (keys if keys is not None and name == KEYS else not_checked(name, why) for name in ORDER)


def judge(reply: Reply) -> Findings:
    """The findings by the reply to the one call, in the order in which checks depend on each other."""
    broken = _broken(reply)
    for name in ORDER:
        if broken is not None and name == broken.check:
            yield broken
            at = ORDER.index(name)
            yield from (not_checked(later, f"First correct: {name}.") for later in ORDER[at + 1 :])
            return
        yield clock(CLOCK, reply.clock_skew, "MetaStudio") if name == CLOCK else fine(name, FINE[name])


FINE = {
    REACH: "It answers.",
    KEYS: "It accepts them.",
    PROJECT: "The credentials are this project's.",
    PERMISSION: "The bot may list training jobs. Deleting was not tried.",
}


def _broken(reply: Reply) -> CheckResult | None:
    """The failed check that this reply shows. A clock that is off counts only if MetaStudio refused the call for it."""
    what = _what(reply)
    match meaning(reply):
        case Meaning.OK:
            return None
        case Meaning.BAD_CREDENTIALS if is_clock_skew(reply):
            return clock(CLOCK, reply.clock_skew, "MetaStudio")
        case Meaning.BAD_CREDENTIALS if reply.code == OTHER_PROJECT:
            return wrong(
                PROJECT, f"It is not the credentials' project ({what}). Check METASTUDIO_PROJECT_ID and region."
            )
        case Meaning.BAD_CREDENTIALS if LOCKED in (reply.message or ""):
            return wrong(
                KEYS, f"The access key is locked for five minutes ({what}). Stop what uses it with a wrong secret."
            )
        case Meaning.BAD_CREDENTIALS:
            return wrong(
                KEYS,
                f"MetaStudio rejects them ({what}). Check the access key. More than five wrong signatures in a row "
                "lock a key for five minutes, so do not try again and again.",
            )
        case Meaning.FORBIDDEN:
            return wrong(PERMISSION, f"The account may not list training jobs ({what}). Give it MetaStudio FullAccess.")
        case Meaning.SIGN_IN_REFUSED:
            return wrong(
                KEYS,
                f"{what}. Check IAM_DOMAIN, IAM_USER and IAM_PASSWORD. A few wrong passwords may lock the user, so do "
                "not try again and again.",
            )
        case Meaning.NOT_SIGNED_IN:
            return wrong(KEYS, f"{what}: there are none at the moment. Check what METASTUDIO_AUTH needs.")
        case Meaning.NEVER_SENT | Meaning.LOST:
            return wrong(
                REACH, f"It cannot be reached ({what}). Check METASTUDIO_REGION, the network and METASTUDIO_PROXY."
            )
        case _:
            return wrong(REACH, f"It answers with an error ({what}). Try again later.")


def _what(reply: Reply) -> str:
    if reply.cause is not None:
        return reply.cause.value
    parts = (
        f"HTTP {reply.status}",
        f"error code {reply.code}" if reply.code else "",
        f"request ID {reply.request_id}" if reply.request_id else "",
    )
    return ", ".join(part for part in parts if part)

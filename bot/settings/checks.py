"""Rules over several settings, and notices for the person who starts the bot.

The checks get a ``Settings`` in which every malformed text is replaced by its default. ``bad`` names those settings, so
that no problem is reported that only follows from another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.domain.model import ConfirmBy
from bot.settings.addresses import KNOWN_REGIONS, is_loopback
from bot.settings.forms import (
    LONGEST_CARD,
    LONGEST_SETTLING,
    SHORTEST_CARD,
    SHORTEST_SETTLING,
    WHERE,
    Problem,
)

if TYPE_CHECKING:
    from bot.settings.schema import Settings

SDK_FILE = "HUAWEICLOUD_SDK_CREDENTIALS_FILE"


def problems(settings: Settings, environ: Mapping[str, str], bad: Collection[str]) -> Iterator[Problem]:
    """Problems between settings that are each well formed."""
    for problem in (
        *_slack(settings),
        *_slack_variables(environ),
        *_metastudio(settings, bad),
        *_profile(settings, environ),
        *_times(settings, bad),
        *_ports(settings),
    ):
        if problem.setting not in bad:
            yield problem


def _slack(settings: Settings) -> Iterator[Problem]:
    if not settings.slack_bot_token:
        yield Problem("SLACK_BOT_TOKEN", "is missing", WHERE["SLACK_BOT_TOKEN"])
    if settings.slack_mode == "socket" and not settings.slack_app_token:
        yield Problem("SLACK_APP_TOKEN", "is missing; socket mode needs it", WHERE["SLACK_APP_TOKEN"])
    if settings.slack_mode == "http" and not settings.slack_signing_secret:
        # Bolt starts with an empty one and then answers every request of Slack with 500.
        yield Problem("SLACK_SIGNING_SECRET", "is missing; HTTP mode needs it", WHERE["SLACK_SIGNING_SECRET"])


def _slack_variables(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Variables that Bolt reads by itself from the environment."""
    if environ.get("SLACK_CLIENT_ID") and environ.get("SLACK_CLIENT_SECRET"):
        yield Problem(
            "SLACK_CLIENT_ID",
            "and SLACK_CLIENT_SECRET are set; with both, Bolt ignores SLACK_BOT_TOKEN and asks for OAuth",
            "Remove both: the bot needs only its tokens.",
        )
    if environ.get("SLACK_VERIFICATION_TOKEN"):
        yield Problem(
            "SLACK_VERIFICATION_TOKEN",
            "is set; with it, Bolt answers Slack's certificate checks with 401",
            "Remove it: the signing secret has replaced it.",
        )


def _metastudio(settings: Settings, bad: Collection[str]) -> Iterator[Problem]:
    if not settings.metastudio_project_id:
        yield Problem("METASTUDIO_PROJECT_ID", "is missing", WHERE["METASTUDIO_PROJECT_ID"])
    if settings.metastudio_auth == "aksk":
        yield from _keys(settings, bad)
    if settings.metastudio_auth == "token":
        for name, given, what in (
            ("IAM_DOMAIN", settings.iam_domain, "the name of the account to which the IAM user belongs"),
            ("IAM_USER", settings.iam_user, "the IAM user's name"),
            ("IAM_PASSWORD", settings.iam_password, "that user's password"),
        ):
            if not given:
                yield Problem(name, "is missing; METASTUDIO_AUTH=token needs it", f"Set it to {what}.")


def _keys(settings: Settings, bad: Collection[str]) -> Iterator[Problem]:
    ak, sk = "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"
    missing = [
        name
        for name, key in ((ak, settings.huaweicloud_sdk_ak), (sk, settings.huaweicloud_sdk_sk))
        if not key and name not in bad
    ]
    if missing == [ak, sk]:
        remedy = WHERE[ak]
        if settings.iam_user or settings.iam_password:
            remedy = f"Write METASTUDIO_AUTH=token to sign in as IAM_USER. Or: {remedy}"
        yield Problem(ak, f"and {sk} are missing", remedy)
    for name in missing if len(missing) == 1 else ():
        yield Problem(
            name,
            "is missing, and its other half is set",
            "Set both as HUAWEICLOUD_SDK_…, or both as CLOUD_SDK_…; a mix is refused.",
        )


def _profile(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Huawei's SDK reads its variables from the environment only. It ignores ``.env`` and would read another file."""
    path = environ.get(SDK_FILE)
    if settings.metastudio_auth == "profile" and path and path != os.environ.get(SDK_FILE):
        yield Problem(SDK_FILE, "stands in .env, which Huawei's SDK does not read", "Set it in the environment.")


def _times(settings: Settings, bad: Collection[str]) -> Iterator[Problem]:
    """Short times are for local trials: a real person needs longer, and so does a real deletion."""
    if "METASTUDIO_ENDPOINT" in bad or is_loopback(urlsplit(settings.metastudio_endpoint).hostname):
        return
    if settings.confirm_within_seconds < SHORTEST_CARD:
        yield Problem(
            "CONFIRM_WITHIN_SECONDS",
            f"must be a whole number from {SHORTEST_CARD} to {LONGEST_CARD}",
            "Less (down to 3) is allowed only with a METASTUDIO_ENDPOINT on this machine.",
        )
    if settings.settle_after_seconds < SHORTEST_SETTLING:
        yield Problem(
            "SETTLE_AFTER_SECONDS",
            f"must be a whole number from {SHORTEST_SETTLING} to {LONGEST_SETTLING}",
            "Less (down to 1) is allowed only with a METASTUDIO_ENDPOINT on this machine.",
        )


def _ports(settings: Settings) -> Iterator[Problem]:
    if settings.slack_mode == "http" and settings.ops_port == settings.http_port:
        yield Problem("OPS_PORT", "is the same as HTTP_PORT", "Give each a port of its own.")


def notices(settings: Settings) -> Iterator[str]:
    """Notices for the person who starts the bot, without values of secrets or texts."""
    yield from _who_may(settings)
    if settings.metastudio_auth != "token" and (settings.iam_user or settings.iam_password):
        yield f"IAM_USER and IAM_PASSWORD have no effect: METASTUDIO_AUTH is {settings.metastudio_auth}, not token."
    if settings.metastudio_region not in KNOWN_REGIONS:
        yield (
            "METASTUDIO_REGION is not a region that MetaStudio is documented for "
            f"({', '.join(sorted(KNOWN_REGIONS))}). Where it has no MetaStudio, every look-up of a job fails."
        )
    if is_loopback(urlsplit(settings.metastudio_endpoint).hostname):
        yield "METASTUDIO_ENDPOINT is on this machine: no real job can be deleted."
    elif not re.fullmatch(r"[0-9A-Fa-f]{32}", settings.metastudio_project_id):
        yield "METASTUDIO_PROJECT_ID does not have the 32 hexadecimal digits of Huawei's project ids."


def _who_may(settings: Settings) -> Iterator[str]:
    if settings.authorized_usergroups:
        # Only a look-up in Slack shows the members of a group.
        return
    alone = "AUTHORIZED_USERS names only one person, and AUTHORIZED_USERGROUPS is empty."
    if not settings.authorized_users:
        yield "Nobody may delete anything: AUTHORIZED_USERS and AUTHORIZED_USERGROUPS are empty."
    elif len(settings.authorized_users) == 1 and settings.confirm_by is ConfirmBy.SECOND_PERSON:
        yield f"Nobody can confirm: CONFIRM_BY is second_person, but {alone}"
    elif len(settings.authorized_users) == 1 and settings.second_person_states:
        yield f"Nobody can confirm jobs in SECOND_PERSON_STATES: {alone}"

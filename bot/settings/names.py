"""Misspelt names of settings. Ignoring AUTHORISED_CHANNELS would silently allow more."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

FOREIGN = frozenset(
    {
        # Similar to a setting's name, but variables of other programs.
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"),
        *("SLACK_USER_TOKEN", "SLACK_WEBHOOK_URL", "SLACK_VERIFICATION_TOKEN"),
        *("HUAWEICLOUD_SDK_CREDENTIALS_FILE", "HUAWEICLOUD_SDK_PROJECT_ID", "HUAWEICLOUD_SDK_DOMAIN_ID"),
        *("HUAWEICLOUD_SDK_IDP_ID", "HUAWEICLOUD_SDK_ID_TOKEN_FILE"),
    }
)

MEANT = {
    # Wrong names that are not similar enough to the right one.
    "METASTUDIO_AK": "HUAWEICLOUD_SDK_AK",
    "METASTUDIO_SK": "HUAWEICLOUD_SDK_SK",
    "METASTUDIO_URL": "METASTUDIO_ENDPOINT",
    "HUAWEICLOUD_AK": "HUAWEICLOUD_SDK_AK",
    "HUAWEICLOUD_SK": "HUAWEICLOUD_SDK_SK",
    "SLACK_TOKEN": "SLACK_BOT_TOKEN",
    "SLACK_APP_LEVEL_TOKEN": "SLACK_APP_TOKEN",
    "SLACK_SOCKET_TOKEN": "SLACK_APP_TOKEN",
    "SLACK_SECRET": "SLACK_SIGNING_SECRET",
    "ALLOWED_USERS": "AUTHORIZED_USERS",
    "ALLOWED_USER": "AUTHORIZED_USERS",
    "ALLOWED_GROUPS": "AUTHORIZED_USERGROUPS",
    "ALLOWED_USERGROUPS": "AUTHORIZED_USERGROUPS",
    "ALLOWED_CHANNELS": "AUTHORIZED_CHANNELS",
    "ALLOWED_CHANNEL": "AUTHORIZED_CHANNELS",
    "CONFIRMATION_BY": "CONFIRM_BY",
    "CONFIRM_FROM": "CONFIRM_BY",
    "CONFIRMED_BY": "CONFIRM_BY",
    "CONFIRM_TIMEOUT": "CONFIRM_WITHIN_SECONDS",
    "CONFIRM_WITHIN": "CONFIRM_WITHIN_SECONDS",
    "CONFIRM_SECONDS": "CONFIRM_WITHIN_SECONDS",
    "CONFIRM_WITHIN_MINUTES": "CONFIRM_WITHIN_SECONDS",
    "SECOND_PERSON": "SECOND_PERSON_STATES",
    "SECOND_PERSON_FOR": "SECOND_PERSON_STATES",
    "AUTHORIZED_GROUPS": "AUTHORIZED_USERGROUPS",
    "FREEZE_USERS": "FREEZE_BY",
    "FREEZE_FROM": "FREEZE_BY",
    "REQUIRE_REASON": "REASON_REQUIRED",
    "REASON_MANDATORY": "REASON_REQUIRED",
    "NEED_REASON": "REASON_REQUIRED",
    "REASON_NEEDED": "REASON_REQUIRED",
}
MEANT_IN_OUR_FILE = {
    # Too general among the names of other programs, but clear in our own file.
    "USERS": "AUTHORIZED_USERS",
    "OPERATORS": "AUTHORIZED_USERS",
    "USERGROUPS": "AUTHORIZED_USERGROUPS",
    "CHANNELS": "AUTHORIZED_CHANNELS",
    "CONFIRM": "CONFIRM_BY",
    "CONFIRMERS": "CONFIRM_BY",
    "APPROVERS": "CONFIRM_BY",
    "APPROVE_BY": "CONFIRM_BY",
    "REASON": "REASON_REQUIRED",
    "FREEZE": "FREEZE_BY",
    "LOG_CHANNEL": "AUDIT_CHANNEL",
    "BOT_TOKEN": "SLACK_BOT_TOKEN",
    "APP_TOKEN": "SLACK_APP_TOKEN",
    "SIGNING_SECRET": "SLACK_SIGNING_SECRET",
    "ACCESS_KEY": "HUAWEICLOUD_SDK_AK",
    "SECRET_KEY": "HUAWEICLOUD_SDK_SK",
    "AK": "HUAWEICLOUD_SDK_AK",
    "SK": "HUAWEICLOUD_SDK_SK",
    "HW_ACCESS_KEY": "HUAWEICLOUD_SDK_AK",
    "HW_SECRET_KEY": "HUAWEICLOUD_SDK_SK",
    "REGION": "METASTUDIO_REGION",
    "PROJECT_ID": "METASTUDIO_PROJECT_ID",
    "HW_PROJECT_ID": "METASTUDIO_PROJECT_ID",
    "DB_URL": "DATABASE_URL",
}
OUR_PREFIX = re.compile("DH_?BOT_")
"""A prefix that people put before a setting's name."""

WITHOUT = {
    # The rule that holds where a restriction is not set.
    "AUTHORIZED_USERS": "nobody may delete, unless AUTHORIZED_USERGROUPS names a group",
    "AUTHORIZED_USERGROUPS": "nobody may delete, unless AUTHORIZED_USERS names somebody",
    "AUTHORIZED_CHANNELS": "the command works in every internal channel that the bot is in",
    "CONFIRM_BY": "the person who asks confirms",
    "SECOND_PERSON_STATES": "no state of a job asks for a second person",
    "REASON_REQUIRED": "a command needs no reason",
    "FREEZE_BY": "every authorized person may freeze and unfreeze",
}
"""The restrictions. An empty variable or a misspelt name never removes one silently."""

OURS = ("SLACK_", "METASTUDIO_", "HUAWEICLOUD_SDK_", "AUTHORI", "CONFIRM_", "SECOND_PERSON_", "SETTLE_", "IAM_")
"""Prefixes of our names. Other programs share the environment, so of its names only those with a prefix, or close to a
restriction, are compared. ``.env`` is our own file, so each of its names is compared."""

CLOSE = 0.86


def nearest(name: str, known: Collection[str], *, anywhere: bool) -> str | None:
    """The setting that was probably meant by a name that is no setting."""
    upper = OUR_PREFIX.sub("", name.upper(), count=1)
    if anywhere and upper in MEANT_IN_OUR_FILE:
        return MEANT_IN_OUR_FILE[upper]
    if upper in FOREIGN or upper.startswith("HUAWEICLOUD_SDK_REGION_"):
        return None
    if upper in MEANT:
        return MEANT[upper]
    candidates = known if anywhere or upper.startswith(OURS) else WITHOUT
    if upper in candidates:
        return upper
    for candidate in WITHOUT:
        if sorted(candidate.split("_")) == sorted(upper.split("_")):
            return candidate
    return next(iter(difflib.get_close_matches(upper, candidates, n=1, cutoff=CLOSE)), None)

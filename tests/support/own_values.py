"""Settings of an example, with values of somebody's own in place of its placeholders."""

from __future__ import annotations

from collections.abc import Mapping

OWN = {
    "SLACK_BOT_TOKEN": "xoxb-1-made-up",
    "SLACK_APP_TOKEN": "xapp-1-made-up",
    "METASTUDIO_PROJECT_ID": "fedcba9876543210fedcba9876543210",
    "HUAWEICLOUD_SDK_AK": "MADEUPKEY",
    "HUAWEICLOUD_SDK_SK": "made-up-secret",
    "AUTHORIZED_USERS": "U0AAA,U0BBB",
    "AUTHORIZED_CHANNELS": "C0AAA",
    "HELP_CONTACT": "C0AAA",
}
"""Each setting of which the examples have a placeholder; all their other values may stay."""


def filled_in(example: Mapping[str, str]) -> dict[str, str]:
    """The example as somebody fills it in."""
    return {name: OWN.get(name, text) for name, text in example.items()}

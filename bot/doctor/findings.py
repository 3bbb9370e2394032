"""Looking over an installation: one finding per check, fine or what to do. Works beside a running bot.

slack.py    reachable, tokens, scopes, Socket Mode, channels, clock
people.py   who of the people in the settings may act, and whether each rule leaves somebody who can
metastudio.py  region, MetaStudio's answer to one harmless call: keys, project, permission, clock
ledger.py   reachable, migrated, durable, writable, audit trail sound, no lost commits; whether calls are stopped

A check whose ground is missing is not made and says so: one thing that is broken is named once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MOST_SKEW = 60.0
"""Seconds that our clock may be off before somebody looks at it. Slack's signatures bear 5 minutes, Huawei's 15."""


class CheckState(StrEnum):
    """How a check came out."""

    FINE = "fine"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. ``says`` tells what was found and, where it is wrong, what to do; it holds no secret."""

    check: str
    state: CheckState
    says: str


Findings = Iterator[CheckResult]


def fine(check: str, says: str) -> CheckResult:
    """It is as it should be."""
    return CheckResult(check, CheckState.FINE, says)


def wrong(check: str, says: str) -> CheckResult:
    """It is not, and this is what to do."""
    return CheckResult(check, CheckState.WRONG, says)


def not_checked(check: str, why: str) -> CheckResult:
    """Something that had to be right before was not."""
    return CheckResult(check, CheckState.NOT_CHECKED, why)


def clock(check: str, skew: float | None, whose: str) -> CheckResult:
    """Our clock against a service's. ``skew`` is theirs minus ours in seconds."""
    if skew is None:
        return not_checked(check, f"{whose} did not say what time it has.")
    if abs(skew) <= MOST_SKEW:
        return fine(check, f"This machine's clock agrees with {whose}'s.")
    way = "behind" if skew > 0 else "ahead of"
    return wrong(check, f"This machine's clock is {abs(skew):.0f} seconds {way} {whose}'s. Set it, and keep it by NTP.")

"""The findings of an examination: one per check, fine or with a remedy.

slack.py    reachable, tokens, scopes, Socket Mode, channels, clock
people.py   which people in the settings may act, and whether each rule leaves somebody who may
metastudio.py  region, MetaStudio's answer to one harmless call: keys, project, permission, clock
ledger.py   reachable, migrated, durable, writable, audit trail sound, no lost commits; whether calls are stopped

A check that depends on a failed one is reported as not checked, so each fault is named once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MOST_SKEW = 60.0
"""Seconds by which our clock may be off. Slack's signatures tolerate 5 minutes, Huawei's 15."""


class CheckState(StrEnum):
    """The result of a check."""

    FINE = "fine"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. ``says`` is a sentence for people, with the remedy where something is wrong; without secrets."""

    check: str
    state: CheckState
    says: str


Findings = Iterator[CheckResult]


def fine(check: str, says: str) -> CheckResult:
    """A check that succeeded."""
    return CheckResult(check, CheckState.FINE, says)


def wrong(check: str, says: str) -> CheckResult:
    """A check that failed, with the remedy."""
    return CheckResult(check, CheckState.WRONG, says)


def not_checked(check: str, why: str) -> CheckResult:
    """A check that was not made, since one before it failed."""
    return CheckResult(check, CheckState.NOT_CHECKED, why)


def clock(check: str, skew: float | None, whose: str) -> CheckResult:
    """Our clock against a service's. ``skew`` is theirs minus ours in seconds."""
    if skew is None:
        return not_checked(check, f"{whose} did not say what time it has.")
    if abs(skew) <= MOST_SKEW:
        return fine(check, f"This machine's clock agrees with {whose}'s.")
    way = "behind" if skew > 0 else "ahead of"
    return wrong(check, f"This machine's clock is {abs(skew):.0f} seconds {way} {whose}'s. Set it, and keep it by NTP.")

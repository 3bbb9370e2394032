"""The gate's table of reasons: what is not in it cannot pass for closed."""

from __future__ import annotations

import pytest

from bot.domain.refusals import STOPS_WORK, Reason
from bot.ops.admission import Admission


def test_a_reason_that_the_gate_does_not_know_is_a_bug_that_shows() -> None:
    """It must not leave the gate open without a word."""
    unknown = next(reason for reason in Reason if reason not in STOPS_WORK)
    gate = Admission()
    with pytest.raises(KeyError):
        gate.close(unknown)


@pytest.mark.parametrize("reason", list(STOPS_WORK))
def test_each_reason_closes_and_opens(reason: Reason) -> None:
    """Only what was closed for it, and for as long as it stands."""
    gate = Admission()
    gate.close(reason)
    assert gate.reasons() == (reason,)
    gate.open(reason)
    assert gate.reasons() == ()

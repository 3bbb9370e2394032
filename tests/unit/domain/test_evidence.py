"""What reading proves: two witnesses for gone, one for present, patience before "not deleted"."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import evidence
from bot.domain.evidence import (
    Finding,
    Patience,
    Tally,
    enough_afterwards,
    finding,
    ignores_the_filter,
    lists_it,
    lists_nothing,
    next_read,
    next_recheck,
    patience,
    rare_recheck,
    settles,
    shows_it,
)
from bot.domain.lifecycle import Step
from bot.domain.model import Cause, Job, JobId, Listed, Operation, Reply, Shown
from tests.support.values import AT, seconds

JOB = JobId("job-1")
GONE, PRESENT, NOTHING = Finding.GONE, Finding.PRESENT, Finding.NOTHING


def shown(
    status: int | None = 200, job: str | None = None, *, code: str | None = None, cause: Cause | None = None
) -> Shown:
    return Shown(Reply(Operation.SHOW, AT, status, cause, code), Job(JobId(job), "TRAINING") if job else None)


def listed(*jobs: str, count: int | None = 0, status: int | None = 200, body_ok: bool = True) -> Listed:
    cause = Cause.CUT if status is None else None
    reply = Reply(Operation.LIST, AT, status, cause, body_ok=body_ok)
    return Listed(reply, count, tuple(Job(JobId(job), "TRAINING") for job in jobs))


EMPTY = listed()
LISTS = {
    # a reply to List, and whether it names the job, says that there is none, ignored the filter
    "count 0": (EMPTY, (False, True, False)),
    "the job": (listed("job-1", count=1), (True, False, False)),
    "the job though count is 0": (listed("job-1"), (True, False, False)),
    "another job": (listed("job-2", count=1), (False, False, True)),
    "another though count is 0": (listed("job-2"), (False, False, True)),
    "the job among others": (listed("job-2", "job-1", count=2), (True, False, True)),
    "an id that only begins so": (listed("job-10", count=1), (False, False, True)),
    "count 3 and nobody": (listed(count=3), (False, False, False)),
    "count 0 and an entry that cannot be read": (replace(EMPTY, unreadable=1), (False, False, False)),
    "no count": (listed(count=None), (False, False, False)),
    "not JSON": (listed(body_ok=False), (False, False, False)),
    "500": (listed(status=500), (False, False, False)),
    "204": (listed(status=204), (False, False, False)),
    "404": (listed(status=404), (False, False, False)),
    "no reply": (listed(status=None), (False, False, False)),
    "a failed call with foreign jobs": (listed("job-2", status=500), (False, False, False)),
}


@pytest.mark.parametrize("case", LISTS)
def test_what_a_list_says(case: str) -> None:
    """Names it, says "none", ignored the filter: each only on the reply that really says so."""
    given_list, expected = LISTS[case]
    seen = (lists_it(given_list, JOB), lists_nothing(given_list), ignores_the_filter(given_list, JOB))
    assert seen == expected


@pytest.mark.parametrize(
    ("given_show", "shows"),
    [
        (shown(200, "job-1"), True),
        (shown(200, "job-2"), False),
        (shown(200), False),
        (shown(404), False),
        (shown(404, "job-1"), False),
        (shown(204, "job-1"), False),
        (shown(None, cause=Cause.CUT), False),
    ],
)
def test_show_proves_presence_with_200_and_that_very_id(given_show: Shown, *, shows: bool) -> None:
    """Another id, another status or no job at all show nothing."""
    assert shows_it(given_show, JOB) is shows


HERE, NOT_FOUND = shown(200, "job-1"), shown(404, code="MSS.41000003")

FINDINGS = [
    # Show, List (None = not asked), what both prove
    (HERE, None, PRESENT),
    (HERE, EMPTY, PRESENT),
    (HERE, listed("job-1", count=1), PRESENT),
    (NOT_FOUND, listed("job-1", count=1), PRESENT),
    (NOT_FOUND, listed("job-2", "job-1", count=2), PRESENT),
    *((shown(status), listed("job-1", count=1), PRESENT) for status in (200, 403, 404, 500)),
    (shown(404, code="APIG.0101"), listed("job-1", count=1), PRESENT),
    (shown(None, cause=Cause.TIMED_OUT), listed("job-1", count=1), PRESENT),
    (NOT_FOUND, EMPTY, GONE),
    (shown(400, code="MSS.00000003"), EMPTY, GONE),
    (shown(410), EMPTY, GONE),
    # One witness is not enough.
    (NOT_FOUND, None, NOTHING),
    (NOT_FOUND, listed(status=500), NOTHING),
    (NOT_FOUND, listed(status=None), NOTHING),
    (NOT_FOUND, listed(body_ok=False), NOTHING),
    (NOT_FOUND, listed(count=1), NOTHING),
    (NOT_FOUND, listed(count=None), NOTHING),
    (NOT_FOUND, listed("job-2", count=1), NOTHING),  # the filter was ignored; this page proves nothing
    (NOT_FOUND, listed("job-2", count=0), NOTHING),
    (shown(200), EMPTY, NOTHING),
    (shown(200, "job-2"), EMPTY, NOTHING),
    # A refusal that is about us, the address or the access is no "no such job".
    *((shown(status), EMPTY, NOTHING) for status in (302, 401, 403, 408, 429, 500, 502)),
    (shown(404, code="APIG.0101"), EMPTY, NOTHING),
    (shown(404, code="APIGW.0101"), EMPTY, NOTHING),
    (shown(400, code="MSS.00010003"), EMPTY, NOTHING),
    *((shown(None, cause=cause), EMPTY, NOTHING) for cause in Cause),
]


@pytest.mark.parametrize(("given_show", "given_list", "expected"), FINDINGS)
def test_what_one_read_proves(given_show: Shown, given_list: Listed | None, expected: Finding) -> None:
    """Gone needs Show and List, present needs one of them, everything else decides nothing."""
    assert finding(given_show, given_list, JOB) is expected


# -- counting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ("", Tally()),
        ("n", Tally()),
        ("nn", Tally()),
        ("p", Tally(1, AT, PRESENT)),
        ("pp", Tally(2, AT, PRESENT)),
        ("pnp", Tally(2, AT, PRESENT)),  # nothing neither counts nor resets
        ("np", Tally(1, AT + seconds(1), PRESENT)),
        ("ppn", Tally(2, AT, PRESENT)),
        ("ppg", Tally(1, AT + seconds(2), GONE)),  # a contradiction starts anew
        ("ppgp", Tally(1, AT + seconds(3), PRESENT)),
        ("gg", Tally(2, AT, GONE)),
        ("ppppp", Tally(5, AT, PRESENT)),
        ("pgngn", Tally(2, AT + seconds(1), GONE)),
    ],
)
def test_how_reads_are_counted(reads: str, expected: Tally) -> None:
    """Agreeing reads count from the first of them; the letters are reads, a second apart."""
    tally = Tally()
    for after, letter in enumerate(reads):
        tally = tally.with_({"n": NOTHING, "p": PRESENT, "g": GONE}[letter], AT + seconds(after))
    assert tally == expected


@given(st.lists(st.sampled_from(Finding), max_size=30))
def test_the_tally_is_the_last_run_of_reads_that_say_something(reads: list[Finding]) -> None:
    """Whatever comes in whatever order: the count is the length of the last agreeing run."""
    tally = Tally()
    for after, seen in enumerate(reads):
        tally = tally.with_(seen, AT + seconds(after))
    telling = [(after, seen) for after, seen in enumerate(reads) if seen is not NOTHING]
    run = [after for at, (after, _) in enumerate(telling) if {seen for _, seen in telling[at:]} == {telling[-1][1]}]
    assert tally.agreeing == len(run)
    assert tally.first_at == (AT + seconds(run[0]) if run else None)
    assert tally.last is (telling[-1][1] if telling else None)


# -- patience ------------------------------------------------------------------------------------------------------

TWICE = Patience(2, seconds(30))
LOST = {GONE: TWICE, PRESENT: Patience(5, seconds(600))}
ANSWERED = {GONE: TWICE, PRESENT: Patience(3, seconds(30))}
CORRECTING = {GONE: TWICE, PRESENT: TWICE}


@pytest.mark.parametrize(
    ("answered", "settle_after", "present", "gone"),
    [
        (False, 600, Patience(5, seconds(600)), TWICE),
        (False, 29, Patience(5, seconds(29)), Patience(2, seconds(29))),
        (False, 7200, Patience(5, seconds(7200)), TWICE),
        (True, 600, Patience(3, seconds(30)), TWICE),
        (True, 30, Patience(3, seconds(30)), TWICE),
        (True, 10, Patience(3, seconds(10)), Patience(2, seconds(10))),
    ],
)
def test_how_much_agreement_each_finding_needs(
    *, answered: bool, settle_after: float, present: Patience, gone: Patience
) -> None:
    """Present: five reads over SETTLE_AFTER_SECONDS when the reply was lost, three over 30 s when MetaStudio answered.

    Gone: two reads over 30 s. Neither takes longer than SETTLE_AFTER_SECONDS where that is less.
    """
    assert patience(answered=answered, settle_after=seconds(settle_after)) == {GONE: gone, PRESENT: present}
    assert enough_afterwards(seconds(settle_after)) == {GONE: gone, PRESENT: gone}


@pytest.mark.parametrize(
    ("finding", "reads", "after", "enough", "is_settled"),
    [
        (PRESENT, 5, 600, LOST, True),
        (PRESENT, 5, 599.999999, LOST, False),
        (PRESENT, 4, 600, LOST, False),
        (PRESENT, 4, 86400, LOST, False),
        (PRESENT, 50, 599, LOST, False),
        (PRESENT, 6, 601, LOST, True),
        (PRESENT, 3, 30, ANSWERED, True),
        (PRESENT, 3, 29.999999, ANSWERED, False),
        (PRESENT, 2, 30, ANSWERED, False),
        (PRESENT, 4, 31, ANSWERED, True),
        (PRESENT, 2, 30, CORRECTING, True),
        (PRESENT, 1, 86400, CORRECTING, False),
        (PRESENT, 9, 29.999999, CORRECTING, False),
        *(
            row
            for enough in (LOST, ANSWERED, CORRECTING)
            for row in (
                (GONE, 1, 0, enough, False),
                (GONE, 1, 86400, enough, False),
                (GONE, 2, 0, enough, False),
                (GONE, 9, 29.999999, enough, False),
                (GONE, 2, 30, enough, True),
                (GONE, 3, 31, enough, True),
            )
        ),
    ],
)
def test_a_finding_settles_with_enough_reads_over_enough_time(
    finding: Finding, reads: int, after: float, enough: evidence.Enough, *, is_settled: bool
) -> None:
    """Both are needed, and both bounds are exact; no single read settles anything."""
    step = {GONE: Step.READ_GONE, PRESENT: Step.READ_PRESENT}[finding]
    assert settles(Tally(reads, AT, finding), enough, AT + seconds(after)) is (step if is_settled else None)


@pytest.mark.parametrize(
    "tally", [Tally(), Tally(9, None, PRESENT), Tally(9, None, GONE), Tally(9, AT, NOTHING), Tally(9, AT, None)]
)
def test_time_alone_settles_nothing(tally: Tally) -> None:
    """Without a finding that says something the outcome stays unknown, however long it takes."""
    assert settles(tally, LOST, AT + timedelta(days=400)) is None


DAY = timedelta(days=1)
QUICK = {GONE: Patience(2, seconds(2)), PRESENT: Patience(5, seconds(2))}
SLOW = {GONE: TWICE, PRESENT: Patience(5, seconds(8000))}


@pytest.mark.parametrize("tally", [Tally(), Tally(3, AT, PRESENT)])
@pytest.mark.parametrize(
    ("enough", "age", "pause"),
    [
        # lost: every eighth of ten minutes until twenty have passed, then every ten minutes, after a day daily
        (LOST, seconds(0), seconds(75)),
        (LOST, seconds(600), seconds(75)),
        (LOST, seconds(1199.999999), seconds(75)),
        (LOST, seconds(1200), seconds(600)),
        (LOST, DAY - seconds(0.000001), seconds(600)),
        (LOST, DAY, DAY),
        (LOST, 5 * DAY, DAY),
        # answered: every fifteen seconds for a minute
        (ANSWERED, seconds(0), seconds(15)),
        (ANSWERED, seconds(59.999999), seconds(15)),
        (ANSWERED, seconds(60), seconds(600)),
        (ANSWERED, DAY, DAY),
        # a very short SETTLE_AFTER_SECONDS is read often for a minute all the same
        (QUICK, seconds(59.999999), seconds(0.25)),
        (QUICK, seconds(60), seconds(600)),
        # a very long SETTLE_AFTER_SECONDS is not read more often later than before
        (SLOW, seconds(15999), seconds(1000)),
        (SLOW, seconds(16000), seconds(1000)),
    ],
)
def test_when_it_is_looked_at_again(enough: evidence.Enough, age: timedelta, pause: timedelta, tally: Tally) -> None:
    """Often while reads can settle it, then seldom, then daily; never not at all."""
    assert next_read(AT, tally, enough, AT + age) == AT + age + pause


@pytest.mark.parametrize(
    ("enough", "age", "ago", "pause"),
    [
        # how old the doubt is, how long ago it was first found gone, when it is read again
        (LOST, 0, 0, 30),
        (LOST, 0, 12, 18),
        (LOST, 9 * 86400, 0, 30),
        (LOST, 0, 29.9, 0.1),
        (ANSWERED, 0, 0, 15),
        (ANSWERED, 0, 20, 10),
        (QUICK, 0, 0, 0.25),
        (QUICK, 60, 0, 2),
        # the second read came and decided nothing
        (LOST, 0, 30, 75),
        (LOST, 9 * 86400, 31, 86400),
    ],
)
def test_after_a_first_gone_the_next_read_can_settle_it(
    enough: evidence.Enough, age: float, ago: float, pause: float
) -> None:
    """It comes no later than when two agreeing reads count, also where reads are made once a day by then."""
    now = AT + timedelta(days=30)
    assert next_read(now - seconds(age), Tally(1, now - seconds(ago), GONE), enough, now) == now + seconds(pause)


@pytest.mark.parametrize("seen", [PRESENT, GONE])
@pytest.mark.parametrize("enough", [LOST, ANSWERED, QUICK, SLOW])
def test_the_schedule_lets_patience_be_satisfied(seen: Finding, enough: evidence.Enough) -> None:
    """Reading by the schedule, the same finding settles in good time: the count is there when the time is."""
    now, tally = AT, Tally()
    while settles(tally := tally.with_(seen, now), enough, now) is None:
        assert now - AT <= enough[seen].over + enough[PRESENT].over / 8
        now = next_read(AT, tally, enough, now)
    assert now - AT >= enough[seen].over


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        *((0, 10), (9.9, 10), (10, 30), (39.9, 30), (40, 120), (159.9, 120), (160, 450), (599.9, 450)),
        *((600, None), (9e4, None)),
    ],
)
def test_when_what_a_delete_left_behind_is_looked_at_again(age: float, pause: float | None) -> None:
    """Five looks over ten minutes, then no more."""
    now = AT + seconds(age)
    assert next_recheck(AT, now) == (None if pause is None else now + seconds(pause))


def test_looks_are_five_over_ten_minutes() -> None:
    """From one to the next, beginning at the outcome."""
    ages, now = [0.0], AT
    while (following := next_recheck(AT, now)) is not None:
        now = following
        ages.append((now - AT).total_seconds())
    assert ages == [0, 10, 40, 160, 610]


@pytest.mark.parametrize(("age", "pause"), [(0, 3600), (86399.9, 3600), (86400, 86400), (9 * 86400, 86400), (-5, 3600)])
def test_what_may_have_to_be_corrected_is_looked_at_hourly_then_daily(age: float, pause: float) -> None:
    """For as long as no read decides."""
    now = AT + seconds(age)
    assert rare_recheck(AT, now) == now + seconds(pause)


def test_the_numbers_are_those_of_the_product() -> None:
    """Five reads; three over 30 s; gone twice over 30 s; undetermined after 24 h; daily; an hour later."""
    assert evidence.ENOUGH_READS_WHEN_LOST == 5
    assert Patience(3, seconds(30)) == evidence.ENOUGH_WHEN_ANSWERED
    assert Patience(2, seconds(30)) == evidence.ENOUGH_WHEN_GONE
    assert timedelta(hours=24) == evidence.UNDETERMINED_AFTER == evidence.DAILY
    assert timedelta(minutes=10) == evidence.SELDOM
    assert timedelta(hours=1) == evidence.CORRECTION_AFTER
    assert [known.value for known in Finding] == ["gone", "present", "nothing"]

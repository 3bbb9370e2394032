"""The filters of ``audit list`` and ``audit export``: click's options, and one value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from bot.cli.shared import MomentType

if TYPE_CHECKING:
    from bot.ledger.trail.reader import Wanted

LAST = 2**63 - 1
"""The largest number that both databases can store."""


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the filters to a command. ``wanted_of`` takes their values."""
    for option in reversed(
        (
            click.option("--after", type=click.IntRange(0, LAST), default=0, help="Only events after this number."),
            click.option("--since", type=MomentType(), help="From this moment on: 2026-03-02, 2026-03-02T09:30 (UTC)."),
            click.option("--until", type=MomentType(), help="Before this moment."),
            click.option("--kind", "kinds", multiple=True, help="Only this kind of event; may be given several times."),
            click.option("--person", metavar="ID", help="Only what this Slack user did."),
            click.option("--job", metavar="ID", help="Only events of this job."),
            click.option("--deletion", metavar="ID", help="Only events of this deletion."),
        )
    ):
        command = option(command)
    return command


def wanted_of(
    *,
    after: int,
    since: datetime | None,
    until: datetime | None,
    kinds: tuple[str, ...],
    person: str | None,
    job: str | None,
    deletion: str | None,
) -> Wanted:
    """The filters as one value. Raises for a value that no event can have: an empty result would mislead."""
    from bot.domain.events import Kind  # noqa: PLC0415
    from bot.domain.model import DELETION_ID_PATTERN, JOB_ID_PATTERN  # noqa: PLC0415
    from bot.ledger.trail.reader import Wanted  # noqa: PLC0415
    from bot.settings.forms import SLACK_IDS  # noqa: PLC0415

    for option, text, form, rule in (
        ("--person", person, SLACK_IDS["user"], "the id of a Slack user begins with U or W: U024BE7LH"),
        (
            "--job",
            job,
            JOB_ID_PATTERN,
            "a job id has 1 to 64 ASCII letters, digits, - and _, and begins with none of these two",
        ),
        ("--deletion", deletion, DELETION_ID_PATTERN, "its id has 16 hexadecimal digits: 5f0c2a9be1d84c37"),
    ):
        if text is not None and not form.fullmatch(text):
            raise click.BadParameter(rule, param_hint=option)
    if since is not None and until is not None and since >= until:
        raise click.BadParameter("it has to be before --until", param_hint="--since")
    known = {kind.value for kind in Kind}
    unknown = sorted(set(kinds) - known)
    if unknown:
        raise click.BadParameter(f"no such kind; there are {', '.join(sorted(known))}", param_hint="--kind")
    return Wanted(after, since, until, frozenset(kinds), person, job, deletion)

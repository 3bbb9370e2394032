"""``dh-bot audit``: verify, read, export and prune the trail.

Everything but click is imported when a command needs it, so that ``--help`` is fast. All commands but ``prune`` only
read, also while the bot runs, and need no setting but DATABASE_URL.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import chain as joined
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.filters import wanted_of, wanted_options
from bot.cli.shared import (
    EXIT_STATUS,
    LEDGER,
    CheckFailed,
    MomentType,
    env_file_option,
    ledger_trouble,
    load_settings,
    output_trouble,
    progress,
)

if TYPE_CHECKING:
    from bot.audit.chain import Line
    from bot.audit.witness import Inspection, Witness
    from bot.ledger.trail.prune import Plan
    from bot.ledger.trail.reader import TrailReader

CANNOT_SHOW = (
    "The trail alone cannot show that its end was cut off together with its head, or that all of it was written anew. "
    "Slack can: take an event from a thread or from AUDIT_CHANNEL, and run\n"
    "  dh-bot audit verify --against NUMBER:HASH"
)

BEGINNING_OF_ID = re.compile("[0-9a-f]{4,15}")
MOST_IDS = 5
"""Maximum of ids that are named where several begin with the typed digits."""


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@click.group(epilog=EXIT_STATUS)
def audit() -> None:
    """Read and verify the audit trail. Needs only DATABASE_URL and, but for prune, the bot may be running."""


@audit.command(epilog=EXIT_STATUS)
@env_file_option
@click.option("--against", metavar="HASH", help="Also check that this event, as the bot posted it, is still there.")
@click.option("-v", "--verbose", is_flag=True, help="Also print what the trail alone cannot show.")
def verify(env_file: Path | None, against: str | None, verbose: bool) -> None:  # noqa: FBT001 - click's
    """Check that no event was changed, removed, inserted or reordered. Status 1 if one was.

    --against takes what the bot posted, 1234:9f3a62c1d0b4e7aa, or the hash alone, of which eight digits are enough.

    The trail alone cannot show that its end was cut off together with its head, or that all of it was written anew.
    Slack can: take an event from a thread or from AUDIT_CHANNEL for --against.
    """
    from bot.audit.witness import witness_from  # noqa: PLC0415

    try:
        witness = witness_from(against) if against is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--against") from None
    with _trail(env_file) as trail:
        start, head = trail.extent()
        done = start.number
        with progress("Verifying", head.number - start.number) as step:

            def on_page(number: int) -> None:
                nonlocal done
                step(number - done)
                done = number

            inspection = trail.verify(witness, on_page)
    click.echo(_sound(inspection))
    if witness is not None:
        click.echo(_witnessed(inspection, witness))
    if verbose:
        click.echo(CANNOT_SHOW)


def _sound(inspection: Inspection) -> str:
    """The text about a sound trail; raises ``CheckFailed`` for any other."""
    from bot.audit import formats  # noqa: PLC0415

    broken = formats.fault_text(inspection)
    if broken is not None:
        raise CheckFailed(broken)
    return formats.sound_text(inspection)


def _witnessed(inspection: Inspection, witness: Witness) -> str:
    from bot.audit.witness import short  # noqa: PLC0415

    if inspection.witness is not None:
        return f"It contains what was shown: event {short(*inspection.witness)}."
    if witness.number is not None and witness.number <= inspection.start.number:
        raise CheckFailed(
            f"The audit trail cannot show event {witness.number} any more: the events up to "
            f"{inspection.start.number} were pruned. Take a later one, or an export made before."
        )
    named = f"event {witness.number} with that hash" if witness.number is not None else "an event with that hash"
    raise CheckFailed(
        f"The audit trail does not contain {named}. Check that it was copied right from this bot's message. If it was, "
        "the trail was written anew, or this is another or an older ledger."
    )


@audit.command("list", epilog=EXIT_STATUS)
@env_file_option
@wanted_options
@click.option("--json", "as_lines", is_flag=True, help="One JSON object per line, for programs.")
def list_events(env_file: Path | None, as_lines: bool, **filters: Any) -> None:  # noqa: FBT001 - click's
    """Show events, oldest first: a table, with a pager at a terminal."""
    wanted = wanted_of(**filters)
    from bot.audit import formats  # noqa: PLC0415

    with _trail(env_file) as trail, output_trouble():
        lines = trail.lines(wanted)
        if as_lines:
            for line in lines:
                click.echo(formats.as_json(line))
            return
        first = next(lines, None)
        if first is None:
            click.echo("No matching events.", err=True)
            return
        lines = joined((first,), lines)
        if sys.stdout.isatty():
            click.echo_via_pager(f"{row}\n" for row in _table(lines))
        else:
            for row in _table(lines):
                click.echo(row)


@audit.command(epilog=EXIT_STATUS)
@env_file_option
@click.argument("deletion")
def show(env_file: Path | None, deletion: str) -> None:
    """Show what happened to one deletion, in order. DELETION is the id below each of its messages.

    Four or more of its first digits are enough. The job's name and the reason stand with the deletion, not in the audit
    trail: no hash protects them.
    """
    from bot.audit.story import heading, story  # noqa: PLC0415
    from bot.ledger.trail.reader import Wanted  # noqa: PLC0415

    with _trail(env_file) as trail, output_trouble():
        whole = _whole_id(deletion.lower(), trail)
        about = trail.about(whole)
        lines = list(trail.lines(Wanted(deletion=whole)))
        if lines:
            click.echo(heading(whole, lines[0].job, about))
            for sentence in story(lines):
                click.echo(sentence)
            return
        if about is not None:
            raise CheckFailed("Its events have been pruned.")
        raise CheckFailed(
            "No such deletion in the audit trail. An id has 16 hexadecimal digits, such as 5f0c2a9be1d84c37; the first "
            "four will do."
        )


def _whole_id(typed: str, trail: TrailReader) -> str:
    """The one id that begins with the typed text; the typed text if there is none."""
    if not BEGINNING_OF_ID.fullmatch(typed):
        return typed
    found = trail.beginning_with(typed, MOST_IDS + 1)
    if len(found) > 1:
        more = " and more" if len(found) > MOST_IDS else ""
        raise CheckFailed(f"Several ids begin with {typed}: {', '.join(found[:MOST_IDS])}{more}. Type more digits.")
    return found[0] if found else typed


@audit.command(epilog=EXIT_STATUS, short_help="Write events to standard output, as JSON or CSV.")
@env_file_option
@wanted_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="What to write.",
)
def export(env_file: Path | None, form: str, **filters: Any) -> None:
    """Write events to standard output, with all that is needed to compute their hashes again.

    One JSON object per line, or CSV in which no cell is a formula. To go on with an export that was cut off, give
    --after the number of its last whole line; no second line of headings is written then. Exports are not recorded:
    anybody who can read the ledger can copy it without the bot.
    """
    wanted = wanted_of(**filters)
    from bot.audit import formats  # noqa: PLC0415

    rows = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    done = wanted.after

    def how_to_go_on() -> str:
        return f"Go on behind the last whole line with --after {done}" if done else "Begin anew"

    with _trail(env_file) as trail, output_trouble(how_to_go_on):
        _, head = trail.extent()
        if form == "csv" and not wanted.after:
            rows.writerow(formats.CSV_COLUMNS)
        try:
            with progress("Exporting", max(head.number - done, 0)) as step:
                for line in trail.lines(wanted):
                    if form == "csv":
                        rows.writerow(formats.csv_cells(line))
                    else:
                        sys.stdout.write(f"{formats.as_whole_json(line)}\n")
                    # Flushed line by line, so that the last whole line is known when writing fails.
                    sys.stdout.flush()
                    step(line.number - done)
                    done = line.number
        except KeyboardInterrupt:
            click.echo(f"Interrupted. Go on with --after {done}", err=True)
            raise


@audit.command(epilog=EXIT_STATUS)
@env_file_option
@click.option(
    "--before", type=MomentType(), required=True, help="Remove what is older: 2026-03-02, 2026-03-02T09:30 (UTC)."
)
@click.option("--keep-events", is_flag=True, help="Remove only the reasons and names of old deletions.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(env_file: Path | None, before: datetime, keep_events: bool, yes: bool) -> None:  # noqa: FBT001 - click's
    """Remove old events, and the reasons and job names of old deletions. Cannot be undone.

    Only the beginning of a sound trail can go. A checkpoint and an event that says what went are written first, and the
    rest verifies as before. Deletions that ended earlier lose their reason and the job's name, and keep all else: ids,
    states, times, Slack ids, attempts. Backups and exports keep what they have. With a SQLite ledger, stop the bot
    first.
    """
    if before > now():
        raise click.BadParameter("this moment has not come yet", param_hint="--before")
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger.database import trouble  # noqa: PLC0415
    from bot.ledger.database.engine import connect  # noqa: PLC0415
    from bot.ledger.schema.migrations import check  # noqa: PLC0415
    from bot.ledger.trail import prune as pruning  # noqa: PLC0415
    from bot.ledger.trail.reader import TrailReader  # noqa: PLC0415

    with ledger_trouble(), closing(connect(url, existing=True)) as database:
        check(database)
        trail = TrailReader(database)
        _sound(trail.verify())
        planned = trail.read(lambda connection: pruning.plan(connection, before, keep_events=keep_events))
        if planned.is_empty:
            click.echo("There is nothing to remove.")
            return
        click.echo(_going(planned))
        if not yes:
            click.confirm("Remove this for good?", abort=True, err=True)
        try:
            with progress("Removing", planned.events + planned.deletions) as step:
                pruning.carry_out(database, planned, now(), step)
        except trouble.FOREIGN as error:
            raise trouble.translate(error) from None
        click.echo(f"Done. {_sound(trail.verify())}")


def _going(planned: Plan) -> str:
    events = f"{planned.events} events, up to number {planned.last}" if planned.events else "No events"
    personal = f"the reasons and job names of {planned.deletions} deletions"
    return f"{events}, and {personal}, older than {planned.before:%F %R} UTC."


def _table(lines: Iterator[Line]) -> Iterator[str]:
    from bot.audit import formats  # noqa: PLC0415

    yield formats.table_head()
    for line in lines:
        yield formats.table_row(line)


@contextmanager
def _trail(env_file: Path | None) -> Iterator[TrailReader]:
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger.trail.reader import open_trail  # noqa: PLC0415

    with ledger_trouble(), open_trail(url) as trail:
        yield trail

"""``dh-bot audit``: the trail verified, read, handed out and shortened.

Everything but click is imported when a command needs it, so that ``--help`` answers at once. All but ``prune`` only
read, beside a running bot, and need no setting but DATABASE_URL.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import chain as joined
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli_parts import (
    EXIT_STATUS,
    LEDGER,
    CheckFailed,
    Moment,
    env_file_option,
    ledger_trouble,
    load_settings,
    output_trouble,
    progress,
)

if TYPE_CHECKING:
    from bot.ledger.chain import Line
    from bot.ledger.pruning import Plan
    from bot.ledger.trail_reader import TrailReader, Wanted
    from bot.ledger.witness import Looked, Witness

CANNOT_SHOW = (
    "A chain cannot show that its end was cut off together with its head, or that all of it was computed anew. The "
    "channel can: take an event from a thread or from AUDIT_CHANNEL and run\n"
    "  dh-bot audit verify --against NUMBER:HASH"
)

LAST = 2**63 - 1
"""The greatest number that either database can hold."""


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@click.group(epilog=EXIT_STATUS)
def audit() -> None:
    """Verify and read the audit trail. Only DATABASE_URL has to be set and, but for prune, the bot may be running."""


@audit.command(epilog=EXIT_STATUS)
@env_file_option
@click.option("--against", metavar="HASH", help="Also show that this event, as Slack was shown it, is still there.")
def verify(env_file: Path | None, against: str | None) -> None:
    """Check that no event was changed, removed, inserted or reordered. Status 1 if one was.

    --against takes what the bot posted, 1234:9f3a62c1d0b4e7aa, or the hash alone, of which eight digits are enough.
    """
    from bot.ledger.witness import witness_from  # noqa: PLC0415

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

            looked = trail.verify(witness, on_page)
    click.echo(_sound(looked))
    if witness is not None:
        click.echo(_witnessed(looked, witness))
    click.echo(CANNOT_SHOW)


def _sound(looked: Looked) -> str:
    """The good news; bad news ends the command."""
    from bot.ledger import trail_texts  # noqa: PLC0415

    broken = trail_texts.fault_text(looked)
    if broken is not None:
        raise CheckFailed(broken)
    return trail_texts.sound_text(looked)


def _witnessed(looked: Looked, witness: Witness) -> str:
    from bot.ledger.witness import short  # noqa: PLC0415

    if looked.witness is not None:
        return f"It contains what was shown: event {short(*looked.witness)}."
    if witness.number is not None and witness.number <= looked.start.number:
        raise CheckFailed(
            f"The audit trail cannot show event {witness.number} any more: the events up to {looked.start.number} were "
            "pruned. Take a later one, or an export made before."
        )
    named = f"event {witness.number} with that hash" if witness.number is not None else "an event with that hash"
    raise CheckFailed(
        f"The audit trail does not contain {named}. If it was copied right from this bot's message, then the trail was "
        "written anew, or this is another or an older ledger."
    )


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The filters; what they say is gathered into one ``Wanted`` by ``_wanted``."""
    for option in reversed(
        (
            click.option("--after", type=click.IntRange(0, LAST), default=0, help="Only events after this number."),
            click.option("--since", type=Moment(), help="From this moment on: 2026-03-02, 2026-03-02T09:30 (UTC)."),
            click.option("--until", type=Moment(), help="Before this moment."),
            click.option("--kind", "kinds", multiple=True, help="Only this kind of event; may be given several times."),
            click.option("--person", metavar="ID", help="Only what this Slack user did."),
            click.option("--job", metavar="ID", help="Only events of this job."),
            click.option("--deletion", metavar="ID", help="Only events of this deletion."),
        )
    ):
        command = option(command)
    return command


@audit.command("list", epilog=EXIT_STATUS)
@env_file_option
@wanted_options
@click.option("--json", "as_lines", is_flag=True, help="One JSON object per line, for programs.")
def list_events(env_file: Path | None, as_lines: bool, **filters: Any) -> None:  # noqa: FBT001 - click's
    """Show events, oldest first: a table, with a pager at a terminal."""
    wanted = _wanted(**filters)
    from bot.ledger import trail_texts  # noqa: PLC0415

    with _trail(env_file) as trail, output_trouble():
        lines = trail.lines(wanted)
        if as_lines:
            for line in lines:
                click.echo(trail_texts.as_json(line))
            return
        first = next(lines, None)
        if first is None:
            click.echo("No event fits.", err=True)
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
    """Tell the story of one deletion, in order. DELETION is the id that stands below each of its messages."""
    from bot.ledger.story import story_line  # noqa: PLC0415
    from bot.ledger.trail_reader import Wanted  # noqa: PLC0415

    with _trail(env_file) as trail, output_trouble():
        told = False
        for line in trail.lines(Wanted(deletion=deletion)):
            if not told:
                click.echo(f"Deletion {deletion}" + (f" of job {line.job}" if line.job else "") + ", times in UTC")
            told = True
            click.echo(story_line(line))
        if told:
            return
        if trail.knows(deletion):
            raise CheckFailed("The events of this deletion have been pruned.")
        raise CheckFailed(
            "The audit trail knows no such deletion. An id has 16 hexadecimal digits, such as 5f0c2a9be1d84c37."
        )


@audit.command(epilog=EXIT_STATUS, short_help="Write events to standard output, as JSON or CSV.")
@env_file_option
@wanted_options
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), required=True, help="What to write.")
def export(env_file: Path | None, form: str, **filters: Any) -> None:
    """Write events to standard output, with all that is needed to compute their hashes again.

    One JSON object per line, or CSV in which no cell is a formula. An export that was cut off goes on behind the last
    whole line with --after and that line's number; it then writes no second line of headings. An export is not itself
    recorded: whoever can read the ledger can copy it without asking the bot.
    """
    wanted = _wanted(**filters)
    from bot.ledger import trail_texts  # noqa: PLC0415

    rows = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    done = wanted.after

    def how_to_go_on() -> str:
        return f"Go on behind the last whole line with --after {done}" if done else "Begin anew"

    with _trail(env_file) as trail, output_trouble(how_to_go_on):
        _, head = trail.extent()
        if form == "csv" and not wanted.after:
            rows.writerow(trail_texts.CSV_COLUMNS)
        try:
            with progress("Exporting", max(head.number - done, 0)) as step:
                for line in trail.lines(wanted):
                    if form == "csv":
                        rows.writerow(trail_texts.csv_cells(line))
                    else:
                        sys.stdout.write(f"{trail_texts.as_whole_json(line)}\n")
                    # Each at once: only then is it known which line is the last whole one when no more can be written.
                    sys.stdout.flush()
                    step(line.number - done)
                    done = line.number
        except KeyboardInterrupt:
            click.echo(f"Interrupted. Go on with --after {done}", err=True)
            raise


@audit.command(epilog=EXIT_STATUS)
@env_file_option
@click.option("--before", type=Moment(), required=True, help="What is older goes: 2026-03-02, 2026-03-02T09:30 (UTC).")
@click.option("--keep-events", is_flag=True, help="Remove only the reasons and names of old deletions.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(env_file: Path | None, before: datetime, keep_events: bool, yes: bool) -> None:  # noqa: FBT001 - click's
    """Remove old events, and the reasons and job names of old deletions. Cannot be undone.

    Only the beginning of the trail can go. A checkpoint and an event that says what went are written first, and the
    rest verifies as before. Of deletions that ended earlier, the reason and the job's name are emptied; all else of
    them stays: ids, states, times, Slack ids, attempts. A trail that is not sound is not pruned. A SQLite ledger
    belongs to the bot alone: stop it first. Backups and exports keep what they have.
    """
    if before > now():
        raise click.BadParameter("this moment has not come yet", param_hint="--before")
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger import pruning, trouble, writer  # noqa: PLC0415
    from bot.ledger.engine import connect  # noqa: PLC0415
    from bot.ledger.migrations import check  # noqa: PLC0415
    from bot.ledger.trail_reader import TrailReader  # noqa: PLC0415

    with ledger_trouble(), closing(connect(url)) as database:
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
        except writer.FOREIGN as error:
            raise trouble.translate(error) from None
        click.echo(f"Done. {_sound(trail.verify())}")


def _going(planned: Plan) -> str:
    events = f"{planned.events} events, up to number {planned.last}" if planned.events else "No events"
    personal = f"the reasons and job names of {planned.deletions} deletions"
    return f"{events}, and {personal}, older than {planned.before:%F %R} UTC."


def _table(lines: Iterator[Line]) -> Iterator[str]:
    from bot.ledger import trail_texts  # noqa: PLC0415

    yield trail_texts.table_head()
    for line in lines:
        yield trail_texts.table_row(line)


def _wanted(
    *,
    after: int,
    since: datetime | None,
    until: datetime | None,
    kinds: tuple[str, ...],
    person: str | None,
    job: str | None,
    deletion: str | None,
) -> Wanted:
    from bot.ledger.trail_reader import Wanted  # noqa: PLC0415
    from bot.model import DELETION_ID_PATTERN, JOB_ID_PATTERN  # noqa: PLC0415
    from bot.settings_forms import SLACK_IDS  # noqa: PLC0415
    from bot.trail import Kind  # noqa: PLC0415

    # What no event can have would find nothing, and that would be taken for an answer.
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


@contextmanager
def _trail(env_file: Path | None) -> Iterator[TrailReader]:
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger.trail_reader import open_trail  # noqa: PLC0415

    with ledger_trouble(), open_trail(url) as trail:
        yield trail

"""``dh-bot db``: upgrade, check, restore and back up the ledger.

Everything but click is imported when a command needs it, so that ``--help`` is fast.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.shared import (
    EXIT_STATUS,
    LEDGER,
    CheckFailed,
    WrongSettings,
    env_file_option,
    ledger_trouble,
    load_settings,
    progress,
    trouble_text,
)

if TYPE_CHECKING:
    from bot.ledger.database.engine import Database


@click.group(epilog=EXIT_STATUS)
def db() -> None:
    """Look after the ledger, the bot's database. Needs only DATABASE_URL."""


@db.command(epilog=EXIT_STATUS)
@env_file_option
def upgrade(env_file: Path | None) -> None:
    """Make the ledger, or bring it up to date. `dh-bot run` does the same. Stop the bot first."""
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger.database import engine  # noqa: PLC0415
    from bot.ledger.schema import migrations  # noqa: PLC0415

    with ledger_trouble():
        database = engine.connect(url)
        try:
            before = migrations.upgrade(database)
            file = database.reading.url.database if database.reading.dialect.name == "sqlite" else None
        finally:
            database.close()
    if before is None:
        made = f"Made {Path(file).resolve()}" if file else "Made the ledger's tables"
        click.echo(f"{made} (revision {migrations.HEAD}).")
    elif before != migrations.HEAD:
        click.echo(f"Upgraded the ledger from revision {before} to {migrations.HEAD}.")
    else:
        click.echo(f"The ledger is up to date (revision {migrations.HEAD}).")


@db.command(epilog=EXIT_STATUS)
@env_file_option
def status(env_file: Path | None) -> None:
    """Check whether the ledger can be opened and is up to date.

    Changes nothing; the bot may be running. For a copy by `dh-bot db backup` it says up to which event it is sound.
    """
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger.database import engine, trouble  # noqa: PLC0415
    from bot.ledger.schema import migrations  # noqa: PLC0415

    with ledger_trouble():
        database = engine.connect(url, read_only=True)
        try:
            copied = engine.is_kept_copy(database)
            lost = None if copied else engine.lost_events(database)
            with database.reading.connect() as connection:
                stored = migrations.revision(connection)
            copy = _copy_text(database, stored) if copied and stored in migrations.REVISIONS else None
        except trouble.FOREIGN as error:
            raise trouble.translate(error) from None
        finally:
            database.close()
    if lost is not None:
        raise CheckFailed(f"The ledger has {trouble_text(lost)}")
    if copy is not None:
        click.echo(copy)
    elif stored == migrations.HEAD:
        click.echo(f"The ledger is up to date (revision {stored}).")
    elif stored is None:
        raise CheckFailed("The ledger is empty. `dh-bot run` or `dh-bot db upgrade` makes its tables.")
    elif stored in migrations.REVISIONS:
        raise CheckFailed(
            f"The ledger is at revision {stored}, the newest is {migrations.HEAD}. {trouble.remedy(trouble.TOO_OLD)}"
        )
    else:
        raise CheckFailed("The ledger belongs to a newer version of the bot. Use that version.")


def _copy_text(database: Database, stored: str | None) -> str:
    """The content of a copy by `db backup`. Raises ``CheckFailed`` if its audit trail is not sound."""
    from bot.audit import formats  # noqa: PLC0415
    from bot.audit.witness import short  # noqa: PLC0415
    from bot.ledger.database import engine  # noqa: PLC0415
    from bot.ledger.trail.reader import TrailReader  # noqa: PLC0415

    if fault := formats.fault_text(TrailReader(database).verify()):
        raise CheckFailed(fault)
    newest = short(*engine.newest_event(database))
    return (
        f"A sound backup by `dh-bot db backup`, up to event {newest} (revision {stored}). Leave it as it is. Only "
        "after it is restored, in place of a lost ledger: `dh-bot db expire-open`, then start the bot."
    )


@db.command("expire-open", epilog=EXIT_STATUS)
@env_file_option
def expire_open(env_file: Path | None) -> None:
    """Close every open card. Run it once after the ledger was restored or lost, before you start the bot.

    Cards may have been used since the backup, so none of them can be confirmed any more. Deletions that were under way
    become unknown, and the bot checks what became of them. A SQLite ledger that lacks the newest event noted next to it
    is taken as it is from then on. One that is gone is made anew; where there never was one, none is made.
    """
    settings = load_settings(env_file, LEDGER)

    from datetime import UTC, datetime  # noqa: PLC0415

    from bot.deletion.restore import expire_all_open  # noqa: PLC0415
    from bot.ledger.factory import open_ledger  # noqa: PLC0415

    with ledger_trouble():
        # The target does not matter: the open deletions of every project are closed.
        ledger = open_ledger(settings.database_url, settings.target, as_it_is=True)
        try:
            # Read first, since closing the cards adds events.
            lost = ledger.lost_events()
            closed, unknown = expire_all_open(ledger, datetime.now(UTC))
            ledger.take_as_it_is()
        finally:
            ledger.close()
    click.echo(f"Cards closed: {closed}. Deletions now unknown, which the bot will check: {unknown}.")
    if lost is not None:
        click.echo(
            f"The ledger had lost events ({'; '.join(lost.__notes__)}). It is taken as it is from now on. What came "
            "after is in AUDIT_CHANNEL, in the threads and in exports only."
        )


@db.command(epilog=EXIT_STATUS)
@env_file_option
@click.argument("file", type=click.Path(path_type=Path))
def backup(env_file: Path | None, file: Path) -> None:
    """Copy a SQLite ledger into a new FILE. The bot may be running.

    Only its owner may read the copy (mode 0600); an existing file is not overwritten. A PostgreSQL ledger is backed up
    with pg_dump; docs/operating.md says how, and how to restore either.
    """
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger.database import backup as backups  # noqa: PLC0415
    from bot.ledger.database import engine  # noqa: PLC0415
    from bot.ledger.schema import migrations  # noqa: PLC0415

    with ledger_trouble(), closing(engine.connect(url, read_only=True)) as database:
        if database.reading.dialect.name != "sqlite":
            raise WrongSettings(
                "DATABASE_URL is a PostgreSQL database: back it up with `pg_dump --format=custom`, "
                "as docs/operating.md says."
            )
        migrations.check_readable(database)
        done = 0
        with progress("Copying", 100) as step:

            def on_page(left: int, total: int) -> None:
                nonlocal done
                percent = 100 * (total - left) // max(total, 1)
                step(percent - done)
                done = percent

            try:
                backups.back_up(database, file, on_page)
            except FileExistsError:
                raise click.BadParameter("there is such a file already; name a new one", param_hint="FILE") from None
            except OSError as error:
                raise click.BadParameter(f"cannot be made: {error.strerror}", param_hint="FILE") from None
    click.echo(f"Copied the ledger to {file}. Keep the copy as safe as the ledger itself.")

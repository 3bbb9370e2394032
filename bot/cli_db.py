"""``dh-bot db``: looking after the ledger.

Everything but click is imported when a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from bot.cli_parts import (
    EXIT_STATUS,
    LEDGER,
    CheckFailed,
    WrongSettings,
    env_file_option,
    ledger_trouble,
    load_settings,
    progress,
)


@click.group(epilog=EXIT_STATUS)
def db() -> None:
    """Look after the ledger, the bot's database. Only DATABASE_URL has to be set."""


@db.command(epilog=EXIT_STATUS)
@env_file_option
def upgrade(env_file: Path | None) -> None:
    """Bring the ledger up to date, or make it. `dh-bot run` does the same; the bot must not be running."""
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger import engine, migrations  # noqa: PLC0415

    with ledger_trouble():
        database = engine.connect(url)
        try:
            migrations.upgrade(database)
        finally:
            database.close()
    click.echo(f"The ledger is up to date (revision {migrations.HEAD}).")


@db.command(epilog=EXIT_STATUS)
@env_file_option
def status(env_file: Path | None) -> None:
    """Tell whether the ledger can be opened and is up to date. Changes nothing; the bot may be running."""
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger import engine, migrations, trouble, writer  # noqa: PLC0415

    with ledger_trouble():
        database = engine.connect(url, read_only=True)
        try:
            with database.reading.connect() as connection:
                stored = migrations.revision(connection)
        except writer.FOREIGN as error:
            raise trouble.translate(error) from None
        finally:
            database.close()
    if stored == migrations.HEAD:
        click.echo(f"The ledger is up to date (revision {stored}).")
    elif stored is None:
        raise CheckFailed("The ledger is empty. `dh-bot run` or `dh-bot db upgrade` makes its tables.")
    elif stored in migrations.REVISIONS:
        raise CheckFailed(f"The ledger is at revision {stored}, the newest is {migrations.HEAD}: `dh-bot db upgrade`.")
    else:
        raise CheckFailed("The ledger belongs to a newer version of the bot. Use that version.")


@db.command("expire-open", epilog=EXIT_STATUS)
@env_file_option
def expire_open(env_file: Path | None) -> None:
    """Close every open card. To be run once after the ledger was restored from a backup, before the bot.

    Cards may have been used since the backup was made: none of them can be confirmed any more. Deletions that were
    under way become unknown; the bot finds out by reading what became of them. It must not be running meanwhile.
    """
    settings = load_settings(env_file, LEDGER)

    from datetime import UTC, datetime  # noqa: PLC0415

    from bot.expire import expire_all_open  # noqa: PLC0415
    from bot.ledger.store import open_ledger  # noqa: PLC0415

    with ledger_trouble():
        # The target is not asked for: what is open is closed, whichever project it belongs to.
        ledger = open_ledger(settings.database_url, settings.target)
        try:
            closed, lost = expire_all_open(ledger, datetime.now(UTC))
        finally:
            ledger.close()
    click.echo(f"Cards closed: {closed}. Deletions that became unknown and will be looked up: {lost}.")


@db.command(epilog=EXIT_STATUS)
@env_file_option
@click.argument("file", type=click.Path(path_type=Path))
def backup(env_file: Path | None, file: Path) -> None:
    """Copy a SQLite ledger into a new FILE. The bot may be running.

    Only its owner may read the copy (mode 0600); an existing file is not overwritten. A PostgreSQL ledger is backed up
    with pg_dump; the README says how, and how to restore either.
    """
    url = load_settings(env_file, LEDGER).database_url

    from bot.ledger import backup as backups  # noqa: PLC0415
    from bot.ledger import engine, migrations  # noqa: PLC0415

    with ledger_trouble(), closing(engine.connect(url, read_only=True)) as database:
        if database.reading.dialect.name != "sqlite":
            raise WrongSettings(
                "DATABASE_URL is a PostgreSQL database: back it up with `pg_dump --format=custom`, as the README says."
            )
        migrations.check(database)
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
    click.echo("The ledger is copied. Keep the copy as safe as the ledger itself.")

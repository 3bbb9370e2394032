"""``dh-bot db``: looking after the ledger.

Everything but click is imported when a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli_parts import (
    EXIT_STATUS,
    LEDGER,
    CheckFailed,
    env_file_option,
    ledger_trouble,
    load_settings,
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
    under way become unknown, and `dh-bot run` finds out by reading what became of them. The bot must not be running.
    """
    settings = load_settings(env_file)

    from datetime import UTC, datetime  # noqa: PLC0415

    from bot.expire import expire_all_open  # noqa: PLC0415
    from bot.ledger.store import open_ledger  # noqa: PLC0415

    with ledger_trouble():
        ledger = open_ledger(settings.database_url, settings.target)
        try:
            closed, lost = expire_all_open(ledger, datetime.now(UTC))
        finally:
            ledger.close()
    click.echo(f"Cards closed: {closed}. Deletions that became unknown and will be looked up: {lost}.")

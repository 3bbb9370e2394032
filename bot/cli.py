"""The command line: ``dh-bot run | sandbox | db``.

Everything but click is imported when a command needs it, so that ``--help`` and ``--version`` answer at once.
Exit status: 0 fine, 1 a check failed, 2 usage or settings, 3 cannot start, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bot.settings import Settings

INTERRUPTED = 130
LEDGER = frozenset({"DATABASE_URL", "LOG_LEVEL", "LOG_FORMAT"})
"""The settings without which a command that only opens the ledger cannot work."""

EXIT_STATUS = "Exit status: 0 fine, 1 a check failed, 2 usage or settings, 3 cannot start, 130 interrupted."


class Stop(click.ClickException):
    """Ends the command with a message on stderr. The message already says what it is about."""

    def show(self, file: Any = None) -> None:
        click.echo(self.message, file=file or sys.stderr)


class CheckFailed(Stop):
    """What was asked for was looked at, and is not as it should be."""

    exit_code = 1


class WrongSettings(Stop):
    """The settings do not let the command run."""

    exit_code = 2


class NotStarted(Stop):
    """Something outside does not let the command run."""

    exit_code = 3


env_file_option = click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read this file instead of .env in the current directory. The environment wins over both.",
)


def _show_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's
    if wanted and not context.resilient_parsing:
        try:
            click.echo(f"dh-bot {version('dh-bot')}")
        except PackageNotFoundError:
            click.echo("dh-bot, run from its source without being installed")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_STATUS)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def cli() -> None:
    """A Slack app that deletes one Huawei Cloud MetaStudio training job, after a person has pressed a button.

    Settings come from the environment and from the file .env; .env.example describes all of them. To see the bot at
    work without Slack or Huawei Cloud, run `dh-bot sandbox`.
    """


@cli.command(epilog=EXIT_STATUS)
@env_file_option
def run(env_file: Path | None) -> int:
    """Run the bot until SIGTERM or Ctrl-C.

    Connects to Slack, brings the ledger up to date and takes up what an earlier run left open. SIGTERM: no new work is
    taken, deletions under way are finished (at most 60 seconds), then it leaves with status 0. Logs go to stderr.
    """
    settings = _settings(env_file)

    import structlog  # noqa: PLC0415 - late, like all of the bot

    from bot import logs  # noqa: PLC0415

    logs.configure(settings.log_level, settings.log_format, settings.secrets())
    logs.catch_uncaught()
    for notice in settings.notices():
        structlog.get_logger(__name__).warning("settings_notice", notice=notice)

    from bot.app import CannotStart, build  # noqa: PLC0415

    try:
        return build(settings).run()
    except CannotStart as error:
        raise NotStarted(f"dh-bot cannot start: {error}") from error


@cli.command(epilog=EXIT_STATUS)
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page; 0 takes any free one. Default: 8480.")
@click.option("--no-open", is_flag=True, help="Do not open the page in the browser.")
@click.option("--terminal", is_flag=True, help="No page: carry two deletions through and print what happens.")
def sandbox(port: int | None, no_open: bool, terminal: bool) -> int:  # noqa: FBT001 - click's
    """Show the bot at work against a local Slack and a local MetaStudio.

    Opens one page in the browser: a small Slack channel with the real bot in it, a MetaStudio with a handful of jobs,
    and switches for what goes wrong in production. Needs no settings, reads none and touches nothing outside this
    machine. Ctrl-C ends it.
    """
    try:
        if terminal:
            from sandbox.demo import main as demo  # noqa: PLC0415 - nothing else of the bot knows the sandbox

            return demo() or 0
        from sandbox.page.main import main as page  # noqa: PLC0415

        return page(port, open_browser=not no_open) or 0
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "websockets":
            raise NotStarted(
                'The sandbox needs one package more. In the clone: make sandbox, or pip install ".[sandbox]"'
            ) from error
        raise


@cli.group(epilog=EXIT_STATUS)
def db() -> None:
    """Look after the ledger, the bot's database. Only DATABASE_URL has to be set."""


@db.command(epilog=EXIT_STATUS)
@env_file_option
def upgrade(env_file: Path | None) -> None:
    """Bring the ledger up to date, or make it. `dh-bot run` does the same; the bot must not be running."""
    url = _settings(env_file, LEDGER).database_url

    from bot.ledger import engine, migrations  # noqa: PLC0415

    with _ledger_trouble():
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
    url = _settings(env_file, LEDGER).database_url

    from bot.ledger import engine, migrations, trouble, writer  # noqa: PLC0415

    with _ledger_trouble():
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
    settings = _settings(env_file)

    from datetime import UTC, datetime  # noqa: PLC0415

    from bot.expire import expire_all_open  # noqa: PLC0415
    from bot.ledger.store import open_ledger  # noqa: PLC0415

    with _ledger_trouble():
        ledger = open_ledger(settings.database_url, settings.target)
        try:
            closed, lost = expire_all_open(ledger, datetime.now(UTC))
        finally:
            ledger.close()
    click.echo(f"Cards closed: {closed}. Deletions that became unknown and will be looked up: {lost}.")


@contextmanager
def _ledger_trouble() -> Iterator[None]:
    """Say what is wrong with the ledger in a sentence, and where the engineer may look."""
    from bot.ports import LedgerTrouble  # noqa: PLC0415

    try:
        yield
    except LedgerTrouble as error:
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        from bot.ledger.trouble import remedy  # noqa: PLC0415

        raise NotStarted(f"The ledger cannot be used: {error.diagnosis}{notes}. {remedy(error.diagnosis)}") from None


def _settings(env_file: Path | None, only: Collection[str] = ()) -> Settings:
    """The settings, or the end of the command with everything that is wrong with them."""
    from bot.settings import Settings, SettingsError  # noqa: PLC0415

    try:
        return Settings.load(env_file=env_file or Path(".env"), only=only)
    except SettingsError as error:
        raise WrongSettings(str(error)) from error


def main(args: Sequence[str] | None = None) -> int:
    """Run a command and give back its exit status. click itself would end an interrupted command with 1."""
    try:
        status = cli.main(args=args, prog_name="dh-bot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(main())

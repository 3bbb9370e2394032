"""Shared by all commands: options, exit statuses, errors, and how settings are read."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bot.domain.ledger_port import LedgerTrouble
    from bot.settings.schema import Settings

LEDGER = frozenset({"DATABASE_URL", "LOG_LEVEL", "LOG_FORMAT"})
"""The settings of a command that only opens the ledger."""

EXIT_STATUS = "Exit status: 0 fine, 1 a check failed, 2 usage or settings, 3 cannot start, 130 interrupted."


class Stop(click.ClickException):
    """Ends the command with this message alone on stderr."""

    def show(self, file: Any = None) -> None:
        click.echo(self.message, file=file or sys.stderr)


class CheckFailed(Stop):
    """A check found a fault."""

    exit_code = 1


class WrongSettings(Stop):
    """The command cannot run with these settings."""

    exit_code = 2


class NotStarted(Stop):
    """The command cannot run for a cause outside, such as the ledger or the system."""

    exit_code = 3


env_file_option = click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read this file instead of .env in the current directory. The environment wins over both.",
)


def needs_unix() -> None:
    """Raise where there is no ``fcntl``, with which the ledger's file is locked. Called before any import of it."""
    try:
        import fcntl  # noqa: F401, PLC0415 - only whether it is there
    except ImportError:
        raise NotStarted("The bot runs on Linux, macOS or WSL, not on Windows itself.") from None


def forbid_core_dumps() -> None:
    """Set the limit of core dumps to 0: a dump would contain tokens and keys. Called before any of them is read.

    The bot does this itself, since not every platform can; Kubernetes has no field for it. A program to which the
    kernel pipes dumps (core(5)) gets them in spite of the limit; systemd-coredump then stores none.
    """
    with suppress(ImportError):  # Windows has no such limits.
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def ledger_trouble() -> Iterator[None]:
    """Turn ``LedgerTrouble`` into ``NotStarted`` with its diagnosis and remedy."""
    from bot.domain.ledger_port import LedgerTrouble  # noqa: PLC0415

    try:
        yield
    except LedgerTrouble as error:
        raise NotStarted(f"The ledger cannot be used: {trouble_text(error)}") from None


def trouble_text(trouble: LedgerTrouble) -> str:
    """The diagnosis, its notes for the engineer, and the remedy."""
    from bot.ledger.database.trouble import remedy  # noqa: PLC0415

    notes = "".join(f" ({note})" for note in getattr(trouble, "__notes__", ()))
    return f"{trouble.diagnosis}{notes}. {remedy(trouble.diagnosis)}"


@contextmanager
def output_trouble(then: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Report why standard output cannot be written, with ``then`` as the remedy. click handles a closed pipe."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _let_go_of_output()
        raise NotStarted(f"Standard output cannot be written: {error.strerror}. {then()}".rstrip()) from None


def _let_go_of_output() -> None:
    """Point standard output to /dev/null: Python would try to flush it at exit, and print an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def load_settings(env_file: Path | None, only: Collection[str] = ()) -> Settings:
    """The settings; raises ``WrongSettings`` with every problem.

    A command that needs only some of them prints the notices about their origin on stderr, since it might open another
    ledger than the bot's.
    """
    from bot.settings.forms import SettingsError  # noqa: PLC0415
    from bot.settings.load import read_settings  # noqa: PLC0415
    from bot.settings.schema import ENV_FILE  # noqa: PLC0415

    try:
        settings = read_settings(env_file=env_file or ENV_FILE, only=only)
    except SettingsError as error:
        raise WrongSettings(error.text_for(_command())) from error
    for notice in settings.notices_of_sources() if only else ():
        click.echo(f"Note: {notice}", err=True)
    return settings


def put_proxies(settings: Settings) -> None:
    """Copy the proxies of ``.env`` into the environment, where all libraries read them.

    So the file has the same effect whether Docker, systemd or the bot itself reads it.
    """
    os.environ.update(settings.for_libraries)


def _command() -> str:
    """The command as it was typed, such as ``dh-bot db status``."""
    return click.get_current_context().command_path


def set_up_logs(settings: Settings, stream: str = "stderr") -> None:
    """Log to this stream, uncaught exceptions too, with the secrets of these settings masked."""
    from bot import logs  # noqa: PLC0415

    logs.configure(settings.log_level, settings.log_format, settings.secrets(), stream)
    logs.catch_uncaught()


class MomentType(click.ParamType[Any]):
    """A point in time: ``2026-03-02`` or ``2026-03-02T09:30``, UTC unless it names another offset."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("not a date: write 2026-03-02 or 2026-03-02T09:30 (UTC), or with an offset +08:00", param, ctx)


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, at a terminal only. The function that it yields takes the number of steps done."""
    with click.progressbar(
        length=length,
        label=label,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        update_min_steps=max(length // 200, 1),
    ) as bar:
        yield bar.update

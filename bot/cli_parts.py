"""What the groups of commands share: options, the ways a command ends, and how it comes by its settings."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bot.settings import Settings

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


@contextmanager
def ledger_trouble() -> Iterator[None]:
    """Say what is wrong with the ledger in a sentence, and where the engineer may look."""
    from bot.ports import LedgerTrouble  # noqa: PLC0415

    try:
        yield
    except LedgerTrouble as error:
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        from bot.ledger.trouble import remedy  # noqa: PLC0415

        raise NotStarted(f"The ledger cannot be used: {error.diagnosis}{notes}. {remedy(error.diagnosis)}") from None


@contextmanager
def output_trouble(then: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Say why standard output takes no more, and by ``then`` what to do. A reader that went away is click's to end."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _let_go_of_output()
        raise NotStarted(f"Standard output cannot be written: {error.strerror}. {then()}".rstrip()) from None


def _let_go_of_output() -> None:
    """What is still to be written can go nowhere; Python would try once more when it ends, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def load_settings(env_file: Path | None, only: Collection[str] = ()) -> Settings:
    """The settings, or the end of the command with everything that is wrong with them."""
    from bot.settings import ENV_FILE, Settings, SettingsError  # noqa: PLC0415

    try:
        return Settings.load(env_file=env_file or ENV_FILE, only=only)
    except SettingsError as error:
        raise WrongSettings(str(error)) from error


class Moment(click.ParamType[Any]):
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
    """A bar on stderr for work that may take long; only a person at a terminal sees it. Called with steps done."""
    with click.progressbar(
        length=length,
        label=label,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        update_min_steps=max(length // 200, 1),
    ) as bar:
        yield bar.update

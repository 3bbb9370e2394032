"""What the groups of commands share: options, the ways a command ends, and how it comes by its settings."""

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


def needs_unix() -> None:
    """End with a sentence where files cannot be locked as the ledger is. Called before anything imports ``fcntl``."""
    try:
        import fcntl  # noqa: F401, PLC0415 - only whether it is there
    except ImportError:
        raise NotStarted("The bot runs on Linux, macOS or WSL, not on Windows itself.") from None


def forbid_core_dumps() -> None:
    """A dump of this process's memory would hold tokens and keys. Called before any of them is read.

    Here, because this holds wherever the bot is run; Kubernetes, for one, has no field for it. A program that the
    kernel pipes dumps to (core(5)) gets them whatever the limit is; systemd-coredump keeps none of a process without.
    """
    with suppress(ImportError):  # Windows has no such limits.
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def ledger_trouble() -> Iterator[None]:
    """Say what is wrong with the ledger in a sentence, and where the engineer may look."""
    from bot.domain.ledger_port import LedgerTrouble  # noqa: PLC0415

    try:
        yield
    except LedgerTrouble as error:
        raise NotStarted(f"The ledger cannot be used: {trouble_text(error)}") from None


def trouble_text(trouble: LedgerTrouble) -> str:
    """The diagnosis, what the engineer may need besides, and the remedy."""
    from bot.ledger.database.trouble import remedy  # noqa: PLC0415

    notes = "".join(f" ({note})" for note in getattr(trouble, "__notes__", ()))
    return f"{trouble.diagnosis}{notes}. {remedy(trouble.diagnosis)}"


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
    """The settings, or the end of the command with everything that is wrong with them.

    A command that needs only some of them says on stderr where these come from, if that is not plain: it might work
    with another ledger than the bot's.
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
    """Put the proxies that stand in ``.env`` into the environment, where all libraries look for them.

    So the file means the same whether Docker or systemd reads it, or the bot itself.
    """
    os.environ.update(settings.for_libraries)


def _command() -> str:
    """The command as it was typed, such as ``dh-bot db status``."""
    return click.get_current_context().command_path


def set_up_logs(settings: Settings, stream: str = "stderr") -> None:
    """Send all that is logged, and what nobody caught, to this stream without the secrets of these settings."""
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
    """A bar on stderr for work that may take long; only a person at a terminal sees it. Called with steps done."""
    with click.progressbar(
        length=length,
        label=label,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        update_min_steps=max(length // 200, 1),
    ) as bar:
        yield bar.update

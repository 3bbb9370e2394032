"""The command line: ``dh-bot run | sandbox | doctor | db | audit``.

Everything but click is imported when a command needs it, so that ``--help`` and ``--version`` are fast.
Exit status: 0 fine, 1 a check failed, 2 usage or settings, 3 cannot start, 130 interrupted.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from bot.cli.audit import audit
from bot.cli.db import db
from bot.cli.doctor import doctor
from bot.cli.shared import (
    EXIT_STATUS,
    NotStarted,
    env_file_option,
    forbid_core_dumps,
    load_settings,
    needs_unix,
    put_proxies,
    set_up_logs,
)

INTERRUPTED = 130


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
    """A Slack app that deletes Huawei Cloud MetaStudio training jobs, each after a person has pressed a button.

    Settings come from the environment and from the file .env; .env.example has all of them. `dh-bot doctor` checks
    them, `dh-bot run` starts the bot, and `dh-bot sandbox` shows it at work without Slack or Huawei Cloud.
    """
    needs_unix()
    forbid_core_dumps()


def end_start(number: int, _frame: object) -> None:
    """Handle SIGTERM or Ctrl-C before the bot is ready: end the start at once, since nothing is in flight yet.

    Process 1 of a container gets no signal that it does not handle.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # The exception below may interrupt any line of any library. A half-made object may then raise again in its
    # destructor (HTTPResponse of Python 3.14 does), and that error must not be shown.
    sys.unraisablehook = lambda _: None
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(0)


@cli.command(epilog=EXIT_STATUS)
@env_file_option
def run(env_file: Path | None) -> int:
    """Run the bot until SIGTERM or Ctrl-C.

    Connects to Slack, brings the ledger up to date, and goes on with what an earlier run left open. On SIGTERM it takes
    no new work, finishes the deletions under way (at most 60 seconds) and ends with status 0. It logs to stderr, or
    with LOG_STREAM=stdout to stdout.
    """
    signal.signal(signal.SIGTERM, end_start)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else Ctrl-C is ignored, as behind nohup.
        signal.signal(signal.SIGINT, end_start)
    settings = load_settings(env_file)

    import structlog  # noqa: PLC0415 - late, like all of the bot

    set_up_logs(settings, settings.log_stream)
    put_proxies(settings)
    for notice in settings.notices():
        structlog.get_logger(__name__).warning("settings_notice", notice=notice)

    from bot.app import CannotStart, build  # noqa: PLC0415

    try:
        return build(settings).run()
    except CannotStart as error:
        raise NotStarted(f"dh-bot cannot start: {error}") from error


@cli.command(epilog=EXIT_STATUS, short_help="Show the bot at work, with a local Slack and MetaStudio.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page; 0 takes any free one. Default: 8480.")
@click.option("--no-open", is_flag=True, help="Do not open the page in the browser.")
@click.option("--terminal", is_flag=True, help="No page: carry out two deletions and print what happens.")
def sandbox(port: int | None, no_open: bool, terminal: bool) -> int:  # noqa: FBT001 - click's
    """Show the bot at work against a local Slack and a local MetaStudio.

    Opens one page in the browser: a small Slack channel with the real bot in it, a MetaStudio with a handful of jobs,
    and switches for what goes wrong in production. Reads no settings, and touches nothing outside this machine. Ctrl-C
    ends it.
    """
    try:
        if terminal:
            from sandbox.demo import main as demo  # noqa: PLC0415 - nothing else of the bot knows the sandbox

            return demo() or 0
        from sandbox.page.main import main as page  # noqa: PLC0415

        return page(port, open_browser=not no_open) or 0
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "websockets":
            from bot.runtime.installation import how_to_add  # noqa: PLC0415

            raise NotStarted(
                f"The sandbox needs one package more: {how_to_add('sandbox')}. In a clone: make sandbox"
            ) from error
        raise


cli.add_command(audit)
cli.add_command(db)
cli.add_command(doctor)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. click itself would end an interrupted command with 1."""
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

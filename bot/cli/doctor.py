"""``dh-bot doctor``: check the installation, with a remedy for each fault."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.shared import EXIT_STATUS, env_file_option, put_proxies, set_up_logs

if TYPE_CHECKING:
    from bot.doctor.findings import CheckResult

COLOURS = {"wrong": "red", "note": "yellow", "fine": "green", "not checked": "yellow"}
"""The states in the order in which the last line counts them."""


@click.command(epilog=EXIT_STATUS)
@env_file_option
@click.option("--json", "as_lines", is_flag=True, help="One JSON object per line, for programs.")
def doctor(env_file: Path | None, as_lines: bool) -> int:  # noqa: FBT001 - click's
    """Check the installation: one line per check, fine or what to do. Changes nothing; the bot may be running.

    Asks Slack with both tokens and MetaStudio with one List call, which is left out while the bot has stopped calls
    because its credentials were rejected. Opens a WebSocket to Slack, and closes it, where no bot runs on the ledger.
    The last line counts what was found. Status 1 if anything is wrong, 2 if it is the settings.
    """
    from bot.doctor.examine import examine, only_settings  # noqa: PLC0415
    from bot.doctor.findings import CheckState  # noqa: PLC0415
    from bot.settings.forms import SettingsError  # noqa: PLC0415
    from bot.settings.load import read_settings  # noqa: PLC0415
    from bot.settings.schema import ENV_FILE  # noqa: PLC0415

    try:
        settings = read_settings(env_file=env_file or ENV_FILE)
    except SettingsError as error:
        _print_all(only_settings(error), as_lines=as_lines)
        return 2
    set_up_logs(settings)
    put_proxies(settings)
    with _quiet():
        found = _print_all(examine(settings), as_lines=as_lines)
    return 1 if found[CheckState.WRONG.value] else 0


def _print_all(findings: Iterable[CheckResult], *, as_lines: bool) -> Counter[str]:
    """Print each finding as it is made, then, for people, the count of each state."""
    found: Counter[str] = Counter()
    for finding in findings:
        _print(finding, as_lines=as_lines)
        found[finding.state.value] += 1
    if not as_lines:
        click.echo(", ".join(_count(state, found[state]) for state in COLOURS if found[state]))
    return found


def _count(state: str, count: int) -> str:
    plural = "s" if state == "note" and count > 1 else ""
    return click.style(f"{count} {state}{plural}", fg=COLOURS[state])


@contextmanager
def _quiet() -> Iterator[None]:
    """Switch logging off: the findings report the errors that libraries would log."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _print(finding: CheckResult, *, as_lines: bool) -> None:
    if as_lines:
        click.echo(json.dumps({"check": finding.check, "state": finding.state.value, "says": finding.says}))
        return
    state = click.style(f"{finding.state.value:<11}", fg=COLOURS[finding.state.value])
    click.echo(f"{state}  {finding.check}: {finding.says}")

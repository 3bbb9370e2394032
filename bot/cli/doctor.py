"""``dh-bot doctor``: check the installation, with a remedy for each fault."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.shared import EXIT_STATUS, env_file_option, put_proxies, set_up_logs

if TYPE_CHECKING:
    from bot.doctor.findings import CheckResult

COLOURS = {"wrong": "red", "not checked": "yellow", "note": "yellow", "fine": "green"}
"""The states in the order in which people read them: what is wrong comes first."""


@click.command(epilog=EXIT_STATUS)
@env_file_option
@click.option("--json", "as_lines", is_flag=True, help="One JSON object per line, for programs.")
def doctor(env_file: Path | None, as_lines: bool) -> int:  # noqa: FBT001 - click's
    """Check the installation, and say what to do. Changes nothing; the bot may be running.

    One line per check, what is wrong first; the last line is the verdict. Before the first start everything but the
    ledger is checked. Status 1 if anything is wrong, 2 if the settings are.

    Asks Slack with both tokens, and MetaStudio with one List call, unless the bot has stopped calls because its
    credentials were rejected. Opens a WebSocket to Slack and closes it again, unless a bot runs on the ledger.
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
    """Print the findings and return the count of each state: for programs as they are made, for people in order."""
    if as_lines:
        found: Counter[str] = Counter()
        for finding in findings:
            click.echo(json.dumps({"check": finding.check, "state": finding.state.value, "says": finding.says}))
            found[finding.state.value] += 1
        return found
    if sys.stderr.isatty():
        click.echo("Checking …", err=True)
    made = list(findings)
    for state in COLOURS:
        for line in _lines([finding for finding in made if finding.state.value == state]):
            click.echo(f"{_coloured(f'{state:<11}', state)}  {line}")
    found = Counter(finding.state.value for finding in made)
    click.echo(_verdict(found))
    return found


def _lines(findings: Iterable[CheckResult]) -> Iterator[str]:
    """A line for each finding; checks that the same cause prevents share one."""
    checks: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        own = "" if finding.state.value == "not checked" else finding.check
        checks.setdefault((own, finding.says), []).append(finding.check)
    for (_, says), names in checks.items():
        yield f"{', '.join(dict.fromkeys(names))}: {says}"


def _verdict(found: Counter[str]) -> str:
    """The last line: what is wrong and what was not checked, or that all is well."""
    not_checked = f"{found['not checked']} not checked"
    if found["wrong"]:
        wrong = _coloured(f"{found['wrong']} wrong", "wrong")
        return f"{wrong}, {_coloured(not_checked, 'not checked')}" if found["not checked"] else wrong
    if found["not checked"]:
        return f"Nothing wrong, {not_checked}"
    notes = {0: "", 1: ", 1 note"}.get(found["note"], f", {found['note']} notes")
    return _coloured(f"All well: {found['fine']} fine{notes}", "fine")


def _coloured(text: str, state: str) -> str:
    """The text in its state's colour at a terminal, unless NO_COLOR is set (https://no-color.org)."""
    has_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return click.style(text, fg=COLOURS[state]) if has_colour else text


@contextmanager
def _quiet() -> Iterator[None]:
    """Switch logging off: the findings report the errors that libraries would log."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)

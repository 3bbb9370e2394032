"""``dh-bot doctor``: whether this installation is well, and if not, what there is to do."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli_parts import EXIT_STATUS, env_file_option

if TYPE_CHECKING:
    from bot.doctor import Finding

COLOURS = {"fine": "green", "wrong": "red", "note": "yellow", "not checked": "yellow"}


@click.command(epilog=EXIT_STATUS)
@env_file_option
@click.option("--json", "as_lines", is_flag=True, help="One JSON object per line, for programs.")
def doctor(env_file: Path | None, as_lines: bool) -> int:  # noqa: FBT001 - click's
    """Check the installation: one line per check, fine or what to do. Changes nothing; the bot may be running.

    Asks Slack with both tokens and MetaStudio with one List call, which is left out while the bot has stopped calls
    because its credentials were rejected. Status 1 if anything is wrong, 2 if it is the settings.
    """
    from bot.doctor import State  # noqa: PLC0415
    from bot.doctor.visit import examine, only_settings  # noqa: PLC0415
    from bot.settings import ENV_FILE, Settings, SettingsError  # noqa: PLC0415

    try:
        settings = Settings.load(env_file=env_file or ENV_FILE)
    except SettingsError as error:
        for finding in only_settings(error):
            _tell(finding, as_lines=as_lines)
        return 2
    status = 0
    with _quiet():
        for finding in examine(settings):
            _tell(finding, as_lines=as_lines)
            status = 1 if finding.state is State.WRONG else status
    return status


@contextmanager
def _quiet() -> Iterator[None]:
    """What libraries would log about what goes wrong here is said by the findings."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _tell(finding: Finding, *, as_lines: bool) -> None:
    if as_lines:
        click.echo(json.dumps({"check": finding.check, "state": finding.state.value, "says": finding.says}))
        return
    state = click.style(f"{finding.state.value:<11}", fg=COLOURS[finding.state.value])
    click.echo(f"{state}  {finding.check}: {finding.says}")

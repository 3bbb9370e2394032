"""docs/commands.md: every subcommand, every command of the command line and every exit status, and no other."""

from __future__ import annotations

import re

import click

from bot.cli.main import EXIT_STATUS, cli
from handlers.vocabulary import SUBCOMMANDS
from tests.support.pages import Page

PAGE = Page("docs/commands.md")


def test_every_subcommand_is_in_the_table() -> None:
    """Each that can be typed, and no other."""
    told = {row[0].strip("`").split()[0] for row in PAGE.rows("What else can be typed")}
    assert told == SUBCOMMANDS.keys()


def test_every_command_is_in_the_table() -> None:
    """Each of the command line with its subcommands, and no other."""
    commands = set()
    for name, command in cli.commands.items():
        commands |= {f"{name} {below}" for below in command.commands} if isinstance(command, click.Group) else {name}
    typed = [row[0] for row in PAGE.rows("On the command line")]
    assert {re.findall(r"^`dh-bot ((?:db |audit )?[a-z-]+)", one)[0] for one in typed} == commands
    assert len(typed) == len(commands)


def test_the_exit_statuses_are_those_of_the_command_line() -> None:
    """The same numbers with the same words."""
    said = EXIT_STATUS.removeprefix("Exit status: ").rstrip(".").split(", ")
    table = [f"{status.strip('`')} {meaning.partition(':')[0]}" for status, meaning in PAGE.rows("Exit status")]
    assert table == said

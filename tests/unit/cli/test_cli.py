"""The command line: what it prints where, and its exit statuses."""

from __future__ import annotations

import builtins
import sqlite3
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from bot.cli.main import cli, main
from bot.domain.model import Target
from bot.ledger import factory
from bot.ledger.database import engine, trouble
from bot.ledger.schema import migrations
from bot.runtime.installation import how_to_add
from tests.contract.values import event
from tests.support.paths import ROOT

ENOUGH = {
    "SLACK_BOT_TOKEN": "xoxb-1-made-up",
    "SLACK_APP_TOKEN": "xapp-1-made-up",
    "METASTUDIO_PROJECT_ID": "p1",
    "HUAWEICLOUD_SDK_AK": "MADEUPKEY",
    "HUAWEICLOUD_SDK_SK": "made-up-secret",
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No .env of a developer is read, and a ledger that is made is made here."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` sets up the logging of its process, which here is pytest's."""
    monkeypatch.setattr("bot.logs.configure", lambda *_: None)
    monkeypatch.setattr("bot.logs.catch_uncaught", lambda: None)


class CannotStart(Exception):
    """As in ``bot.app``."""


def put_app(monkeypatch: pytest.MonkeyPatch, run: Callable[[], int], built: list[Any] | None = None) -> None:
    """Put an app in place of the real one."""

    def build(settings: Any) -> types.SimpleNamespace:
        if built is not None:
            built.append(settings)
        return types.SimpleNamespace(run=run)

    app = types.ModuleType("bot.app")
    app.build, app.CannotStart = build, CannotStart  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bot.app", app)


def raising(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


def commands(group: click.Group, *names: str) -> Iterator[list[str]]:
    """Every command and group, as it is typed."""
    yield list(names)
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        else:
            yield [*names, name]


COMMANDS = list(commands(cli))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_everywhere(command: list[str], flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself and the exit statuses, on standard output."""
    assert main([*command, flag]) == 0
    captured = capsys.readouterr()
    assert "Usage: dh-bot" in captured.out
    assert "Exit status: 0 fine" in captured.out
    assert captured.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_breaks_nothing_off(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal of the usual width no line on a command is cut, and no command to type is split."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command, "--help"]) == 0
    told = capsys.readouterr().out
    assert "..." not in told.partition("Commands:")[2]
    assert "dh-\n" not in told


@pytest.mark.parametrize("command", ["db upgrade", "db status", "db backup copy.db", "db expire-open"])
def test_the_ledger_is_looked_after_with_its_address_alone(command: str) -> None:
    """As `dh-bot db --help` says."""
    main(["db", "upgrade"])
    assert main(command.split()) == 0


def test_what_may_not_run_beside_the_bot_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the commands about the audit trail one needs a SQLite ledger for itself."""
    assert main(["audit", "--help"]) == 0
    assert "but for prune, the bot may be running" in " ".join(capsys.readouterr().out.split())


def test_only_what_exists_is_offered() -> None:
    """A command that is not built yet is not there."""
    assert sorted(cli.commands) == ["audit", "db", "doctor", "run", "sandbox"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """One line with name and version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("dh-bot")


def test_version_and_help_import_nothing_heavy() -> None:
    """They answer at once: nothing of the bot but its command line is imported."""
    code = (
        "import sys; from bot.cli.main import main; main(['--help']); main(['--version']);"
        "print([m for m in sys.modules if m.split('.')[0] in {'pydantic','slack_sdk','slack_bolt','sqlalchemy',"
        "'requests','structlog','sandbox'} or m in {'bot.settings', 'bot.app', 'bot.logs'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("args", [[], ["nonsense"], ["run", "--nonsense"], ["db"], ["run", "--env-file", "/nowhere"]])
def test_usage_errors_end_with_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line is answered on stderr."""
    assert main(args) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage" in captured.err


def test_wrong_settings_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Every problem on stderr, and nothing else there."""
    assert main(["run"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("dh-bot cannot start: 4 problems")
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_in_a_folder_without_env_file(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """That is said, beside all that is missing for it."""
    assert main([command]) == 2
    captured = capsys.readouterr()
    assert "There is no file .env in this folder: go to" in captured.out + captured.err


def test_run_gives_settings_to_the_app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the environment and the named file; the app's status is the command's."""
    env_file = tmp_path / "other.env"
    env_file.write_text("".join(f"{name}={text}\n" for name, text in ENOUGH.items()), encoding="utf-8")
    monkeypatch.setenv("MAX_OPEN", "7")
    built: list[Any] = []
    put_app(monkeypatch, lambda: 0, built)
    assert main(["run", "--env-file", str(env_file)]) == 0
    assert built[0].max_open == 7
    assert built[0].target.project_id == "p1"


@pytest.mark.parametrize(
    ("run", "status"),
    [
        (lambda: 0, 0),
        (lambda: 130, 130),
        (raising(CannotStart("Slack refuses the token (invalid_auth).")), 3),
        (raising(KeyboardInterrupt()), 130),
    ],
)
def test_exit_statuses_of_run(monkeypatch: pytest.MonkeyPatch, run: Callable[[], int], status: int) -> None:
    """0 after SIGTERM, 3 when something outside does not let it start, 130 when interrupted."""
    for name, text in ENOUGH.items():
        monkeypatch.setenv(name, text)
    put_app(monkeypatch, run)
    assert main(["run"]) == status


def test_why_it_cannot_start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence goes to stderr, without a traceback."""
    for name, text in ENOUGH.items():
        monkeypatch.setenv(name, text)
    put_app(monkeypatch, raising(CannotStart("Slack refuses the token.")))
    main(["run"])
    assert capsys.readouterr().err.splitlines()[-1] == "dh-bot cannot start: Slack refuses the token."


@pytest.mark.parametrize(
    ("args", "given"),
    [([], (None, True)), (["--port", "9000"], (9000, True)), (["--port", "0", "--no-open"], (0, False))],
)
def test_sandbox_opens_the_page(
    args: list[str], given: tuple[int | None, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any settings; the page's status is the command's."""
    seen: list[Any] = []

    def page(port: int | None, *, open_browser: bool) -> int:
        seen.append((port, open_browser))
        return 130

    module = types.ModuleType("sandbox.page.main")
    module.main = page  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sandbox.page.main", module)
    assert main(["sandbox", *args]) == 130
    assert seen == [given]


def test_sandbox_in_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no browser the story can be read in the terminal."""
    demo = types.ModuleType("sandbox.demo")
    demo.main = lambda: 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sandbox.demo", demo)
    assert main(["sandbox", "--terminal"]) == 1


def test_sandbox_without_its_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing websockets is told with its remedy; a programming error is not hidden behind that."""
    monkeypatch.delitem(sys.modules, "sandbox.page.main", raising=False)
    real = builtins.__import__

    def missing(module: str) -> Callable[..., Any]:
        def importing(name: str, *args: Any, **kwargs: Any) -> Any:
            if name == "sandbox.page.main":
                raise ModuleNotFoundError(f"No module named {module!r}", name=module)
            return real(name, *args, **kwargs)

        return importing

    monkeypatch.setattr(builtins, "__import__", missing("websockets.sync"))
    assert main(["sandbox"]) == 3
    assert 'pip install ".[sandbox]"' in capsys.readouterr().err
    monkeypatch.setattr(builtins, "__import__", missing("nonsense"))
    with pytest.raises(ModuleNotFoundError):
        main(["sandbox"])


def test_db(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Upgrading makes the ledger, status tells; both need only DATABASE_URL and mind no other setting."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:///ledger.db")
    monkeypatch.setenv("MAX_OPEN", "nonsense")
    assert main(["db", "status"]) == 3
    assert not Path("ledger.db").exists()
    Path("ledger.db").touch()
    assert main(["db", "status"]) == 1
    assert "is empty" in capsys.readouterr().err
    assert main(["db", "upgrade"]) == 0
    assert capsys.readouterr().out == f"Made {Path('ledger.db').resolve()} (revision {migrations.HEAD}).\n"
    assert main(["db", "upgrade"]) == 0
    assert main(["db", "status"]) == 0
    assert capsys.readouterr().out == f"The ledger is up to date (revision {migrations.HEAD}).\n" * 2


def test_an_upgrade_names_both_revisions(capsys: pytest.CaptureFixture[str]) -> None:
    """So that one sees that something was done, and which backup belongs to which version."""
    database = engine.connect("sqlite:///dh-bot.db")
    migrations.upgrade(database, "0001")
    database.close()
    assert main(["db", "upgrade"]) == 0
    assert capsys.readouterr().out == f"Upgraded the ledger from revision 0001 to {migrations.HEAD}.\n"


@pytest.fixture
def with_pipx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter is in an environment that pipx has made."""
    environment = tmp_path / "pipx" / "venvs" / "dh-bot"
    environment.mkdir(parents=True)
    (environment / "pipx_metadata.json").touch()
    monkeypatch.setattr("sys.prefix", str(environment))


@pytest.mark.usefixtures("with_pipx")
def test_hints_fit_an_installation_by_pipx(monkeypatch: pytest.MonkeyPatch) -> None:
    """With pip alone they would get into another environment. What has to be added is what the package itself names."""
    assert how_to_add("sandbox").startswith('pipx inject dh-bot "websockets>=')
    assert 'pipx inject dh-bot "psycopg[binary]>=' in trouble.remedy(trouble.NO_DRIVER)
    assert how_to_add("nonsense") == 'pipx install --force ".[nonsense]"'
    monkeypatch.setattr("bot.runtime.installation.PACKAGE", "not-installed")
    assert how_to_add("postgres") == 'pipx install --force ".[postgres]"'


def test_hints_fit_any_other_installation() -> None:
    """By pip, in the folder of the clone; the page with all diagnoses says the same."""
    assert how_to_add("sandbox") == 'pip install ".[sandbox]"'
    assert trouble.remedy(trouble.NO_DRIVER) == trouble.REMEDIES[trouble.NO_DRIVER]


@pytest.mark.parametrize(
    ("url", "status"), [("sqlite:////nowhere/at/all.db", 3), ("sqlite:///:memory:", 2), ("mysql://h/d", 2)]
)
def test_db_troubles(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, status: int
) -> None:
    """A wrong address is a setting, an unreachable ledger is not; neither prints the address."""
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["db", "upgrade"]) == status
    captured = capsys.readouterr()
    assert url not in captured.err + captured.out
    assert "DATABASE_URL" in captured.err


LOOKS_AT_A_LEDGER = [
    "db status",
    "db backup copy.db",
    "db expire-open",
    "audit list",
    "audit verify",
    "audit show 5f0c2a9be1d84c37",
    "audit export --format jsonl",
    "audit prune --before 2020-01-01 --yes",
]


@pytest.mark.parametrize("command", [each.split() for each in LOOKS_AT_A_LEDGER], ids=LOOKS_AT_A_LEDGER)
def test_no_ledger_here(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In another folder than the bot's: what is missing, where it was looked for, and nothing is made."""
    assert main(command) == 3
    told = capsys.readouterr().err
    assert told.startswith(f"The ledger cannot be used: not there ({Path('dh-bot.db').resolve()}).")
    assert "the folder in which the command is run" in told
    assert "server" not in told
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "command", [each.split() for each in LOOKS_AT_A_LEDGER[1:]], ids=[each.split()[1] for each in LOOKS_AT_A_LEDGER[1:]]
)
def test_a_file_without_a_ledger(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Is called empty, not too old, and gets none."""
    Path("dh-bot.db").touch(mode=0o600)
    assert main(command) == 3
    assert capsys.readouterr().err.startswith("The ledger cannot be used: empty.")
    with closing(sqlite3.connect("dh-bot.db")) as file:
        assert file.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_a_ledger_that_is_gone_is_made_anew_by_expire_open(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a newer event is noted beside it: that is how one goes on without a backup."""
    ledger = factory.open_ledger("sqlite:///dh-bot.db", Target("https://x", "r", "p"))
    ledger.trail.record(event())
    ledger.close()
    Path("dh-bot.db").unlink()
    assert main(["db", "expire-open"]) == 0
    assert "The ledger had lost events" in capsys.readouterr().out
    assert main(["db", "status"]) == 0


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("run", "dh-bot cannot start: 1 problem with its settings."),
        ("db status", "dh-bot db status cannot run: 1 problem with its settings."),
        ("db expire-open", "dh-bot db expire-open cannot run: 1 problem with its settings."),
        ("audit list", "dh-bot audit list cannot run: 1 problem with its settings."),
    ],
)
def test_what_cannot_run_is_named(
    command: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only `run` starts anything."""
    for name, text in {**ENOUGH, "DATABASE_URL": "nonsense"}.items():
        monkeypatch.setenv(name, text)
    assert main(command.split()) == 2
    assert capsys.readouterr().err.splitlines()[0] == says


def test_db_makes_no_other_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    """With DATABASE_URL misspelt in .env the default is not taken for it, let alone made."""
    Path(".env").write_text("DATABASE_URI=sqlite:///ledger.db\n", encoding="utf-8")
    assert main(["db", "upgrade"]) == 2
    assert "Did you mean DATABASE_URL?" in capsys.readouterr().err
    assert not Path("dh-bot.db").exists()


def test_db_status_beside_a_holder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A running bot holds the ledger: status may look, upgrade says who is in the way."""
    database = engine.connect("sqlite:///dh-bot.db")
    migrations.upgrade(database)
    try:
        assert main(["db", "status"]) == 0
        assert main(["db", "upgrade"]) == 3
        assert "locked by another process" in capsys.readouterr().err
    finally:
        database.close()


@pytest.mark.parametrize("command", [["db", "upgrade"], ["audit", "list"]])
def test_which_ledger_is_said_where_it_is_not_plain(
    command: list[str], empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty DATABASE_URL in the environment, as Compose makes it of an unset one, does not hide that in .env."""
    (empty_folder / ".env").write_text("DATABASE_URL=sqlite:///there.db\nFREEZE_BY=U0AAA\n", encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///there.db")
    assert main(["db", "upgrade"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("FREEZE_BY", "")
    assert main(command) == 0
    assert {path.name for path in empty_folder.glob("*.db")} == {"there.db"}
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Note:")]
    assert said == ["Note: DATABASE_URL is empty in the environment, so the value in .env holds."]


@pytest.mark.parametrize("command", [["run"], ["doctor"], ["db", "status"], ["audit", "list"]])
def test_a_name_that_stands_twice_stops_every_command(
    command: list[str], empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which of the two was meant nobody knows."""
    (empty_folder / ".env").write_text("DATABASE_URL=sqlite:///a.db\nDATABASE_URL=sqlite:///b.db\n", encoding="utf-8")
    for name, text in ENOUGH.items():
        monkeypatch.setenv(name, text)
    assert main(command) == 2
    captured = capsys.readouterr()
    assert "DATABASE_URL stands more than once in .env: in lines 1 and 2." in captured.out + captured.err
    assert not list(empty_folder.glob("*.db"))

"""The arrows of architecture.md: who may know whom. Read from the imports, so that nobody has to remember them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bot

ROOT = Path(__file__).parents[2]
CODE = ("bot", "handlers", "sandbox")

PURE = {
    *(
        "bot.model",
        "bot.job_states",
        "bot.lifecycle",
        "bot.policy",
        "bot.trail",
        "bot.ports",
        "bot.ports_ledger",
        "bot.outcomes",
        "bot.evidence",
        "bot.logs_scrubbing",
    ),
    *(
        "bot.metastudio.replies",
        "bot.metastudio.wire",
        "bot.ledger.chain",
        "bot.ledger.trail_texts",
        "bot.ledger.story",
        "bot.ledger.witness",
        "handlers.payloads",
    ),
}
"""Together with everything in handlers.views."""

REACHES_OUT = {
    *(
        "asyncio",
        "ftplib",
        "http.client",
        "http.server",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
        "random",
        "secrets",
    ),
    *("shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time"),
    *("urllib.request", "concurrent"),
}
"""Parts of the standard library that a pure module has no business with."""

USE_CASES = {
    "bot.proposing",
    "bot.posting",
    "bot.deletions",
    "bot.freezing",
    "bot.permission",
    "bot.remind",
    "bot.expire",
    "bot.reconcile",
    "bot.outbox",
    "bot.answers",
    "bot.sending",
    "bot.running_log",
    "bot.daily_head",
}
"""They know the outside only as ports."""

SLACK = ("slack_bolt", "slack_sdk")


@dataclass(frozen=True)
class Import:
    """One imported module, seen from the importing one."""

    importer: str
    imported: str
    late: bool
    """Inside a function."""


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found = {}
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imports_of(name: str, path: Path) -> Iterator[Import]:
    def visit(node: ast.AST, *, late: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for below in node.orelse:
                yield from visit(below, late=late)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, late)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide whom a module knows"
            for alias in node.names:
                # `from bot import settings` imports a module, `from bot.model import Job` a name out of one.
                whole = f"{node.module}.{alias.name}"
                yield Import(name, whole if whole in modules() else str(node.module), late)
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for below in ast.iter_child_nodes(node):
            yield from visit(below, late=inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), late=False)


@cache
def imports() -> tuple[Import, ...]:
    """All of them."""
    return tuple(found for name, path in modules().items() for found in _imports_of(name, path))


def is_in(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def is_pure(module: str) -> bool:
    return module in PURE or is_in(module, "handlers.views")


def against(*wrong: Import) -> str:
    """The message of a failed test."""
    return "\n".join(f"{found.importer} imports {found.imported}" for found in wrong)


def test_the_pure_modules_are_there() -> None:
    """A renamed module does not slip out of its rules."""
    assert modules().keys() >= PURE
    assert modules().keys() >= USE_CASES
    assert any(is_in(name, "handlers.views") for name in modules())


def test_pure_modules_know_only_pure_modules() -> None:
    """And the standard library, without the parts of it that reach outside."""
    wrong = [
        found
        for found in imports()
        if is_pure(found.importer)
        and not is_pure(found.imported)
        and (found.imported.partition(".")[0] not in sys.stdlib_module_names or is_in(found.imported, *REACHES_OUT))
    ]
    assert not wrong, against(*wrong)


def test_use_cases_know_the_outside_only_as_ports() -> None:
    """No Slack, no HTTP, no database, no handlers: those come in through bot.app."""
    outside = (*SLACK, "requests", "sqlalchemy", "alembic", "huaweicloudsdkcore", "handlers", "bot.app", "bot.people")
    wrong = [
        found
        for found in imports()
        if found.importer in USE_CASES
        and (
            is_in(found.imported, *outside)
            or (is_in(found.imported, "bot.ledger", "bot.metastudio") and not is_pure(found.imported))
        )
    ]
    assert not wrong, against(*wrong)


def test_metastudio_and_ledger_never_see_slack() -> None:
    """Neither its libraries nor our handlers."""
    wrong = [
        found
        for found in imports()
        if is_in(found.importer, "bot.metastudio", "bot.ledger")
        and is_in(found.imported, *SLACK, "handlers", "bot.app")
    ]
    assert not wrong, against(*wrong)


def test_views_and_payloads_never_see_bolt_or_a_client() -> None:
    """They turn values into dicts and dicts into values."""
    wrong = [
        found
        for found in imports()
        if is_in(found.importer, "handlers.views", "handlers.payloads") and is_in(found.imported, *SLACK)
    ]
    assert not wrong, against(*wrong)


def test_only_app_knows_the_handlers() -> None:
    """The composition root puts them in; everything else in bot would work with another front."""
    wrong = [
        found
        for found in imports()
        if is_in(found.importer, "bot") and found.importer != "bot.app" and is_in(found.imported, "handlers")
    ]
    assert not wrong, against(*wrong)


def test_only_the_command_line_knows_the_sandbox() -> None:
    """And imports it late, since the bot runs without what the sandbox needs."""
    wrong = [
        found
        for found in imports()
        if is_in(found.imported, "sandbox")
        and not is_in(found.importer, "sandbox")
        and not (found.importer == "bot.cli" and found.late)
    ]
    assert not wrong, against(*wrong)


def test_the_sandbox_knows_nothing_of_the_bot() -> None:
    """It plays the outside world; sharing code with the bot would let both be wrong in the same way."""
    wrong = [
        found for found in imports() if is_in(found.importer, "sandbox") and is_in(found.imported, "bot", "handlers")
    ]
    assert not wrong, against(*wrong)


def test_no_cycles() -> None:
    """Following the imports, late ones too, never leads back."""
    known = {name: {found.imported for found in imports() if found.importer == name} for name in modules()}
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name in done:
            return
        for imported in sorted(known[name] & known.keys()):
            walk(imported, (*trail, name))
        done.add(name)

    for name in known:
        walk(name, ())


def test_every_module_is_on_the_map() -> None:
    """The docstring of the package bot has a line for each of its modules and packages."""
    here = {path.stem for path in (ROOT / "bot").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    columns = [re.split(r"\s{2,}", line.strip())[0] for line in (bot.__doc__ or "").splitlines()]
    on_the_map = {name for column in columns for name in re.findall(r"[a-z_]+", column.replace(".py", ""))}
    missing = here - {"__init__"} - on_the_map
    assert not missing, f"not in the map of bot/__init__.py: {', '.join(sorted(missing))}"

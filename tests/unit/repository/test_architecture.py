"""Who may know whom, as a table of floors. Read from the imports, so that nobody has to remember it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bot
from tests.support.paths import ROOT

CODE = ("bot", "handlers", "sandbox")
LONGEST = 350
"""Lines of one module."""

FLOORS = (
    ("bot.domain", "bot.runtime"),
    ("bot.audit", "bot.deletion", "bot.slack", "bot.metastudio", "bot.settings", "bot.logs"),
    ("bot.ledger", "bot.workers", "handlers", "bot.clients"),
    ("bot.doctor", "bot.ops"),
    ("bot.app",),
    ("bot.cli",),
    ("bot.__main__",),
)
"""The rooms of the product, the lowest floor first. A room knows itself and the floors below its own, and nothing else.
The rooms inside of one (``bot.ledger.schema``, ``handlers.views``) belong to it."""

PURE = (
    "bot.domain",
    "bot.audit",
    "handlers.views",
    *(f"handlers.{name}" for name in ("actions", "grammar", "payloads", "vocabulary")),
)
"""Values in, values out."""

REACHES_OUT = {
    *("asyncio", "concurrent", "ftplib", "http.client", "http.server", "io", "logging", "multiprocessing", "os"),
    *("pathlib", "queue", "random", "secrets", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess"),
    *("sys", "tempfile", "threading", "time", "urllib.request"),
}
"""Parts of the standard library that a pure module has no business with."""

SLACK = ("slack_bolt", "slack_sdk")
OUTSIDE = (*SLACK, "requests", "urllib3", "sqlalchemy", "alembic", "psycopg", "huaweicloudsdkcore", "waitress")
FOREIGN = {
    "bot.deletion": OUTSIDE,
    "bot.workers": OUTSIDE,
    "bot.metastudio": SLACK,
    "bot.ledger": SLACK,
    "bot.runtime": (*SLACK, "requests", "sqlalchemy", "huaweicloudsdkcore"),
}
"""Libraries that a room does without: what people and time do knows the outside only as ports."""


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
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, late)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide whom a module knows"
            for alias in node.names:
                # `from bot import app` imports a module, `from bot.domain.model import Job` a name out of one.
                whole = f"{node.module}.{alias.name}"
                yield Import(name, whole if whole in modules() else str(node.module), late)
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for below in ast.iter_child_nodes(node):
            yield from visit(below, late=inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), late=False)


@cache
def imports() -> tuple[Import, ...]:
    """All of them, also those that only a type checker follows."""
    return tuple(found for name, path in modules().items() for found in _imports_of(name, path))


def is_in(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def room(module: str) -> str | None:
    """The room of the table that a module is in."""
    return next((one for floor in FLOORS for one in floor if is_in(module, one)), None)


def floor(of: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if of in rooms)


def against(*wrong: Import) -> str:
    """The message of a failed test."""
    return "\n".join(f"{found.importer} imports {found.imported}" for found in wrong)


def test_every_module_is_in_a_room() -> None:
    """And every room of the table is there, so that a renamed one does not slip out of its rules."""
    ours = {name for name in modules() if not is_in(name, "sandbox") and name != "bot"}
    assert {name for name in ours if room(name) is None} == set()
    assert {room(name) for name in ours} == {one for rooms in FLOORS for one in rooms}
    assert {one for one in PURE if one not in modules()} == set()


def test_arrows_lead_downwards_only() -> None:
    """A room imports nothing of its own floor and of those above."""
    wrong = [
        found
        for found in imports()
        if (here := room(found.importer))
        and (there := room(found.imported))
        and here != there
        and floor(there) >= floor(here)
    ]
    assert not wrong, against(*wrong)


def test_pure_modules_know_only_pure_modules() -> None:
    """And the standard library, without the parts of it that reach outside."""
    wrong = [
        found
        for found in imports()
        if is_in(found.importer, *PURE)
        and not is_in(found.imported, *PURE)
        and (found.imported.partition(".")[0] not in sys.stdlib_module_names or is_in(found.imported, *REACHES_OUT))
    ]
    assert not wrong, against(*wrong)


def test_rooms_do_without_the_libraries_of_others() -> None:
    """Slack, HTTP and the database come in through bot.app."""
    wrong = [
        found
        for found in imports()
        if any(is_in(found.importer, here) and is_in(found.imported, *libraries) for here, libraries in FOREIGN.items())
    ]
    assert not wrong, against(*wrong)


def test_only_the_command_line_knows_the_sandbox() -> None:
    """And imports it late, since the bot runs without what the sandbox needs."""
    wrong = [
        found
        for found in imports()
        if is_in(found.imported, "sandbox")
        and not is_in(found.importer, "sandbox")
        and not (found.importer == "bot.cli.main" and found.late)
    ]
    assert not wrong, against(*wrong)


def test_the_sandbox_knows_nothing_of_the_bot() -> None:
    """It plays the outside world; sharing code with the bot would let both be wrong in the same way."""
    wrong = [
        found for found in imports() if is_in(found.importer, "sandbox") and is_in(found.imported, "bot", "handlers")
    ]
    assert not wrong, against(*wrong)


def test_no_circles() -> None:
    """Following the imports of files, late ones too and those for types, never leads back."""
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


def test_every_room_is_on_the_map_and_says_what_it_is_for() -> None:
    """The docstring of the package bot has a line for each, and each package a docstring of its own."""
    on_the_map = set(re.findall(r"^([a-z_]+)(?:\.py|/)", bot.__doc__ or "", re.MULTILINE))
    rooms = {name.split(".")[1] for name in modules() if name.startswith("bot.") and name != "bot.__main__"}
    assert on_the_map == rooms | {"handlers"}
    packages = [path for path in modules().values() if path.name == "__init__.py"]
    assert [path for path in packages if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


def test_no_module_is_long() -> None:
    """What does not fit on a few screens is two things."""
    lengths = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules().items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}

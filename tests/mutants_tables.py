"""What mutmut leaves alone: the tables beside the functions. Part of `make mutants`; changes nothing on the disk.

Each entry of a module's tables is left out, each constant made another one, each member of an enumeration exchanged for
its neighbour; then that module's tests run in a child process. Run in the root of the tree.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis  # noqa: F401 - imported here, once, and not in every child.
import pytest
import sqlalchemy  # noqa: F401

MODULES = (
    "bot.domain.policy",
    "bot.domain.lifecycle",
    "bot.domain.evidence",
    "bot.domain.outcomes",
    "bot.domain.replies",
    "bot.deletion.settle",
    "bot.deletion.inspect_job",
    "bot.deletion.by_hand",
)
WANTED = 0.9
# What is imported above can no longer be rewritten, and pyproject.toml makes an error of that warning.
HOW = ("-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--no-header")
HOW += ("-W", "ignore::pytest.PytestAssertRewriteWarning")
Change = tuple[str, Callable[[], None]]


def tables(tree: ast.Module) -> Iterator[ast.Assign | ast.AnnAssign]:
    """The assignments of a module, and those of its enumerations."""
    for node in tree.body:
        yield from (
            inner
            for inner in ([node] if not isinstance(node, ast.ClassDef) else node.body)
            if isinstance(inner, ast.Assign | ast.AnnAssign) and inner.value is not None
        )


def members(tree: ast.Module) -> dict[str, list[str]]:
    """The enumerations that are defined here."""
    return {
        node.name: [inner.targets[0].id for inner in node.body if isinstance(inner, ast.Assign)]
        for node in tree.body
        if isinstance(node, ast.ClassDef) and "StrEnum" in ast.unparse(node)
    }


def changes(table: ast.Assign | ast.AnnAssign, known: dict[str, list[str]]) -> Iterator[Change]:
    """Every small change to one table, as what it is and how to do it."""
    labels: set[ast.Constant] = set()
    # Of an annotated assignment only the value: annotations are not evaluated.
    for node in ast.walk(table.value):
        match node:
            case ast.Call(func=ast.Name(id="Row"), args=[ast.Constant() as label, *_]):
                labels.add(label)  # says in words what the row is; nothing reads it
            case ast.Constant() if node in labels:
                pass
            case ast.Constant(value=bool() | int() | float() | str() as value):
                other = not value if isinstance(value, bool) else value + ("x" if isinstance(value, str) else 1)
                yield f"{value!r} -> {other!r}", lambda node=node, other=other: setattr(node, "value", other)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in known.get(name, ()):
                all_of_them = known[name]
                other = all_of_them[(all_of_them.index(attr) + 1) % len(all_of_them)]
                yield f"{name}.{attr} -> {other}", lambda node=node, other=other: setattr(node, "attr", other)
            case ast.Dict(keys=keys, values=values):
                # No key: another dictionary is spread here, and its entries are changed where it stands.
                for at, key in ((at, key) for at, key in enumerate(keys) if key):
                    yield f"without {ast.unparse(key)}", lambda k=keys, v=values, at=at: (k.pop(at), v.pop(at))
            case ast.Tuple(elts=elements) | ast.Set(elts=elements) if len(elements) > 1 and node is not table:
                for at, element in enumerate(elements):
                    yield f"without {ast.unparse(element)}", lambda e=elements, at=at: e.pop(at)


def is_noticed(name: str, code: ast.Module, at: int, number: int, known: dict[str, list[str]]) -> bool:
    """Run the tests on the changed module, in a child that ends with it. ``at`` -1 changes nothing."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    result = 1
    try:
        if at >= 0:
            list(changes(list(tables(code))[at], known))[number][1]()
        os.environ["MUTANT_UNDER_TEST"] = name
        spec = importlib.util.find_spec(name)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        exec(compile(ast.fix_missing_locations(code), spec.origin, "exec"), module.__dict__)  # noqa: S102
        package, _, last = name.rpartition(".")
        setattr(sys.modules[package], last, module)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result = int(pytest.main([*HOW, *tests_of(name)]))
    except BaseException:  # noqa: BLE001 - a module that cannot even be imported has been noticed.
        result = 1
    finally:
        os._exit(result)


RECONCILE = "tests/unit/deletion/test_reconcile.py"
TESTS = {
    "bot.deletion.settle": (RECONCILE,),
    "bot.deletion.inspect_job": (RECONCILE,),
}
"""The tests of a module that has no file of its own."""
MORE_TESTS = {
    "bot.deletion.by_hand": (RECONCILE,),
    "bot.domain.policy": ("tests/unit/domain/test_who_may_table.py",),
    "bot.domain.replies": ("tests/unit/repository/test_docs.py::test_the_page_of_messages_is_what_the_code_says",),
}
"""Tests elsewhere that hold a module's tables too: the words in them are read by the pages that are made of them."""


def tests_of(name: str) -> tuple[str, ...]:
    _, room, module = name.split(".")
    return (*TESTS.get(name, (f"tests/unit/{room}/test_{module}.py",)), *MORE_TESTS.get(name, ()))


def trees() -> dict[str, ast.Module]:
    return {
        name: ast.parse(Path(*name.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
        for name in (*MODULES, "bot.domain.model", "bot.domain.events")
    }


def mutants(name: str, tree: ast.Module, known: dict[str, list[str]]) -> Iterator[tuple[str, int, int]]:
    """The changes to a module: what each is, and its table's and its own number."""
    for at, table in enumerate(tables(tree)):
        for number, (what, _) in enumerate(changes(table, known)):
            yield f"{name}:{table.lineno} {what}", at, number


def main() -> int:
    """Print the figures and the survivors; 1 if a module is below what is wanted."""
    parsed = trees()
    known = {enum: names for tree in parsed.values() for enum, names in members(tree).items()}
    scores, survivors = [], []
    for name in MODULES:
        assert not is_noticed(name, parsed[name], -1, 0, known), f"the tests of {name} fail as it is"
        made = list(mutants(name, parsed[name], known))
        with ThreadPoolExecutor(2) as pool:
            noticed = list(pool.map(lambda one: is_noticed(name, parsed[name], *one[1:], known), made))  # noqa: B023
        scores.append(sum(noticed) / len(made))
        survivors += [what for (what, _, _), seen in zip(made, noticed, strict=True) if not seen]
        print(f"{name:28} {scores[-1]:7.1%} {len(made):8} in its tables", flush=True)
    print(*survivors, sep="\n")
    return 0 if min(scores) >= WANTED else 1


if __name__ == "__main__":
    sys.path.insert(0, os.curdir)
    sys.exit(main())

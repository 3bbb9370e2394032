"""Nothing that is loaded can run code: no pickle, no YAML, no eval, no shell, no template, no temporary name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT

MODULES = {
    *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"),
    *("yaml", "ruamel", "toml_loader", "xml", "lxml", "plistlib", "jinja2", "mako", "code", "codeop", "pty"),
    *("telnetlib", "ftplib", "imp", "ctypes"),
}
CALLS = {
    *("eval", "exec", "compile", "__import__", "input", "breakpoint"),
    *("os.system", "os.popen", "tempfile.mktemp", "importlib.import_module", "import_module"),
    "ssl._create_unverified_context",
}
SUBPROCESSES = {
    *("sandbox/bot_process.py", "sandbox/page/ledger.py"),
    *("benchmarks/arena.py", "benchmarks/far.py", "benchmarks/report.py"),
}
"""The sandbox and the benchmarks start the bot, a relay is started, and a report asks git. The bot starts nothing."""


def findings(source: str, name: str) -> Iterator[str]:
    """What is in that module and should not be."""
    for node in ast.walk(ast.parse(source)):
        for module in imported(node):
            package = module.partition(".")[0]
            if package in MODULES or (package == "subprocess" and name not in SUBPROCESSES):
                yield f"{name}: imports {module}"
        if isinstance(node, ast.Call):
            yield from (f"{name}:{node.lineno}: {each}" for each in wrong_call(node))
        if isinstance(node, ast.Attribute) and node.attr in {"CERT_NONE", "_create_unverified_context"}:
            yield f"{name}:{node.lineno}: {node.attr}"


def imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []


def wrong_call(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    if called in CALLS:
        yield f"calls {called}"
    for keyword in node.keywords:
        said = (keyword.arg, ast.unparse(keyword.value))
        if said in {("shell", "True"), ("verify", "False"), ("check_hostname", "False")}:
            yield f"{said[0]}={said[1]}"


@pytest.mark.parametrize("folder", ["bot", "handlers", "sandbox", "benchmarks"])
def test_no_code_comes_out_of_data(folder: str) -> None:
    """Read from the source, imports inside of functions too."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    found = [each for path in paths for each in findings(path.read_text("utf-8"), str(path.relative_to(ROOT)))]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from yaml import load",
        "eval('1')",
        "import os\nos.system('x')",
        "run('x', shell=True)",
        "get('x', verify=False)",
        "import ssl\nc.verify_mode = ssl.CERT_NONE",
        "import subprocess",
    ],
)
def test_the_search_finds(source: str) -> None:
    """So that an empty result means something."""
    assert list(findings(source, "x.py"))

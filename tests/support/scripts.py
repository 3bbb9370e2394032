"""The scripts of deploy/, which is no package."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"


def script(name: str) -> ModuleType:
    """A fresh module of that script, so that what a test changes in it is its own."""
    spec = importlib.util.spec_from_file_location(name, DEPLOY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

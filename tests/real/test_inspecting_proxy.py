"""A proxy that reads TLS, as companies have them: it shows certificates of its own, which CA_BUNDLE makes trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.outside import Outside
from tests.real.processes import Program
from tests.real.proxies import mitmdump
from tests.support.certificates import certificate, server_context


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """Slack and MetaStudio over TLS, by a certificate that the proxy knows and the bot does not."""
    for name in ("bot", "far"):
        (tmp_path / name).mkdir()
    made = Outside(tmp_path / "bot", tls=server_context(certificate(tmp_path / "far")))
    with made.running():
        yield made


def test_ca_bundle_makes_it_trusted(outside: Outside, tmp_path: Path) -> None:
    """With it a deletion goes through Web API, socket and MetaStudio; without it the start ends and names CA_BUNDLE."""
    (tmp_path / "proxy").mkdir()
    with mitmdump(tmp_path / "proxy", tmp_path / "far" / "both.pem") as (port, authority):
        there = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "METASTUDIO_PROXY": f"http://127.0.0.1:{port}"}
        there |= outside.settings()
        program = Program(outside.folder, there)
        assert program.starts("run").wait(60) == 3
        assert "CA_BUNDLE" in program.said()
        with Program(outside.folder, {**there, "CA_BUNDLE": str(authority)}).runs():
            outside.delete_a_job()
        assert (tmp_path / "proxy" / "log").read_text(encoding="utf-8").count(": DELETE https://127.0.0.1") == 1

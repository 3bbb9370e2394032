"""A bot whose only way out is a proxy with a password: CONNECT for Slack's Web API and socket, and for MetaStudio."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.real.outside import Outside
from tests.real.processes import Program
from tests.real.proxies import PASSWORD, USER, Shut
from tests.support.certificates import certificate, server_context


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Shut]:
    """The bot's machine, before the bot runs."""
    with Shut(tmp_path).up() as made:
        yield made


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """Slack and MetaStudio over TLS, by a certificate that only CA_BUNDLE makes trusted."""
    made = Outside(tmp_path, tls=server_context(certificate(tmp_path)))
    with made.running():
        yield made


def settings(outside: Outside, shut: Shut) -> Mapping[str, str]:
    """Both proxies are this one."""
    return {
        **outside.settings(),
        "CA_BUNDLE": str(outside.folder / "both.pem"),
        "HTTPS_PROXY": shut.proxy,
        "METASTUDIO_PROXY": shut.proxy,
    }


def test_everything_goes_through_the_proxy(outside: Outside, shut: Shut) -> None:
    """Doctor and bot work, a deletion goes through, and the proxy's password is in nothing that either has written."""
    program = Program(outside.folder, {**settings(outside, shut), "LOG_LEVEL": "DEBUG"}, shut.enter)
    with program.runs():
        outside.delete_a_job()
        assert program.starts("doctor").wait(60) == 0, program.said()
    written = program.said()
    assert "CONNECT" in shut.log.read_text(encoding="utf-8")
    for secret in (PASSWORD, b64encode(f"{USER}:{PASSWORD}".encode()).decode()):
        assert secret not in written


@pytest.mark.parametrize("wrong", ["HTTPS_PROXY", "METASTUDIO_PROXY"])
def test_a_wrong_password_is_named_by_doctor(outside: Outside, shut: Shut, wrong: str) -> None:
    """Doctor ends with 1 and names the proxy's setting; neither password is shown."""
    there = settings(outside, shut)
    assert Program(outside.folder, there, shut.enter).starts("db", "upgrade").wait(60) == 0
    program = Program(outside.folder, {**there, wrong: shut.proxy.replace(PASSWORD, "another-made-up-one")}, shut.enter)
    assert program.starts("doctor").wait(120) == 1, program.said()
    assert wrong in program.said()
    assert "another-made-up-one" not in program.said()
    assert PASSWORD not in program.said()

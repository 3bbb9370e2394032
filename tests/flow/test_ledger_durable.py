"""A PostgreSQL that cannot keep commits: the bot does not start on it, and the doctor names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.app import CannotStart
from bot.cli.main import main
from tests.contract.test_ledger_session import on_the_server
from tests.flow.world import World
from tests.support import postgres


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_start_and_doctor_name_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The start is refused with the setting and what to do; doctor says the same, in that one line only."""
    url = postgres.migrated()
    w = World(tmp_path, SLACK_MODE="socket", METASTUDIO_AUTH="aksk", DATABASE_URL=url).start()
    monkeypatch.chdir(tmp_path)
    for setting, text in w.environ().items():
        monkeypatch.setenv(setting, text)
    try:
        with on_the_server(url, name, "off"):
            with pytest.raises(CannotStart) as refused:
                w.run_bot()
            assert main(["run"]) == 3
            capsys.readouterr()
            assert main(["doctor", "--json"]) == 1
        findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        wrong = {each["check"]: each["says"] for each in findings if each["state"] == "wrong"}
        assert wrong.keys() == {"ledger durable"}
        for says in (str(refused.value), wrong["ledger durable"]):
            assert f"cannot keep commits ({name}=off)" in says
            assert "reload it" in says
        w.run_bot()
    finally:
        w.stop()

"""The database's address, which may hold a password, is printed by no command, whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.main import main
from bot.ledger.database.engine import connect
from bot.ledger.database.trouble import FOREIGN, translate

PASSWORD = "pAsSwOrD"
URLS = [
    f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:9/db",
    f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:9/db?sslmode=nonsense",
    f"postgresql+psycopg://user:{PASSWORD}@[::1]:9/db",
    f"postgres://user:{PASSWORD}@127.0.0.1:9,127.0.0.1:9/db?target_session_attrs=read-write",
    f"host=127.0.0.1 port=9 dbname=db password='{PASSWORD}'",
    f"postgresql://user:a@b/c?{PASSWORD}=x@h/db",
    f"postgresql://user:x@127.0.0.1:9/db?sslpasword={PASSWORD}",
    f"mysql://user:{PASSWORD}@h/db",
    f"sqlite:////nowhere/{PASSWORD}/x.db",
    f"postgresql+psycopg://user:{PASSWORD}@[broken/db",
    f"postgresql+psycopg://user:s3cr@t:{PASSWORD}@db.example/dh",
    f"postgresql+psycopg://user:{PASSWORD}@[::1/db",
    f"postgresql+psycopg://user:{PASSWORD}@h:x/db",
    PASSWORD,
]
COMMANDS = [
    *(["db", name] for name in ("upgrade", "status", "expire-open")),
    ["db", "backup", "copy.db"],
    *(["audit", name] for name in ("list", "verify")),
    ["audit", "show", "x"],
    ["audit", "export", "--format", "csv"],
    ["audit", "prune", "--before", "2020-01-01", "--yes"],
    ["doctor"],
    ["doctor", "--json"],
    ["run"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(command[:3]) for command in COMMANDS])
def test_no_command_prints_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Each says what to look at, by the setting's name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.logs.configure", lambda *_: None)
    monkeypatch.setattr("bot.logs.catch_uncaught", lambda: None)
    for name, text in {
        "SLACK_BOT_TOKEN": "xoxb-1-made-up",
        "SLACK_APP_TOKEN": "xapp-1-made-up",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
        "METASTUDIO_PROJECT_ID": "p1",
        "METASTUDIO_ENDPOINT": "http://127.0.0.1:9",
        "HUAWEICLOUD_SDK_AK": "MADEUPKEY",
        "HUAWEICLOUD_SDK_SK": "made-up-secret",
    }.items():
        monkeypatch.setenv(name, text)
    # A bot that would get as far as asking Slack is not what this is about.
    monkeypatch.setattr("bot.slack.identity.START_PAUSES", (0.0,))
    for url in URLS:
        monkeypatch.setenv("DATABASE_URL", url)
        assert main(command) in {1, 2, 3}
        captured = capsys.readouterr()
        assert PASSWORD not in captured.out + captured.err, url
        assert captured.out + captured.err


@pytest.mark.parametrize("url", URLS[:3])
def test_trouble_does_not_quote_it(url: str) -> None:
    """Neither in its text and notes nor in what it was raised from."""
    with pytest.raises((*FOREIGN, ValueError)) as raised, connect(url).reading.connect():
        pass
    trouble = translate(raised.value)
    assert PASSWORD not in f"{trouble} {trouble.diagnosis} {getattr(trouble, '__notes__', '')}"

"""Path and SQL injection through ids and names: what is typed, what the cloud says, what the command line is given."""

from __future__ import annotations

import pytest

from bot.cli.main import main
from tests.flow.world import World

IDS = [
    "../jobs",
    "..%2f..%2fv1",
    "a/b",
    "a%2Fb",
    "a?job_id=b",
    "a#b",
    "a;b",
    "a&b",
    "a\\b",
    ".",
    "-rf",
    "'--",
    "1;DROP",
    "x'OR'1'='1",
    '"x"y',
    "%27",
    "a%00",
    "${x}",
    "{{x}}",
]
NAMES = ["'; DROP TABLE deletions; --", '" OR ""="', "%s%(x)s:name\\", "Robert'); DELETE FROM events;--", "{0}{x}%n"]


@pytest.mark.parametrize("job", IDS)
def test_an_id_that_would_be_a_path_or_a_query(w: World, job: str) -> None:
    """Refused in the ack; no request leaves, whatever it is spelled like."""
    asked = w.ask(job)
    assert "Checking" not in asked.wait_ack()["text"]
    assert list(w.cloud.requests) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_or_reason_that_would_be_sql(w: World, name: str) -> None:
    """It is stored and shown as it is, the deletion goes its way, and every table is still there."""
    job = w.cloud.add_job(state="TRAIN_FAILED", name=name, asset_id=name, last_update_time=name)
    w.press(w.card(job, reason=name))
    found = w.deletion(job)
    assert (found.job.name, found.reason, found.state.value) == (name, name, "deleted")
    assert w.cloud.deletes_arrived(job) == 1
    assert w.app.ledger.trail.missing_triggers() == frozenset()


@pytest.mark.parametrize("text", [*IDS, *NAMES])
def test_the_command_line(
    w: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """A filter takes an id and nothing else, and what it is asked to show it looks up as it is."""
    w.ask("no-such-job")
    monkeypatch.setenv("DATABASE_URL", w.environ()["DATABASE_URL"])
    for option in ("--job", "--person", "--deletion"):
        assert main(["audit", "list", "--json", f"{option}={text}"]) == 2
    assert main(["audit", "show", "--", text]) == 1
    assert main(["audit", "verify", f"--against={text}"]) == 2
    assert capsys.readouterr().out == ""
    assert main(["audit", "verify"]) == 0

"""`dh-bot doctor` against the sandbox: whatever single thing is broken, it names exactly that thing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from huaweicloudsdkcore.auth.internal import MetadataAccessor

from bot.cli import main
from bot.ledger.store import open_ledger
from bot.metastudio.auth import Credentials
from bot.model import Target
from sandbox import metastudio_faults as play
from tests.contract.values import event
from tests.flow.modes import usual
from tests.flow.world import IAM_USER, World

LIST = "List2dModelTrainingJob"


@dataclass
class Surgery:
    """A world with a ledger but without a running bot, and the settings of one."""

    w: World
    env: dict[str, str]
    audit: str
    group: str
    says: dict[str, str] = field(default_factory=dict)
    status: int = -1

    @property
    def ledger(self) -> Path:
        return self.w.folder / "ledger.db"

    def sql(self, *statements: str) -> None:
        with sqlite3.connect(self.ledger) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()


@pytest.fixture
def s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surgery]:
    w = World(tmp_path, **usual(tmp_path)).start()
    monkeypatch.chdir(tmp_path)
    audit = w.slack.add_channel("audit")
    group = w.slack.add_group("oncall", [w.anna])
    env = w.environ() | {
        "AUTHORIZED_CHANNELS": w.ops,
        "AUDIT_CHANNEL": audit,
        "AUTHORIZED_USERGROUPS": group,
    }
    made = Surgery(w, env, audit, group)
    with_events = open_ledger(env["DATABASE_URL"], Target(w.cloud.url, "cn-north-4", w.cloud.project_id))
    with_events.record(*[event() for _ in range(5)])
    with_events.close()
    yield made
    assert w.slack.violations == []
    w.stop()


def visit(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Run it; the names of the checks that are wrong."""
    with monkeypatch.context() as patch:
        for name, text in s.env.items():
            patch.setenv(name, text)
        s.status = main(["doctor", "--json"])
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    s.says = {each["check"]: each["says"] for each in findings}
    return {each["check"] for each in findings if each["state"] == "wrong"}


def test_all_is_well(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check is made and fine; nothing is changed anywhere, and one call goes to MetaStudio."""
    before = s.ledger.read_bytes()
    assert visit(s, monkeypatch, capsys) == set()
    assert s.status == 0
    channels = {f"channel {s.w.ops}", f"channel {s.audit}"}
    assert set(s.says) == channels | {
        *("settings", "ledger", "ledger schema", "ledger writable", "audit trail"),
        *("region", "MetaStudio", "credentials", "project", "permission", "MetaStudio's clock"),
        *("Slack", "bot token", "scopes", "Slack's clock", "Socket Mode", f"user group {s.group}"),
    }
    assert [seen.operation for seen in s.w.cloud.requests] == [LIST]
    assert {call.method for call in s.w.slack.calls} == {
        *("auth.test", "conversations.info", "usergroups.users.list", "apps.connections.open"),
    }
    assert s.w.slack.sockets.links == []
    assert s.ledger.read_bytes() == before


def test_beside_a_running_bot(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The bot holds the ledger and the socket; it goes on as if nobody had looked."""
    s.w.extra |= s.env
    s.w.run_bot()
    assert visit(s, monkeypatch, capsys) == set()
    assert s.status == 0
    s.w.press(s.w.card(s.w.cloud.add_job(state="TRAIN_FAILED")))
    assert len(s.w.cloud.deleted) == 1
    s.w.stop_bot()


def lose_the_ledger(s: Surgery) -> None:
    for path in s.w.folder.glob("ledger.db*"):
        path.unlink()


def open_the_breaker(s: Surgery) -> None:
    fingerprint = Credentials(s.w.cloud.ak, s.w.cloud.sk).fingerprint()
    key = f"{s.w.cloud.url}|{s.w.cloud.project_id}"
    s.sql(
        f"INSERT INTO breakers (target, fingerprint, opened_at) VALUES ('{key}', '{fingerprint}', "  # noqa: S608
        "'2026-01-01T00:00:00.000000Z')"
    )


def lock_the_key(s: Surgery) -> None:
    key = s.w.cloud.gate.keys[s.w.cloud.ak]
    key.locked_until = s.w.clock.now().replace(year=2999)


def move_the_clock(double: object, seconds: float) -> None:
    real = double.now  # type: ignore[attr-defined]
    if isinstance(real(), float):
        double.now = lambda: real() + seconds  # type: ignore[attr-defined]
    else:
        double.now = lambda: real() + timedelta(seconds=seconds)  # type: ignore[attr-defined]


BROKEN: dict[str, tuple[Callable[[Surgery], object], Callable[[Surgery], set[str]], str]] = {
    "no ledger yet": (lose_the_ledger, lambda s: {"ledger"}, "dh-bot db upgrade"),
    "no ledger at all": (lambda s: s.ledger.write_bytes(b"x" * 5000), lambda s: {"ledger"}, "damaged"),
    "old schema": (lambda s: s.sql("DELETE FROM alembic_version"), lambda s: {"ledger schema"}, "db upgrade"),
    "newer schema": (
        lambda s: s.sql("UPDATE alembic_version SET version_num = '9999'"),
        lambda s: {"ledger schema"},
        "newer version",
    ),
    "cannot be written": (
        lambda s: s.sql("CREATE TRIGGER t BEFORE INSERT ON owners BEGIN SELECT RAISE(ABORT, 'no'); END"),
        lambda s: {"ledger writable"},
        "cannot be written",
    ),
    "tampered": (
        lambda s: s.sql("DROP TRIGGER events_no_update", "UPDATE events SET channel = 'C9' WHERE number = 3"),
        lambda s: {"audit trail"},
        "event 3 was changed",
    ),
    "a guard is gone": (lambda s: s.sql("DROP TRIGGER events_no_delete"), lambda s: {"audit trail"}, "missing"),
    "region": (lambda s: s.env.update(METASTUDIO_REGION="eu-nowhere-1"), lambda s: {"region"}, "none that MetaStudio"),
    "MetaStudio down": (lambda s: s.w.cloud.stop(), lambda s: {"MetaStudio"}, "connection refused"),
    "MetaStudio ill": (
        lambda s: s.w.cloud.faults.add(LIST, play.error(503, "MSS.00000004"), times=None),
        lambda s: {"MetaStudio"},
        "HTTP 503",
    ),
    "wrong secret": (
        lambda s: s.env.update(HUAWEICLOUD_SDK_SK="wrong" * 8),
        lambda s: {"credentials"},
        "do not try again",
    ),
    "key locked": (lock_the_key, lambda s: {"credentials"}, "locked for five minutes"),
    "calls are stopped": (open_the_breaker, lambda s: {"credentials"}, "made no call"),
    "wrong project": (
        lambda s: s.env.update(METASTUDIO_PROJECT_ID="f" * 32),
        lambda s: {"project"},
        "METASTUDIO_PROJECT_ID",
    ),
    "no permission": (
        lambda s: s.w.cloud.faults.add(LIST, play.error(403, "MSS.00010007")),
        lambda s: {"permission"},
        "FullAccess",
    ),
    "clock a bit off": (
        lambda s: move_the_clock(s.w.cloud, 120),
        lambda s: {"MetaStudio's clock"},
        "seconds behind MetaStudio's",
    ),
    "clock far off": (
        lambda s: move_the_clock(s.w.cloud, -3600),
        lambda s: {"MetaStudio's clock"},
        "seconds ahead of MetaStudio's",
    ),
    "Slack's clock": (lambda s: move_the_clock(s.w.slack, 90), lambda s: {"Slack's clock"}, "behind Slack's"),
    "bot token": (
        lambda s: s.env.update(SLACK_BOT_TOKEN="xoxb-1-2-wrong"),
        lambda s: {"bot token"},
        "invalid_auth",
    ),
    "a person's token": (lambda s: setattr(s.w.slack, "bot_id", ""), lambda s: {"bot token"}, "a person's token"),
    "a scope": (lambda s: s.w.slack.scopes.discard("users:read"), lambda s: {"scopes"}, "Missing: users:read"),
    "app token": (
        lambda s: s.env.update(SLACK_APP_TOKEN="xapp-1-A1-2-wrong"),
        lambda s: {"Socket Mode"},
        "SLACK_APP_TOKEN",
    ),
    "Socket Mode is off": (
        lambda s: setattr(s.w.slack, "socket_mode", False),
        lambda s: {"Socket Mode"},
        "switched on",
    ),
    "not in a channel": (lambda s: s.w.slack.kick_bot(s.w.ops), lambda s: {f"channel {s.w.ops}"}, "Invite it"),
    "not in the audit channel": (lambda s: s.w.slack.kick_bot(s.audit), lambda s: {f"channel {s.audit}"}, "Invite it"),
    "archived": (
        lambda s: s.w.slack.archive(s.w.ops),
        lambda s: {f"channel {s.w.ops}"},
        "archived",
    ),
    "no such channel": (
        lambda s: s.env.update(AUDIT_CHANNEL="C0NOWHERE"),
        lambda s: {"channel C0NOWHERE"},
        "Check the id",
    ),
    "no such group": (
        lambda s: s.env.update(AUTHORIZED_USERGROUPS="S0NOWHERE"),
        lambda s: {"user group S0NOWHERE"},
        "does not tell its members",
    ),
    "Slack down": (
        lambda s: s.env.update(SLACK_API_URL="http://127.0.0.1:9/api/"),
        lambda s: {"Slack"},
        "It cannot be reached (connection refused). Check the network and HTTPS_PROXY.",
    ),
    "Slack ill": (
        lambda s: s.w.slack.faults.add("auth.test", "http", status=503),
        lambda s: {"Slack"},
        "It answers with an error (http_503). Try again later.",
    ),
    "Slack cuts a look at a channel": (
        lambda s: s.w.slack.faults.add("conversations.info", "drop"),
        lambda s: {f"channel {s.w.ops}"},
        "Slack cannot be reached",
    ),
    "Slack is throttling a look at a group": (
        lambda s: s.w.slack.faults.add("usergroups.users.list", "ratelimited"),
        lambda s: {f"user group {s.group}"},
        "Slack answers with an error (ratelimited)",
    ),
    "Slack cuts Socket Mode": (
        lambda s: s.w.slack.faults.add("apps.connections.open", "cut"),
        lambda s: {"Socket Mode"},
        "Slack cannot be reached",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_names_the_one_thing(
    s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """And what to do about it; what stands on it is not checked, and everything else is fine."""
    does, wrong, remedy = BROKEN[name]
    does(s)
    if name == "region":
        s.env["METASTUDIO_ENDPOINT"] = s.w.cloud.url
    (named,) = visit(s, monkeypatch, capsys)
    assert {named} == wrong(s)
    assert remedy in s.says[named]
    assert s.status == 1
    said = json.dumps(s.says)
    if "cannot be reached" in s.says[named]:
        assert "SLACK_APP_TOKEN" not in said
        assert "SLACK_BOT_TOKEN" not in said
    for secret in (s.w.cloud.ak, s.w.cloud.sk, s.w.slack.bot_token, s.w.slack.app_token, s.w.slack.signing_secret):
        assert secret not in said
    if name in {"calls are stopped", "no ledger yet"}:
        assert list(s.w.cloud.requests) == []
    assert len(s.w.cloud.requests) <= (3 if name == "MetaStudio ill" else 1)


def test_what_stands_on_slack_is_not_checked(
    s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a way to Slack nothing is said of tokens, scopes and channels but that."""
    s.env["SLACK_API_URL"] = "http://127.0.0.1:9/api/"
    visit(s, monkeypatch, capsys)
    waiting = {name for name, says in s.says.items() if says == "Not before this is right: Slack."}
    channels = {f"channel {s.w.ops}", f"channel {s.audit}"}
    assert waiting == channels | {"bot token", "scopes", "Slack's clock", "Socket Mode", f"user group {s.group}"}


def sign_in_by(s: Surgery, how: str, **settings: str) -> None:
    """Take the access keys away and let the bot sign in in another way."""
    s.env |= {"HUAWEICLOUD_SDK_AK": "", "HUAWEICLOUD_SDK_SK": "", "METASTUDIO_AUTH": how, **settings}


SIGNING_IN: dict[str, tuple[Callable[[Surgery], object], str]] = {
    "profile without a file": (
        lambda s: sign_in_by(s, "profile", HUAWEICLOUD_SDK_CREDENTIALS_FILE=str(s.w.folder / "nothing")),
        "must be readable and have a section [basic]",
    ),
    "agency on a machine that has none": (lambda s: sign_in_by(s, "agency"), "metadata service"),
    "wrong IAM password": (
        lambda s: sign_in_by(s, "token", **{**IAM_USER, "IAM_ENDPOINT": s.w.cloud.url, "IAM_PASSWORD": "yesterday's"}),
        "IAM refused the sign-in. Check IAM_DOMAIN",
    ),
    "IAM in trouble": (
        lambda s: (
            sign_in_by(s, "token", **{**IAM_USER, "IAM_ENDPOINT": s.w.cloud.url}),
            s.w.cloud.faults.add("KeystoneCreateUserTokenByPassword", play.error(503, "x"), times=None),
        ),
        "IAM gave no token",
    ),
}


@pytest.mark.parametrize("name", SIGNING_IN)
def test_names_what_is_wrong_with_signing_in(
    s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Whatever METASTUDIO_AUTH is: the credentials, and what they need."""
    does, remedy = SIGNING_IN[name]
    monkeypatch.setattr(MetadataAccessor, "_METADATA_ENDPOINT", "http://127.0.0.1:1")
    does(s)
    assert visit(s, monkeypatch, capsys) == {"credentials"}
    assert remedy in s.says["credentials"]
    assert "yesterday's" not in json.dumps(s.says)
    assert list(s.w.cloud.requests) == []


def test_a_token_that_works(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One sign-in, one call, and all is well."""
    sign_in_by(s, "token", **{**IAM_USER, "IAM_ENDPOINT": s.w.cloud.url})
    assert visit(s, monkeypatch, capsys) == set()
    assert (len(s.w.cloud.sign_ins), len(s.w.cloud.requests)) == (1, 1)


def test_http_mode(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Needs no app-level token, and says what only a request of Slack's can show."""
    s.env |= {"SLACK_MODE": "http", "SLACK_SIGNING_SECRET": s.w.slack.signing_secret, "SLACK_APP_TOKEN": ""}
    assert visit(s, monkeypatch, capsys) == set()
    assert "type the command" in s.says["HTTP mode"]
    assert "Socket Mode" not in s.says


def test_the_breaker_of_other_keys_stops_nothing(
    s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Calls were stopped for a key that has been replaced since."""
    open_the_breaker(s)
    s.sql("UPDATE breakers SET fingerprint = 'another'")
    assert visit(s, monkeypatch, capsys) == set()
    assert len(s.w.cloud.requests) == 1


def test_wrong_settings_are_findings_too(
    s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each problem is one, the status is that of settings, nobody is asked anything, and all the rest says so."""
    visit(s, monkeypatch, capsys)
    rest = {name for name in s.says if not name.startswith(("channel ", "user group "))} - {"settings", "Socket Mode"}
    s.w.slack.calls.clear()
    s.env |= {"MAX_OPEN": "many", "AUTHORISED_USERS": "U1"}
    assert visit(s, monkeypatch, capsys) == {"settings"}
    assert s.status == 2
    assert s.w.slack.calls == []
    waiting = {name for name, says in s.says.items() if says == "Not before this is right: settings."}
    assert waiting == rest | {"channels", "user groups", "Socket Mode or HTTP mode"}


def test_for_people(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line per check, the verdict first."""
    for name, text in s.env.items():
        monkeypatch.setenv(name, text)
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("fine", "note")) for line in lines)
    assert "fine         bot token: Slack accepts it as a bot's." in lines

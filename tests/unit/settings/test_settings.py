"""The settings of product.md section 5: what is accepted, what is refused with which words, and what is never shown."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
from pathlib import Path

import certifi
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.job_states import STATES
from bot.domain.model import ConfirmBy, Target
from bot.settings.forms import SettingsError
from bot.settings.load import read_settings
from bot.settings.schema import SECRET_NAMES, Settings
from bot.settings.sources import ALTERNATIVES
from tests.support.paths import ROOT, SHARED

PRODUCT = SHARED / "design" / "product.md"

PROJECT = "fedcba9876543210fedcba9876543210"
ENOUGH = {
    "SLACK_BOT_TOKEN": "xoxb-1-made-up",
    "SLACK_APP_TOKEN": "xapp-1-made-up",
    "METASTUDIO_PROJECT_ID": PROJECT,
    "HUAWEICLOUD_SDK_AK": "MADEUPKEY",
    "HUAWEICLOUD_SDK_SK": "made-up-secret",
    "AUTHORIZED_USERS": "U0AAA,U0BBB",
}
LOCAL = "http://127.0.0.1:8080"


def load(*without: str, env_file: Path | None = None, **changes: str) -> Settings:
    environ = {name: text for name, text in {**ENOUGH, **changes}.items() if name not in without}
    return read_settings(environ, env_file)


def problems(*without: str, env_file: Path | None = None, **changes: str) -> dict[str, str]:
    """What is wrong, by setting."""
    with pytest.raises(SettingsError) as caught:
        load(*without, env_file=env_file, **changes)
    return {problem.setting: str(problem) for problem in caught.value.problems}


def test_enough_is_enough() -> None:
    """With tokens, project and keys the bot starts, on the defaults of the table."""
    settings = load()
    assert settings.target == Target("https://metastudio.cn-north-4.myhuaweicloud.com", "cn-north-4", PROJECT)
    assert settings.iam_endpoint == "https://iam.cn-north-4.myhuaweicloud.com"
    assert settings.access_keys == ("MADEUPKEY", "made-up-secret", None)
    assert settings.slack_mode == "socket"
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.slack_command == "/delete-dh-job"
    assert (settings.http_host, settings.http_port) == ("0.0.0.0", 3000)  # noqa: S104 - nothing listens here
    assert (settings.ops_host, settings.ops_port) == ("127.0.0.1", None)
    assert (settings.connect_timeout, settings.read_timeout) == (5, 30)
    assert (settings.deletes_per_second, settings.reads_per_second) == (1, 5)
    assert settings.confirm_by is ConfirmBy.REQUESTER
    assert (settings.confirm_within_seconds, settings.settle_after_seconds) == (600, 600)
    assert (settings.max_open, settings.workers) == (200, 256)
    assert settings.database_url == "sqlite:///dh-bot.db"
    assert (settings.log_level, settings.log_format, settings.log_stream) == ("INFO", "json", "stderr")
    assert settings.reason_required is False
    assert settings.notices() == []


def test_nobody_is_allowed_by_default() -> None:
    """Without users and groups the sets are empty, which means nobody, and the start says so."""
    settings = load("AUTHORIZED_USERS")
    assert settings.authorized_users == settings.authorized_usergroups == frozenset()
    assert any("Nobody may delete" in notice for notice in settings.notices())


ACCEPTED = [
    ("AUTHORIZED_USERS", " U0AAA , W0BBB,,U0AAA, ", frozenset({"U0AAA", "W0BBB"})),
    ("AUTHORIZED_CHANNELS", "C0AAA,G0BBB", frozenset({"C0AAA", "G0BBB"})),
    ("FREEZE_BY", "U0CCC", frozenset({"U0CCC"})),
    ("AUDIT_CHANNEL", "C0LOG", "C0LOG"),
    ("HELP_CONTACT", "the on-call team, #dh-help", "the on-call team, #dh-help"),
    ("HELP_CONTACT", "S0HELP", "S0HELP"),
    ("ENVIRONMENT_LABEL", "生产", "生产"),
    ("SLACK_COMMAND", "/delete-dh-job-2", "/delete-dh-job-2"),
    ("SLACK_API_URL", "http://localhost:3999/api", "http://localhost:3999/api/"),
    ("SLACK_API_URL", "https://slack-gov.com/api/", "https://slack-gov.com/api/"),
    ("METASTUDIO_ENDPOINT", "HTTPS://MetaStudio.Example.com:443/", "https://metastudio.example.com"),
    ("METASTUDIO_ENDPOINT", "http://[::1]:8080", "http://[::1]:8080"),
    ("METASTUDIO_REGION", "ap-southeast-3", "ap-southeast-3"),
    ("METASTUDIO_APP_USER_ID", "ops team", "ops team"),
    ("CONNECT_TIMEOUT", "0.5", 0.5),
    ("DELETES_PER_SECOND", "0", 0),
    ("CONFIRM_BY", "second_person", ConfirmBy.SECOND_PERSON),
    ("SECOND_PERSON_STATES", ",".join(STATES), frozenset(STATES)),
    ("CONFIRM_WITHIN_SECONDS", "30", 30),
    ("CONFIRM_WITHIN_SECONDS", "604800", 604_800),
    ("REASON_REQUIRED", "Yes", True),
    ("MAX_OPEN", "1", 1),
    ("DATABASE_URL", "sqlite:////var/lib/dh-bot/ledger.db", "sqlite:////var/lib/dh-bot/ledger.db"),
    ("LOG_LEVEL", "debug", "DEBUG"),
    ("LOG_FORMAT", "console", "console"),
    ("LOG_STREAM", "stdout", "stdout"),
    ("HTTP_PORT", "65535", 65535),
    ("OPS_PORT", "9090", 9090),
]


@pytest.mark.parametrize(("name", "text", "value"), ACCEPTED)
def test_accepted(name: str, text: str, value: object) -> None:
    """These texts become these values."""
    assert getattr(load(**{name: text}), name.lower()) == value


REFUSED = [
    ("SLACK_BOT_TOKEN", "xapp-1-x", "belongs in SLACK_APP_TOKEN"),
    ("SLACK_BOT_TOKEN", "xoxp-1-x", "user token"),
    ("SLACK_BOT_TOKEN", "xoxe.xoxb-1-x", "token rotation"),
    ("SLACK_BOT_TOKEN", "hunter22", "starts with xoxb-"),
    ("SLACK_BOT_TOKEN", "xoxb-1 x", "such as a space"),
    ("SLACK_BOT_TOKEN", "“xoxb-1”", "starts with xoxb-"),
    ("SLACK_APP_TOKEN", "xoxb-1-x", "belongs in SLACK_BOT_TOKEN"),
    ("SLACK_APP_TOKEN", "hunter22", "starts with xapp-"),
    ("SLACK_SIGNING_SECRET", "xoxb-1-x", "holds a token"),
    ("SLACK_MODE", "socks", "socket, http"),
    ("SLACK_COMMAND", "delete-dh-job", "a slash"),
    ("SLACK_COMMAND", "/Delete", "small letters"),
    ("SLACK_COMMAND", "/a b", "a slash"),
    ("SLACK_COMMAND", "/" + "a" * 32, "1 to 31"),
    ("SLACK_API_URL", "http://slack.com/api/", "https://"),
    ("SLACK_API_URL", "https://u:p@slack.com/api/", "no user"),
    ("HTTP_HOST", "a b", "host name"),
    ("HTTP_PORT", "0", "1 to 65535"),
    ("HTTP_PORT", "\u0663\u0660", "1 to 65535"),
    ("OPS_PORT", "65536", "1 to 65535"),
    ("ENVIRONMENT_LABEL", "x" * 51, "at most 50"),
    ("ENVIRONMENT_LABEL", "a\u202eb", "printable"),
    ("HELP_CONTACT", "a\nb", "one line"),
    ("METASTUDIO_REGION", "Beijing 4", "cn-north-4"),
    ("METASTUDIO_REGION", "evil.example/x", "cn-north-4"),
    ("METASTUDIO_PROJECT_ID", "../x", "32 hexadecimal"),
    ("IAM_ENDPOINT", "http://iam.example.com", "https://"),
    ("METASTUDIO_ENDPOINT", "http://metastudio.example.com", "https://"),
    ("METASTUDIO_ENDPOINT", "https://metastudio.example.com/v1", "no path"),
    ("METASTUDIO_ENDPOINT", "https://u:p@metastudio.example.com", "no path, user or password"),
    ("METASTUDIO_ENDPOINT", "https://metastudio.example.com?x", "no query"),
    ("METASTUDIO_ENDPOINT", "https://", "an address such as"),
    ("METASTUDIO_ENDPOINT", "https://[::1", "an address such as"),
    ("METASTUDIO_ENDPOINT", "https://a:b", "an address such as"),
    ("METASTUDIO_ENDPOINT", "https://a\\b", "an address such as"),
    ("METASTUDIO_ENDPOINT", "ftp://a", "https://"),
    ("METASTUDIO_APP_USER_ID", "张三", "ASCII"),
    ("METASTUDIO_APP_USER_ID", "a\r\nX-Evil: 1", "ASCII"),
    ("METASTUDIO_AUTH", "password", "aksk, profile, agency, token"),
    ("HUAWEICLOUD_SDK_SK", "with space", "access key"),
    ("IAM_PASSWORD", "hunter\udcff", "not in UTF-8"),
    ("METASTUDIO_PROXY", "socks5://proxy:1080", "http://"),
    ("CA_BUNDLE", "/nowhere/ca.pem", "readable file"),
    ("CONNECT_TIMEOUT", "nan", "0.1 to 60"),
    ("CONNECT_TIMEOUT", "1e1", "0.1 to 60"),
    ("READ_TIMEOUT", "0", "0.1 to 300"),
    ("DELETES_PER_SECOND", "-1", "0 to 100"),
    ("READS_PER_SECOND", "inf", "0 to 1000"),
    ("AUTHORIZED_USERS", "U0AAA,@alice", "item 2 of 2 is a name or mention"),
    ("AUTHORIZED_USERS", "<@U0AAA>", "name or mention"),
    ("AUTHORIZED_USERS", "S0AAA", "is the id of a user group"),
    ("AUTHORIZED_USERS", "u0aaa", "capitals"),
    ("AUTHORIZED_USERS", "U0AAA U0BBB", "separated by commas"),
    ("AUTHORIZED_USERS", "U0AAA;U0BBB", "separated by commas"),
    ("AUTHORIZED_USERS", "B0AAA", "not the id of a Slack user"),
    ("AUTHORIZED_USERGROUPS", "U0AAA", "is the id of a user"),
    ("AUTHORIZED_CHANNELS", "#general", "name or mention"),
    ("AUTHORIZED_CHANNELS", "D0AAA", "not the id of a Slack channel"),
    ("AUDIT_CHANNEL", "C0AAA,C0BBB", "only one"),
    ("CONFIRM_BY", "me", "requester, any_operator, second_person"),
    ("SECOND_PERSON_STATES", "WAIT_FILE_UPLOAD,INVENTED", "item 2 of 2 is not a documented state"),
    ("SECOND_PERSON_STATES", "wait_file_upload", "not in capitals"),
    ("CONFIRM_WITHIN_SECONDS", "29", "from 30 to 604800"),
    ("CONFIRM_WITHIN_SECONDS", "604801", "604800"),
    ("CONFIRM_WITHIN_SECONDS", "1_0", "604800"),
    ("SETTLE_AFTER_SECONDS", "59", "from 60"),
    ("REASON_REQUIRED", "perhaps", "true or false"),
    ("MAX_OPEN", "0", "1 to 10000"),
    ("WORKERS", "3", "4 to 2048"),
    ("DATABASE_URL", "sqlite://", "after sqlite:///"),
    ("DATABASE_URL", "sqlite:///:memory:", "after sqlite:///"),
    ("DATABASE_URL", "sqlite:///x.db?mode=ro", "without options"),
    ("DATABASE_URL", "sqlite:///x\0.db", "after sqlite:///"),
    ("LOG_LEVEL", "TRACE", "DEBUG, INFO, WARNING, ERROR"),
    ("LOG_FORMAT", "xml", "json, console"),
    ("LOG_STREAM", "file", "stderr, stdout"),
]


@pytest.mark.parametrize(("name", "text", "why"), REFUSED)
def test_refused(name: str, text: str, why: str) -> None:
    """These texts stop the start with the rule that they break, and once."""
    found = problems(**{name: text})
    assert list(found) == [name]
    assert why in found[name]


MISSING = [
    ("SLACK_BOT_TOKEN", {}, "is missing"),
    ("SLACK_APP_TOKEN", {}, "socket mode needs it"),
    ("METASTUDIO_PROJECT_ID", {}, "is missing"),
    ("HUAWEICLOUD_SDK_AK", {}, "and its other half is set"),
    ("HUAWEICLOUD_SDK_SK", {}, "and its other half is set"),
    # A key of one pair with the secret of the other would be a signature that nobody can explain.
    ("HUAWEICLOUD_SDK_SK", {"CLOUD_SDK_SK": "other"}, "a mix is refused"),
    ("SLACK_BOT_TOKEN", {"SLACK_BOT_TOKEN": "  "}, "is missing"),
]


@pytest.mark.parametrize(("name", "instead", "why"), MISSING)
def test_missing(name: str, instead: dict[str, str], why: str) -> None:
    """What the chosen way of working needs and is not there is named; an empty text counts as not there."""
    environ = {**{other: text for other, text in ENOUGH.items() if other != name}, **instead}
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, None)
    assert [problem.setting for problem in caught.value.problems] == [name]
    assert why in str(caught.value)


def test_http_mode_needs_the_signing_secret() -> None:
    """Bolt would start with an empty one and answer everything with 500."""
    found = problems("SLACK_APP_TOKEN", SLACK_MODE="http", SLACK_SIGNING_SECRET="")
    assert "HTTP mode needs it" in found["SLACK_SIGNING_SECRET"]
    assert "SLACK_APP_TOKEN" not in found


def test_token_needs_an_iam_user() -> None:
    """METASTUDIO_AUTH=token asks for domain, user and password instead of keys."""
    found = problems("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", METASTUDIO_AUTH="token")
    for name, what in (
        ("IAM_DOMAIN", "name of the account"),
        ("IAM_USER", "user's name"),
        ("IAM_PASSWORD", "password"),
    ):
        assert what in found[name].partition("Set it to ")[2]
    assert not found.keys() & {"METASTUDIO_AUTH", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"}


@pytest.mark.parametrize("way", ["profile", "agency"])
def test_other_ways_need_no_keys(way: str) -> None:
    """The SDK's file and the machine's agency bring their own."""
    assert load("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", METASTUDIO_AUTH=way).metastudio_auth == way


def test_where_the_profile_is_stands_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Huawei's SDK reads no .env: a name that stands only there would lead it to another file."""
    name = "HUAWEICLOUD_SDK_CREDENTIALS_FILE"
    assert "Set it in the environment" in problems(METASTUDIO_AUTH="profile", **{name: "/a"})[name]
    monkeypatch.setenv(name, "/a")
    assert load(METASTUDIO_AUTH="profile", **{name: "/a"})


def test_swapped_tokens_are_one_problem() -> None:
    """Two tokens in each other's place are told as that."""
    found = problems(SLACK_BOT_TOKEN="xapp-1", SLACK_APP_TOKEN="xoxb-1")
    assert found == {
        "SLACK_BOT_TOKEN": "SLACK_BOT_TOKEN and SLACK_APP_TOKEN hold each other's token. Exchange their values."
    }


def test_oauth_variables_are_refused() -> None:
    """With both set Bolt silently drops the token; one alone does nothing."""
    assert "SLACK_CLIENT_SECRET" in problems(SLACK_CLIENT_ID="1.2", SLACK_CLIENT_SECRET="x")["SLACK_CLIENT_ID"]
    assert load(SLACK_CLIENT_ID="1.2")


def test_verification_token_is_refused() -> None:
    """Bolt's check of it is inverted: a right one is answered with 401."""
    assert "401" in problems(SLACK_VERIFICATION_TOKEN="x")["SLACK_VERIFICATION_TOKEN"]


def test_every_problem_at_once() -> None:
    """One message names everything, so that nobody has to start ten times."""
    with pytest.raises(SettingsError) as caught:
        read_settings({"AUTHORISED_USERS": "U0AAA", "LOG_LEVEL": "loud", "MAX_OPEN": "-1", "CONFIRM_BY": "all"}, None)
    text = str(caught.value)
    for name in (*ENOUGH.keys() - {"AUTHORIZED_USERS"}, "AUTHORISED_USERS", "LOG_LEVEL", "MAX_OPEN", "CONFIRM_BY"):
        assert name in text, name
    assert text.startswith("dh-bot cannot start: 8 problems with its settings.")


def test_no_env_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is in another folder than their .env is told so, where that is why something is missing."""
    monkeypatch.chdir(tmp_path)
    says = "There is no file .env in this folder: go to the one that has it, or name it with --env-file."

    def told(environ: dict[str, str], env_file: Path | None) -> str:
        with pytest.raises(SettingsError) as caught:
            read_settings(environ, env_file)
        return str(caught.value)

    assert told({}, Path(".env")).splitlines()[-2] == says
    assert says not in told({**ENOUGH, "MAX_OPEN": "x"}, Path(".env"))
    assert says not in told({}, None)
    Path(".env").touch()
    assert says not in told({}, Path(".env"))


def test_where_the_states_are_named() -> None:
    """The page that the refusal points to has them all, under that heading."""
    told = problems(SECOND_PERSON_STATES="INVENTED")["SECOND_PERSON_STATES"]
    page, heading = re.findall(r"(docs/\S+) has them under \*(.*?)\*", told)[0]
    section = (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert [state for state in STATES if f"`{state}`" not in section] == []


NEARLY = [
    ("AUTHORISED_USERS", "AUTHORIZED_USERS"),
    ("AUTHORISED_CHANNELS", "AUTHORIZED_CHANNELS"),
    ("AUTHORIZED_CHANNEL", "AUTHORIZED_CHANNELS"),
    ("AUTHORIZED_USER_GROUPS", "AUTHORIZED_USERGROUPS"),
    ("AUTHORIZED_GROUPS", "AUTHORIZED_USERGROUPS"),
    ("ALLOWED_CHANNELS", "AUTHORIZED_CHANNELS"),
    ("authorized_channels", "AUTHORIZED_CHANNELS"),
    ("SLACK_SIGNING_SECRETS", "SLACK_SIGNING_SECRET"),
    ("METASTUDIO_END_POINT", "METASTUDIO_ENDPOINT"),
    ("METASTUDIO_URL", "METASTUDIO_ENDPOINT"),
    ("HUAWEICLOUD_SDK_SECURITYTOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
    ("CONFIRM_WITHIN_SECOND", "CONFIRM_WITHIN_SECONDS"),
    ("SECOND_PERSON_STATE", "SECOND_PERSON_STATES"),
    ("IAM_PASSWORD_FIEL", "IAM_PASSWORD_FILE"),
]


@pytest.mark.parametrize(("name", "meant"), NEARLY)
def test_near_misses_are_named(name: str, meant: str) -> None:
    """A name that is nearly a setting stops the start: ignoring AUTHORISED_CHANNELS would allow more than was meant."""
    assert problems("AUTHORIZED_USERS", **{name: "C0AAA"})[name].endswith(f"Did you mean {meant}?")


UNRELATED = [
    *("PATH", "HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "LOG_LEVELS", "LOGLEVEL", "WORKER", "READ_TIMEOUT_MS"),
    *("DATABASE_URI", "TEST_DATABASE_URL", "IAM_ROLE", "SLACK_WEBHOOK_URL", "SLACK_USER_TOKEN", "SLACK_TEAM_ID"),
    *("HUAWEICLOUD_SDK_REGION_METASTUDIO_AP_SOUTHEAST_3", "HUAWEICLOUD_SDK_CREDENTIALS_FILE", "METASTUDIO_HOME"),
    *("SLACK_CLIENT_ID", "HUAWEICLOUD_SDK_PROJECT_ID", "PORTS"),
]


@pytest.mark.parametrize("name", UNRELATED)
def test_other_programs_settings_are_left_alone(name: str) -> None:
    """The environment is full of other programs' settings; none of these stops the start."""
    assert load(**{name: "x"})


def test_in_env_file_every_name_is_compared(tmp_path: Path) -> None:
    """.env is our own file, so DATABASE_URI in it is a mistake; POSTGRES_PASSWORD for a neighbour is not."""
    env_file = tmp_path / ".env"
    env_file.write_text("DATABASE_URI=x\nPOSTGRES_PASSWORD=x\n", encoding="utf-8")
    assert problems(env_file=env_file) == {"DATABASE_URI": "DATABASE_URI is not a setting. Did you mean DATABASE_URL?"}


# Where settings come from.


def test_environment_wins_over_env_file(tmp_path: Path) -> None:
    """As everywhere: what is set for this very process counts more. Other ways to combine: test_settings_sources.py."""
    env_file = tmp_path / ".env"
    env_file.write_text("\ufeff# comment\nexport MAX_OPEN=3\nWORKERS='8'\nLOG_LEVEL=ERROR\n", encoding="utf-8")
    settings = load(env_file=env_file, MAX_OPEN="7")
    assert (settings.max_open, settings.workers, settings.log_level) == (7, 8, "ERROR")
    assert load(env_file=tmp_path / "none").max_open == 200


@pytest.mark.parametrize("content", ["A=1\n\n# c\nxoxb-1-made-up\n", 'A=1\n\n\nB="open\n'])
def test_bad_lines_of_env_file_are_named_by_number(tmp_path: Path, content: str) -> None:
    """python-dotenv would skip them with a warning. Nothing of the line is shown: it may be a bare token."""
    env_file = tmp_path / ".env"
    env_file.write_text(content, encoding="utf-8")
    found = problems(env_file=env_file)
    assert list(found) == [f"{env_file}, line 4,"]
    assert "xoxb" not in str(found)


def test_unreadable_env_file_is_a_problem(tmp_path: Path) -> None:
    """A .env in another encoding, or a folder of that name, is not passed over."""
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"A=\xff\xfe\n")
    assert "UTF-8" in problems(env_file=env_file)[str(env_file)]
    assert "cannot be read" in problems(env_file=tmp_path)[str(tmp_path)]


@pytest.mark.parametrize("name", sorted({*SECRET_NAMES, "CLOUD_SDK_AK", "CLOUD_SDK_SK"}))
def test_any_secret_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    """NAME_FILE names a file with the secret; the line end that editors add is not part of it."""
    texts = {"METASTUDIO_PROXY": "http://u:p@proxy:3128", "DATABASE_URL": "sqlite:///other.db"}
    text = texts.get(name) or ENOUGH.get(name, "made-up")
    file = tmp_path / "secret"
    file.write_text(f"{text}\r\n", encoding="utf-8")
    pair = {"HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"} if name.startswith("CLOUD_") else set()
    other = {"CLOUD_SDK_AK": "other", "CLOUD_SDK_SK": "other"} if pair else {}
    environ = {k: v for k, v in {**ENOUGH, **other}.items() if k not in {name, *pair}} | {f"{name}_FILE": str(file)}
    settings = read_settings(environ, None)
    if name == "DATABASE_URL":
        assert settings.database_url == text
    else:
        field = {alternative: own for own, alternative in ALTERNATIVES.items()}.get(name, name).lower()
        assert getattr(settings, field).get_secret_value() == text


def test_secret_files_that_do_not_work_are_named(tmp_path: Path) -> None:
    """Missing, empty, unreadable, or given twice: each says so, without the path, which may be the secret itself."""
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    found = problems(
        "SLACK_APP_TOKEN",
        "HUAWEICLOUD_SDK_AK",
        "HUAWEICLOUD_SDK_SK",
        SLACK_BOT_TOKEN_FILE=str(empty),
        SLACK_APP_TOKEN_FILE="/nowhere/xapp-1-made-up",
        SLACK_SIGNING_SECRET_FILE=str(empty),
        HUAWEICLOUD_SDK_AK_FILE=str(tmp_path),
        HUAWEICLOUD_SDK_SK_FILE=str(binary),
    )
    assert "SLACK_BOT_TOKEN_FILE too" in found["SLACK_BOT_TOKEN"]
    assert "does not exist" in found["SLACK_APP_TOKEN_FILE"]
    assert "is empty" in found["SLACK_SIGNING_SECRET_FILE"]
    assert "cannot be read" in found["HUAWEICLOUD_SDK_AK_FILE"]
    assert "cannot be read" in found["HUAWEICLOUD_SDK_SK_FILE"]
    assert len(found) == 5
    assert "xapp" not in str(found)


def test_only_secrets_come_from_files() -> None:
    """AUTHORIZED_USERS_FILE would be ignored; that is said rather than done."""
    assert "Only secrets" in problems(AUTHORIZED_USERS_FILE="/x")["AUTHORIZED_USERS_FILE"]


def test_quotation_marks_are_named() -> None:
    """Docker's --env-file keeps them as part of the value."""
    assert "quotation marks" in problems(SLACK_BOT_TOKEN='"xoxb-1"')["SLACK_BOT_TOKEN"]


def test_other_names_are_taken() -> None:
    """PORT of hosting platforms, CLOUD_SDK_… of Huawei's sample code; the setting's own name wins."""
    settings = load("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", CLOUD_SDK_AK="a", CLOUD_SDK_SK="b", PORT="8000")
    assert settings.access_keys == ("a", "b", None)
    assert settings.http_port == 8000
    settings = load(CLOUD_SDK_AK="a", CLOUD_SDK_SK="b", PORT="8000", HTTP_PORT="8001")
    assert settings.access_keys == ("MADEUPKEY", "made-up-secret", None)
    assert settings.http_port == 8001
    assert list(problems(PORT="x")) == ["PORT"]


def test_one_port_for_two_servers_is_named() -> None:
    """In HTTP mode; in socket mode nothing listens on HTTP_PORT."""
    ports = {"HTTP_PORT": "9090", "OPS_PORT": "9090"}
    assert "HTTP_PORT" in problems(SLACK_MODE="http", SLACK_SIGNING_SECRET="0" * 32, **ports)["OPS_PORT"]
    assert load(**ports).ops_port == 9090


def test_temporary_keys() -> None:
    """A security token makes the keys temporary ones."""
    assert load(HUAWEICLOUD_SDK_SECURITY_TOKEN="tok").access_keys.security_token == "tok"


def test_ca_bundle_is_looked_at(tmp_path: Path) -> None:
    """A file with certificates is accepted, any other is not, nor one that only begins like it."""
    assert load(CA_BUNDLE=certifi.where()).ca_bundle == Path(certifi.where())
    file = tmp_path / "ca.pem"
    for text in ("nothing", "-----BEGIN CERTIFICATE-----\n"):
        file.write_text(text, encoding="ascii")
        assert "PEM" in problems(CA_BUNDLE=str(file))["CA_BUNDLE"]


# How settings belong together.


def test_short_times_only_against_this_machine() -> None:
    """Seconds are for trying things out; against the real MetaStudio a person needs longer."""
    settings = load(METASTUDIO_ENDPOINT=LOCAL, CONFIRM_WITHIN_SECONDS="3", SETTLE_AFTER_SECONDS="1")
    assert (settings.confirm_within_seconds, settings.settle_after_seconds) == (3, 1)
    assert "CONFIRM_WITHIN_SECONDS" in problems(METASTUDIO_ENDPOINT=LOCAL, CONFIRM_WITHIN_SECONDS="2")


def test_endpoints_follow_the_region() -> None:
    """Without an endpoint the region names it; with one the region only labels."""
    settings = load(METASTUDIO_REGION="cn-east-3")
    assert settings.target.endpoint == "https://metastudio.cn-east-3.myhuaweicloud.com"
    assert settings.iam_endpoint == "https://iam.cn-east-3.myhuaweicloud.com"
    assert load(METASTUDIO_REGION="cn-east-3", METASTUDIO_ENDPOINT=LOCAL).target.endpoint == LOCAL


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"METASTUDIO_REGION": "eu-west-101"}, "METASTUDIO_REGION"),
        ({"METASTUDIO_ENDPOINT": LOCAL}, "no real job"),
        ({"METASTUDIO_PROJECT_ID": "abc"}, "32 hexadecimal"),
        ({"AUTHORIZED_USERS": "U0AAA", "CONFIRM_BY": "second_person"}, "Nobody can confirm: CONFIRM_BY"),
        ({"AUTHORIZED_USERS": "U0AAA", "SECOND_PERSON_STATES": "JOB_FINISH"}, "Nobody can confirm jobs in SECOND_"),
    ],
)
def test_notices(changes: dict[str, str], words: str) -> None:
    """What is allowed but probably not meant is said at start."""
    assert any(words in notice for notice in load(**changes).notices())


@pytest.mark.parametrize(
    "changes",
    [
        {"AUTHORIZED_USERS": "none", "AUTHORIZED_USERGROUPS": "S0AAA"},
        {"AUTHORIZED_USERS": "U0AAA", "AUTHORIZED_USERGROUPS": "S0AAA", "CONFIRM_BY": "second_person"},
        {"AUTHORIZED_USERS": "none", "AUTHORIZED_USERGROUPS": "S0AAA", "SECOND_PERSON_STATES": "JOB_FINISH"},
        {"AUTHORIZED_USERS": "U0AAA,U0BBB", "CONFIRM_BY": "second_person", "SECOND_PERSON_STATES": "JOB_FINISH"},
    ],
)
def test_groups_and_two_people_are_enough(changes: dict[str, str]) -> None:
    """How many are in a group only Slack knows, so nothing is said about nobody."""
    assert not [notice for notice in load(**changes).notices() if "Nobody" in notice]


def test_a_command_may_need_only_some() -> None:
    """`dh-bot db` works with DATABASE_URL alone, and still refuses a wrong one."""
    assert (
        read_settings({"DATABASE_URL": "sqlite:///x.db"}, None, only={"DATABASE_URL"}).database_url == "sqlite:///x.db"
    )
    with pytest.raises(SettingsError) as caught:
        read_settings({"DATABASE_URL_FILE": "/nowhere", "MAX_OPEN": "x"}, None, only={"DATABASE_URL"})
    assert [problem.setting for problem in caught.value.problems] == ["DATABASE_URL_FILE"]


STILL_MATTERS = [
    # What stands in .env, and what is named of it although only DATABASE_URL is asked for.
    (b"DATABASE_URI=sqlite:///x.db\n", ["DATABASE_URI"]),
    (b"DATABSE_URL=sqlite:///x.db\n", ["DATABSE_URL"]),
    (b"DATABASE_URL_FIEL=/run/url\n", ["DATABASE_URL_FIEL"]),
    (b"MAX_OPEN=7\nDATABASE_URL sqlite:///x.db\n", [".env, line 2,"]),
    (b"DATABASE_URL=sqlite:///\xff.db\n", [".env"]),
    (b"MAX_OPEN=x\nAUTHORISED_USERS=U0AAA\nSLACK_BOT_TOKEN='xapp-1'\n", []),
]


@pytest.mark.parametrize(("content", "named"), STILL_MATTERS)
def test_what_may_hide_a_needed_setting_is_named(
    content: bytes, named: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that needs few settings does not take the default for one that somebody wrote down wrongly."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(content)
    found: list[str] = []
    try:
        read_settings({}, Path(".env"), only={"DATABASE_URL"})
    except SettingsError as error:
        found = [problem.setting for problem in error.problems]
    assert found == named


# What is never shown.

SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-1-SECRET",
    "SLACK_APP_TOKEN": "xapp-1-SECRET",
    "SLACK_SIGNING_SECRET": "sign-SECRET",
    "HUAWEICLOUD_SDK_AK": "ak-SECRET",
    "HUAWEICLOUD_SDK_SK": "sk-SECRET",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN": "st-SECRET",
    "IAM_PASSWORD": "iam SECRET",
    "METASTUDIO_PROXY": "http://u:p%40-SECRET@proxy:3128",
}


def test_secrets_hide() -> None:
    """No repr or str shows one, and the log scrubber gets all of them, the passwords inside addresses too."""
    settings = load(**SECRETS)
    for text in (repr(settings), str(settings), repr(settings.access_keys), str(settings.model_dump())):
        assert "SECRET" not in text
    assert settings.secrets() >= {*SECRETS.values(), "p%40-SECRET", "p@-SECRET"}
    url = "postgresql+psycopg://u:p-SECRET@db/dh"
    settings = Settings(database_url=url)
    assert "SECRET" not in repr(settings)
    assert settings.secrets() >= {"p-SECRET", url}


IN_PROXIES = [
    # As urllib, and so slack_sdk, reads them; requests and urlsplit stop at / ? #, and quote what they take for a port.
    ("http://user:p@ss@proxy:8080", {"p@ss", "ss"}),
    ("HTTP://user:p%40ss@[::1]:8080", {"p%40ss", "p@ss"}),
    ("socks5h://user:pass@proxy:1080/", {"pass"}),
    ("user:p@ss@proxy:8080", {"p@ss"}),
    ("//user:pass@proxy", {"pass"}),
    ("http:user:pass@proxy", {"pass"}),
    ("http://user:word/a#s?s@proxy:8080/", {"word/a#s?s", "word"}),
    ("http://user:pa:ss@proxy", {"pa:ss"}),
    ("http://user:pass@proxy/path@x", {"pass"}),
    (r"http://user:word\rest@proxy:8080", {r"word\rest", "word", "rest"}),
    ("http://user@proxy", set()),
    ("http://proxy:8080", set()),
]


@pytest.mark.parametrize(
    "name", ["METASTUDIO_PROXY", "HTTPS_PROXY", "http_proxy", "ALL_PROXY", "Https_Proxy", "all_Proxy"]
)
@pytest.mark.parametrize(("address", "passwords"), IN_PROXIES)
def test_the_scrubber_gets_the_password_of_every_proxy(name: str, address: str, passwords: set[str]) -> None:
    """Of ours and of those that libraries take from the environment, as whichever library reads it."""
    try:
        secrets, said = load(**{name: address}).secrets(), ""
    except SettingsError as error:
        secrets, said = frozenset({address, *passwords}), str(error)
    assert name == "METASTUDIO_PROXY" or not said
    assert not [each for each in (address, *passwords) if each in said]
    assert secrets >= passwords | ({address} if passwords or name == "METASTUDIO_PROXY" else set())


IN_DATABASE_URL = [
    ("postgresql+psycopg://u:p%40s%23@h/d", {"p%40s%23", "p@s#"}),
    ("postgres://u:p#s?t@h/d", {"p#s?t"}),
    ("postgresql+psycopg://u@h/d?password=p%40s&sslpassword=other", {"p%40s", "p@s", "other"}),
    ("postgresql://u:one@h1:5432,h2:5432/d?oauth_client_secret=two", {"one", "two"}),
    ("dbname=d password='p@s' sslmode=require", {"p%40s", "p@s"}),
    ("postgresql+psycopg://u@h/d?sslmode=require", set()),
    ("sqlite:///dh-bot.db", set()),
]


@pytest.mark.parametrize(("url", "passwords"), IN_DATABASE_URL)
def test_the_scrubber_gets_every_password_of_the_ledger(url: str, passwords: set[str]) -> None:
    """As written and as meant, wherever in the address it stands; the address itself only where it holds one."""
    settings = Settings(database_url=url)
    assert settings.secrets() == passwords | ({settings.database_url} if passwords else set())


def test_every_secret_setting_is_known_as_one() -> None:
    """A new secret cannot be forgotten here: the type makes it one."""
    assert frozenset(SECRETS) | {"DATABASE_URL"} == SECRET_NAMES


@given(
    name=st.sampled_from(sorted(name.upper() for name in Settings.model_fields)),
    text=st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=80),
)
@example(name="DATABASE_URL", text="postgresql+psycopg://u:p@[/x")
@example(name="METASTUDIO_ENDPOINT", text="https://\u2100.example.com")
@example(name="METASTUDIO_PROXY", text="http://[v1.x]:1")
def test_no_text_gets_out(name: str, text: str) -> None:
    """Whatever stands in whichever setting is accepted, or refused by name and not shown, in the traceback either."""
    marked = f"Qzx9{text}Qzx9"
    for given_text in (text, marked):
        try:
            read_settings({**ENOUGH, name: given_text}, None)
        except SettingsError as error:
            shown = "".join(traceback.format_exception(error))
            assert name in shown
            assert "Qzx9" not in shown


def test_by_hand_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings(…) in a test checks the same rules, shows as little, and reads nothing from the environment."""
    monkeypatch.setenv("MAX_OPEN", "7")
    assert Settings().max_open == 200
    with pytest.raises(ValidationError) as caught:
        Settings(slack_bot_token="hunter22")
    assert "hunter22" not in str(caught.value)
    with pytest.raises(ValidationError):
        Settings().max_open = 3


# What stands elsewhere about settings.


def test_env_example_lists_every_setting() -> None:
    """.env.example and Settings name the same things, and the defaults that it shows are the defaults."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert {name.lower() for name in shown} == set(Settings.model_fields)
    uncommented = set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE))
    assert uncommented == set(ENOUGH)
    defaults = {name: value for name, value in shown.items() if value}
    as_shown = read_settings({**ENOUGH, **defaults}, None).model_dump()
    assert as_shown == read_settings(ENOUGH, None).model_dump()


NOT_BUILT_YET = {
    *("MAX_JOBS_PER_CARD",),  # section 7: several jobs on one card
    *("TYPE_TO_CONFIRM_STATES", "ESCALATE_TO", "TICKET_PATTERN", "TICKET_URL", "TICKET_EXAMPLE"),  # section 8
    *("LANGUAGE",),  # section 9
}
"""Settings of the contract that this version does not have; each leaves this list with the part it belongs to."""


@pytest.mark.skipif(not PRODUCT.exists(), reason="the design documents are not beside this repository")
def test_the_table_of_the_design() -> None:
    """Settings are those of product.md section 5, no more and no fewer; those of parts not built yet are named."""
    section = PRODUCT.read_text(encoding="utf-8").partition("## 5 ")[2].partition("\n## ")[0]
    named: set[str] = set()
    for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
        names = re.findall(r"`([A-Z_]+)`", row)
        stem = names[0].rpartition("_")[0]
        named |= {stem + name if name.startswith("_") else name for name in names}
    built = {name.upper() for name in Settings.model_fields}
    assert not built & NOT_BUILT_YET
    assert named == built | NOT_BUILT_YET


def test_reading_settings_stays_light() -> None:
    """`dh-bot db` and an early failure need not wait for Slack's or the database's libraries."""
    code = "import sys, bot.settings; print(*{'slack_sdk', 'slack_bolt', 'requests', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert done.stdout.strip() == ""

"""Mistakes that people make in their settings: each stops the start with its remedy, or is named in a note."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from bot.settings.forms import SettingsError
from bot.settings.load import read_settings
from bot.settings.placeholders import EXAMPLES
from tests.support.own_values import OWN

STOPS, NOTE = "stops", "note"


class Mistake(NamedTuple):
    """A line of ``.env``, and what the start says of it: the name, the rule, the remedy."""

    line: str
    does: str
    says: tuple[str, ...]


BOT_TOKEN = 'Copy "Bot User OAuth Token" (xoxb-…)'
MEMBER_ID = "Copy member ID (it starts with U or W)"
MISTAKES = [
    # The example's values, and others that stand in for one's own.
    Mistake("SLACK_BOT_TOKEN=xoxb-your-bot-token", STOPS, ("placeholder of the example", BOT_TOKEN)),
    Mistake("SLACK_APP_TOKEN=<app-level token>", STOPS, ("placeholder of the example", "connections:write")),
    Mistake("HUAWEICLOUD_SDK_AK=YOURACCESSKEY", STOPS, ("placeholder of the example", "access key of an IAM user")),
    Mistake("HUAWEICLOUD_SDK_SK=yoursecretkey", STOPS, ("placeholder of the example", "other half")),
    Mistake("METASTUDIO_PROJECT_ID=0123456789abcdef0123456789abcdef", STOPS, ("placeholder of the example", "console")),
    Mistake("AUTHORIZED_USERS=U0AAA,U012AB3CD", STOPS, ("placeholder of the example", MEMBER_ID)),
    # The right value in the wrong place.
    Mistake("SLACK_BOT_TOKEN=xapp-1-made-up", STOPS, ("belongs in SLACK_APP_TOKEN", BOT_TOKEN)),
    Mistake("HUAWEICLOUD_SDK_SK=/run/secrets/sk", STOPS, ("path of a file", "into HUAWEICLOUD_SDK_SK_FILE")),
    Mistake("METASTUDIO_PROJECT_ID=cn-north-4", NOTE, ("32 hexadecimal digits",)),
    Mistake("IAM_PASSWORD=made-up", NOTE, ("no effect", "METASTUDIO_AUTH is aksk, not token")),
    # Units, and other forms of a number.
    Mistake("CONFIRM_WITHIN_SECONDS=10m", STOPS, ("from 30 to 604800", "without a unit: 600 is ten minutes")),
    Mistake("SETTLE_AFTER_SECONDS=1h", STOPS, ("from 60 to 86400", "3600 an hour")),
    Mistake("READ_TIMEOUT=30s", STOPS, ("from 0.1 to 300", "without a unit")),
    Mistake("OPS_PORT=127.0.0.1:9090", STOPS, ("from 1 to 65535", "write none, to do without")),
    # Words that are nearly right.
    Mistake("METASTUDIO_REGION=cn-nort-4", STOPS, ("not the name of a region", "Did you mean cn-north-4?")),
    Mistake("METASTUDIO_REGION=CN_East_3", STOPS, ("not the name of a region", "Did you mean cn-east-3?")),
    Mistake("METASTUDIO_REGION=cn-north-1", NOTE, ("not a region that MetaStudio is documented for",)),
    Mistake("LOG_LEVEL=warn", STOPS, ("DEBUG, INFO, WARNING, ERROR", "Did you mean WARNING?")),
    Mistake("CONFIRM_BY=second person", STOPS, ("any_operator", "Did you mean second_person?")),
    Mistake("METASTUDIO_ENDPOINT=metastudio.cn-north-4.myhuaweicloud.com", STOPS, ("https://", "Write scheme, host")),
    Mistake("DATABASE_URL=dh-bot.db", STOPS, ("SQLite file", "Write sqlite:///dh-bot.db")),
    # Lists.
    Mistake('AUTHORIZED_USERS=["U0AAA", "U0BBB"]', STOPS, ("item 1 of 2", "bracket", "commas between them", MEMBER_ID)),
    Mistake("AUTHORIZED_USERS=U0AAA U0BBB", STOPS, ("separated by commas", MEMBER_ID)),
    Mistake("AUTHORIZED_CHANNELS=#ops", STOPS, ("is a name or mention", "Channel ID")),
    # Names.
    Mistake("REQUIRE_REASON=true", STOPS, ("not a setting", "Did you mean REASON_REQUIRED?")),
    Mistake("ALLOWED_USERS=U0AAA", STOPS, ("not a setting", "Did you mean AUTHORIZED_USERS?")),
    Mistake("CHANNELS=C0AAA", STOPS, ("not a setting", "Did you mean AUTHORIZED_CHANNELS?")),
    Mistake("CONFIRM_FROM=second_person", STOPS, ("not a setting", "Did you mean CONFIRM_BY?")),
    Mistake("CONFIRM_TIMEOUT=600", STOPS, ("not a setting", "Did you mean CONFIRM_WITHIN_SECONDS?")),
    Mistake("SLACK_APP_LEVEL_TOKEN=xapp-1", STOPS, ("not a setting", "Did you mean SLACK_APP_TOKEN?")),
    Mistake("REGION=cn-east-3", STOPS, ("not a setting", "Did you mean METASTUDIO_REGION?")),
    Mistake("DRY_RUN=true", NOTE, ("not a setting of dh-bot, and has no effect",)),
    Mistake("SLACK_WEBHOOK_URL=https://hooks", NOTE, ("not a setting of dh-bot, and has no effect",)),
    # Lines.
    Mistake("MAX_OPEN: 7", STOPS, ("line 7", "not NAME=value", "put # before it")),
    Mistake("HELP_CONTACT=the team #ops", STOPS, ("line 7", "would lose a part", "quotation marks around")),
    Mistake("AUTHORIZED_USERS=U0AAA\nAUTHORIZED_USERS=U0BBB", STOPS, ("lines 6 and 7", "Remove all but one")),
]


def written(folder: Path, line: str) -> Path:
    """A ``.env`` with all that is needed and this line, or with this line in place of its own."""
    name = line.partition("=")[0]
    rest = [
        f"{each}={text}\n" for each, text in OWN.items() if each not in {name, "HELP_CONTACT", "AUTHORIZED_CHANNELS"}
    ]
    path = folder / ".env"
    path.write_text("".join(rest) + f"{line}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.line)
def test_a_mistake_is_named_with_its_remedy(mistake: Mistake, tmp_path: Path) -> None:
    """The start stops, or the first lines of the log name it. Nothing else is complained about."""
    does, said = NOTE, []
    try:
        said = read_settings({}, written(tmp_path, mistake.line)).notices()
    except SettingsError as error:
        does, said = STOPS, [str(problem) for problem in error.problems]
    (about,) = said
    assert does == mistake.does, about
    name = mistake.line.partition("=")[0].removesuffix(": 7")
    assert name in about or ".env, line" in about
    assert [words for words in mistake.says if words not in about] == [], about


def test_a_name_without_effect_is_noted_beside_the_problems(tmp_path: Path) -> None:
    """It may be the name under which the missing setting stands."""
    path = written(tmp_path, "MY_BOT_TOKEN=xoxb-1")
    path.write_text(path.read_text(encoding="utf-8").replace("SLACK_BOT_TOKEN=", "#"), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_settings({}, path)
    told = str(caught.value).splitlines()
    assert told[0] == "dh-bot cannot start: 1 problem with its settings."
    assert told[1].startswith("  - SLACK_BOT_TOKEN is missing.")
    assert told[2] == f"Note: MY_BOT_TOKEN in {path} is not a setting of dh-bot, and has no effect."


def test_iam_without_its_word_is_told_the_word(tmp_path: Path) -> None:
    """IAM_USER and IAM_PASSWORD are there, no access key is: METASTUDIO_AUTH=token was forgotten."""
    path = written(tmp_path, "IAM_USER=bot\nIAM_PASSWORD=made-up")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("HUAWEICLOUD_")]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SettingsError, match="Write METASTUDIO_AUTH=token to sign in as IAM_USER"):
        read_settings({}, path)


@pytest.mark.parametrize("text", ["xoxb-…", "xoxb-xxxx-xxxx", "xoxb-...", "<token>", "changeme", "YOUR_BOT_TOKEN"])
def test_other_stand_ins_are_placeholders_too(text: str, tmp_path: Path) -> None:
    """People write them into the files that they hand on."""
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN still has the placeholder of the example"):
        read_settings({}, written(tmp_path, f"SLACK_BOT_TOKEN={text}"))


def test_a_placeholder_in_a_file_or_under_another_name_is_named(tmp_path: Path) -> None:
    """By the name that stands there."""
    secret = tmp_path / "secret"
    secret.write_text("yoursecretkey\n", encoding="utf-8")
    environ = {name: text for name, text in OWN.items() if not name.startswith("HUAWEICLOUD_")}
    keys = {"CLOUD_SDK_AK": "MADEUPKEY", "CLOUD_SDK_SK_FILE": str(secret)}
    with pytest.raises(SettingsError) as caught:
        read_settings({**environ, **keys}, None)
    assert [problem.setting for problem in caught.value.problems] == ["CLOUD_SDK_SK"]


def test_the_sandbox_s_project_is_no_placeholder() -> None:
    """The local MetaStudio has the project id of the example; against the real one it is nobody's."""
    (example,) = EXAMPLES["METASTUDIO_PROJECT_ID"][0]
    local = {**OWN, "METASTUDIO_PROJECT_ID": example, "METASTUDIO_ENDPOINT": "http://127.0.0.1:8080"}
    assert read_settings(local, None).target.project_id == example


def test_every_placeholder_of_the_examples_has_a_value_to_put_there() -> None:
    """A new placeholder comes into both tables."""
    assert OWN.keys() <= EXAMPLES.keys()
    for name, text in OWN.items():
        assert EXAMPLES[name][0], name
        assert not {*text.split(",")} & {*EXAMPLES[name][0]}


@pytest.mark.parametrize("region", ["cn-east-5", "cn-south-1", "ap-southeast-1", "la-north-2", "eu-west-101"])
def test_another_region_is_no_misspelling(region: str) -> None:
    """Huawei Cloud has more regions than MetaStudio is documented for; they are only noted."""
    (note,) = read_settings({**OWN, "METASTUDIO_REGION": region}, None).notices()
    assert note.startswith("METASTUDIO_REGION is not a region that MetaStudio is documented for")

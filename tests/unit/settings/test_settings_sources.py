"""Which text holds where a setting stands in several places: no restriction goes away without a word."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import ConfirmBy
from bot.settings.forms import SettingsError
from bot.settings.load import read_settings
from bot.settings.names import WITHOUT
from bot.settings.schema import UNSET, Settings
from bot.settings.sources import HOLDS, MAY_BE_NONE, which_holds

ENOUGH = {
    "SLACK_BOT_TOKEN": "xoxb-1-made-up",
    "SLACK_APP_TOKEN": "xapp-1-made-up",
    "METASTUDIO_PROJECT_ID": "fedcba9876543210fedcba9876543210",
    "HUAWEICLOUD_SDK_AK": "MADEUPKEY",
    "HUAWEICLOUD_SDK_SK": "made-up-secret",
}


def load(environ: Mapping[str, str], env_file: Path | None) -> Settings | SettingsError:
    """The settings, or why there are none."""
    try:
        return read_settings({**ENOUGH, **environ}, env_file)
    except SettingsError as error:
        return error


class Restriction(NamedTuple):
    """Two different texts of a restriction, their values, and a name that nearly is its own."""

    one: str
    other: str
    value: object
    other_value: object
    near: str


RESTRICTIONS = {
    "AUTHORIZED_USERS": Restriction("U0AAA", "U0BBB", {"U0AAA"}, {"U0BBB"}, "AUTHORISED_USERS"),
    "AUTHORIZED_USERGROUPS": Restriction("S0AAA", "S0BBB", {"S0AAA"}, {"S0BBB"}, "AUTHORIZED_USER_GROUPS"),
    "AUTHORIZED_CHANNELS": Restriction("C0AAA", "C0BBB", {"C0AAA"}, {"C0BBB"}, "ALLOWED_CHANNELS"),
    "CONFIRM_BY": Restriction(
        "second_person", "any_operator", ConfirmBy.SECOND_PERSON, ConfirmBy.ANY_OPERATOR, "CONFIRMED_BY"
    ),
    "SECOND_PERSON_STATES": Restriction(
        "JOB_FINISH", "JOB_SUCCESS", {"JOB_FINISH"}, {"JOB_SUCCESS"}, "SECOND_PERSON_STATE"
    ),
    "REASON_REQUIRED": Restriction("true", "false", True, False, "REASONS_REQUIRED"),  # noqa: FBT003 - values
    "FREEZE_BY": Restriction("U0AAA", "U0BBB", {"U0AAA"}, {"U0BBB"}, "FREEZ_BY"),
}
DEFAULT = "default"

PLACES = {
    # What stands in the environment and in .env ({name}, {one}, {other}, {near}, {small}); the value that holds, or the
    # problem; and what the start says about it.
    "environment": ("{name}={one}", None, "one", ""),
    ".env": (None, "{name}={one}", "one", ""),
    "both equal": ("{name}={one}", "{name}={one}", "one", ""),
    "both different": ("{name}={one}", "{name}={other}", "one", "differs between the environment and"),
    "empty in the environment": ("{name}=", "{name}={one}", "one", "is empty in the environment, so the value in"),
    "blank in the environment": ("{name}= ", "{name}={one}", "one", "is empty in the environment, so the value in"),
    "empty in .env": ("{name}={one}", "{name}=", "one", ", so the value in the environment holds"),
    "empty in both": ("{name}=", "{name}=", DEFAULT, "is empty in the environment, which sets nothing: "),
    "only empty in the environment": ("{name}=", None, DEFAULT, "is empty in the environment, which sets nothing: "),
    "only empty in .env": (None, "{name}=", DEFAULT, "is empty in "),
    "nowhere": (None, None, DEFAULT, ""),
    "twice in .env": (None, "{name}={one}\n\n{name}={other}", "{name}: in lines 1 and 3. Remove all but one", ""),
    "twice the same": (None, "{name}={one}\n{name}={one}", "{name}: in lines 1 and 2. Remove all but one", ""),
    "three times": (None, "{name}=\n{name}={one}\nexport {name}=", "{name}: in lines 1, 2 and 3", ""),
    "twice in .env, and in the environment": ("{name}={one}", "{name}=\n{name}=", "{name}: in lines 1 and 2", ""),
    "near miss in the environment": ("{near}={one}", None, "{near}: Did you mean {name}?", ""),
    "near miss in .env": (None, "{near}={one}", "{near}: Did you mean {name}?", ""),
    "near miss beside it": ("{near}={one};{name}={one}", None, "{near}: Did you mean {name}?", ""),
    "near miss beside it in .env": (None, "{name}={one}\n{near}={one}", "{near}: Did you mean {name}?", ""),
    "near miss in .env beside it": ("{name}={one}", "{near}={one}", "{near}: Did you mean {name}?", ""),
    "small letters in the environment": ("{small}={one}", None, "{small}: Did you mean {name}?", ""),
    "small letters in .env": (None, "{small}={one}", "{small}: Did you mean {name}?", ""),
    "small letters beside it": ("{small}={one};{name}={one}", None, "{small}: Did you mean {name}?", ""),
    "a comment behind it in .env": (None, "{name}={one} # eu", "{name}: in line 1 of", ""),
    "a tab and a comment in .env": (None, "\n{name}={one}\t# eu", "{name}: in line 2 of", ""),
    "only a comment in .env": (None, "{name}= # {one}", "{name}: in line 1 of", ""),
    "a comment behind quotation marks": (None, "{name}='{one}' # eu", "one", ""),
    "within another value in .env": (
        None,
        'PGX="a\n{name}={one}\nPGY="',
        "{name}: stands within the value that begins",
        "",
    ),
    "exported within another value": (
        None,
        "PGX='\nexport {name} = {one}'",
        "{name}: stands within the value that",
        "",
    ),
    "byte order mark and CRLF": (None, "\ufeff{name}={one}\r\n", "one", ""),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", RESTRICTIONS)
def test_no_restriction_disappears_in_silence(name: str, place: str, tmp_path: Path) -> None:
    """Wherever it stands, its value holds or the start is stopped; and where the places differ the start says which."""
    one = RESTRICTIONS[name]
    words = {"name": name, "one": one.one, "other": one.other, "near": one.near, "small": name.lower()}
    in_environ, in_file, expected, says = PLACES[place]
    environ = dict(pair.split("=", 1) for pair in in_environ.format(**words).split(";")) if in_environ else {}
    env_file = tmp_path / ".env"
    if in_file is not None:
        env_file.write_bytes(in_file.format(**words).encode())
    settings = load(environ, env_file)
    if isinstance(settings, SettingsError):
        setting, _, words_of_it = expected.format(**words).partition(": ")
        assert {problem.setting for problem in settings.problems} == {setting}
        assert words_of_it in str(settings)
        return
    default = Settings.model_fields[name.lower()].default
    assert getattr(settings, name.lower()) == (one.value if expected == "one" else default)
    heard = [notice for notice in settings.notices_of_sources() if notice.startswith(f"{name} ")]
    assert len(heard) == bool(says)
    assert all(says in notice for notice in heard)
    if expected == DEFAULT and heard:
        assert heard[0].endswith(f": {WITHOUT[name]}.")


@pytest.mark.parametrize("text", [",", " , ", ",,"])
@pytest.mark.parametrize("name", sorted(name for name in RESTRICTIONS if name not in {"CONFIRM_BY", "REASON_REQUIRED"}))
def test_commas_alone_lift_no_restriction(name: str, text: str, tmp_path: Path) -> None:
    """Compose makes such a value of `${A},${B}` where neither is set; it is refused wherever it stands."""
    env_file = tmp_path / ".env"
    env_file.write_text(f"{name}={text}\n", encoding="utf-8")
    for settings in (load({name: text}, None), load({}, env_file)):
        assert isinstance(settings, SettingsError)
        assert f"{name} names nothing. Name at least one, or write none" in str(settings)


def test_the_table_is_whole() -> None:
    """Every restriction is tried, and every row of the table of sources is reached."""
    assert RESTRICTIONS.keys() == WITHOUT.keys()
    texts = (None, " ", "a", "b")
    assert {which_holds(one, two) for one in texts for two in texts} == set(HOLDS.values())


@given(st.one_of(st.none(), st.text(max_size=3)), st.one_of(st.none(), st.text(max_size=3)))
def test_what_is_set_is_never_hidden(in_environment: str | None, in_file: str | None) -> None:
    """A text that is not blank holds unless another one does, and of that the start speaks."""
    source, says = which_holds(in_environment, in_file)
    texts = {"environment": in_environment, "file": in_file}
    are_set = {where for where, text in texts.items() if text and text.strip()}
    assert (source in are_set) if are_set else source is None
    assert says or len(are_set) < 2 or (in_environment or "").strip() == (in_file or "").strip()


# The word that unsets.

EMPTY = ("", None, frozenset(), UNSET)
NEEDED = {
    # Settings without which the bot, or a way of working that was chosen, cannot work.
    *("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "METASTUDIO_PROJECT_ID"),
    *("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "IAM_DOMAIN", "IAM_USER", "IAM_PASSWORD"),
}


def test_all_that_may_be_unset_has_the_word() -> None:
    """A new setting that is empty by default belongs to one of the two sets."""
    are_empty = {name.upper() for name, field in Settings.model_fields.items() if field.default in EMPTY}
    by_region = {"METASTUDIO_ENDPOINT", "IAM_ENDPOINT"}
    assert are_empty | by_region == MAY_BE_NONE | NEEDED
    assert not MAY_BE_NONE & NEEDED


TEXTS = {
    **{name: each.one for name, each in RESTRICTIONS.items()},
    "AUDIT_CHANNEL": "C0AAA",
    "OPS_PORT": "9090",
    "METASTUDIO_PROXY": "http://u:p@proxy:3128",
    "METASTUDIO_ENDPOINT": "http://127.0.0.1:8080",
    "IAM_ENDPOINT": "http://127.0.0.1:8080",
    "CA_BUNDLE": "/nowhere/ca.pem",
}


@pytest.mark.parametrize("word", ["none", "None", " NONE "])
@pytest.mark.parametrize("name", sorted(MAY_BE_NONE))
def test_none_unsets(name: str, word: str, tmp_path: Path) -> None:
    """In the environment the word wins over .env, as any value does; of a restriction the start says what holds."""
    env_file = tmp_path / ".env"
    env_file.write_text(f"{name}={TEXTS.get(name, 'something')}\n", encoding="utf-8")
    settings = read_settings({**ENOUGH, name: word}, env_file)
    assert getattr(settings, name.lower()) == getattr(read_settings(ENOUGH, None), name.lower())
    assert any("differs between" in notice for notice in settings.notices_of_sources())
    said = f"{name} is none, as if it were not set: {WITHOUT.get(name)}."
    assert (said in settings.notices_of_sources()) == (name in WITHOUT)


@pytest.mark.parametrize(
    ("name", "text"), [("CONFIRM_BY", "none"), ("REASON_REQUIRED", "none"), ("AUTHORIZED_USERS", "U0AAA,none")]
)
def test_none_is_no_value_elsewhere(name: str, text: str) -> None:
    """Confirmed by none would read as by nobody; those two have words for their defaults. In a list it is no id."""
    with pytest.raises(SettingsError) as caught:
        read_settings({**ENOUGH, name: text}, None)
    assert [problem.setting for problem in caught.value.problems] == [name]


def test_a_file_can_be_unset_too(tmp_path: Path) -> None:
    """NAME_FILE=none leaves the way free for NAME, which could not stand beside it."""
    env_file = tmp_path / ".env"
    env_file.write_text("IAM_PASSWORD_FILE=/nowhere\n", encoding="utf-8")
    settings = read_settings({**ENOUGH, "IAM_PASSWORD_FILE": "none", "IAM_PASSWORD": "none"}, env_file)
    assert settings.iam_password.get_secret_value() == "none"


# Secrets and their files, each in the environment or in .env.

FILE_TOO = "is set, and {name}_FILE too"
PAIRS = [
    # The environment, .env, which text holds or what is refused. {path} holds "from-file".
    ("{name}_FILE={path}", "", "from-file"),
    ("", "{name}_FILE={path}", "from-file"),
    ("{name}=", "{name}_FILE={path}", "from-file"),
    ("{name}_FILE=", "{name}=written", "written"),
    ("{name}_FILE=", "{name}_FILE={path}", "from-file"),
    ("{name}_FILE={path}", "{name}_FILE=", "from-file"),
    ("{name}_FILE={path}", "{name}_FILE=/nowhere", "from-file"),
    ("{name}_FILE={path}", "{name}=", "from-file"),
    ("{name}_FILE={path}", "{name}=written", FILE_TOO),
    ("{name}=written", "{name}_FILE={path}", FILE_TOO),
    ("", "{name}=written\n{name}_FILE={path}", FILE_TOO),
    ("", "{name}_FILE={path}\n{name}_FILE={path}", "stands more than once"),
    ("", "{name}_FIEL={path}", "is not a setting"),
]


@pytest.mark.parametrize(("in_environ", "in_file", "expected"), PAIRS)
def test_a_secret_or_its_file(in_environ: str, in_file: str, expected: str, tmp_path: Path) -> None:
    """An empty name does not hide the other one; both set is refused, wherever they stand."""
    name, path = "HUAWEICLOUD_SDK_SECURITY_TOKEN", tmp_path / "secret"
    path.write_text("from-file\n", encoding="utf-8")
    words = {"name": name, "path": path}
    environ = dict([in_environ.format(**words).split("=", 1)]) if in_environ else {}
    env_file = tmp_path / ".env"
    env_file.write_text(in_file.format(**words), encoding="utf-8")
    settings = load(environ, env_file)
    if isinstance(settings, SettingsError):
        assert expected.format(**words) in str(settings)
        assert len(settings.problems) == 1
        return
    assert settings.access_keys.security_token == expected


# Values are taken as written.

WRITTEN = [
    # What stands behind IAM_PASSWORD= in .env, and the password; None where the start is stopped.
    ("'pa${x}1'", "pa${x}1"),
    ("pa${PATH}1", "pa${PATH}1"),
    ('"pa$HOME"', "pa$HOME"),
    ("abc #def", None),
    ("abc\t#def", None),
    (" #def", None),
    ("abc\u00a0#def", None),
    ("abc\u3000", None),
    ("abc#def", "abc#def"),
    ("#def", "#def"),
    ("'abc #def'", "abc #def"),
    ('"abc #def" # and a comment', "abc #def"),
    ("' abc '", " abc "),
    ("'\"abc\"'", '"abc"'),
    (r"a\nb", r"a\nb"),
    (r'"a\"b"', 'a"b'),
    (r"'a\'b'", "a'b"),
    (r'"a\nb"', None),
    (r'"a\\b"', None),
    (r"'a\\b'", None),
    (r"'a\nb'", r"a\nb"),
    ("a=b=c", "a=b=c"),
    ("abc\r", "abc"),
    ("'one\ntwo'", None),
    ("''\u00a0#abc'", None),
    ("'xyz'\t# a comment", "xyz"),
]


@pytest.mark.parametrize(("written", "password"), WRITTEN)
def test_values_in_env_file_are_taken_as_written(written: str, password: str | None, tmp_path: Path) -> None:
    """Nothing is replaced; what a parser would cut or turn into something else stops the start, and is not shown."""
    env_file = tmp_path / ".env"
    env_file.write_bytes(f"IAM_PASSWORD={written}\nMAX_OPEN=7\n".encode())
    settings = load({}, env_file)
    if isinstance(settings, SettingsError):
        assert password is None
        assert [problem.setting for problem in settings.problems] == ["IAM_PASSWORD"]
        assert "abc" not in str(settings)
        return
    assert settings.iam_password.get_secret_value() == password
    assert settings.max_open == 7
    assert any("is taken as it is written" in notice for notice in settings.notices()) == ("${" in written)


@given(st.text(alphabet="ab#\t\\\"'$ {}=%é\u00a0", max_size=8), st.sampled_from(["", "'", '"']))
def test_a_value_is_what_is_written_or_refused(text: str, quote: str) -> None:
    """Whatever it is made of. Only plain white space around it and an escaped quotation mark are not its own."""
    import tempfile  # noqa: PLC0415 - a folder for each example

    with tempfile.TemporaryDirectory() as folder:
        env_file = Path(folder, ".env")
        env_file.write_text(f"IAM_PASSWORD={quote}{text}{quote}\n", encoding="utf-8")
        try:
            password = read_settings(ENOUGH, env_file).iam_password.get_secret_value()
        except SettingsError:
            return
    inner = text
    if not quote:
        inner = text.strip(" \t")
        if re.match(r"""(['"]).*\1[ \t]+#""", inner):
            return  # quotation marks of the text's own, with a comment behind them; the table above has these
        if len(inner) > 1 and inner[0] == inner[-1] and inner[0] in "\"'":
            quote, inner = inner[0], inner[1:-1]
    if not inner.strip():
        assert password == "", "a blank text counts as not set"
        return
    ends_at_mark = quote and re.search(rf"{quote}[ \t]", inner.replace(f"\\{quote}", ""))  # a comment may follow
    assert ends_at_mark or password == (inner.replace(f"\\{quote}", quote) if quote else inner)


FILES = [
    (b"secret", "secret"),
    (b"secret\n", "secret"),
    (b"secret\r\n", "secret"),
    (b"\xef\xbb\xbfsecret\r\n", "secret"),
    (b'"secret"\n', "secret"),
    (b"'secret'", "secret"),
    (b"\xef\xbb\xbf'secret' \r\n", "secret"),
    (b"'sec\"ret'\n", 'sec"ret'),
    (b"\"'secret'\"\n", "'secret'"),
    (b" secret \n", " secret "),
    (b"se${x}cret #1\n", "se${x}cret #1"),
    (b"'secret\n", "'secret"),
    (b"secret\n\n", None),
    (b"one\ntwo\n", None),
    (b"''\n", None),
]


@pytest.mark.parametrize(("content", "password"), FILES)
def test_a_file_is_read_alike_wherever_it_comes_from(content: bytes, password: str | None, tmp_path: Path) -> None:
    """A secret in NAME_FILE: without byte order mark, one line end and one pair of quotation marks, otherwise whole."""
    path = tmp_path / "secret"
    path.write_bytes(content)
    settings = load({"IAM_PASSWORD_FILE": str(path)}, None)
    if isinstance(settings, SettingsError):
        assert password is None
        assert "secret" not in str(settings)
        return
    assert settings.iam_password.get_secret_value() == password


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AUTHORIZED_CHANNELS", "C0AAA # ops"),
        ("CONFIRM_BY", "requester # me"),
        ("OPS_PORT", "8080 # x"),
        ("METASTUDIO_REGION", "cn-north-4 # bj"),
        ("REASON_REQUIRED", "true\t# yes"),
    ],
)
def test_a_comment_that_docker_kept_is_what_is_blamed(name: str, text: str) -> None:
    """Whatever the rule that the value breaks by it."""
    found = load({name: text}, None)
    assert isinstance(found, SettingsError)
    assert "Take the # and what follows it away: Docker's --env-file keeps comments." in str(found)


def test_what_may_be_unset_says_how(tmp_path: Path) -> None:
    """OPS_PORT=0 means off to people; the word for it is named."""
    assert "Leave it out, or write none, to do without." in str(load({"OPS_PORT": "0"}, None))


def test_what_docker_keeps_is_said() -> None:
    """Its --env-file makes no comment of ` # eu`: that belongs to the value, and the start says so by the name."""
    settings = read_settings({**ENOUGH, "ENVIRONMENT_LABEL": "production # eu", "IAM_PASSWORD": "a #b"}, None)
    assert settings.environment_label == "production # eu"
    assert settings.iam_password.get_secret_value() == "a #b"
    heard = [notice for notice in settings.notices() if "a # behind white space in the environment" in notice]
    assert [notice.partition(" ")[0] for notice in heard] == ["ENVIRONMENT_LABEL", "IAM_PASSWORD"]
    assert not any("eu" in notice.split() or "#b" in notice for notice in settings.notices())


def test_spaces_of_a_password_are_its_own() -> None:
    """In the environment too; one line end, as Kubernetes hands on a secret's file, is not."""
    environ = {**ENOUGH, "IAM_PASSWORD": " pass word \n"}
    assert read_settings(environ, None).iam_password.get_secret_value() == " pass word "


# What is nearly a setting, and what only looks like it.


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("REQUIRED_REASON", "REASON_REQUIRED"),
        ("SECOND_PERSON", "SECOND_PERSON_STATES"),
        ("CONFIRMATION_BY", "CONFIRM_BY"),
        ("ALLOWED_CHANNEL", "AUTHORIZED_CHANNELS"),
        ("DH_BOT_FREEZE_BY", "FREEZE_BY"),
        ("DHBOT_CONFIRM_BY", "CONFIRM_BY"),
        ("USERS_AUTHORIZED", "AUTHORIZED_USERS"),
    ],
)
def test_a_restriction_by_another_name_stops_the_start(name: str, meant: str, tmp_path: Path) -> None:
    """Other words for it, the same words in another order, and our own name before it; wherever it stands."""
    env_file = tmp_path / ".env"
    env_file.write_text(f"{name}=x\n", encoding="utf-8")
    for settings in (load({name: "x"}, None), load({}, env_file)):
        assert isinstance(settings, SettingsError)
        assert f"{name} is not a setting. Did you mean {meant}?" in str(settings)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("CHANNELS", "AUTHORIZED_CHANNELS"), ("REASON", "REASON_REQUIRED"), ("FREEZE", "FREEZE_BY")],
)
def test_a_bare_word_means_a_restriction_in_our_own_file_only(name: str, meant: str, tmp_path: Path) -> None:
    """The environment is full of other programs' words."""
    env_file = tmp_path / ".env"
    env_file.write_text(f"{name}=x\n", encoding="utf-8")
    assert f"{name} is not a setting. Did you mean {meant}?" in str(load({}, env_file))
    assert isinstance(load({name: "x"}, None), Settings)


ELSEWHERE = [
    # In the environment, which belongs to other programs too, beside the setting itself: said, not refused.
    ("SLACK_BOT_TOKEN_DEV", "nearly SLACK_BOT_TOKEN"),
    ("METASTUDIO_PROJECT_ID_2", "nearly METASTUDIO_PROJECT_ID"),
]


@pytest.mark.parametrize(("name", "says"), ELSEWHERE)
def test_a_near_miss_of_another_program_does_not_stop_the_start(name: str, says: str, tmp_path: Path) -> None:
    """It takes no restriction away. In our own .env it stops the start all the same."""
    assert any(
        notice.startswith(name) and says in notice for notice in read_settings({**ENOUGH, name: "x"}, None).notices()
    )
    env_file = tmp_path / ".env"
    env_file.write_text(f"{name}=x\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=name):
        read_settings(ENOUGH, env_file)


def test_names_of_others_are_only_named(tmp_path: Path) -> None:
    """Neither twice nor with a comment are they ours to judge. In our own file each may be a restriction misnamed."""
    env_file = tmp_path / ".env"
    env_file.write_text("POSTGRES_USER=a # b\nPOSTGRES_USER=c\n", encoding="utf-8")
    settings = read_settings({**ENOUGH, "PATH": "/bin # x", "TERM": "", "COLUMNS": "80"}, env_file)
    assert settings.notices_of_sources() == [
        f"POSTGRES_USER in {env_file} is not a setting of dh-bot, and has no effect."
    ]


PROXY = "http://u:hunter22@proxy:1"
FOR_LIBRARIES = [
    # Name in .env, names in the environment, what the libraries are lent, what the start says.
    ("HTTPS_PROXY", {}, True, ""),
    ("https_proxy", {}, True, ""),
    ("HTTP_PROXY", {}, True, ""),
    ("ALL_PROXY", {}, True, ""),
    ("NO_PROXY", {}, True, ""),
    ("no_proxy", {}, True, ""),
    ("HTTPS_PROXY", {"HTTPS_PROXY": PROXY}, False, ""),
    ("HTTPS_PROXY", {"https_proxy": PROXY}, False, ""),
    ("HTTPS_PROXY", {"HTTPS_PROXY": "http://other"}, False, "the value in the environment holds"),
    ("HTTPS_PROXY", {"https_proxy": "http://other"}, False, "the value in the environment holds"),
    ("https_proxy", {"HTTPS_PROXY": "http://other"}, False, "the value in the environment holds"),
    ("HTTPS_PROXY", {"HTTPS_PROXY": ""}, True, "is empty in the environment, so the value in"),
    ("HTTPS_PROXY", {"HTTP_PROXY": "http://other"}, True, ""),
]


@pytest.mark.parametrize(("name", "environ", "is_lent", "says"), FOR_LIBRARIES)
def test_proxies_in_env_file_are_for_libraries(
    name: str,
    tmp_path: Path,
    environ: dict[str, str],
    says: str,
    *,
    is_lent: bool,
) -> None:
    """They count where the environment has none, in whatever case; which holds is said, without an address."""
    env_file = tmp_path / ".env"
    env_file.write_text(f"{name}={PROXY}\n", encoding="utf-8")
    settings = read_settings({**ENOUGH, **environ}, env_file)
    assert settings.for_libraries == ({name: PROXY} if is_lent else {})
    heard = " ".join(settings.notices_of_sources())
    assert says in heard
    assert bool(says) == bool(heard)
    assert "hunter22" not in heard
    assert name.upper() == "NO_PROXY" or "hunter22" in settings.secrets()


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"])
def test_none_unsets_a_proxy_of_env_file(name: str, tmp_path: Path) -> None:
    """Libraries are lent no proxy of that name."""
    env_file = tmp_path / ".env"
    env_file.write_text(f"{name}=None\n", encoding="utf-8")
    settings = read_settings(ENOUGH, env_file)
    assert settings.for_libraries == {}
    assert settings.notices_of_sources() == []


TWO_VALUES = "https_proxy stands in {} as HTTPS_PROXY too, with another value. Keep one of them."
NO_SCHEME = "HTTPS_PROXY in {} is no address that begins with a scheme such as http://. Write it like http://proxy."


@pytest.mark.parametrize(
    ("written", "environ", "says"),
    [
        (f"HTTPS_PROXY={PROXY}\nhttps_proxy=http://hunter22:2\n", {}, TWO_VALUES),
        (f"HTTPS_PROXY={PROXY}\nhttps_proxy=none\n", {}, TWO_VALUES),
        (f"HTTPS_PROXY={PROXY}\nhttps_proxy={PROXY}\n", {}, ""),
        (f"HTTPS_PROXY=\nhttps_proxy={PROXY}\n", {}, ""),
        ("HTTPS_PROXY=hunter22:3128\n", {}, NO_SCHEME),
        ("HTTPS_PROXY=u:hunter22@proxy:3128\n", {}, NO_SCHEME),
        ("HTTPS_PROXY=http:/u:hunter22@proxy:3128\n", {}, NO_SCHEME),
        ("HTTPS_PROXY=hunter22:3128\n", {"https_proxy": PROXY}, ""),
        ("ALL_PROXY=socks5h://u:hunter22@proxy:1080\n", {}, ""),
    ],
)
def test_a_proxy_that_libraries_would_read_in_two_ways(
    tmp_path: Path, written: str, environ: dict[str, str], says: str
) -> None:
    """It stops the start by its name, with the form to write, and is not shown."""
    env_file = tmp_path / ".env"
    env_file.write_text(written, encoding="utf-8")
    found = load(environ, env_file)
    assert isinstance(found, SettingsError) == bool(says)
    if isinstance(found, SettingsError):
        assert len(found.problems) == 1
        assert says.format(env_file) in str(found)
        assert "hunter22" not in str(found)


def test_only_what_a_command_needs_is_said(tmp_path: Path) -> None:
    """`dh-bot db` hears of DATABASE_URL, and of nothing else."""
    env_file = tmp_path / ".env"
    env_file.write_text("DATABASE_URL=sqlite:///a.db\nCONFIRM_BY=second_person\n", encoding="utf-8")
    environ = {"DATABASE_URL": "", "CONFIRM_BY": ""}
    settings = read_settings(environ, env_file, only={"DATABASE_URL"})
    assert settings.database_url == "sqlite:///a.db"
    assert [notice.partition(" ")[0] for notice in settings.notices_of_sources()] == ["DATABASE_URL"]


@pytest.mark.parametrize(
    ("mode", "is_open"),
    [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, True), (0o644, True)],
)
def test_an_env_file_that_others_can_read(tmp_path: Path, mode: int, *, is_open: bool) -> None:
    """Is told at the start, and by doctor, with what to type; not to commands that need only the ledger."""
    env_file = tmp_path / "some.env"
    env_file.write_text("MAX_OPEN=7\n", encoding="utf-8")
    env_file.chmod(mode)
    settings = read_settings(ENOUGH, env_file)
    told = f"{env_file} can be read or changed by other users of this machine: chmod 600 {env_file}"
    assert [notice for notice in settings.notices() if "chmod" in notice] == ([told] if is_open else [])
    assert settings.notices_of_sources() == []


def test_an_env_file_of_somebody_else_is_theirs_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a container mounts; and there need be none."""
    env_file = tmp_path / "some.env"
    env_file.write_text("MAX_OPEN=7\n", encoding="utf-8")
    env_file.chmod(0o644)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert not [notice for notice in read_settings(ENOUGH, env_file).notices() if "chmod" in notice]
    monkeypatch.undo()
    assert not [notice for notice in read_settings(ENOUGH, tmp_path / "none").notices() if "chmod" in notice]

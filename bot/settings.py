"""The bot's settings: the table of product.md section 5 as one frozen ``Settings``, or every problem at once.

``Settings.load()`` reads the environment, ``.env`` and the files that ``NAME_FILE`` points to. "Not set" is an empty
text, an empty set or None, so that callers ask ``if settings.help_contact``. What is not a setting here is a constant
beside the code that uses it. A new setting needs a line here, in ``.env.example`` and in the README.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot import settings_addresses as addresses
from bot import settings_checks
from bot import settings_forms as forms
from bot.model import ConfirmBy, Target
from bot.settings_forms import Problem, Wrong, form
from bot.settings_sources import Surroundings

Users = Annotated[frozenset[str], form(forms.slack_ids("user"))]
Groups = Annotated[frozenset[str], form(forms.slack_ids("user group"))]
Channels = Annotated[frozenset[str], form(forms.slack_ids("channel"))]
Key = Annotated[SecretStr, form(forms.key)]
Endpoint = Annotated[str, form(addresses.endpoint)]
Port = form(forms.whole(1, 65535))
Host = Annotated[str, form(addresses.host)]
Line = Annotated[str, form(forms.line(100))]

UNSET = SecretStr("")
ENV_FILE = Path(".env")
EVERYTHING: frozenset[str] = frozenset()


class SettingsError(Exception):
    """The settings do not let the bot start. The text names every problem with its remedy, and no value.

    ``hint`` is a sentence about where they were looked for, or empty.
    """

    def __init__(self, problems: Collection[Problem], hint: str = "") -> None:
        self.problems = tuple(dict.fromkeys(problems))
        self.hint = hint
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(
            "\n".join(
                (
                    f"dh-bot cannot start: {count} with its settings.",
                    *(f"  - {problem}" for problem in self.problems),
                    *([hint] if hint else []),
                    "No values are shown here. Every setting is described in .env.example and in the README.",
                )
            )
        )


class AccessKeys(NamedTuple):
    """What signs requests to MetaStudio; the token belongs to temporary keys and is None for permanent ones."""

    ak: str
    sk: str
    security_token: str | None

    def __repr__(self) -> str:
        return "AccessKeys(…)"


class Settings(BaseSettings):
    """Every setting by its name in small letters. Secrets are ``SecretStr`` (``.get_secret_value()``), or empty."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    # Slack.
    slack_bot_token: Annotated[SecretStr, form(forms.bot_token)] = UNSET
    slack_app_token: Annotated[SecretStr, form(forms.app_token)] = UNSET
    slack_signing_secret: Annotated[SecretStr, form(forms.signing_secret)] = UNSET
    slack_mode: Annotated[Literal["socket", "http"], form(forms.choice("socket", "http"))] = "socket"
    slack_api_url: Annotated[str, form(addresses.slack_api_url)] = "https://slack.com/api/"
    slack_command: Annotated[str, form(forms.command)] = "/delete-dh-job"

    # Addresses to listen on.
    http_host: Host = "0.0.0.0"  # noqa: S104 - Slack has to reach it; requests are signed # nosec B104
    http_port: Annotated[int, Port] = 3000
    ops_host: Host = "127.0.0.1"
    ops_port: Annotated[int | None, Port] = None

    # What people read.
    environment_label: Annotated[str, form(forms.line(50))] = ""
    help_contact: Annotated[str, form(forms.line(200))] = ""

    # MetaStudio. The endpoints are filled in from the region where they are not set.
    metastudio_region: Annotated[str, form(forms.region)] = "cn-north-4"
    metastudio_project_id: Annotated[str, form(forms.project_id)] = ""
    metastudio_endpoint: Endpoint = "https://metastudio.cn-north-4.myhuaweicloud.com"
    metastudio_app_user_id: Annotated[str, form(forms.header_value)] = ""
    metastudio_auth: Annotated[
        Literal["aksk", "profile", "agency", "token"], form(forms.choice("aksk", "profile", "agency", "token"))
    ] = "aksk"
    huaweicloud_sdk_ak: Key = UNSET
    huaweicloud_sdk_sk: Key = UNSET
    huaweicloud_sdk_security_token: Key = UNSET
    iam_endpoint: Endpoint = "https://iam.cn-north-4.myhuaweicloud.com"
    iam_domain: Line = ""
    iam_user: Line = ""
    iam_password: Annotated[SecretStr, form(forms.password)] = UNSET
    metastudio_proxy: Annotated[SecretStr, form(addresses.proxy)] = UNSET
    ca_bundle: Annotated[Path | None, form(addresses.certificates)] = None
    connect_timeout: Annotated[float, form(forms.number(0.1, 60))] = 5
    read_timeout: Annotated[float, form(forms.number(0.1, 300))] = 30
    deletes_per_second: Annotated[float, form(forms.number(0, 100))] = 1
    reads_per_second: Annotated[float, form(forms.number(0, 1000))] = 5

    # Who may do what.
    authorized_users: Users = frozenset()
    authorized_usergroups: Groups = frozenset()
    authorized_channels: Channels = frozenset()
    confirm_by: Annotated[ConfirmBy, form(forms.choice(*ConfirmBy))] = ConfirmBy.REQUESTER
    second_person_states: Annotated[frozenset[str], form(forms.job_states)] = frozenset()
    reason_required: Annotated[bool, form(forms.flag)] = False
    freeze_by: Users = frozenset()

    # Times and sizes.
    confirm_within_seconds: Annotated[int, form(forms.whole(3, 3600))] = 600
    settle_after_seconds: Annotated[int, form(forms.whole(1, 86400))] = 600
    max_open: Annotated[int, form(forms.whole(1, 10000))] = 200
    workers: Annotated[int, form(forms.whole(4, 2048))] = 256

    # The ledger and the logs. A database address may carry a password: it is left out of repr, and load() accepts
    # DATABASE_URL_FILE like for any secret.
    database_url: Annotated[str, form(addresses.database_url)] = Field(default="sqlite:///dh-bot.db", repr=False)
    audit_channel: Annotated[str, form(forms.slack_channel)] = ""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], form(forms.choice("DEBUG", "INFO", "WARNING", "ERROR"))
    ] = "INFO"
    log_format: Annotated[Literal["json", "console"], form(forms.choice("json", "console"))] = "json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature, also below
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """``Settings(…)`` is what it is given and reads nothing by itself; ``load`` reads ``Surroundings``."""
        return (init_settings,)

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        env_file: Path | None = ENV_FILE,
        only: Collection[str] = EVERYTHING,
    ) -> Settings:
        """Read everything there is, or raise ``SettingsError`` with every problem.

        ``only`` limits the problems to those settings, for commands that need no others; the rest stay at defaults
        where they are wrong or missing. What is wrong with ``.env`` itself, or with a name that was meant for one of
        them, stays: the command would work with another ledger than somebody wrote down.
        """
        around = Surroundings(cls, os.environ if environ is None else environ, env_file, SECRET_NAMES)
        settings, malformed = cls._build(around())
        spelt = [problem._replace(setting=around.written_as[problem.setting]) for problem in malformed]
        bad = {problem.setting.removesuffix("_FILE") for problem in (*malformed, *around.problems)}
        found = [*around.problems, *_swapped(spelt), *settings_checks.problems(settings, around.found, bad)]
        if only:
            found = [problem for problem in found if problem in around.of_file or around.concerns(problem, only)]
        if found:
            raise SettingsError(found, _without_env_file(found, env_file))
        return settings

    @classmethod
    def _build(cls, texts: dict[str, Any]) -> tuple[Settings, list[Problem]]:
        """Settings from the texts that are well formed, and what is wrong with the others."""
        problems: list[Problem] = []
        while True:
            try:
                return _with_endpoints(cls(**texts)), problems
            except ValidationError as error:
                for detail in error.errors(include_url=False, include_input=False):
                    name = str(detail["loc"][0])
                    wrong = detail.get("ctx", {}).get("error")
                    if not isinstance(wrong, Wrong):
                        wrong = Wrong("is not of the form expected", "See its description.")
                    problems.append(Problem(name.upper(), wrong.rule, wrong.remedy))
                    texts = {other: text for other, text in texts.items() if other != name}

    @property
    def target(self) -> Target:
        """The one project that this bot serves."""
        return Target(self.metastudio_endpoint, self.metastudio_region, self.metastudio_project_id)

    @property
    def access_keys(self) -> AccessKeys:
        """The keys of METASTUDIO_AUTH=aksk."""
        return AccessKeys(
            self.huaweicloud_sdk_ak.get_secret_value(),
            self.huaweicloud_sdk_sk.get_secret_value(),
            self.huaweicloud_sdk_security_token.get_secret_value() or None,
        )

    def notices(self) -> list[str]:
        """Sentences to be logged at start."""
        return list(settings_checks.notices(self))

    def secrets(self) -> frozenset[str]:
        """Every secret text, for the log scrubber; with the passwords inside addresses also by themselves."""
        values = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        of_ledger = addresses.database_passwords(self.database_url)
        of_proxy = addresses.password_in(self.metastudio_proxy.get_secret_value())
        whole = [self.database_url] if of_ledger else []
        return frozenset(text for text in (*values, *of_ledger, *of_proxy, *whole) if text)


def _with_endpoints(settings: Settings) -> Settings:
    """The endpoints of the region where none are set."""
    return settings.model_copy(
        update={
            f"{service}_endpoint": f"https://{service}.{settings.metastudio_region}.myhuaweicloud.com"
            for service in ("metastudio", "iam")
            if f"{service}_endpoint" not in settings.model_fields_set
        }
    )


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in get_args(annotation)


SECRET_NAMES = frozenset(
    {"DATABASE_URL"} | {name.upper() for name, field in Settings.model_fields.items() if _is_secret(field.annotation)}
)


def _without_env_file(problems: list[Problem], env_file: Path | None) -> str:
    """Where much is missing because somebody is in another folder than their ``.env``, that is the one thing to say."""
    if env_file == ENV_FILE and not env_file.exists() and any("missing" in problem.rule for problem in problems):
        return f"There is no file {ENV_FILE} in this folder."
    return ""


def _swapped(problems: list[Problem]) -> list[Problem]:
    """Two tokens in each other's place are one mistake, not two."""
    rules = {problem.setting: problem.rule for problem in problems}
    if "belongs in SLACK_APP_TOKEN" in rules.get("SLACK_BOT_TOKEN", "") and "belongs in SLACK_BOT_TOKEN" in rules.get(
        "SLACK_APP_TOKEN", ""
    ):
        rest = [problem for problem in problems if problem.setting not in {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"}]
        swapped = Problem("SLACK_BOT_TOKEN", "and SLACK_APP_TOKEN hold each other's token", "Exchange their values.")
        return [swapped, *rest]
    return problems

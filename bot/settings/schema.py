"""The bot's settings: the table of product.md section 5 as one frozen ``Settings``, or every problem at once.

``read_settings`` of ``bot.settings.load`` reads the environment, ``.env`` and the files that ``NAME_FILE`` points to.
"Not set" is an empty text, an empty set or None, so that callers ask ``if settings.help_contact``. What is not a
setting here is a constant beside the code that uses it. A new setting needs a line here, in ``.env.example`` and in the
README.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.domain.model import ConfirmBy, Target
from bot.domain.policy import Rules
from bot.settings import addresses, database, forms
from bot.settings import env_file as settings_env_file
from bot.settings import forms as forms_
from bot.settings.forms import SettingsError, form
from bot.settings.sources import Notice, Surroundings

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
    confirm_within_seconds: Annotated[int, form(forms.whole(3, forms_.LONGEST_CARD))] = 600
    settle_after_seconds: Annotated[int, form(forms.whole(1, 86400))] = 600
    max_open: Annotated[int, form(forms.whole(1, 10000))] = 200
    workers: Annotated[int, form(forms.whole(4, 2048))] = 256

    # The ledger and the logs. A database address may carry a password: it is left out of repr, and load() accepts
    # DATABASE_URL_FILE like for any secret.
    database_url: Annotated[str, form(database.database_url)] = Field(default="sqlite:///dh-bot.db", repr=False)
    database_pool: Annotated[int, form(forms.whole(2, 64))] = 8
    audit_channel: Annotated[str, form(forms.slack_channel)] = ""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], form(forms.choice("DEBUG", "INFO", "WARNING", "ERROR"))
    ] = "INFO"
    log_format: Annotated[Literal["json", "console"], form(forms.choice("json", "console"))] = "json"
    log_stream: Annotated[Literal["stderr", "stdout"], form(forms.choice("stderr", "stdout"))] = "stderr"

    # Where they come from, which `load` writes down: what there is to know about it, and the addresses of proxies that
    # libraries may read by themselves.
    _of_sources: tuple[Notice, ...] = PrivateAttr(default=())
    _of_checks: tuple[str, ...] = PrivateAttr(default=())
    _proxies: frozenset[str] = PrivateAttr(default=frozenset())
    _for_libraries: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _env_file: Path | None = PrivateAttr(default=None)
    _again: Callable[[], Settings] | None = PrivateAttr(default=None)
    """Reads the address of the ledger anew."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature, also below
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """``Settings(…)`` is what it is given and reads nothing by itself; ``read_settings`` reads ``Surroundings``."""
        return (init_settings,)

    def database_url_now(self) -> str:
        """DATABASE_URL as it stands now: a password in the file that DATABASE_URL_FILE names may have been changed.

        What it was at the start, where it cannot be read any more.
        """
        try:
            return self._again().database_url if self._again is not None else self.database_url
        except SettingsError:
            return self.database_url

    def found_in(
        self, around: Surroundings, only: Collection[str], of_checks: tuple[str, ...], again: Callable[[], Settings]
    ) -> Settings:
        """The same, which knows where it comes from, and how the ledger's address is read anew."""
        self._again = again
        self._of_checks = of_checks
        self._of_sources = tuple(notice for notice in around.notices if not only or around.concerns(notice, only))
        self._proxies = around.proxies
        self._for_libraries = around.for_libraries
        self._env_file = around.env_file
        return self

    @property
    def target(self) -> Target:
        """The one project that this bot serves."""
        return Target(self.metastudio_endpoint, self.metastudio_region, self.metastudio_project_id)

    @property
    def rules(self) -> Rules:
        """Who may do what where: for the running bot, and for the doctor, which judges people as the bot does."""
        return Rules(
            users=self.authorized_users,
            groups=self.authorized_usergroups,
            channels=self.authorized_channels,
            confirm_by=self.confirm_by,
            second_person_states=self.second_person_states,
            reason_required=self.reason_required,
            confirm_within=timedelta(seconds=self.confirm_within_seconds),
            freeze_by=self.freeze_by,
        )

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
        path = self._env_file
        open_file = (
            [f"{path} can be read or changed by other users of this machine: chmod 600 {path}"]
            if path is not None and settings_env_file.is_open_to_others(path)
            else []
        )
        return [*self.notices_of_sources(), *open_file, *self._of_checks]

    @property
    def for_libraries(self) -> Mapping[str, str]:
        """What ``.env`` has for variables that libraries look for in the environment, such as HTTPS_PROXY."""
        return self._for_libraries

    def notices_of_sources(self) -> list[str]:
        """Those of them about where the settings come from; ``read_settings`` with ``only`` keeps to those settings."""
        return [str(notice) for notice in self._of_sources]

    def secrets(self) -> frozenset[str]:
        """Every secret text, for the log scrubber; with the passwords inside addresses also by themselves.

        Among them are the addresses of proxies that libraries read from the environment, such as HTTPS_PROXY.
        """
        values = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        of_ledger = database.database_passwords(self.database_url)
        proxies = {self.metastudio_proxy.get_secret_value(), *self._proxies}
        of_proxies = {address: found for address in proxies if (found := addresses.passwords_in(address))}
        whole = [*([self.database_url] if of_ledger else []), *of_proxies]
        in_proxies = (text for found in of_proxies.values() for text in found)
        return frozenset(text for text in (*values, *of_ledger, *in_proxies, *whole) if text)


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in get_args(annotation)


SECRET_NAMES = frozenset(
    {"DATABASE_URL"} | {name.upper() for name, field in Settings.model_fields.items() if _is_secret(field.annotation)}
)

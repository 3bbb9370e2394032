"""The bot's settings: the table of docs/settings.md as one frozen ``Settings``, or every problem at once.

``read_settings`` of ``bot.settings.load`` reads the environment, ``.env`` and the files that ``NAME_FILE`` points to.
"Not set" is an empty text, an empty set or None, so that callers write ``if settings.help_contact``. A new setting
is a row here, and ``make docs`` writes ``.env.example`` and ``docs/settings.md`` from it. The use-cases get it through
``Rules`` (``Settings.rules``) or ``Config`` (``bot.clients.config_of``).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from bot.domain.model import ConfirmBy, Target
from bot.domain.policy import Rules
from bot.settings import addresses, database, forms
from bot.settings.forms import SettingsError, form
from bot.settings.origin import Origin

Users = Annotated[frozenset[str], form(forms.slack_ids("user"))]
Groups = Annotated[frozenset[str], form(forms.slack_ids("user group"))]
Channels = Annotated[frozenset[str], form(forms.slack_ids("channel"))]
Key = Annotated[SecretStr, form(forms.access_key)]
Settling = form(forms.seconds(1, forms.SHORTEST_SETTLING, forms.LONGEST_SETTLING))
CardLife = form(forms.seconds(3, forms.SHORTEST_CARD, forms.LONGEST_CARD))
Endpoint = Annotated[str, form(addresses.endpoint)]
Port = form(forms.whole(1, 65535))
Host = Annotated[str, form(addresses.host)]
Line = Annotated[str, form(forms.line(100))]

UNSET = SecretStr("")
ENV_FILE = Path(".env")
EVERYTHING: frozenset[str] = frozenset()


class AccessKeys(NamedTuple):
    """Access keys for MetaStudio. The security token belongs to temporary keys and is None for permanent ones."""

    ak: str
    sk: str
    security_token: str | None

    def __repr__(self) -> str:
        return "AccessKeys(…)"


class Settings(Origin):
    """Every setting, by its name in small letters. Secrets are ``SecretStr`` (``.get_secret_value()``), or empty.

    A description gives the meaning and the unit; ranges and forms are in ``form``. Descriptions are Markdown without
    links, since ``.env.example`` shows them too.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    # Slack.
    slack_bot_token: Annotated[SecretStr, form(forms.bot_token)] = Field(
        UNSET, description="Bot User OAuth Token (`xoxb-…`), from the Slack app's page *OAuth & Permissions*. Required."
    )
    slack_app_token: Annotated[SecretStr, form(forms.app_token)] = Field(
        UNSET,
        description="App-level token (`xapp-…`) with the scope `connections:write`, from the app's page *Basic "
        "Information*. Required in socket mode.",
    )
    slack_signing_secret: Annotated[SecretStr, form(forms.signing_secret)] = Field(
        UNSET,
        description="Slack signs its requests with it: *Signing Secret* on the app's page *Basic Information*. "
        "Required in HTTP mode.",
    )
    slack_mode: Annotated[Literal["socket", "http"], form(forms.choice("socket", "http"))] = Field(
        "socket",
        description="How Slack reaches the bot: `socket` (the bot connects to Slack), or `http` (Slack sends signed "
        "requests to `/slack/events`).",
    )
    slack_api_url: Annotated[str, form(addresses.slack_api_url)] = Field(
        "https://slack.com/api/",
        description="Base of Slack's Web API: https, or http on this machine. Another one than Slack's is for tests.",
    )
    slack_command: Annotated[str, form(forms.command)] = Field(
        "/delete-dh-job", description="The command's name, the same as in the Slack app's manifest."
    )

    # Addresses to listen on.
    http_host: Host = Field(
        "0.0.0.0",  # noqa: S104 - Slack has to reach it; requests are signed # nosec B104
        description="HTTP mode: where the bot listens, for plain HTTP behind a proxy that speaks TLS.",
    )
    http_port: Annotated[int, Port] = Field(
        3000, description="HTTP mode: its port. `PORT` is taken where this is not set."
    )
    ops_host: Host = Field(
        "127.0.0.1",
        description="Where `/healthz`, `/readyz` and `/metrics` listen. They show no secrets, but are not for the "
        "public.",
    )
    ops_port: Annotated[int | None, Port] = Field(None, description="Their port. Not set: they are off.")

    # Texts for people.
    environment_label: Annotated[str, form(forms.line(50))] = Field(
        "", description="Shown on every card, for example `production`."
    )
    help_contact: Annotated[str, form(forms.line(200))] = Field(
        "", description="Whom the refused may ask: a text, or the Slack id of a person, user group or channel."
    )

    # MetaStudio. The endpoints are filled in from the region where they are not set.
    metastudio_region: Annotated[str, form(addresses.region)] = Field(
        "cn-north-4", description="The region of the one project that this bot serves."
    )
    metastudio_project_id: Annotated[str, form(addresses.project_id)] = Field(
        "", description="That project's id, from the console: *My Credentials*, *API Credentials*. Required."
    )
    metastudio_endpoint: Endpoint = Field(
        "https://metastudio.cn-north-4.myhuaweicloud.com",
        description="Another address than the region's: https, or http on this machine.",
    )
    metastudio_app_user_id: Annotated[str, form(forms.header_value)] = Field(
        "", description="Sent as the header `X-App-UserId`. Not set: the header is not sent."
    )
    metastudio_auth: Annotated[
        Literal["aksk", "profile", "agency", "token"], form(forms.choice("aksk", "profile", "agency", "token"))
    ] = Field(
        "aksk",
        description="Where credentials come from: `aksk` (access keys), `profile` (the credentials file of Huawei's "
        "SDK), `agency` (the agency of this ECS machine) or `token` (an IAM user's name and password).",
    )
    huaweicloud_sdk_ak: Key = Field(
        UNSET,
        description="Access key of an IAM user who may delete training jobs. Required with `METASTUDIO_AUTH=aksk`. "
        "`CLOUD_SDK_AK` works too.",
    )
    huaweicloud_sdk_sk: Key = Field(UNSET, description="The access key's other half. `CLOUD_SDK_SK` works too.")
    huaweicloud_sdk_security_token: Annotated[SecretStr, form(forms.key)] = Field(
        UNSET, description="Only with temporary access keys."
    )
    iam_endpoint: Endpoint = Field(
        "https://iam.cn-north-4.myhuaweicloud.com",
        description="With `METASTUDIO_AUTH=token`: another address to sign in at than the region's: https, or http on "
        "this machine.",
    )
    iam_domain: Line = Field(
        "", description="With `METASTUDIO_AUTH=token`: the name of the account to which the IAM user belongs."
    )
    iam_user: Line = Field("", description="With `METASTUDIO_AUTH=token`: the IAM user's name.")
    iam_password: Annotated[SecretStr, form(forms.password)] = Field(
        UNSET, description="With `METASTUDIO_AUTH=token`: that user's password."
    )
    metastudio_proxy: Annotated[SecretStr, form(addresses.proxy)] = Field(
        UNSET,
        description="Proxy towards MetaStudio and IAM, for example `http://proxy.example.com:3128`. `HTTPS_PROXY` and "
        "`NO_PROXY` do not count there.",
    )
    ca_bundle: Annotated[Path | None, form(addresses.certificates)] = Field(
        None,
        description="File with certificates (PEM) to trust besides the usual ones: for MetaStudio, its proxy and "
        "Slack alike.",
    )
    connect_timeout: Annotated[float, form(forms.number(0.1, 60))] = Field(
        5, description="Seconds for connecting to MetaStudio; for IAM at most 5."
    )
    read_timeout: Annotated[float, form(forms.number(0.1, 300))] = Field(
        30, description="Seconds for the whole answer of MetaStudio; for IAM's at most 10."
    )
    deletes_per_second: Annotated[float, form(forms.number(0, 100))] = Field(
        1, description="DELETEs per second and process; 0 means no limit."
    )
    reads_per_second: Annotated[float, form(forms.number(0, 1000))] = Field(
        5, description="Reads per second and process; 0 means no limit."
    )

    # Who may do what.
    authorized_users: Users = Field(
        frozenset(),
        description="Slack ids of the people who may delete, comma-separated. No users and no groups: nobody.",
    )
    authorized_usergroups: Groups = Field(
        frozenset(),
        description="Ids of user groups (`S…`) whose members may delete, comma-separated. Takes the scope "
        "`usergroups:read`.",
    )
    authorized_channels: Channels = Field(
        frozenset(),
        description="Ids of the channels in which the command works, comma-separated. Not set: every internal channel "
        "that the bot is in.",
    )
    confirm_by: Annotated[ConfirmBy, form(forms.choice(*ConfirmBy))] = Field(
        ConfirmBy.REQUESTER,
        description="Who may press *Delete permanently*: `requester`, `any_operator`, or `second_person` (any "
        "authorized person but the requester).",
    )
    second_person_states: Annotated[frozenset[str], form(forms.job_states)] = Field(
        frozenset(),
        description="Job states that ask for a second person, whatever `CONFIRM_BY` says, comma-separated. "
        "docs/messages.md has all states of a job.",
    )
    reason_required: Annotated[bool, form(forms.flag)] = Field(
        default=False, description="Whether a command without a reason is refused."
    )
    freeze_by: Users = Field(
        frozenset(),
        description="Slack ids of the people who may freeze and unfreeze deletions, comma-separated. Not set: all who "
        "may delete.",
    )

    # Times and sizes.
    confirm_within_seconds: Annotated[int, CardLife] = Field(
        600,
        description="Seconds within which a card can be confirmed: 30 to 604800, which is a week (from 3 with an "
        "endpoint on this machine).",
    )
    settle_after_seconds: Annotated[int, Settling] = Field(
        600,
        description="Seconds over which *still present* has to hold after a lost reply: 60 to 86400 (from 1 with an "
        "endpoint on this machine).",
    )
    max_open: Annotated[int, form(forms.whole(1, 10000))] = Field(
        200, description="Open deletions at the same time; more are refused."
    )
    workers: Annotated[int, form(forms.whole(4, 2048))] = Field(
        256, description="Commands and clicks worked on at the same time; to more the bot answers that it is busy."
    )

    # The ledger and the logs. A database address may contain a password, so it is left out of repr, and
    # DATABASE_URL_FILE is accepted as for any secret.
    database_url: Annotated[str, form(database.database_url)] = Field(
        "sqlite:///dh-bot.db",
        repr=False,
        description="The ledger: a SQLite file, or PostgreSQL: `postgresql://user:password@host:5432/name`. In user "
        "and password percent-encode `@ : / ? # %` (`%40 %3A %2F %3F %23 %25`). docs/operating.md has the "
        "other forms.",
    )
    database_pool: Annotated[int, form(forms.whole(2, 64))] = Field(
        8, description="Connections of this process to PostgreSQL. A rolling update runs one bot more than usual."
    )
    audit_channel: Annotated[str, form(forms.slack_channel)] = Field(
        "",
        description="Channel id for the running log: one line per refusal, request, decision and outcome, and once a "
        "day the audit trail's newest event and the number of typing errors.",
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], form(forms.choice("DEBUG", "INFO", "WARNING", "ERROR"))
    ] = Field(
        "INFO",
        description="The least grave lines that are logged. Of libraries only warnings are, at any level: their other "
        "lines would show payloads.",
    )
    log_format: Annotated[Literal["json", "console"], form(forms.choice("json", "console"))] = Field(
        "json", description="How log lines look: `json`, or `console` for reading."
    )
    log_stream: Annotated[Literal["stderr", "stdout"], form(forms.choice("stderr", "stdout"))] = Field(
        "stderr",
        description="Where `dh-bot run` logs to: `stderr`, or `stdout` for collectors that take every line on stderr "
        "for an error.",
    )

    def database_url_now(self) -> str:
        """DATABASE_URL, read again: a password in the file that DATABASE_URL_FILE names may have been changed.

        The value of the start if the settings cannot be read any more.
        """
        try:
            return self._again().database_url if self._again is not None else self.database_url
        except SettingsError:
            return self.database_url

    @property
    def target(self) -> Target:
        """The one project that this bot serves."""
        return Target(self.metastudio_endpoint, self.metastudio_region, self.metastudio_project_id)

    @property
    def rules(self) -> Rules:
        """The authorization rules, for the running bot and for the doctor."""
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

    def secrets(self) -> frozenset[str]:
        """Every secret text, for the log scrubber; the passwords inside addresses also on their own.

        The addresses of proxies that libraries read from the environment, such as HTTPS_PROXY, are among them.
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


GROUPS = {
    "slack_bot_token": "Slack",
    "http_host": "Addresses to listen on",
    "environment_label": "What people read",
    "metastudio_region": "Huawei Cloud MetaStudio",
    "authorized_users": "Who may do what",
    "confirm_within_seconds": "Times and sizes",
    "database_url": "Ledger and logs",
}
"""The first setting of each group, and the group's title in ``.env.example`` and ``docs/settings.md``."""

SECRET_NAMES = frozenset(
    {"DATABASE_URL"} | {name.upper() for name, field in Settings.model_fields.items() if _is_secret(field.annotation)}
)

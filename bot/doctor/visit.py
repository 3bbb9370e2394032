"""All checks in their order, with the bot's own connections: what works here works in `dh-bot run`."""

from __future__ import annotations

from bot.clients import credentials_of, metastudio_of, tls_context, web_client
from bot.doctor import Finding, Findings, State, cloud, ledger, not_checked, slack, wrong
from bot.metastudio.auth import CannotSignIn
from bot.ports import LedgerTrouble
from bot.settings import Settings, SettingsError
from bot.work import SystemClock

SETTINGS = "settings"


def only_settings(error: SettingsError) -> Findings:
    """What there is to say while the settings are wrong: nothing else can be looked at, and nobody is asked."""
    yield from (wrong(SETTINGS, str(problem)) for problem in error.problems)
    if error.hint:
        yield Finding(SETTINGS, State.NOTE, error.hint)
    rest = (*ledger.ORDER, cloud.REGION, *cloud.ORDER, *slack.UNSETTLED)
    yield from (not_checked(name, f"Not before this is right: {SETTINGS}.") for name in rest)


def examine(settings: Settings) -> Findings:
    """One finding per check, as it is made. Changes nothing anywhere."""
    for notice in settings.notices():
        yield Finding(SETTINGS, State.NOTE, notice)
    yield Finding(SETTINGS, State.FINE, "Well formed, and they fit together.")
    yield from ledger.check(settings.database_url)
    yield cloud.region(settings)
    yield from _cloud(settings)
    yield from slack.check(settings, web_client(settings, tls_context(settings)), SystemClock().now)


def _cloud(settings: Settings) -> Findings:
    clock, tls = SystemClock(), tls_context(settings)
    try:
        credentials = credentials_of(settings, clock, tls)
    except CannotSignIn as error:
        yield from cloud.not_asked("There are no keys to ask with.", wrong(cloud.KEYS, str(error)))
        return
    try:
        stopped = ledger.stopped_since(settings.database_url, settings.target, credentials.fingerprint())
    except LedgerTrouble:
        yield from cloud.not_asked("The ledger cannot say whether calls are stopped, so none was made.")
        return
    if stopped is not None:
        rejected = (
            f"MetaStudio rejected them at {stopped:%F %R} UTC, and the bot has stopped calling it; this made no call "
            "either, since wrong signatures lock a key. Check the access key, the project and the clock, then restart "
            "the bot."
        )
        yield from cloud.not_asked("Calls are stopped.", wrong(cloud.KEYS, rejected))
        return
    client = metastudio_of(settings, credentials, clock, tls)
    try:
        yield from cloud.judge(client.find(limit=1).reply)
    finally:
        client.close()

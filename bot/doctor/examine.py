"""All checks in their order, over the bot's own connections: if a check succeeds, `dh-bot run` can connect too."""

from __future__ import annotations

from bot.clients import credentials_of, metastudio_of, tls_context, web_client
from bot.doctor import ledger, metastudio, slack
from bot.doctor.findings import CheckResult, CheckState, Findings, not_checked, wrong
from bot.domain.ledger_port import LedgerTrouble
from bot.metastudio.credentials.keys import CannotSignIn
from bot.runtime.clock import SystemClock
from bot.settings.forms import SettingsError
from bot.settings.schema import Settings

SETTINGS = "settings"


def only_settings(error: SettingsError) -> Findings:
    """The findings if the settings are wrong. No other check is possible then, and no service is called."""
    yield from (wrong(SETTINGS, str(problem)) for problem in error.problems)
    for note in error.notes:
        yield CheckResult(SETTINGS, CheckState.NOTE, note)
    if error.hint:
        yield CheckResult(SETTINGS, CheckState.NOTE, error.hint)
    yield not_checked("all else", "Nothing else was checked, and no service was called. First correct the settings.")


def examine(settings: Settings) -> Findings:
    """One finding per check, as it is made. Changes nothing; a connection to Slack is closed again."""
    for notice in settings.notices():
        yield CheckResult(SETTINGS, CheckState.NOTE, notice)
    yield CheckResult(SETTINGS, CheckState.FINE, "Well formed, and they fit together.")
    yield from ledger.check(settings.database_url)
    yield metastudio.region(settings)
    yield from _metastudio(settings)
    client = web_client(settings, tls_context(settings))
    yield from slack.check(settings, client, SystemClock(), bot_runs=ledger.has_bot(settings.database_url))


def _metastudio(settings: Settings) -> Findings:
    clock, tls = SystemClock(), tls_context(settings)
    try:
        credentials = credentials_of(settings, clock, tls)
    except CannotSignIn as error:
        yield from metastudio.not_asked("There are no credentials to ask with.", wrong(metastudio.KEYS, str(error)))
        return
    try:
        stopped = ledger.stopped_since(settings.database_url, settings.target, credentials.fingerprint())
    except LedgerTrouble:
        yield from metastudio.not_asked("The ledger cannot say whether calls are stopped, so none was made.")
        return
    if stopped is not None:
        rejected = (
            f"MetaStudio rejected them at {stopped:%F %R} UTC, and the bot has stopped calling it. The doctor made no "
            "call either, since wrong signatures lock a key. Check the access key, the project and the clock, then "
            "restart the bot."
        )
        yield from metastudio.not_asked("Calls are stopped.", wrong(metastudio.KEYS, rejected))
        return
    client = metastudio_of(settings, credentials, clock, tls)
    try:
        yield from metastudio.judge(client.find(limit=1).reply)
    finally:
        client.close()

"""Checks of the ledger, read-only. Whether it can be written is tried by a write that is rolled back."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from bot.audit import formats
from bot.audit.witness import short
from bot.doctor.findings import CheckResult, CheckState, Findings, fine, not_checked, wrong
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Target
from bot.domain.refusals import STOPS_WORK
from bot.ledger import breaker, lost_commits
from bot.ledger.clock import MOST_OFF
from bot.ledger.database import dialects, probe, session
from bot.ledger.database.engine import Database, connect, lost_events
from bot.ledger.database.trouble import EMPTY, NO_RIGHTS, NOT_THERE, remedy
from bot.ledger.schema import migrations
from bot.ledger.trail import verify
from bot.ledger.trail.reader import TrailReader

LEAST_FREE = 100 * 1024 * 1024
"""Bytes. With a full disk the bot cannot record, so it deletes nothing."""

REACHABLE, SCHEMA, DURABLE = "ledger", "ledger schema", "ledger durable"
WRITABLE, TRAIL, LOST = "ledger writable", "audit trail", "lost commits"
NEWEST, CLOCK, RUNNING = "newest event", "ledger's clock", "running bot"
ORDER = (REACHABLE, SCHEMA, DURABLE, WRITABLE, TRAIL, LOST, f"{NEWEST} or {CLOCK}")
MOST_NAMED = 5


def stopped_since(url: str, target: Target, fingerprint: str) -> datetime | None:
    """When MetaStudio last rejected these credentials, if calls are stopped for that. Raises ``LedgerTrouble``.

    None where there is no ledger yet.
    """
    try:
        with closing(connect(url, read_only=True)) as database:
            migrations.check(database)
            row = TrailReader(database).read(lambda connection: breaker.current(connection, target))
    except LedgerTrouble as trouble:
        if trouble.diagnosis in {NOT_THERE, EMPTY}:
            return None
        raise
    if row is None or row.fingerprint != fingerprint:
        return None
    opened: datetime = row.opened_at
    return opened


def has_bot(url: str) -> bool | None:
    """Whether a bot runs on this ledger; None where the ledger cannot be read."""
    try:
        return probe.is_in_use(url)
    except LedgerTrouble:
        return None


def check(url: str) -> Findings:
    """All checks of the ledger. Each depends on the one before."""
    try:
        database = connect(url, read_only=True)
    except LedgerTrouble as trouble:
        if trouble.diagnosis == NOT_THERE and _can_be_made(url):
            yield CheckResult(REACHABLE, CheckState.NOTE, YET)
            return
        yield wrong(REACHABLE, f"It cannot be opened: {_trouble(trouble)}")
        yield from (not_checked(name, "The ledger cannot be opened.") for name in ORDER[1:])
        return
    with closing(database):
        if lost := _lacks(database):
            yield fine(REACHABLE, "It can be opened.")
            yield wrong(
                NEWEST, f"The ledger has {lost.diagnosis}: {'; '.join(lost.__notes__)}. {remedy(lost.diagnosis)}"
            )
            yield from (not_checked(name, f"First correct: {NEWEST}.") for name in ORDER[1:-1])
            return
        try:
            migrations.check(database)
        except LedgerTrouble as trouble:
            if trouble.diagnosis == EMPTY:
                yield fine(REACHABLE, "It can be opened.")
                yield _durable(database)
                yield _can_get_tables(database)
                return
            schema = trouble.diagnosis.startswith("schema")
            yield fine(REACHABLE, "It can be opened.") if schema else wrong(REACHABLE, _trouble(trouble))
            yield wrong(SCHEMA, _trouble(trouble)) if schema else not_checked(SCHEMA, "The ledger cannot be read.")
            # Durability depends on the server and not on the tables.
            yield _durable(database) if schema else not_checked(DURABLE, "The ledger cannot be read.")
            yield from (not_checked(name, "The ledger's tables are not as expected.") for name in ORDER[3:])
            return
        yield fine(REACHABLE, "It can be opened.")
        yield fine(SCHEMA, f"Up to date (revision {migrations.HEAD}).")
        yield _durable(database)
        yield from _writable(database)
        yield from _trail(database)
        yield _lost(database)
        yield from _clock(database) if database.reading.dialect.name == "postgresql" else _newest(database)


def _can_get_tables(database: Database) -> CheckResult:
    try:
        if not probe.may_make_tables(database):
            return wrong(SCHEMA, f"No tables yet, and none can be made: {NO_RIGHTS}. {remedy(NO_RIGHTS)}")
    except LedgerTrouble as trouble:
        return wrong(SCHEMA, _trouble(trouble))
    return CheckResult(SCHEMA, CheckState.NOTE, "No tables yet: the first `dh-bot run` makes them.")


YET = (
    "None yet: the first `dh-bot run` makes it. If there should be one, check DATABASE_URL: a relative path counts "
    "from the folder in which the command is run."
)


def _can_be_made(url: str) -> bool:
    """Whether the folder of a missing SQLite ledger exists and can be written."""
    folder = Path(make_url(url).database or "").resolve().parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _lacks(database: Database) -> LedgerTrouble | None:
    try:
        return lost_events(database)
    except LedgerTrouble:
        return None  # The next check reports it.


def _trouble(trouble: LedgerTrouble) -> str:
    return f"{trouble.diagnosis}. {remedy(trouble.diagnosis)}"


def _durable(database: Database) -> CheckResult:
    try:
        session.check(database.reading)
    except LedgerTrouble as trouble:
        return wrong(DURABLE, _trouble(trouble))
    return fine(DURABLE, "Commits last: each one waits for the disk.")


def _writable(database: Database) -> Findings:
    try:
        probe.try_to_write(database)
    except LedgerTrouble as trouble:
        yield wrong(WRITABLE, f"It cannot be written: {_trouble(trouble)}")
        return
    file = database.reading.url.database
    if database.reading.dialect.name == "sqlite" and file:
        free = shutil.disk_usage(Path(file).parent).free
        if free < LEAST_FREE:
            yield wrong(WRITABLE, f"Its disk has only {free // 2**20} MB left: make room.")
            return
    yield fine(WRITABLE, "A write was tried, and taken back.")


def _trail(database: Database) -> Findings:
    try:
        inspection = TrailReader(database).read(lambda connection: verify.inspect(connection, None))
    except LedgerTrouble as trouble:
        yield wrong(TRAIL, f"It cannot be read: {_trouble(trouble)}")
        return
    broken = formats.fault_text(inspection)
    if broken is not None:
        yield wrong(TRAIL, f"{broken} `dh-bot audit verify` shows more.")
    else:
        verdict = inspection.verdict
        yield fine(TRAIL, f"Sound: {verdict.checked} events verified, the newest is {short(*verdict.head)}.")


def _lost(database: Database) -> CheckResult:
    """Lost commits that the bot noticed: a sender found its row without its claim. Wrong until the freeze is lifted."""
    try:
        found = TrailReader(database).read(lost_commits.find)
    except LedgerTrouble as trouble:
        return wrong(LOST, f"It cannot be read: {_trouble(trouble)}")
    if not found.events:
        return fine(LOST, "The bot has noticed none.")
    named = ", ".join(
        f"deletion {one.event.deletion} at {one.event.at:%F %R} UTC (event {one.number})"
        for one in found.events[:MOST_NAMED]
    )
    more = len(found.events) - MOST_NAMED
    says = f"The ledger lost commits about: {named}{f' and {more} more' if more > 0 else ''}."
    if not found.is_frozen:
        return CheckResult(LOST, CheckState.NOTE, f"{says} Somebody has allowed deletions again since.")
    return wrong(
        LOST,
        f"{says} The bot has frozen all deletions. Find out why: a failover to a standby that was behind, or a copy "
        "put in place of the database. Look at the threads of these deletions, then `unfreeze`.",
    )


def _newest(database: Database) -> Findings:
    """Compare a SQLite ledger with the note next to its file, from the bot that runs on it or ran last."""
    if database.note is None:
        yield not_checked(NEWEST, "None is noted next to the ledger yet; `dh-bot run` does so.")
        return
    yield fine(NEWEST, "The ledger has the newest event that is noted next to it.")
    for reason, says in STOPS_WORK.items():
        if reason in database.note.why:
            yield wrong(RUNNING, f"It takes no new work. {says}")


def _clock(database: Database) -> Findings:
    """Compare our clock with PostgreSQL's, by which the other replicas work."""
    asked = datetime.now(UTC)
    try:
        theirs = TrailReader(database).read(dialects.database_now)
    except LedgerTrouble as trouble:
        yield wrong(CLOCK, f"It cannot be asked: {_trouble(trouble)}")
        return
    # SQLite has no clock of its own.
    if theirs is None or (off := max(asked - theirs, theirs - datetime.now(UTC))) <= MOST_OFF:
        yield fine(CLOCK, "This machine's clock agrees with the database's.")
        return
    way = "ahead of" if asked > theirs else "behind"
    yield wrong(
        CLOCK,
        f"This machine's clock is {off.total_seconds():.0f} seconds {way} the database's, so the bot takes no new work "
        "on it. Set both, and keep them by NTP.",
    )

"""The ledger, looked at read-only. Whether it can be written is tried by a write that is rolled back."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import datetime
from pathlib import Path

from bot.doctor import Findings, fine, not_checked, wrong
from bot.ledger import breaker_rows, migrations, probing, trail_texts, verifying
from bot.ledger.engine import Database, connect
from bot.ledger.trail_reader import TrailReader
from bot.ledger.trouble import remedy
from bot.ledger.witness import short
from bot.model import Target
from bot.ports import LedgerTrouble

LEAST_FREE = 100 * 1024 * 1024
"""Bytes. A full disk deletes nothing, but also cannot record."""

REACHABLE, SCHEMA, WRITABLE, TRAIL = "ledger", "ledger schema", "ledger writable", "audit trail"
ORDER = (REACHABLE, SCHEMA, WRITABLE, TRAIL)


def stopped_since(url: str, target: Target, fingerprint: str) -> datetime | None:
    """When MetaStudio last rejected these credentials, if calls are stopped for that. Raises ``LedgerTrouble``."""
    with closing(connect(url, read_only=True)) as database:
        migrations.check(database)
        key = breaker_rows.key(target)
        row = TrailReader(database).read(lambda connection: breaker_rows.standing(connection, key))
    if row is None or row.fingerprint != fingerprint:
        return None
    opened: datetime = row.opened_at
    return opened


def check(url: str) -> Findings:
    """Each stands on the one before."""
    try:
        database = connect(url, read_only=True)
    except LedgerTrouble as trouble:
        yield wrong(REACHABLE, f"It cannot be opened: {_trouble(trouble)}")
        yield from (not_checked(name, "The ledger cannot be opened.") for name in (SCHEMA, WRITABLE, TRAIL))
        return
    with closing(database):
        try:
            migrations.check(database)
        except LedgerTrouble as trouble:
            schema = trouble.diagnosis.startswith("schema")
            yield fine(REACHABLE, "It can be opened.") if schema else wrong(REACHABLE, _trouble(trouble))
            yield wrong(SCHEMA, _trouble(trouble)) if schema else not_checked(SCHEMA, "The ledger cannot be read.")
            yield from (not_checked(name, "The ledger's tables are not as expected.") for name in (WRITABLE, TRAIL))
            return
        yield fine(REACHABLE, "It can be opened.")
        yield fine(SCHEMA, f"Up to date (revision {migrations.HEAD}).")
        yield from _writable(database)
        yield from _trail(database)


def _trouble(trouble: LedgerTrouble) -> str:
    return f"{trouble.diagnosis}. {remedy(trouble.diagnosis)}"


def _writable(database: Database) -> Findings:
    try:
        probing.try_to_write(database)
    except LedgerTrouble as trouble:
        yield wrong(WRITABLE, f"It cannot be written: {_trouble(trouble)}")
        return
    file = database.reading.url.database
    if database.reading.dialect.name == "sqlite" and file:
        free = shutil.disk_usage(Path(file).parent).free
        if free < LEAST_FREE:
            yield wrong(WRITABLE, f"Its disk has only {free // 2**20} MB left: make room.")
            return
    yield fine(WRITABLE, "A write was tried and taken back.")


def _trail(database: Database) -> Findings:
    try:
        looked = TrailReader(database).read(lambda connection: verifying.look(connection, None))
    except LedgerTrouble as trouble:
        yield wrong(TRAIL, f"It cannot be read: {_trouble(trouble)}")
        return
    broken = trail_texts.fault_text(looked)
    if broken is not None:
        yield wrong(TRAIL, f"{broken} `dh-bot audit verify` tells more.")
    else:
        verdict = looked.verdict
        yield fine(TRAIL, f"Sound: {verdict.checked} events verified, the newest is {short(*verdict.head)}.")

"""Debian's PostgreSQL in trouble: the bot says so in words, and works again by itself when the database is well."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from tests.real.postgres import DATABASE, USER, Cluster, Clusters, clusters
from tests.real.processes import Bots

ANSWERED_WITHIN = 30
"""Seconds until a person who asks is answered, whatever the database does."""
WELL_WITHIN = 60
"""Seconds after the database is well until a deletion goes through."""


@pytest.fixture
def made() -> Iterator[Clusters]:
    with clusters() as them:
        yield them


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[Bots]:
    """Slack and MetaStudio, and no bot yet."""
    outside = Bots(tmp_path)
    try:
        with outside.running():
            yield outside
    finally:
        outside.end()


def ready(bots: Bots, url: str) -> BotProcess:
    """A bot on that ledger that has done its job once."""
    bot = bots.start(DATABASE_URL=url)
    bots.ready(bot)
    bots.delete_a_job()
    return bot


def said(bots: Bots) -> list[str]:
    return [message.text for message in (*bots.slack.ephemerals(bots.anna), *bots.slack.dm(bots.anna))]


def answers_in_words(bots: Bots) -> None:
    """Who asks now is told within half a minute that the ledger is in trouble, and no DELETE is sent."""
    before, sent = len(said(bots)), len(bots.cloud.requests_to("Delete2dModelTrainingJob"))
    began = time.monotonic()
    bots.slack.command(bots.anna, bots.ops, bots.cloud.add_job(state="TRAIN_FAILED")).wait_ack()
    assert bots.slack.wait_for(lambda: any("database" in text for text in said(bots)[before:]), ANSWERED_WITHIN)
    assert time.monotonic() - began < ANSWERED_WITHIN
    assert len(bots.cloud.requests_to("Delete2dModelTrainingJob")) == sent


def works_again(bots: Bots, bot: BotProcess) -> None:
    """A deletion goes through within a minute, without a restart of the bot."""
    give_up = time.monotonic() + WELL_WITHIN
    while True:
        try:
            bots.delete_a_job(seconds=max(give_up - time.monotonic(), 1), patience=5)
        except TimeoutError:
            assert time.monotonic() < give_up, bot.log[-20:]
        else:
            break
    assert not bot.has_ended
    assert not [line for line in bot.log if "Traceback" in line]


SPELLINGS = {
    "libpq's": "postgresql://{user}@127.0.0.1:{old},127.0.0.1:{new}/{name}?target_session_attrs=read-write",
    "SQLAlchemy's": "postgresql+psycopg://{user}@/{name}?host=127.0.0.1:{old}&host=127.0.0.1:{new}"
    "&target_session_attrs=primary",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_failover_to_the_standby(bots: Bots, made: Clusters, spelling: str) -> None:
    """The primary crashes and the standby is promoted: with both in DATABASE_URL the bot finds it by itself."""
    old = made.primary()
    new = made.standby(of=old)
    user = f"{USER}:{old.password}"
    bot = ready(bots, SPELLINGS[spelling].format(user=user, old=old.port, new=new.port, name=DATABASE))
    old.stop("immediate")
    answers_in_words(bots)
    new.promote()
    works_again(bots, bot)


def test_a_switchover_that_leaves_the_connections_open(bots: Bots, made: Clusters) -> None:
    """The server becomes a standby behind a pooler that keeps the bot's connections: they are given up at once."""
    from tests.real.pgbouncer import pgbouncer  # noqa: PLC0415

    old = made.primary()
    new = made.standby(of=old)
    with pgbouncer(old, "transaction") as port:
        bot = ready(bots, Cluster.url_at(port))
        old.become_standby(of=new)
        answers_in_words(bots)
        assert bots.slack.wait_for(lambda: bots.says(bot, "a standby, or read-only"), WELL_WITHIN)
        new.stop("fast")
        old.promote()
        works_again(bots, bot)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart(bots: Bots, made: Clusters, mode: str) -> None:
    """Stopped in order or crashed, and started again."""
    server = made.primary()
    bot = ready(bots, server.url)
    server.stop(mode)
    answers_in_words(bots)
    server.start()
    works_again(bots, bot)


def test_a_server_that_vanishes_without_a_word(bots: Bots, made: Clusters) -> None:
    """Its processes stand still, as a machine does whose power or network is gone: nobody waits for minutes."""
    server = made.primary()
    bot = ready(bots, server.url)
    held = server.processes()
    try:
        for process in held:
            os.kill(process, signal.SIGSTOP)
        answers_in_words(bots)
    finally:
        for process in held:
            os.kill(process, signal.SIGCONT)
    works_again(bots, bot)


def test_a_database_that_is_read_only_by_default(bots: Bots, made: Clusters) -> None:
    """What a managed service sets when its disk fills up: every command is written all the same, or refused alike."""
    server = made.primary()
    server.execute(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on")
    bots.ready(bots.start(DATABASE_URL=server.url))
    for _ in range(4):
        bots.delete_a_job()


def test_a_password_that_is_changed(bots: Bots, made: Clusters) -> None:
    """With DATABASE_URL_FILE the bot takes the new one from the file with its next connection, without a restart."""
    server = made.primary()
    file = bots.folder / "database-url"
    file.write_text(server.url + "\n", encoding="utf-8")
    bot = bots.start(DATABASE_URL="", DATABASE_URL_FILE=str(file))
    bots.ready(bot)
    bots.delete_a_job()
    file.write_text(Cluster.url_at(server.port, password="the-new-one") + "\n", encoding="utf-8")
    server.execute(
        f"ALTER ROLE {USER} PASSWORD 'the-new-one'",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'",  # noqa: S608 - a constant
    )
    works_again(bots, bot)
    assert "the-new-one" not in "\n".join(bot.log)


def test_a_rolling_update_with_few_connections(bots: Bots, made: Clusters) -> None:
    """Three replicas and one more fit into max_connections=25 with DATABASE_POOL=5, and nobody is turned away."""
    server = made.primary()
    server.execute("ALTER SYSTEM SET max_connections = 25")
    server.restart()
    running = [bots.start(DATABASE_URL=server.url, DATABASE_POOL="5") for _ in range(4)]
    bots.ready(*running)
    for _ in range(8):
        bots.delete_a_job()
    assert not [line for bot in running for line in bot.log if "ledger_trouble" in line]


STARTS = {
    "wrong password": (lambda made: Cluster.url_at(made.primary().port, password="another"), "password refused"),
    "no such database": (lambda made: f"{made.primary().url}_2", "no such database"),
    "a standby": (lambda made: made.standby(of=made.primary()).url, "a standby, or read-only"),
    "TLS demanded": (lambda made: made.primary(only_tls=True).url + "?sslmode=disable", "TLS demanded"),
    "TLS not offered": (lambda made: made.primary().url + "?sslmode=require", "TLS not offered"),
    "wrong certificate": (
        lambda made: made.primary(only_tls=True).url + "?sslmode=verify-full&sslrootcert=system",
        "certificate not trusted",
    ),
    "no primary among the hosts": (
        lambda made: made.standby(of=made.primary()).url + "?target_session_attrs=read-write",
        "a standby, or read-only",
    ),
    "no right to make tables": (lambda made: made.primary().owned_by_another().url, "rights missing"),
    "an option": (lambda made: made.primary().url + "?options=-cfoo%3D1", "an option of the address refused"),
    "no connection free": (lambda made: made.primary().full().url, "no connection free"),
    "fsync=off": (lambda made: made.primary().without_fsync().url, "the server cannot keep commits (fsync=off)"),
}


@pytest.mark.parametrize("trouble", STARTS)
def test_a_start_that_fails_names_the_trouble(bots: Bots, made: Clusters, trouble: str) -> None:
    """With status 3, its diagnosis and its remedy; doctor says the same; no password is shown."""
    address, diagnosis = STARTS[trouble]
    url = address(made)
    bot = bots.start(DATABASE_URL=url)
    assert bot.wait(60) == 3, bot.log
    assert f"The ledger cannot be used: {diagnosis}. " in bot.log[-1]
    assert "a-password-of-the-tests" not in "\n".join(bot.log)
    doctor = bots.doctor(DATABASE_URL=url)
    assert doctor.returncode == 1
    assert diagnosis.partition(" (")[0] in doctor.stdout, doctor.stdout
    assert "a-password-of-the-tests" not in doctor.stdout + doctor.stderr

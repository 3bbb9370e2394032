"""PgBouncer in transaction mode in front of PostgreSQL, with fewer connections than the replicas would take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.pgbouncer import pgbouncer
from tests.real.postgres import Cluster, clusters
from tests.real.processes import Bots


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[Bots]:
    """Slack and MetaStudio, and no bot yet."""
    made = Bots(tmp_path)
    try:
        with made.running():
            yield made
    finally:
        made.end()


def test_replicas_share_the_few_connections_of_a_pooler(bots: Bots) -> None:
    """Three migrate the ledger together, and delete, with as many connections as PgBouncer has to give."""
    with clusters() as made, pgbouncer(made.primary(), "transaction", server_connections=6) as port:
        started = [bots.start(DATABASE_URL=Cluster.url_at(port)) for _ in range(3)]
        bots.ready(*started)
        for _ in range(9):
            bots.delete_a_job()
        assert [bot.stop() for bot in started] == [0, 0, 0]
        for bot in started:
            assert not [line for line in bot.log if "ledger_trouble" in line or "Traceback" in line], bot.log

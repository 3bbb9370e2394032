"""The replicas' storm, in short, on Debian's PostgreSQL through PgBouncer in transaction mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.pgbouncer import pgbouncer
from tests.real.postgres import Cluster, clusters
from tests.replicas.storm import Plan, Storm

PLAN = Plan(deletions=35, channels=5, kill_every=3, database_restarts=1, answers_wait=False)


class Behind:
    """A cluster with a pooler in front of it, for a storm."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        self._cluster = cluster
        self._port = port

    def database(self, name: str) -> str:
        """The one that the cluster has been made with: the pooler knows no other."""
        return Cluster.url_at(self._port)

    def execute(self, *statements: str) -> None:
        self._cluster.execute(*statements)

    def restart(self) -> None:
        self._cluster.restart()

    def crash(self) -> None:
        self._cluster.stop("immediate")
        self._cluster.start()

    def stop(self) -> None:
        """Whoever made it ends it."""


def test_nothing_is_lost_doubled_or_untold_behind_a_pooler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Replicas are killed and the primary restarts while people press twice: one DELETE each, everything told."""
    with clusters() as made, pgbouncer(primary := made.primary(), "transaction") as port:
        storm = Storm(PLAN, tmp_path, Behind(primary, port))
        with storm.running():
            figures = storm.blow()
    with capsys.disabled():
        print(f"\nstorm: {figures}")
    assert figures.kills > 0
    assert figures.database_restarts == 1
    assert figures.faults() == []

"""Reads the jobs that are due: of unknown outcomes, and of deletions that are read again after their end."""

from __future__ import annotations

from bot.deletion.settle import read_one
from bot.domain.ledger_port import DueWork
from bot.domain.ports import Ports
from bot.logs import about

LEASE_SECONDS = 180.0


def read_next(ports: Ports) -> int:
    """Do the read that has been due longest; returns how many there were. Several readers may do so at once.

    A read may take a minute where MetaStudio hangs, so nothing that is due for other reasons waits behind one.
    """
    due = ports.ledger.deletions.lease(DueWork.READ, ports.clock.now(), seconds=LEASE_SECONDS, limit=1)
    for deletion in due:
        with about(deletion.id):
            read_one(deletion, ports)
    return len(due)

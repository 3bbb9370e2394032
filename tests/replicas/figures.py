"""What a storm counts and judges, and what it asks of the database that it blows on."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

SCRAPE_WITHIN = 0.05
"""Seconds that a scrape should take at most."""
TOLD_WITHIN = 60.0
"""Seconds after a dead replica's claim has run out; product and issue say a minute."""


class Database(Protocol):
    """The server whose database the replicas share."""

    def database(self, name: str) -> str:
        """A new database; its address, by which the replicas reach it."""

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser."""

    def restart(self) -> None:
        """Stop it in an orderly way, which ends every connection, and start it again."""

    def crash(self) -> None:
        """End it at once, and start it again."""

    def stop(self) -> None:
        """End it for good."""


@dataclass
class Figures:
    """What was counted."""

    seconds: float = 0.0
    kills: int = 0
    database_restarts: int = 0
    commands: int = 0
    clicks: int = 0
    not_acked: int = 0
    acks: list[float] = field(default_factory=list)
    deletes: Counter[int] = field(default_factory=Counter)
    """How many jobs got how many DELETEs."""
    not_deleted: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    owed: int = 0
    lost_claims: list[float] = field(default_factory=list)
    """Seconds from the end of a dead replica's claim until its thread said so."""
    ends: Counter[str] = field(default_factory=Counter)
    scrapes: list[float] = field(default_factory=list)
    """Seconds that /metrics took."""
    chain: str = ""
    violations: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """What must not have happened."""
        doubled = sum(count for number, count in self.deletes.items() if number > 1)
        checks = (
            (doubled, f"{doubled} jobs got more than one DELETE"),
            (self.not_deleted, f"not deleted in the end: {self.not_deleted[:5]}"),
            (self.untold, f"outcomes that no thread tells: {self.untold[:5]}"),
            (self.owed, f"{self.owed} things are still owed"),
            (self.chain, f"the audit trail: {self.chain}"),
            (self.violations, f"Slack was misused: {self.violations[:3]}"),
            (max(self.lost_claims, default=0) > TOLD_WITHIN, "a dead replica's work was told too late"),
        )
        return [what for is_wrong, what in checks if is_wrong]

    def __str__(self) -> str:
        acks = sorted(self.acks) or [0.0]
        scrapes = sorted(self.scrapes) or [0.0]
        late = [f"{value:.1f}" for value in sorted(self.lost_claims)]
        return "\n".join(
            (
                (
                    f"deletions asked for {sum(self.deletes.values())}, in {self.seconds:.0f} s; replicas killed "
                    f"{self.kills}, database restarted {self.database_restarts}"
                ),
                (
                    f"commands {self.commands}, clicks {self.clicks}, not acknowledged (killed) {self.not_acked}; "
                    f"ack median {statistics.median(acks) * 1000:.0f} ms, longest {acks[-1] * 1000:.0f} ms"
                ),
                f"jobs by number of DELETEs {dict(sorted(self.deletes.items()))}",
                f"deletions by their end {dict(sorted(self.ends.items()))}",
                f"claims of dead replicas {len(late)}, told after {', '.join(late) or 'none'} s",
                (
                    f"scrapes of /metrics {len(scrapes)}, median {_ms(statistics.median(scrapes))}, 99 % under "
                    f"{_ms(scrapes[len(scrapes) * 99 // 100])}, longest {_ms(scrapes[-1])}, over {_ms(SCRAPE_WITHIN)} "
                    f"{sum(one > SCRAPE_WITHIN for one in scrapes)}"
                ),
                (
                    f"lost {len(self.not_deleted)}, untold {len(self.untold)}, still owed {self.owed}, "
                    f"trail {self.chain or 'sound'}"
                ),
            )
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"

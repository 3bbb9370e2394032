"""How Slack reaches the bot: Socket Mode or HTTP, behind one protocol."""

from __future__ import annotations

from typing import Protocol


class CannotConnect(Exception):
    """Slack cannot reach the bot this way. The message is for the person who starts the bot."""


class Transport(Protocol):
    """What the running app needs of either."""

    def start(self) -> None:
        """Begin; raises ``CannotConnect``."""
        ...

    def is_connected(self) -> bool:
        """Whether Slack's requests can arrive: known from the other side, not only believed."""
        ...

    def is_alive(self) -> bool:
        """Whether its threads live, so that a lost connection comes back by itself. True before the start."""
        ...

    def watch(self) -> int:
        """Look after the connection; called every few seconds. Returns 0."""
        ...

    def hand_over(self) -> bool:
        """Let other replicas receive what comes; whether it does. Takes seconds.

        The caller knows from the ledger that some live and are not about to stop. Alone, the bot has to stay, to answer
        that it is restarting.

        What has arrived by then is acknowledged, so the caller takes work until this returns.
        """
        ...

    def close(self) -> None:
        """End. Acks that were not sent by then are lost, so everything else stops first."""
        ...

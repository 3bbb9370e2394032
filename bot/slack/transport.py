"""How Slack reaches the bot: Socket Mode or HTTP, behind one protocol."""

from __future__ import annotations

from typing import Protocol


class CannotConnect(Exception):
    """Slack cannot reach the bot this way. The message is for the person who starts the bot."""


class Transport(Protocol):
    """The interface of both."""

    def start(self) -> None:
        """Begin; raises ``CannotConnect``."""
        ...

    def is_connected(self) -> bool:
        """Whether Slack's requests can arrive, by a recent sign of life from Slack's side."""
        ...

    def is_alive(self) -> bool:
        """Whether its threads live, so that it reconnects by itself. True before the start."""
        ...

    def watch(self) -> int:
        """Check the connection, and renew it where that is due; called every few seconds. Returns 0."""
        ...

    def hand_over(self) -> bool:
        """Leave new requests to other replicas; False where this process has to stay connected. Takes seconds.

        The caller knows from the ledger that other replicas live and are not about to stop. A lone bot stays connected
        to answer that it is restarting.

        Requests that arrive before this returns are acknowledged, so the caller accepts work until then.
        """
        ...

    def close(self) -> None:
        """Close the connection. Unsent acks are lost, so everything else stops first."""
        ...

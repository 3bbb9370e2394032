"""How Slack reaches the bot: Socket Mode or HTTP, behind one protocol."""

from __future__ import annotations

from typing import Protocol


class CannotConnect(Exception):
    """Slack cannot reach the bot this way. The message is for the person who starts the bot."""


class CannotListen(Exception):
    """The address cannot be listened on. The message is the system's reason, for the person who starts the bot."""


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

    def close(self) -> None:
        """End. Acks that were not sent by then are lost, so everything else stops first."""
        ...

"""A crowd of envelopes that arrive faster than they are read."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading

import pytest
from slack_sdk.socket_mode.builtin.internals import _receive_messages

from bot.slack.socket_client import RECEIVE_BYTES

ENVELOPES, LENGTH = 300, 5000


def received(buffer: int) -> int:
    """How many frames the SDK reads out of a stream that never pauses at the end of one, with such a buffer."""
    frame = b"\x81\x7e" + struct.pack("!H", LENGTH) + b"x" * LENGTH
    near, far = socket.socketpair()
    with near, far:

        def send() -> None:
            # A reader that gave up takes no more.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                near.sendall(frame * ENVELOPES)

        sending = threading.Thread(target=send)
        sending.start()
        count = 0
        try:
            while count < ENVELOPES:
                count += len(
                    _receive_messages(far, threading.Lock(), logging.getLogger(__name__), receive_buffer_size=buffer)  # type: ignore[arg-type]
                )
        finally:
            far.close()
            sending.join()
        return count


def test_none_of_a_crowd_is_lost() -> None:
    """The presses of three hundred people in one instant are all read."""
    assert received(RECEIVE_BYTES) == ENVELOPES


def test_the_sdks_own_buffer_would_lose_them() -> None:
    """Why there is a setting of ours. When this fails the SDK reads without calling itself, and it may go."""
    with pytest.raises(RecursionError):
        received(1024)

"""The planned faults of the local MetaStudio, which its calls and connections meet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.metastudio.faults import AFTER, ANY, BEFORE, DELETE, LIST, SHOW, TOKEN, Held, Spoil
from sandbox.metastudio.world import Seen
from sandbox.wire.fault_list import FaultList
from sandbox.wire.server import reset


@dataclass(slots=True, eq=False)
class Fault:
    """One planned fault; `hits` counts how often it struck, `release()` ends what it holds up."""

    operation: str
    spoil: Spoil
    times: int | None
    when: str
    job_id: str | None
    skip: int
    hits: int = 0

    def release(self) -> None:
        """Let everything that this fault holds up go on."""
        if isinstance(self.spoil, Held):
            self.spoil.gate.set()

    def matches(self, seen: Seen) -> bool:
        """Whether this fault is meant for this call."""
        fits = seen.operation != TOKEN if self.operation == ANY else seen.operation == self.operation
        return fits and self.job_id in (None, seen.job_id)


EARLY = b"HTTP/1.1 200 OK\r\nX-Request-Id: answered-before-it-was-asked\r\nContent-Length: 0\r\n\r\n"


class Faults(FaultList[Fault]):
    """The planned faults of MetaStudio's calls and connections."""

    def __init__(self) -> None:
        super().__init__()
        self._connects: list[tuple[str, threading.Event]] = []

    def add(
        self,
        operation: str,
        spoil: Spoil,
        *,
        times: int | None = 1,
        when: str = BEFORE,
        job_id: str | None = None,
        skip: int = 0,
    ) -> Fault:
        """Plan a fault for SHOW, DELETE, LIST, ANY of these, or TOKEN.

        `when` is "before" (no effect, although the good answer is spoiled) or "after" (the effect happens first). The
        first `skip` matching calls pass; `times=None` means until removed.
        """
        if operation not in (SHOW, DELETE, LIST, ANY, TOKEN) or when not in (BEFORE, AFTER):
            raise ValueError("operation is SHOW, DELETE, LIST, ANY or TOKEN; when is before or after")
        return self.plan(Fault(operation, spoil, times, when, job_id, skip))

    def clear(self) -> None:
        """Take all faults back, and end every hang."""
        super().clear()
        with self._lock:
            connects, self._connects = self._connects, []
        for _, gate in connects:
            gate.set()

    def connect(self, how: str, *, times: int = 1) -> threading.Event:
        """Plan for the next connections, before TLS.

        "hang" (accepted, then nothing), "reset" (at the first byte) or "early" (a whole 200 before any request). The
        returned event ends a hang.
        """
        if how not in ("hang", "reset", "early"):
            raise ValueError("how is hang, reset or early")
        gate = threading.Event()
        with self._lock:
            self._connects += [(how, gate)] * times
        return gate

    def meet_connection(self, sock: socket.socket, hold: Callable[[threading.Event], None]) -> None:
        """Play the fault of a new connection; for `Server.on_connect`."""
        with self._lock:
            how, gate = self._connects.pop(0) if self._connects else ("", threading.Event())
        if how == "hang":
            hold(gate)
        elif how == "reset":
            sock.recv(1, socket.MSG_PEEK)  # a reset before this would fail the client's connect()
            reset(sock)
        elif how == "early":
            sock.sendall(EARLY)
            return
        if how:
            raise ConnectionAbortedError(how)

"""The faults that are to be played, and when: a list that is asked at each call and at each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.metastudio.faults import AFTER, ANY, BEFORE, DELETE, LIST, SHOW, TOKEN, Held, Spoil
from sandbox.metastudio.world import Seen
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
        """Tell whether this fault is meant for that call."""
        fits = seen.operation != TOKEN if self.operation == ANY else seen.operation == self.operation
        return fits and self.job_id in (None, seen.job_id)


EARLY = b"HTTP/1.1 200 OK\r\nX-Request-Id: answered-before-it-was-asked\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Faults:
    """The list of planned faults; each call meets at most one, the oldest that fits."""

    planned: list[Fault] = field(default_factory=list)
    _connects: list[tuple[str, threading.Event]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

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

        `when` is "before" (nothing happens in the world, though what is spoiled is the good answer) or "after" (the
        effect happens first). `skip` lets so many fitting calls through; `times=None` means until removed.
        """
        if operation not in (SHOW, DELETE, LIST, ANY, TOKEN) or when not in (BEFORE, AFTER):
            raise ValueError("operation is SHOW, DELETE, LIST, ANY or TOKEN; when is before or after")
        fault = Fault(operation, spoil, times, when, job_id, skip)
        with self._lock:
            self.planned.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault back and release what it holds."""
        with self._lock:
            if fault in self.planned:
                self.planned.remove(fault)
        fault.release()

    def clear(self) -> None:
        """Take all faults back."""
        for fault in list(self.planned):
            self.remove(fault)
        with self._lock:
            connects, self._connects = self._connects, []
        for _, gate in connects:
            gate.set()

    def take(self, seen: Seen) -> Fault | None:
        """Find the fault that this call meets, and count it."""
        if not self.planned:
            return None
        with self._lock:
            for fault in self.planned:
                if not fault.matches(seen):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                if fault.times is not None and fault.hits >= fault.times:
                    self.planned.remove(fault)
                return fault
        return None

    def connect(self, how: str, *, times: int = 1) -> threading.Event:
        """Plan for the next connections, before TLS.

        "hang" (accepted, then nothing), "reset" (at the first byte) or "early" (a whole 200 before any request). The
        event that is returned ends a hang.
        """
        if how not in ("hang", "reset", "early"):
            raise ValueError("how is hang, reset or early")
        gate = threading.Event()
        with self._lock:
            self._connects += [(how, gate)] * times
        return gate

    def meet_connection(self, sock: socket.socket, hold: Callable[[threading.Event], None]) -> None:
        """Play what is planned for a new connection; for `Server.on_connect`."""
        with self._lock:
            how, gate = self._connects.pop(0) if self._connects else ("", threading.Event())
        if how == "hang":
            hold(gate)
        elif how == "reset":
            sock.recv(1, socket.MSG_PEEK)  # the client has to be past connecting, or the kernel reports it there
            reset(sock)
        elif how == "early":
            sock.sendall(EARLY)
            return
        if how:
            raise ConnectionAbortedError(how)

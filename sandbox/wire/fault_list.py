"""The list of planned faults, which both doubles have."""

from __future__ import annotations

import threading
from typing import Any, Generic, Protocol, TypeVar


class Planned(Protocol):
    """One planned fault. The first `skip` matching calls pass; `times=None` means until removed."""

    times: int | None
    skip: int
    hits: int

    def release(self) -> None:
        """Let everything that this fault holds up go on."""

    def matches(self, call: Any) -> bool:
        """Whether this fault is meant for this call."""


_Fault = TypeVar("_Fault", bound=Planned)


class FaultList(Generic[_Fault]):
    """Each call meets at most one planned fault, the oldest that matches."""

    def __init__(self) -> None:
        self.planned: list[_Fault] = []
        self._lock = threading.Lock()

    def plan(self, fault: _Fault) -> _Fault:
        """Add a fault; returns it."""
        with self._lock:
            self.planned.append(fault)
        return fault

    def remove(self, fault: _Fault) -> None:
        """Take a fault back and release what it holds."""
        with self._lock:
            if fault in self.planned:
                self.planned.remove(fault)
        fault.release()

    def clear(self) -> None:
        """Take all faults back."""
        for fault in list(self.planned):
            self.remove(fault)

    def take(self, call: object) -> _Fault | None:
        """Find the fault that this call meets, and count it."""
        with self._lock:
            for fault in (each for each in self.planned if each.matches(call)):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                if fault.times is not None and fault.hits >= fault.times:
                    self.planned.remove(fault)
                return fault
        return None

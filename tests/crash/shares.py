"""Which cells of a matrix are played, since all of them take more than an hour of two cores.

A cell is a boundary and a way in which it goes on from there. `make test` plays one in so many; `make test-long` passes
each boundary of each story in one of the ways, in turn; `make test-matrix` plays every cell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TypeVar

from tests.crash.boundaries import Boundary

WHOLE = os.environ.get("DHBOT_MATRIX") == "whole"
Way = TypeVar("Way")


def one_in(
    each: int, story: int, boundaries: Sequence[Boundary], ways: Sequence[Way]
) -> Iterator[tuple[int, Boundary, Way]]:
    """The cells of `make test`, with their numbers: one in ``each``, other ones of each story."""
    for number, (boundary, way) in enumerate(product(boundaries, ways)):
        if number % each == story % each:
            yield number, boundary, way


def in_turn(
    story: int, boundaries: Sequence[Boundary], ways: Sequence[Way], every: int = 1
) -> Iterator[tuple[int, Boundary, Way]]:
    """The cells of `make test-long`: every so many boundaries, each in one way. Stories differ.

    Boundaries before and after something take turns, so the ways do not: a way meets both.
    """
    for number, (boundary, way) in enumerate(product(boundaries, ways)):
        turn, is_left_out = divmod(number // len(ways) + story, every)
        if WHOLE or (not is_left_out and ways[(turn + turn // 2) % len(ways)] == way):
            yield number, boundary, way

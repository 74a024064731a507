"""Clock: the two readings of time, handed to whoever needs one. Nothing else in the middle asks what time it is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """`monotonic` drives waiting; `wall` (epoch seconds) is for people and the record."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]

"""Run: how one attempt at a step ends, and what names its process. Values only. PURE."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended, or why a step never got one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    INTERRUPTED = "interrupted"
    SUPERSEDED = "superseded"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Names a process beyond pid reuse: boot id and start time in clock ticks since boot (see proc(5))."""

    pid: int
    started_ticks: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How the script ended. `exit` is None when a signal ended it; `reaped` counts leftovers that had to be ended.

    `lingering` are the pids of those that nobody could end.
    """

    outcome: Outcome  # succeeded | failed | timed-out | interrupted
    exit: int | None
    signal: int | None
    seconds: float
    reaped: int = 0
    message: str = ""
    lingering: frozenset[int] = frozenset()
    begun: bool = True  # whether the script may have done anything

"""RunOrder in, RunResult out: what it takes to run one step, and what came of it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paiwatch.convergence.events import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """One script to run. `stage` is the private tree's root and the working directory; `script` is relative to it.

    `env` is the whole environment (nothing is inherited). Output goes to `log`, cut at `log_limit` bytes. `timeout` and
    `grace` (between TERM and KILL) are seconds.
    """

    run: int
    service: str
    operator: str
    stage: Path
    script: str
    env: Mapping[str, str] = field(repr=False)
    log: Path
    log_limit: int
    timeout: float
    grace: float


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

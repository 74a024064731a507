"""RunOrder: what it takes to run one script. Value only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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

"""What the record gives to its readers: frozen rows, times as epoch seconds. Values only."""

from dataclasses import dataclass
from pathlib import Path

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.plan.plan import Kind, Reason
from paiwatch.snapshot import Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What may go after a pruning: these output files, and every archived release that is not in `keep`."""

    logs: tuple[Path, ...]
    keep: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRow:
    """An accepted plan. `closed` and `succeeded` are None while steps are open; `steps` is their number."""

    id: int
    digest: str
    config: Revision
    src: Revision
    accepted: float
    closed: float | None
    succeeded: bool | None
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of a generation. `outcome` is that of its last run, or superseded or blocked; `because` explains those."""

    generation: int
    service: str
    operator: Operator
    kind: Kind
    digest: str
    level: int
    reasons: tuple[Reason, ...]
    outcome: Outcome | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One attempt at a step; `outcome` and `ended` are None while it runs. `config` and `src` are revision ids.

    `newest` are the newest commits of config and src when the run's generation was planned; none if that is forgotten.
    """

    id: int
    generation: int
    service: str
    operator: Operator
    digest: str
    attempt: int
    began: float
    ended: float | None
    outcome: Outcome | None
    exit: int | None
    signal: int | None
    seconds: float
    reaped: int
    message: str
    config: str
    src: str
    reasons: tuple[Reason, ...]
    log: Path
    newest: tuple[Revision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceRow:
    """Of one source, by its mirror's name: the commit accepted last (JSON, "" for none yet) and what is refused ("" for nothing)."""

    source: str
    accepted: str = ""
    refused: str = ""

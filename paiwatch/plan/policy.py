"""Policy: the settings that planning needs, as one frozen value. PURE."""

from dataclasses import dataclass, field

from paiwatch.catalog.service import Dependents, OnFailure, OnInterruption, Prerequisite, Removal, Retries
from paiwatch.documents.units import Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a plan may do without an approval; None is no limit. See guard.py for what counts."""

    max_services: Limit | None = None
    max_stops: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How to plan where a service does not say so itself. `timeout` is seconds for one script."""

    dependents: Dependents = Dependents.REFRESH
    removed: Removal = Removal.KEEP
    timeout: float = 1800.0
    retries: Retries = field(default_factory=Retries)
    on_failure: OnFailure = OnFailure.KEEP
    interrupted: OnInterruption = OnInterruption.RERUN
    guard: Guard = field(default_factory=Guard)

    def follows(self, edge: Prerequisite) -> bool:
        """Whether a change of this prerequisite refreshes the service that names it (else it only orders the two)."""
        return (edge.dependents or self.dependents) is Dependents.REFRESH

"""Policy: the settings that planning needs, as one frozen value. PURE."""

from dataclasses import dataclass, field, replace

from paiwatch.catalog.service import Dependents, OnFailure, OnInterruption, Prerequisite, Removal, Retries
from paiwatch.documents.units import Limit
from paiwatch.domain.run_spec import RunSpec


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

    def complete(self, spec: RunSpec) -> RunSpec:
        """The spec to run by: what was declared or remembered, and for what is unset there the values of these settings.

        The timeout that a release runs with stays its own, whatever the settings say later; the rest stays with them.
        """
        values = {option: getattr(self, option) for option in spec.unset}
        return replace(spec, **values, unset=spec.unset.difference(("timeout",)))

    def follows(self, edge: Prerequisite) -> bool:
        """Whether a change of this prerequisite refreshes the service that names it (else it only orders the two)."""
        return (edge.dependents or self.dependents) is Dependents.REFRESH

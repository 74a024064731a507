"""Service: what one service.yaml says, checked and frozen. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from paiwatch.catalog.watch import Pattern
from paiwatch.domain import run_spec
from paiwatch.domain.run_spec import OnInterruption, Operator, Retries, RunSpec

__all__ = [
    "Dependents",
    "OnChange",
    "OnFailure",
    "OnInterruption",
    "Operator",
    "Prerequisite",
    "Removal",
    "Retries",
    "Service",
]


class OnChange(StrEnum):
    """What a changed release asks for; the default is refresh, as far as the service has the scripts for it."""

    REFRESH = "refresh"
    RESTART = "restart"
    START = "start"


class Dependents(StrEnum):
    """Whether a change of a prerequisite also refreshes the service that names it, or only orders the two."""

    REFRESH = "refresh"
    IGNORE = "ignore"


class OnFailure(StrEnum):
    """What happens when the retries of a new release are used up."""

    KEEP = "keep"  # it stays failed, and waits for a person or another release
    ROLLBACK = "rollback"  # the last good release runs again


class Removal(StrEnum):
    """What happens to a service that is gone from the tree (`operators.removed` in the settings)."""

    KEEP = "keep"
    STOP = "stop"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisite:
    """One entry of `prerequisite:`; `dependents` is None where the file leaves it to the settings."""

    service: str
    dependents: Dependents | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service as declared. Paths are relative to its deploy folder; times are seconds; None means "as in the settings"."""

    name: str
    folder: str  # of the component, from the tree's root: "src/grafana"
    prerequisites: tuple[Prerequisite, ...] = ()
    templates: tuple[str, ...] = ()  # rendered names: "start.sh" for start.sh.template
    scripts: Mapping[Operator, str]
    on_change: OnChange | None = None
    on_failure: OnFailure | None = None
    interrupted: OnInterruption | None = None
    timeout: float | None = None
    retries: Retries | None = None
    env: Mapping[str, str]
    cluster_types: tuple[str, ...] | None = None
    deploy_rules: tuple[Mapping[str, str], ...] | None = None  # [{"in": "pai-master"}], in the file's order
    watch: tuple[Pattern, ...] = ()  # files outside the deploy folder that are inputs too

    @property
    def spec(self) -> RunSpec:
        """How its scripts are run, as far as it says so itself."""
        return run_spec.declared(
            scripts=self.scripts,
            folder=self.folder,
            env=self.env,
            timeout=self.timeout,
            retries=self.retries,
            interrupted=self.interrupted,
        )

    @property
    def deploy(self) -> str:
        """The deploy folder, from the tree's root."""
        return f"{self.folder}/deploy"

    @property
    def file(self) -> str:
        """Where people find the declaration."""
        return f"{self.deploy}/service.yaml"

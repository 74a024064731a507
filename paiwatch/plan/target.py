"""Target: what should run, with pins put in the place of what the tree asks for. PURE.

Everything that plans takes one, so a rollback needs no rule of its own anywhere behind it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from paiwatch.catalog.service import Prerequisite, Service
from paiwatch.domain.run_spec import RunSpec
from paiwatch.plan import graph
from paiwatch.plan.applied import Memory, Pin
from paiwatch.plan.pins import exists, pinned, tell, void
from paiwatch.problem import Problem, Severity, errors
from paiwatch.releases.release import Desired, Release
from paiwatch.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """As Desired, for one memory: of a pinned service, `services` and `releases` have what runs instead.

    `desired` is what the tree itself asks for, for whoever must know (a pin ends with it). Only `make_target` makes one.
    """

    desired: Desired = field(repr=False)
    services: Mapping[str, Service]
    releases: Mapping[str, Release]
    invalid: frozenset[str]

    @property
    def snapshot(self) -> Snapshot:
        """Both trees, as one."""
        return self.desired.snapshot

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the trees."""
        return self.desired.problems

    @property
    def secrets(self) -> frozenset[str]:
        """Values that no text may show."""
        return self.desired.secrets

    @property
    def is_broken(self) -> bool:
        """True when nothing may be planned from this: the last good state stays."""
        return self.desired.is_broken


def make_target(desired: Desired, memory: Memory) -> Target:
    """What is to run: the archived release of each pinned service, and of all others what the tree asks for.

    Relations (prerequisites, on-change, retries) stay those of the tree. Where a pinned service has errors, its memory stands in
    for what the tree cannot tell: so it can go back all the same, and what stands on it goes on. Without pins the
    mappings are the very ones of `desired`, so that whoever compares two targets sees at once what is another.
    """
    as_asked = Target(
        desired=desired, services=desired.services, releases=desired.releases, invalid=desired.invalid
    )
    pins = pinned(memory)
    if not pins:
        return as_asked
    ended = void(desired, memory)
    names = [name for name in pins if name not in ended and exists(name, desired)]
    services = {name: _service(_declared(name, desired, memory), pins[name].release.spec) for name in names}
    releases = {name: _release(name, desired.releases.get(name), pins[name]) for name in names}
    return replace(
        as_asked,
        services={**desired.services, **services},
        releases={**desired.releases, **releases},
        invalid=desired.invalid.difference(names),
    )


def _declared(name: str, desired: Desired, memory: Memory) -> Service:
    """The service as the tree has it; one with errors stands on what it last ran with, as far as that makes no circle."""
    known = desired.services.get(name)
    if known is not None and name in desired.releases:
        return known
    applied = memory[name]
    needs = {other: [edge.service for edge in each.prerequisites] for other, each in desired.services.items()}
    edges = tuple(
        Prerequisite(service=other)
        for other in applied.prerequisites
        if name not in graph.reach([other], needs)
    )
    if known is not None:
        return replace(known, prerequisites=edges)
    spec = applied.spec
    folder = spec.folder or f"{desired.snapshot.src.prefix}{name}"
    return Service(name=name, folder=folder, prerequisites=edges, scripts=spec.scripts, env=spec.env)


def _service(service: Service, archived: RunSpec) -> Service:
    """What belongs to the scripts goes with them."""
    timeout = service.timeout if "timeout" in archived.unset else archived.timeout
    folder = archived.folder or service.folder
    return replace(service, scripts=archived.scripts, env=archived.env, timeout=timeout, folder=folder)


def _release(name: str, of_tree: Release | None, pin: Pin) -> Release:
    archived = pin.release
    rendered = of_tree.rendered if of_tree is not None else frozenset[str]()
    return Release(
        service=name,
        digest=archived.digest,
        files=archived.files,
        rendered=rendered.intersection(archived.files),
        reads=archived.reads,
        watched=archived.watched,
        instead_of=pin.instead_of,
    )


def rolled_back(target: Target, memory: Memory) -> Iterator[Problem]:
    """A warning for each service that does not run what the tree asks for."""
    wrong = {problem.service for problem in errors(target.problems)}
    for name, pin in pinned(memory).items():
        if name in target.releases and target.releases[name].instead_of:
            yield Problem(
                file=target.services[name].file,
                severity=Severity.WARNING,
                message=f"'{name}' is rolled back: {tell(pin, has_errors=name in wrong)}",
                remedy=pin.remedy,
                service=name,
            )

"""Changes: which services differ from what was applied. PURE; exact by release digest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paiwatch.catalog.service import Service
from paiwatch.plan import operators
from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.plan import Kind
from paiwatch.plan.target import Target
from paiwatch.releases.release import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The part of a target that can run, and the names that exist but cannot."""

    services: Mapping[str, Service]
    releases: Mapping[str, Release]
    broken: frozenset[str]

    def exists(self, name: str) -> bool:
        """Whether the tree has this service, in whatever state."""
        return name in self.services or name in self.broken


@dataclass(frozen=True, slots=True)
class Changes:
    """New and changed services by name; `inert` are those among them that have no script for it."""

    kinds: Mapping[str, Kind]
    inert: tuple[str, ...]


def split(target: Target) -> Wanted:
    """Tell what can run from what exists but cannot (its problems say why)."""
    services, releases = target.services, target.releases
    broken = target.invalid
    if len(releases) < len(services):
        broken |= services.keys() - releases.keys()
    if not broken.isdisjoint(releases):
        releases = {name: release for name, release in releases.items() if name not in broken}
    return Wanted(services=services, releases=releases, broken=broken)


def recompared(before: Changes, names: Iterable[str], wanted: Wanted, memory: Memory) -> Changes:
    """Compare the releases of these services with the record; the others are as they were."""
    kinds, inert = dict(before.kinds), set(before.inert)
    for name in names:
        kinds.pop(name, None)
        inert.discard(name)
        applied = memory.get(name)
        kind = compare(wanted.releases[name], applied) if name in wanted.releases else None
        if kind is None:
            continue
        if operators.choose(wanted.services[name], kind, applied):
            kinds[name] = kind
        else:
            inert.add(name)
    return Changes(kinds, tuple(sorted(inert)))


def compare(release: Release, applied: Applied | None) -> Kind | None:
    """New, changed (another release, or a run that did not succeed), or None when it is up to date."""
    if applied is None or not applied.digest:
        return Kind.NEW
    if applied.touched or applied.digest != release.digest:
        return Kind.CHANGED
    return None

"""Rollback: which release a service goes back to, and which dependents go back with it. PURE; chosen once, then pinned.

The last good release is the newest that ran successfully, is not what the tree asks for now, and did not use up its retries.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from paiwatch.plan import graph
from paiwatch.plan.applied import Applied, Former, Memory, Pin, PinnedBy
from paiwatch.releases.release import Desired

#: The releases each service once ran successfully, newest first.
Past = Mapping[str, Sequence[Former]]

#: Services and release digests: of what is quarantined, or of what one generation changed.
Inputs = Collection[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Who rolls back, when, why, and what was named ("" for the last good release)."""

    by: PinnedBy
    since: float
    because: str
    origin: str = ""


def good_releases(applied: Applied | None, past: Sequence[Former], *, generation: int) -> tuple[Former, ...]:
    """Everything a service can go back to, newest first: what is applied (its scripts must be known), then what was before.

    What is applied was left by nobody yet, if it was not touched: `generation` counts for that.
    """
    if applied is None or not applied.digest or applied.archived != applied.digest:
        return tuple(past)
    others = [former for former in past if former.release.digest != applied.digest]
    return (Former(release=applied, left=generation), *others)


def last_good(service: str, wanted: str, good: Iterable[Former], quarantined: Inputs) -> Former | None:
    """The newest that is not `wanted`, which is what the tree asks for."""
    return next(
        (
            former
            for former in good
            if former.release.digest != wanted and (service, former.release.digest) not in quarantined
        ),
        None,
    )


def pins(
    service: str,
    target: Former,
    grounds: Grounds,
    *,
    wanted: str,
    desired: Desired,
    memory: Memory,
    past: Past,
    changed: Inputs,
) -> dict[str, Pin]:
    """The pin of the service, which leaves the release `wanted`, and those of its dependents that changed together with it.

    `changed` are the releases that the generation in which `target` was left brought in. Dependents that are only
    refreshed need no pin, and one that was rolled back by itself keeps its own.
    """
    found = {service: _pin(target, wanted, grounds)}
    for name in _dependents(service, desired):
        release, applied = desired.releases.get(name), memory.get(name)
        if release is None or (name, release.digest) not in changed or applied is None:
            continue
        if applied.pin is not None and not applied.pin.leader:
            continue
        before = _before(applied, release.digest, past.get(name, ()), since=target.left)
        if before is not None:
            found[name] = _pin(before, release.digest, grounds, leader=service)
    return found


def _pin(target: Former, wanted: str, grounds: Grounds, *, leader: str = "") -> Pin:
    return Pin(
        instead_of=wanted,
        release=target.release,
        since=grounds.since,
        by=grounds.by,
        because=grounds.because,
        left=target.left,
        origin="" if leader else grounds.origin,
        leader=leader,
    )


def _dependents(service: str, desired: Desired) -> list[str]:
    """Everything that stands on the service, at any distance."""
    needs = {name: [edge.service for edge in each.prerequisites] for name, each in desired.services.items()}
    return sorted(set(graph.reach([service], graph.invert(needs))) - {service})


def _before(applied: Applied, wanted: str, past: Sequence[Former], *, since: int) -> Former | None:
    """What a dependent ran before the change: what is applied, when the change has not come to it; else what it left since."""
    good = good_releases(applied, past, generation=since)
    if applied.digest != wanted:
        return next((former for former in good if former.release.digest == applied.digest), None)
    return next((former for former in good if former.release.digest != wanted and former.left >= since), None)

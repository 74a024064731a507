"""Comparison: the wanted releases beside the memory: what differs, who follows whom, which refreshes are owed. PURE.

Made from the one before it, it looks again only at what is another object now, and at those that follow it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from paiwatch.catalog.service import Service
from paiwatch.differing import differing, gathered, reindexed
from paiwatch.plan import changes
from paiwatch.plan.applied import Memory
from paiwatch.plan.changes import Changes, Wanted
from paiwatch.plan.policy import Policy

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Of these three values. `followers` are, by prerequisite, the services that a change of it refreshes.

    `owed` names, by service, the prerequisites that are up to date, but were applied after the service last ran.
    """

    wanted: Wanted
    memory: Memory = field(repr=False)
    policy: Policy
    changes: Changes
    followers: Mapping[str, frozenset[str]]
    owed: Mapping[str, frozenset[str]]


def compare(
    wanted: Wanted, memory: Memory, policy: Policy, *, before: Comparison | None = None
) -> Comparison:
    """Compare every release with the record. `before` saves work and changes nothing."""
    if before is None or before.policy != policy:
        before = _nothing(policy)
    services = differing(before.wanted.services, wanted.services)
    others = (*differing(before.wanted.releases, wanted.releases), *differing(before.memory, memory))
    touched = dict.fromkeys((*services, *others))
    followers = _followers(before, services, wanted)
    found = changes.recompared(before.changes, touched, wanted, memory)
    now = Comparison(
        wanted=wanted, memory=memory, policy=policy, changes=found, followers=followers, owed=before.owed
    )
    near = dict.fromkeys(name for source in touched for name in followers.get(source, ()))
    return replace(now, owed=_owed(now, {**touched, **near}))


def _nothing(policy: Policy) -> Comparison:
    wanted = Wanted(services={}, releases={}, broken=_NOTHING)
    return Comparison(wanted=wanted, memory={}, policy=policy, changes=Changes({}, ()), followers={}, owed={})


def _followers(before: Comparison, names: Iterable[str], wanted: Wanted) -> Mapping[str, frozenset[str]]:
    """With the edges of these services as they are declared now."""
    left = gathered(_edges(names, before.wanted.services, before.policy))
    came = gathered(_edges(names, wanted.services, before.policy))
    return reindexed(before.followers, left, came)


def _edges(
    names: Iterable[str], services: Mapping[str, Service], policy: Policy
) -> Iterator[tuple[str, str]]:
    """Prerequisite and follower."""
    for name in names:
        if name in services:
            for edge in services[name].prerequisites:
                if policy.follows(edge):
                    yield edge.service, name


def _owed(now: Comparison, names: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """With what is owed to these services now."""
    owed = dict(now.owed)
    for name in names:
        owed.pop(name, None)
        if sources := _owing(now, name):
            owed[name] = sources
    return owed


def _owing(now: Comparison, name: str) -> frozenset[str]:
    """The prerequisites that owe this service a refresh. One that is not applied yet will ask for what it needs anyway."""
    applied = now.memory.get(name)
    if applied is None or not applied.digest or name not in now.wanted.releases:
        return _NOTHING
    seen = applied.prerequisites
    return frozenset(
        edge.service
        for edge in now.wanted.services[name].prerequisites
        if now.policy.follows(edge) and _version(now, edge.service) not in {None, seen.get(edge.service, 0)}
    )


def _version(now: Comparison, name: str) -> int | None:
    """The version of a prerequisite that is applied and up to date."""
    applied = now.memory.get(name)
    if applied is None or not applied.digest or name in now.changes.kinds or name not in now.wanted.releases:
        return None
    return applied.version

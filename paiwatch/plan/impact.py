"""Impact: changes plus dependents, each with the prerequisites that brought it in. PURE."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from paiwatch.plan import operators
from paiwatch.plan.applied import Memory
from paiwatch.plan.changes import Wanted
from paiwatch.plan.comparison import Comparison
from paiwatch.plan.plan import Kind
from paiwatch.plan.policy import Policy

#: Longest chain that is spelled out; of a longer one the middle is left out.
_LONGEST_CHAIN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Every service of the plan that the tree has, by name, and how dependents came in.

    `causes` are the prerequisites (sorted) whose change a service follows; `owed` those of them that are up to date
    themselves, but were applied after the service last ran. `via` is the next one on the shortest chain to a root.
    """

    kinds: Mapping[str, Kind]
    causes: Mapping[str, tuple[str, ...]]
    owed: Mapping[str, frozenset[str]]
    via: Mapping[str, str]

    def chain(self, prerequisite: str) -> tuple[str, ...]:
        """From this prerequisite to the root that changed, nearest first."""
        chain = [prerequisite]
        while (following := self.via.get(chain[-1])) is not None:
            chain.append(following)
        if len(chain) > _LONGEST_CHAIN:
            del chain[_LONGEST_CHAIN - 1 : -1]
        return tuple(chain)


def find_impact(compared: Comparison) -> Impact:
    """Close the changes over the prerequisites that are followed, and add the refreshes still owed from before."""
    kinds, owed, followers = compared.changes.kinds, compared.owed, compared.followers
    members = dict(kinds)
    via: dict[str, str] = {}
    candidates: dict[str, str] = {name: min(sources) for name, sources in owed.items() if name not in kinds}
    candidates = _nearest_first(candidates, kinds, followers, members)
    while candidates:
        reached = [name for name in candidates if _is_dependent(name, compared.wanted, compared.memory)]
        for name in reached:
            members[name] = Kind.DEPENDENT
            via[name] = candidates[name]
        candidates = _nearest_first({}, reached, followers, members)
    causes = _name_causes(members, owed, compared.wanted, compared.policy)
    return Impact(kinds=members, causes=causes, owed=owed, via=via)


def _nearest_first(
    start: Mapping[str, str],
    sources: Iterable[str],
    followers: Mapping[str, Collection[str]],
    members: Mapping[str, Kind],
) -> dict[str, str]:
    """Those one edge further on that are not in yet, each with the first (by name) of the sources it follows."""
    found = dict(start)
    for source in sources:
        for name in followers.get(source, ()):
            if name not in members and (name not in found or source < found[name]):
                found[name] = source
    return found


def _is_dependent(name: str, wanted: Wanted, memory: Memory) -> bool:
    """Only what was applied and has a script for it can be refreshed."""
    applied = memory.get(name)
    return bool(
        applied is not None
        and applied.digest
        and name in wanted.releases
        and operators.choose(wanted.services[name], Kind.DEPENDENT, applied)
    )


def _name_causes(
    members: Mapping[str, Kind], owed: Mapping[str, frozenset[str]], wanted: Wanted, policy: Policy
) -> dict[str, tuple[str, ...]]:
    """For each member: the followed prerequisites that are in the plan or owe it a refresh."""
    causes: dict[str, tuple[str, ...]] = {}
    for name in members:
        edges = wanted.services[name].prerequisites
        followed = {edge.service for edge in edges if policy.follows(edge)}
        causes[name] = tuple(
            sorted(source for source in followed if source in members or source in owed.get(name, ()))
        )
    return causes

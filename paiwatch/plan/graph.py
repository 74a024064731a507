"""Order among names: what comes before what, nearest members, rings. PURE; every answer is independent of mapping order.

`before` maps a name to the names that come before it. Names that are not keys come before nothing else.
Nothing here recurses, so a chain of ten thousand services is as good as a short one.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

#: A name, and the names that come before it.
Before = Mapping[str, Collection[str]]

_NOTHING: frozenset[str] = frozenset()


def reach(names: Iterable[str], before: Before) -> dict[str, Collection[str]]:
    """The part of the graph that these names stand on: themselves and everything before them."""
    found: dict[str, Collection[str]] = {}
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found:
            found[name] = before.get(name, ())
            stack.extend(found[name])
    return found


def invert(before: Before) -> dict[str, list[str]]:
    """What comes after each name."""
    after: dict[str, list[str]] = {name: [] for name in before}
    for name, earlier in before.items():
        for other in earlier:
            after.setdefault(other, []).append(name)
    return after


@dataclass(frozen=True, slots=True)
class Order:
    """`names`: each after all that come before it by `before`, which has no circles any more. `ring`: who was on one."""

    names: tuple[str, ...]
    before: Before
    ring: frozenset[str]


def order(names: Iterable[str], before: Before) -> Order:
    """Order these names and everything before them.

    Names in a circle have no order among themselves: each comes after what any of them comes after, and before
    what comes after any of them.
    """
    graph = {name: set(earlier) for name, earlier in reach(names, before).items()}
    done = _peel(graph)
    left = graph.keys() - set(done)
    if not left:
        return Order(tuple(done), graph, _NOTHING)
    rings = _find_rings({name: graph[name] & left for name in left})
    for name in left:
        mates = rings.get(name, _NOTHING)
        together = set[str]().union(*(graph[mate] for mate in mates or (name,)))
        graph[name] = together.union(*(rings.get(other, _NOTHING) for other in together)) - mates
    return Order(tuple(_peel(graph)), graph, frozenset(rings))


def _find_rings(before: Before) -> dict[str, frozenset[str]]:
    """Each name that comes before itself, with all the names on circles with it."""
    standing = {name: reach(before[name], before).keys() for name in before}
    return {
        name: frozenset(other for other in below if name in standing[other])
        for name, below in standing.items()
        if name in below
    }


def _peel(before: Before) -> list[str]:
    """Names in order, as far as there is one."""
    after = invert(before)
    missing = {name: len(earlier) for name, earlier in before.items()}
    done = [name for name, count in missing.items() if not count]
    for name in done:  # grows while it is walked
        for other in after[name]:
            missing[other] -= 1
            if not missing[other]:
                done.append(other)
    return done


def nearest(ordered: Order, members: Collection[str]) -> dict[str, frozenset[str]]:
    """For each name: the members before it, with no member between."""
    found: dict[str, frozenset[str]] = {}
    for name in ordered.names:
        direct: set[str] = set()
        for other in ordered.before[name]:
            direct.update((other,) if other in members else found[other])
        found[name] = frozenset(direct) if direct else _NOTHING
    return found


def every(ordered: Order, members: Collection[str]) -> dict[str, frozenset[str]]:
    """For each name: all the members before it, at any distance."""
    found: dict[str, frozenset[str]] = {}
    for name in ordered.names:
        seen: set[str] = set()
        for other in ordered.before[name]:
            seen |= found[other]
            if other in members:
                seen.add(other)
        found[name] = frozenset(seen) if seen else _NOTHING
    return found

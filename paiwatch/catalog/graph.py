"""Who needs whom: order and rings. PURE, on whole numbers: fast at 10,000 services.

Names are sorted once, so that comparing numbers compares names and every answer is deterministic.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_Edges = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Services and their prerequisites among them; prerequisites outside are left out.

    `levels` has 0 for what needs nothing, else 1 + the highest level needed; what is on a ring or needs one comes
    after all the rest, on one level.
    """

    names: tuple[str, ...]
    index: Mapping[str, int] = field(repr=False)
    needs: _Edges = field(repr=False)
    needed_by: _Edges = field(repr=False)
    levels: tuple[int, ...] = field(repr=False)


def build(prerequisites: Mapping[str, Iterable[str]]) -> Graph:
    """The graph of these services, given the names each of them needs."""
    names = tuple(sorted(prerequisites))
    index = {name: number for number, name in enumerate(names)}
    needs = tuple(
        tuple(sorted({index[need] for need in prerequisites[name] if need in index})) for name in names
    )
    needed_by = _reversed(needs)
    return Graph(names=names, index=index, needs=needs, needed_by=needed_by, levels=_levels(needs, needed_by))


def _reversed(edges: _Edges) -> _Edges:
    back: list[list[int]] = [[] for _ in edges]
    for number, targets in enumerate(edges):
        for target in targets:
            back[target].append(number)
    return tuple(map(tuple, back))


def _levels(needs: _Edges, needed_by: _Edges) -> tuple[int, ...]:
    """Kahn's algorithm, one level at a time."""
    waiting = list(map(len, needs))
    levels = [-1] * len(needs)
    level, ready = 0, [number for number, count in enumerate(waiting) if not count]
    while ready:
        following: list[int] = []
        for number in ready:
            levels[number] = level
            for dependent in needed_by[number]:
                waiting[dependent] -= 1
                if not waiting[dependent]:
                    following.append(dependent)
        level, ready = level + 1, following
    return tuple(level if found < 0 else found for found in levels)


def order(graph: Graph, among: Iterable[str] | None = None) -> tuple[str, ...]:
    """Prerequisites first: by level, then by name. Of these services only, when `among` is given."""
    numbers = range(len(graph.names)) if among is None else _numbers(graph, among)
    levels = graph.levels
    return _named(graph, sorted(sorted(numbers), key=levels.__getitem__))


def _numbers(graph: Graph, names: Iterable[str]) -> list[int]:
    return list({graph.index[name] for name in names if name in graph.index})


def _named(graph: Graph, numbers: Collection[int]) -> tuple[str, ...]:
    return tuple(map(graph.names.__getitem__, numbers))


def rings(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Rings of prerequisites, each once: every service that is on a ring is on at least one of these.

    A ring (a, b, c) means a needs b, b needs c, c needs a. It is a shortest one through the first service by name that no
    earlier ring has, and begins with its own first name.
    """
    found: list[tuple[int, ...]] = []
    covered: set[int] = set()
    for number in _candidates(graph):
        if number not in covered and (ring := _shortest_ring(graph.needs, number)):
            covered.update(ring)
            first = ring.index(min(ring))
            found.append((*ring[first:], *ring[:first]))
    return tuple(_named(graph, ring) for ring in sorted(found))


def _candidates(graph: Graph) -> Sequence[int]:
    """What can be on a ring: all that is left when those that need nothing, or that nobody needs, are taken away."""
    if not graph.names:
        return ()
    behind = max(graph.levels)
    left = {number for number, level in enumerate(graph.levels) if level == behind}
    stack = list(left)
    while stack:
        number = stack.pop()
        if number in left and left.isdisjoint(graph.needed_by[number]):
            left.discard(number)
            stack.extend(graph.needs[number])
    return sorted(left)


def _shortest_ring(needs: _Edges, start: int) -> tuple[int, ...]:
    """From `start` along its prerequisites back to it, or nothing. Breadth first, in order of names."""
    came_from: dict[int, int] = {}
    queue = [start]
    for number in queue:
        for need in needs[number]:
            if need == start:
                return _way_back(came_from, start, number)
            if need not in came_from:
                came_from[need] = number
                queue.append(need)
    return ()


def _way_back(came_from: Mapping[int, int], start: int, last: int) -> tuple[int, ...]:
    way = [last]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return tuple(reversed(way))

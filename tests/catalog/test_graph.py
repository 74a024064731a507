"""The graph against brute force."""

import itertools
from collections.abc import Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st

from paiwatch.catalog import graph as graphs

Needs = Mapping[str, frozenset[str]]

_NAMES = st.sampled_from("abcdefg")
_ANY: st.SearchStrategy[Needs] = st.dictionaries(_NAMES, st.frozensets(_NAMES, max_size=3), max_size=7)
_ACYCLIC = _ANY.map(
    lambda needs: {name: frozenset(need for need in of if need < name) for name, of in needs.items()}
)


def reaches(needs: Needs, start: str) -> frozenset[str]:
    """What `start` needs, directly or not, by repeating until nothing is added; `start` only if it lies on a ring."""
    found = frozenset(need for need in needs[start] if need in needs)
    while (more := found.union(*(needs[name] & needs.keys() for name in found))) != found:
        found = more
    return found


@given(needs=_ACYCLIC)
def test_order_puts_prerequisites_first_and_then_goes_by_name(needs: Needs) -> None:
    graph = graphs.build(needs)
    order = graphs.order(graph)

    level: dict[str, int] = {}
    for name in order:
        level[name] = max((level[need] + 1 for need in needs[name] if need in needs), default=0)
    assert list(order) == sorted(needs, key=lambda name: (level[name], name))
    assert {name: graph.levels[graph.index[name]] for name in needs} == level


@given(needs=_ACYCLIC, chosen=st.frozensets(_NAMES))
def test_the_order_of_some_is_the_order_of_all(needs: Needs, chosen: frozenset[str]) -> None:
    graph = graphs.build(needs)

    assert graphs.order(graph, chosen) == tuple(name for name in graphs.order(graph) if name in chosen)


@settings(max_examples=300)
@given(needs=_ANY)
@example(needs={"a": frozenset("a")})
@example(needs={"a": frozenset("b"), "b": frozenset("ac"), "c": frozenset("b"), "d": frozenset("a")})
def test_rings_are_real_distinct_and_have_everything_that_is_on_one(needs: Needs) -> None:
    rings = graphs.rings(graphs.build(needs))

    for ring in rings:
        assert ring[0] == min(ring)
        assert len(set(ring)) == len(ring)
        assert all(following in needs[name] for name, following in itertools.pairwise((*ring, ring[0])))
    assert len(set(rings)) == len(rings)
    assert list(rings) == sorted(rings)
    assert {name for ring in rings for name in ring} == {
        name for name in needs if name in reaches(needs, name)
    }


@given(needs=_ANY)
def test_every_answer_is_the_same_whatever_the_order_of_the_input(needs: Needs) -> None:
    backwards = graphs.build({name: sorted(needs[name], reverse=True) for name in reversed(list(needs))})

    assert backwards == graphs.build(needs)


def test_what_is_behind_a_ring_comes_after_all_the_rest() -> None:
    graph = graphs.build({"z": (), "y": ("z",), "a": ("b",), "b": ("a",), "c": ("a",)})

    assert graphs.order(graph) == ("z", "y", "a", "b", "c")


def test_a_long_chain_needs_no_recursion() -> None:
    names = [f"s{number:05d}" for number in range(5_000)]
    needs = {name: (previous,) for previous, name in itertools.pairwise(names)} | {names[0]: (names[-1],)}

    assert len(graphs.rings(graphs.build(needs))[0]) == 5_000

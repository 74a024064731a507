"""Order among names, circles included, against brute force."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.plan import graph

NAMES = "abcdef"
graphs = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES)), max_size=6)


def below(name: str, before: Mapping[str, set[str]]) -> set[str]:
    """Everything before a name, by naive closure."""
    found: set[str] = set()
    grown = set(before.get(name, ()))
    while grown - found:
        found |= grown
        grown = set().union(*(before.get(other, set()) for other in found))
    return found


@given(graphs, st.sets(st.sampled_from(NAMES)))
def test_order_is_total_sound_and_names_exactly_the_rings(
    before: dict[str, set[str]], names: set[str]
) -> None:
    ordered = graph.order(names, before)

    wanted = names.union(*(below(name, before) for name in names))
    assert sorted(ordered.names) == sorted(wanted)
    assert ordered.ring == {name for name in wanted if name in below(name, before)}
    for at, name in enumerate(ordered.names):
        mates = {other for other in below(name, before) if name in below(other, before)}
        assert below(name, before) - mates <= set(ordered.names[:at]) | mates


@given(graphs, st.sets(st.sampled_from(NAMES)))
def test_every_member_below_is_found_through_circles_too(
    before: dict[str, set[str]], members: set[str]
) -> None:
    ordered = graph.order(NAMES, before)

    found = graph.every(ordered, members)
    for name in NAMES:
        mates = {other for other in below(name, before) if name in below(other, before)}
        assert found[name] == (below(name, before) - mates) & members


@given(graphs, st.sets(st.sampled_from(NAMES)))
def test_the_nearest_members_imply_all_others(before: dict[str, set[str]], members: set[str]) -> None:
    ordered = graph.order(NAMES, before)

    near, every = graph.nearest(ordered, members), graph.every(ordered, members)
    for name in NAMES:
        assert near[name] <= every[name]
        assert near[name].union(*(every[other] for other in near[name])) == every[name]

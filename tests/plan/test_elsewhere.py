"""Keys that changed, found as deep as they can be told, with exactly those who saw them change."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.model.reads import How, Sight, find
from paiwatch.plan.elsewhere import MOST, ChangedKey, changed_keys, tell_keys
from tests.builders import a_release

scalars = st.one_of(st.integers(0, 2), st.booleans(), st.sampled_from(["a", "b"]), st.none())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
trees = st.dictionaries(st.sampled_from(["a", "b"]), values, max_size=2)


def readers(cluster_cfg: Any, *asked: tuple[tuple[str | int, ...], How]) -> Any:
    """One service for each question, named by its number."""
    sight = Sight(cluster_cfg)
    return {
        str(number): a_release(str(number), reads=[sight.read("t", path, how)])
        for number, (path, how) in enumerate(asked)
    }


def test_each_key_with_those_who_saw_it() -> None:
    before = {"g": {"port": 1, "list": [1, 2]}, "s": {"x": 1}}
    after = {"g": {"port": 2, "list": [1, 3], "new": 1}, "s": {"x": 1}}
    releases = readers(
        after,
        (("g", "port"), How.VALUE),
        (("g",), How.SUBTREE),
        (("g",), How.KEYS),
        (("g", "list"), How.LENGTH),
        (("s", "x"), How.VALUE),
    )

    assert changed_keys(Sight(before), Sight(after), releases) == (
        ChangedKey(key="g.list[1]", readers=("1",)),
        ChangedKey(key="g.new", readers=("1", "2")),
        ChangedKey(key="g.port", readers=("0", "1")),
    )


@settings(max_examples=150)
@given(trees, trees)
def test_something_is_told_exactly_when_something_differs(before: Any, after: Any) -> None:
    found = changed_keys(Sight(before), Sight(after), {})

    assert bool(found) == (repr(sorted_deep(before)) != repr(sorted_deep(after)))


@settings(max_examples=60)
@given(trees)
def test_equal_trees_differ_nowhere(tree: Any) -> None:
    assert changed_keys(Sight(tree), Sight(tree), {}) == ()
    assert find(tree, ()) == (True, tree)


def sorted_deep(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sorted_deep(value[key]) for key in sorted(value)}
    return [sorted_deep(each) for each in value] if isinstance(value, list) else value


def test_a_long_list_is_counted() -> None:
    found = [ChangedKey(key=f"k{number}", readers=()) for number in range(MOST + 5)]

    first, *rest = tell_keys("s", found, ())

    assert " and 5 more, which 's' does not read" in first
    assert len(rest) == MOST

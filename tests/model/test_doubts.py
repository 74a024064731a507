"""Doubts: which questions they concern, and what cluster_cfg would be without them."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.model.doubts import Doubt, replaced, touched_by
from paiwatch.model.reads import How, KeyPath, Sight, find
from paiwatch.problem import Problem

DOUBT = Doubt(path=("a", "b"), problem=Problem(file="f", message="m"))


@pytest.mark.parametrize(
    ("path", "how", "expected"),
    [
        (("a", "b"), How.VALUE, True),
        (("a", "b"), How.MISSING, True),
        (("a", "b", "c"), How.PRESENT, True),
        (("a",), How.KEYS, True),
        (("a",), How.SUBTREE, True),
        (("a",), How.KIND, False),
        ((), How.SUBTREE, True),
        ((), How.KEYS, False),
        (("a", "c"), How.SUBTREE, False),
        (("b",), How.SUBTREE, False),
    ],
)
def test_a_doubt_concerns_what_looks_at_its_place(path: KeyPath, how: How, *, expected: bool) -> None:
    assert DOUBT.concerns(path, how) is expected
    assert touched_by(DOUBT, {(path, how)}) is expected


def test_an_answer_changes_with_the_doubt() -> None:
    plain, doubted = Sight({"a": {"b": 1, "c": 2}}), Sight({"a": {"b": 1, "c": 2}}, doubts=(DOUBT,))

    assert plain.see(("a", "b"), How.VALUE) != doubted.see(("a", "b"), How.VALUE)
    assert plain.see(("a", "c"), How.VALUE) == doubted.see(("a", "c"), How.VALUE)


places = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3).map(tuple)
trees = st.recursive(
    st.integers(), lambda below: st.dictionaries(st.sampled_from("abc"), below, max_size=3), max_leaves=9
)


@given(st.dictionaries(st.sampled_from("abc"), trees, max_size=3), places)
def test_a_replacement_is_seen_at_its_place_and_changes_nothing(tree: dict[str, Any], path: KeyPath) -> None:
    before = copy.deepcopy(tree)

    changed = replaced(tree, path, "new")

    assert tree == before
    found, value = find(changed, path)
    assert (found and value == "new") or any(
        not isinstance(find(tree, path[:end])[1], dict) for end in range(1, len(path))
    )

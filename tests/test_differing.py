"""What differs between two mappings of immutable values, and an index kept up with it."""

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.differing import differing, gathered, reindexed
from tests.builders import a_release

_OBJECTS = tuple(object() for _ in range(3))
_MAPPINGS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from((*_OBJECTS, None)))
_PAIRS = st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 4)))


@given(before=_MAPPINGS, after=_MAPPINGS)
def test_differing_names_exactly_the_keys_with_another_object(
    before: dict[str, object], after: dict[str, object]
) -> None:
    found = differing(before, after)

    assert len(found) == len(set(found))
    for key in "abcdef":
        is_same = key in before and key in after and before[key] is after[key]
        assert (key in found) == (not is_same and (key in before or key in after))


@given(before=_MAPPINGS, changed=_MAPPINGS)
def test_differing_names_what_was_replaced_in_place(
    before: dict[str, object], changed: dict[str, object]
) -> None:
    after = before | {key: value for key, value in changed.items() if key in before}

    assert differing(before, after) == [key for key in before if before[key] is not after[key]]


def test_equal_values_that_are_other_objects_differ() -> None:
    before, after = a_release("a"), a_release("a")

    assert before == after
    assert differing({"a": before}, {"a": after}) == ["a"]


@given(before=_PAIRS, after=_PAIRS)
def test_an_index_that_is_kept_up_is_the_one_made_anew(
    before: set[tuple[str, int]], after: set[tuple[str, int]]
) -> None:
    index = reindexed({}, {}, gathered(before))

    assert reindexed(index, gathered(before - after), gathered(after - before)) == gathered(after)

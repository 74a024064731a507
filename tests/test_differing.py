"""What differs between two mappings of immutable values, and an index kept up with it."""

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.differing import differing, gathered, reindexed, renewed
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


@given(before=_MAPPINGS, gone=st.sets(st.sampled_from("abcdef")), fresh=_MAPPINGS)
def test_what_is_renewed_is_in_order_of_its_keys_and_leaves_the_old_as_it_was(
    before: dict[str, object], gone: set[str], fresh: dict[str, object]
) -> None:
    old = dict(sorted(before.items(), key=lambda item: item[0]))
    kept = dict(old)

    result = renewed(old, gone, fresh)

    assert result == {key: value for key, value in old.items() if key not in gone} | fresh
    assert list(result) == sorted(result)
    assert list(old.items()) == list(kept.items())


@given(before=_PAIRS, after=_PAIRS)
def test_an_index_that_is_kept_up_is_the_one_made_anew(
    before: set[tuple[str, int]], after: set[tuple[str, int]]
) -> None:
    index = reindexed({}, {}, gathered(before))

    assert reindexed(index, gathered(before - after), gathered(after - before)) == gathered(after)

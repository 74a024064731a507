"""Values that must not be shown are found in a text wherever they stand in it."""

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.model.concealed import Concealed


@given(
    values=st.frozensets(st.text("ab", min_size=1, max_size=4), max_size=6), text=st.text("abc", max_size=9)
)
def test_a_text_holds_one_exactly_if_one_is_part_of_it(values: frozenset[str], text: str) -> None:
    assert Concealed(values).are_in(text) == any(value in text for value in values)

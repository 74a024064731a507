"""Scalars that YAML prints otherwise than they were written."""

import pytest

from paiwatch.documents import yamlplain


@pytest.mark.parametrize(
    ("written", "is_told"),
    [
        ("1.10", True),
        ("010", True),
        ("1_000", True),
        ("22:30", True),
        ("yes", True),
        ("2020-13-45", True),
        ("1.5", False),
        ("80", False),
        ("0x50", False),
        ("true", False),
        ("False", False),
        ("'1.10'", False),
        ("text", False),
        ("~", False),
    ],
)
def test_numbers_dates_and_booleans_that_look_otherwise(written: str, *, is_told: bool) -> None:
    found = yamlplain.respelled(f"a:\n- b: {written}\n")

    assert found == ({("a", 0, "b"): written} if is_told else {})


def test_text_that_cannot_be_read_has_none() -> None:
    assert yamlplain.respelled("a: [") == {}
    assert yamlplain.respelled("") == {}
    assert yamlplain.respelled("a: &x [*x, 1.10]") == {("a", 1): "1.10"}


def test_a_fault_says_where_and_never_what() -> None:
    with pytest.raises(yamlplain.BadYamlError) as caught:
        yamlplain.load_all("a: 1\nb: *hunter22\n")

    assert caught.value.line == 2
    assert "hunter" not in str(caught.value)

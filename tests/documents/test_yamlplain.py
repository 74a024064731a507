"""Scalars that YAML prints otherwise than they were written."""

from itertools import pairwise

import pytest
import yaml

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
    assert yamlplain.respelled("a: &x [*x, 1.10]") == {}


def test_a_fault_says_where_and_never_what() -> None:
    with pytest.raises(yamlplain.BadYamlError) as caught:
        yamlplain.load_all("a: 1\nb: *hunter22\n")

    assert caught.value.line == 2
    assert "hunter" not in str(caught.value)


def bomb(middle: str) -> str:
    """Each name stands for ten of the one before."""
    lines = [
        f"{new}: &{new} {middle.replace('*', ', '.join([f'*{old}'] * 10))}"
        for old, new in pairwise("abcdefghi")
    ]
    return "\n".join(["a: &a {k: 1.10}", *lines])


BOMBS = [
    pytest.param("[" * 200_000, 1, id="deep"),
    pytest.param("a: 1\n---\n" + "- " * 90_000 + "a", 3, id="deep block in a second document"),
    pytest.param("? " * 50_000, 1, id="deep keys"),
    pytest.param(bomb("[*]"), 6, id="aliases"),
    pytest.param(bomb("{<<: [*]}"), 6, id="merges"),
    pytest.param("a: &x [*x]", 1, id="itself"),
]


@pytest.mark.parametrize(("text", "line"), BOMBS)
def test_what_nobody_could_walk_through_is_no_yaml(text: str, line: int) -> None:
    with pytest.raises(yamlplain.BadYamlError) as caught:
        yamlplain.load_all(text)

    assert caught.value.line == line
    assert yamlplain.respelled(text) == {}


def test_ordinary_aliases_and_merges_are_read_as_pyyaml_reads_them() -> None:
    text = "a: &a {k: 1}\nb: {<<: *a, l: [*a, *a]}\n---\nc: 1\n"

    assert yamlplain.load_all(text) == list(yaml.safe_load_all(text))


def test_a_number_that_cannot_be_written_is_no_yaml() -> None:
    with pytest.raises(yamlplain.BadYamlError):
        yamlplain.dump(yamlplain.load_all("0x" + "f" * 10_000)[0])

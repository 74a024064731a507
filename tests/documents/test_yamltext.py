"""Bad text is a problem with a place and a remedy; good text means what it says."""

import gc
from collections.abc import Hashable
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paiwatch.documents.document import Document, Mark
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.problem import Severity


def strict(text: bytes | str) -> Document:
    return parse(text, file="service.yaml", dialect=Dialect.STRICT)


def openpai(text: bytes | str) -> Document:
    return parse(text, file="layout.yaml", dialect=Dialect.OPENPAI)


def said(document: Document) -> str:
    return "\n".join(map(str, document.problems))


def test_values_and_places_of_an_ordinary_file() -> None:
    document = strict("start-script: start.sh\nprerequisite:\n  - a\n  - {service: b}\n")

    assert document.value == {"start-script": "start.sh", "prerequisite": ["a", {"service": "b"}]}
    assert document.marks[("start-script",)] == Mark(1, 1)
    assert document.marks[("prerequisite", 1)] == Mark(4, 5)
    assert document.marks[("prerequisite", 1, "service")] == Mark(4, 6)
    assert document.problems == ()


@pytest.mark.parametrize(
    "text", [b"", b"# nothing\n", b"\xef\xbb\xbf", b"---\n"], ids=["empty", "comment", "bom", "dashes"]
)
@pytest.mark.parametrize("dialect", list(Dialect))
def test_an_empty_file_has_no_value_and_no_problem(text: bytes, dialect: Dialect) -> None:
    assert parse(text, file="f", dialect=dialect) == Document(file="f", value=None)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert strict(b"\xef\xbb\xbfa: b").value == {"a": "b"}
    assert strict("\ufeffa: b").value == {"a": "b"}


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize(
    ("text", "place", "words", "remedy"),
    [
        pytest.param(b"a: 1\nb: \xff\n", "f:2", "is not UTF-8", "save the file as UTF-8", id="not utf-8"),
        pytest.param("a: b\nc: \ud800", "f:2", "is not UTF-8", "save the file as UTF-8", id="lone surrogate"),
        pytest.param("a:\n\t- b\n", "f:2:1", "cannot start any token", "never tabs", id="tab"),
        pytest.param("a: [b\n", "f:2:1", "did not find expected", "brackets", id="open bracket"),
        pytest.param("a: b: c\n", "f:1:5", "mapping values are not allowed", "quote a value", id="two colons"),
        pytest.param("a: 1\n---\nb: 2\n", "f:2:1", "another document", "one document", id="two documents"),
        pytest.param("a: *b\n", "f:1:4", "undefined alias", "define the anchor", id="unknown alias"),
        pytest.param("a: \x07\n", "f", "control characters", "remove the control", id="control character"),
        pytest.param("a: 1\nb: 2\na: 3\n", "f:3:1", "written twice: first in line 1", "keep one", id="duplicate"),
        pytest.param("a: &a [*a]\n", "f:1:4", "contains its own alias", "write the value out", id="recursive"),
        pytest.param("? [a]\n: b\n", "f:1:3", "cannot be a key", "write a name", id="list as key"),
        pytest.param("a: !foo b\n", "f:1:4", "tag", "leave the tag out", id="unknown tag"),
        pytest.param("[" * 101 + "]" * 101, "f:1:101", "more than 100 levels", "brackets", id="deep"),
        pytest.param("[" * 200_000, "f:1:101", "more than 100 levels", "brackets", id="very deep"),
        pytest.param("- " * 90_000 + "a", "f:1:201", "more than 100 levels", "brackets", id="deep block"),
        pytest.param("{a: " * 90_000, "f:1:401", "more than 100 levels", "brackets", id="deep mapping"),
    ],
)  # fmt: skip
def test_bad_text_is_a_problem_that_says_where_what_and_what_to_do(
    dialect: Dialect, text: bytes | str, place: str, words: str, remedy: str
) -> None:
    problems = parse(text, file="f", dialect=dialect).problems

    assert problems
    assert problems[0].place.startswith(place)
    assert problems[0].severity is Severity.ERROR
    assert words in problems[0].message
    assert remedy in problems[0].remedy


def test_all_faults_of_a_file_are_reported_at_once() -> None:
    document = strict("a: no\nb: 017\na: 22:22\n")

    assert [problem.line for problem in document.problems] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no", "means false"),
        ("Yes", "means true"),
        ("on", "means true"),
        ("OFF", "means false"),
        ("22:22", "base 60"),
        ("1:30.5", "base 60"),
        ("017", "octal"),
        ("1_000", "'_'"),
        ("1_0.5", "'_' dropped"),
        ("0b11", "octal"),
        ("2024-01-31", "date"),
        ("2024-01-31 10:00:00", "date"),
        ("!!str 5", ""),
        ("9" * 30, "too long"),
    ],
)
def test_what_yaml_1_1_reads_as_something_else_is_a_problem_and_stays_text(text: str, words: str) -> None:
    document = strict(f"a: {text}")

    if not words:
        assert document.value == {"a": "5"}
        return
    assert document.value == {"a": text}
    assert words in said(document)
    assert "quote it" in said(document)
    assert strict(f'a: "{text}"').problems == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("0", 0),
        ("1.5", 1.5),
        ("-.inf", float("-inf")),
        ("1e3", "1e3"),
        ("10s", "10s"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
    ],
)
def test_plain_values_of_the_strict_dialect(text: str, value: object) -> None:
    document = strict(f"a: {text}")

    assert (document.value, document.problems) == ({"a": value}, ())


@pytest.mark.parametrize("key", ["on", "5", "~", "2024-01-31", "1.5"])
def test_a_key_that_is_not_text_is_a_problem_of_the_strict_dialect_only(key: str) -> None:
    assert "is not text" in said(strict(f"{key}: a"))
    assert openpai(f"{key}: a").value == yaml.safe_load(f"{key}: a")
    assert openpai(f"{key}: a").problems == ()


def test_no_value_is_repeated_in_a_problem() -> None:
    assert "0123456" not in said(strict("password: 0123456"))
    assert "2024" not in said(strict("password: 2024-01-31"))


def test_merges_are_refused_by_the_strict_dialect() -> None:
    assert "'<<' merges mappings" in said(strict("a: &a {b: c}\nd: {<<: *a}"))


def test_aliases_are_read_in_both_dialects() -> None:
    for dialect in Dialect:
        document = parse("a: &x [1, 2]\nb: *x\n", file="f", dialect=dialect)
        assert (document.value, document.problems) == ({"a": [1, 2], "b": [1, 2]}, ())


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("kind", ["lists", "merges", "pairs"])
def test_an_alias_bomb_is_refused_quickly(dialect: Dialect, kind: str) -> None:
    lines = ["a0: &a0 {x: 1}" if kind == "merges" else "a0: &a0 [x]"]
    for level in range(1, 40):
        repeats = ", ".join([f"*a{level - 1}"] * 9)
        body = {
            "lists": f"[{repeats}]",
            "merges": f"{{<<: [{repeats}]}}",
            "pairs": f"!!pairs [{', '.join(f'x: *a{level - 1}' for _ in range(9))}]",
        }
        lines.append(f"a{level}: &a{level} {body[kind]}")

    document = parse("\n".join(lines), file="f", dialect=dialect)

    assert document.problems
    assert dialect is Dialect.STRICT or document.value is None


def test_height_built_from_aliases_is_bounded_too() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 150)]

    document = strict("\n".join(lines))

    assert document.value is None
    assert "levels deep" in said(document)


@pytest.mark.parametrize(
    "text",
    [
        "a: no\nb: 22:22\nc: 017\nd: 1_000\ne: 2024-01-31\nf: !!set {x, y}\ng: !!binary aGk=\n",
        "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}\nc: {<<: [{y: 5}, *a], w: 1}\nd: {<<: *a, <<: {x: 9}}",
        "8080: a\ntrue: b\n? 1.5\n: c\n~: d\n=: e\n",
        "a: !!omap [x: 1]\nb: !!pairs [x: 1, x: 2]\nc: !!str 5\nd: !!int '7'\ne: !!float 3",
        "- 1\n- [a, {b: c}]\n- |\n  text\n",
        "just text",
    ],
    ids=["surprises", "merges", "keys", "tags", "list", "scalar"],
)
def test_the_openpai_dialect_reads_what_safe_load_reads(text: str) -> None:
    document = openpai(text)

    assert document.value == yaml.safe_load(text)
    assert repr(document.value) == repr(yaml.safe_load(text)), "in the same order"
    assert document.problems == ()


@pytest.mark.parametrize(
    "text",
    ["a: 2020-13-45", "a: !!int x", "a: !!bool x", "a: !!timestamp x", "a: 0b_", "a: =", "a: !!binary x"],
)
def test_values_that_safe_load_cannot_make_are_problems(text: str) -> None:
    document = openpai(text)

    assert document.value is None
    assert document.problems


_LINES = st.lists(
    st.sampled_from(["a", "b", "- ", "  ", "\n", ": ", "\n  ", "[", "]", "{", "}", ",", "&x ", "*x", "<<", "? ", "'", '"', "|",
                     "#", "!", "!!int", "!!set", "!!str", "%", "0", "1_0", "22:22", "2020-13-45", "=", "~", "no", "\t", "\x85", "é", "\ud800", "---", "..."]),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(text=_LINES | st.binary(max_size=30) | st.text(max_size=30))
@example(text="<<: a")
@example(text="{<<: {<<: " * 60)
def test_no_text_raises(text: str | bytes) -> None:
    for dialect in Dialect:
        assert parse(text, file="f", dialect=dialect).file == "f"


_LEAVES: st.SearchStrategy[Hashable] = st.sampled_from(
    ["no", "on", "22:22", "017", "x", "a b", "", "~", "1.5", "2024-01-31", "é", True, None, 5, -1.5]
)
_DATA = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_LEAVES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(data=_DATA)
def test_whatever_yaml_writes_is_read_back_in_both_dialects(data: Any) -> None:
    text = yaml.safe_dump(data, sort_keys=False)

    assert openpai(text).value == yaml.safe_load(text)
    assert not openpai(text).problems
    assert strict(yaml.safe_dump(str(data))).value == str(data)


def test_reading_a_large_file_leaves_the_garbage_collector_on() -> None:
    openpai("a: [" + "x, " * 100_000 + "]")

    assert gc.isenabled()


def test_a_nearest_place_is_known_for_every_path() -> None:
    document = strict("a:\n  b: 1\n")

    assert document.locate(("a", "b", "c")) == Mark(2, 3)
    assert document.locate(("z",)) == Mark(1, 1)


@pytest.mark.parametrize("placed", [0, 1, 2])
def test_only_as_many_levels_as_asked_for_have_places(placed: int) -> None:
    text = "a:\n  b: [1]\n  b: [2]\nc: 3\n"
    whole = parse(text, file="f.yaml", dialect=Dialect.OPENPAI)

    found = parse(text, file="f.yaml", dialect=Dialect.OPENPAI, placed=placed)

    assert (found.value, found.problems) == (whole.value, whole.problems)
    assert found.marks == {path: mark for path, mark in whole.marks.items() if len(path) <= placed}
    assert [problem.message for problem in found.problems] == ["key 'b' is written twice: first in line 2"]

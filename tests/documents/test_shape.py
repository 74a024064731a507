"""Documents against models: what is said, and what never is."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from paiwatch.documents import shape
from paiwatch.documents.document import Document, Mark
from paiwatch.problem import Severity


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: Annotated[int, Field(strict=True, ge=1, le=9)] = 1


def _wrapped(value: object) -> object:
    return {"size": value} if isinstance(value, int) else value


class Top(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first_leaf: Annotated[Leaf | None, Field(alias="first-leaf")] = None
    leaves: tuple[Annotated[Leaf, BeforeValidator(_wrapped)], ...] = ()
    name: str = ""


def a_document(value: object) -> Document:
    return Document(file="f", value=value, marks={("leaves",): Mark(3, 1), ("leaves", 1): Mark(5, 3)})


def test_what_fits_is_the_model() -> None:
    assert shape.check(Top, a_document({"leaves": [2], "name": "x"})) == (
        Top(leaves=(Leaf(size=2),), name="x"),
        (),
    )


def test_a_fault_is_placed_at_the_nearest_known_place() -> None:
    value, problems = shape.check(Top, a_document({"leaves": [1, {"size": 10}]}))

    assert value is None
    assert [str(problem) for problem in problems] == [
        "f:5:3: 'leaves[1].size' must be at most 9; write a number in that range"
    ]


def test_unknown_keys_may_be_warnings_and_are_then_left_out() -> None:
    value, problems = shape.check(
        Top,
        a_document({"first_leaf": {}, "first-leaf": {"sise": 2}, "leaves": [{"sz": 1}, 3]}),
        unknown=Severity.WARNING,
    )

    assert value is not None
    assert value.first_leaf == Leaf()
    assert value.leaves == (Leaf(), Leaf(size=3))
    assert [(problem.severity, problem.message, problem.remedy) for problem in problems] == [
        (Severity.WARNING, "unknown key 'first-leaf.sise'", "did you mean 'size'?"),
        (Severity.WARNING, "unknown key 'leaves[0].sz'", "did you mean 'size'?"),
        (Severity.WARNING, "unknown key 'first_leaf'", "did you mean 'first-leaf'?"),
    ]


def test_values_are_not_repeated() -> None:
    _, problems = shape.check(Top, a_document({"name": ["hunter2"], "leaves": "hunter2"}))

    assert len(problems) == 2
    assert not any("hunter2" in str(problem) for problem in problems)


def test_keys_that_are_no_text_are_faults() -> None:
    value, problems = shape.check(Top, a_document({5: 1}))

    assert value is None
    assert problems[0].remedy


def test_the_keys_of_a_place_are_known_by_their_alias() -> None:
    assert shape.fields_at(Top, ()) == ("first-leaf", "leaves", "name")
    assert shape.fields_at(Top, ("leaves", 3)) == ("size",)
    assert shape.fields_at(Top, ("first-leaf",)) == ("size",)
    assert shape.fields_at(Top, ("name", "x")) == ()


def test_paths_are_named_as_people_write_them() -> None:
    assert shape.key_name(("a", 1, "b")) == "a[1].b"
    assert shape.key_name(()) == ""

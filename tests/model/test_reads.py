"""What was read, and whether it still reads the same."""

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from paiwatch.model.reads import How, Read, Sight, secret_values
from paiwatch.scrub import MASK

CFG: dict[Any, Any] = {
    "grafana": {"port": 3000, "password": "hunter22", "tags": ["a", "b"]},
    "1": "text",
    1: "int",
}
SECRET = re.compile("(?i)pass|token")


def a_read(path: tuple[str | int, ...], how: How, cluster_cfg: dict[Any, Any] | None = None) -> Read:
    return Sight(CFG if cluster_cfg is None else cluster_cfg, secret=SECRET).read("start.sh", path, how)


@pytest.mark.parametrize(
    ("how", "before", "after", "same"),
    [
        pytest.param(How.VALUE, 1, 1, True, id="equal value"),
        pytest.param(How.VALUE, 1, True, False, id="one is not true"),
        pytest.param(How.VALUE, 1, 1.0, False, id="one is not 1.0"),
        pytest.param(How.VALUE, 1, "1", False, id="one is not a string"),
        pytest.param(How.VALUE, None, "None", False, id="none is not a string"),
        pytest.param(How.VALUE, "a", ["a"], False, id="leaf becomes list"),
        pytest.param(How.KIND, {"a": 1}, {"b": 2}, True, id="still a mapping"),
        pytest.param(How.KIND, {"a": 1}, [1], False, id="mapping becomes list"),
        pytest.param(How.PRESENT, 1, {"a": 2}, True, id="still there"),
        pytest.param(How.KEYS, {"a": 1, "b": 2}, {"a": 3, "b": 4}, True, id="same keys"),
        pytest.param(How.KEYS, {"a": 1, "b": 2}, {"b": 2, "a": 1}, False, id="other order of keys"),
        pytest.param(How.KEYS, {"a": 1}, {"a": 1, "b": 2}, False, id="one key more"),
        pytest.param(How.LENGTH, [1], [2], True, id="same length"),
        pytest.param(How.LENGTH, [1], {"a": 1}, False, id="same length of another kind"),
        pytest.param(How.SUBTREE, {"a": [1]}, {"a": [1]}, True, id="equal subtree"),
        pytest.param(How.SUBTREE, {"a": [1]}, {"a": [True]}, False, id="deep type change"),
        pytest.param(How.SUBTREE, {"a": 1, "b": 2}, {"b": 2, "a": 1}, False, id="subtree in another order"),
    ],
)
def test_a_read_sees_the_same_only_if_its_question_has_the_same_answer(
    how: How, before: Any, after: Any, same: bool
) -> None:
    read = a_read(("x",), how, {"x": before})

    assert Sight({"x": after}).same([read]) is same
    assert not Sight({}).same([read])


def test_a_missing_key_is_seen_again_until_it_appears() -> None:
    read = a_read(("grafana", "prot"), How.MISSING)

    assert Sight({}).same([read])
    assert Sight({"grafana": [1]}).same([read])
    assert not Sight({"grafana": {"prot": None}}).same([read])


def test_keys_of_different_types_are_different_places() -> None:
    assert a_read(("1",), How.VALUE).shown == "text"
    assert a_read((1,), How.VALUE).shown == "int"


def test_shown_values_are_short_scalars_and_secrets_are_masked() -> None:
    assert a_read(("grafana", "port"), How.VALUE).shown == "3000"
    assert a_read(("grafana", "password"), How.VALUE).shown == MASK
    assert not a_read(("grafana",), How.SUBTREE).shown
    assert not a_read(("long",), How.VALUE, {"long": "x" * 81}).shown


def test_what_was_seen_is_named_alike_in_every_process() -> None:
    code = "from paiwatch.model.reads import Sight; print(Sight({'x': {'a': ['é', 1.5, None]}}).see(('x',), 'subtree'))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert printed == {Sight({"x": {"a": ["é", 1.5, None]}}).see(("x",), "subtree")}


def test_a_moved_sight_answers_like_a_fresh_one() -> None:
    old = Sight({"a": {"x": 1}, "b": {"x": 1}})
    questions: list[tuple[tuple[str, ...], How]] = [
        (("a", "x"), How.VALUE),
        (("b", "x"), How.VALUE),
        ((), How.KEYS),
    ]
    for path, how in questions:
        old.read("t", path, how)
    newer = {"a": {"x": 1}, "b": {"x": 2}, "c": {}}

    moved = old.moved_to(newer)

    assert [moved.read("t", *asked) for asked in questions] == [
        Sight(newer).read("t", *asked) for asked in questions
    ]


def test_values_that_hold_a_secret_are_masked_whatever_their_key_is_called() -> None:
    cfg = {"db": {"header": "Bearer hunter22", "port": 1}}
    path, told = ("db", "header"), Sight(cfg)
    assert told.read("t", path, How.VALUE).shown == "Bearer hunter22"

    newer = told.moved_to(cfg, hidden=frozenset({"hunter22"}))

    assert newer.read("t", path, How.VALUE) == replace(told.read("t", path, How.VALUE), shown=MASK)
    assert newer.read("t", ("db", "port"), How.VALUE).shown == "1"


def test_secret_values_are_those_below_a_matching_key() -> None:
    found = secret_values(
        {"password": "hunter22", "tokens": ["abcdef", {"deep": 1234567}], "name": "visible", "pass": "short"},
        SECRET,
    )

    assert found == {"hunter22", "abcdef", "1234567"}

"""Values cross from process to process as they are, or are refused."""

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.parsers import wire
from paiwatch.parsers.wire import WireError

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.dates()
    | st.datetimes().map(lambda moment: moment.replace(fold=0))
)
values = st.recursive(
    scalars,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.booleans(), below, max_size=3)
        | st.tuples(below, below)
    ),
    max_leaves=12,
)


@given(values)
def test_values_come_back_with_type_and_order(value: Any) -> None:
    assert repr(wire.decode(wire.encode(value))) == repr(value)


def test_what_is_shared_stays_shared() -> None:
    inner = {"a": [1]}

    one, other = wire.decode(wire.encode([inner, inner]))

    assert one is other


def test_numbers_that_json_lacks_cross_too() -> None:
    infinite, unknown = wire.decode(wire.encode([math.inf, math.nan]))

    assert infinite == math.inf
    assert math.isnan(unknown)


def test_sets_become_sorted_lists_and_bytes_become_text() -> None:
    assert wire.decode(wire.encode({"a": {"c", "b", 1}, "d": "ü".encode()})) == {"a": [1, "b", "c"], "d": "ü"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param({"a": [object()]}, r"^\['a'\]\[0\] is a object$", id="object"),
        pytest.param(b"\xff", "no UTF-8", id="bytes"),
        pytest.param(1 << 5000, "number", id="number"),
        pytest.param({"k": dt.time()}, "time", id="time"),
    ],
)
def test_what_is_no_plain_value_is_refused_by_its_place(value: Any, said: str) -> None:
    with pytest.raises(WireError, match=said):
        wire.encode(value)


def test_rings_and_depth_are_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]

    for value in (ring, deep):
        with pytest.raises(WireError, match="itself, or is nested"):
            wire.encode(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[["node",0],[]]',
        '[["node",0],[["map",[[1]]]]]',
        '[["x",0],[]]',
        '[["date","x"],[]]',
        b"\xff",
    ],
)
def test_other_text_is_refused(text: str | bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(text)


def test_a_bomb_is_refused_before_it_is_looked_at() -> None:
    value: list[Any] = [1]
    for _ in range(40):
        value = [value, value]

    with pytest.raises(WireError):
        wire.decode(wire.encode(value))

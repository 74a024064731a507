"""Plain values as text, to cross from one process to another: exact types, exact order, shared objects stay shared. PURE.

JSON alone would lose dates, keys that are not text, and that two names mean one mapping, which parsers may change in
place. Text that did not come from `encode` is refused, never half understood.
"""

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

MAX_DEPTH = 100
"""Levels of nesting."""

MAX_VALUES = 1_000_000
"""Values, those that are shared counted each time."""


class WireError(ValueError):
    """A value that cannot cross, or text that is no value; says where and why, never what it is."""


def encode(value: Any) -> str:
    """The value as one line of text. Raises WireError for anything but plain data."""
    table = _Table()
    root = table.cell(value, ())
    return json.dumps([root, table.nodes], separators=(",", ":"))


def decode(text: str | bytes) -> Any:
    """The value of such a text. Raises WireError."""
    try:
        root, nodes = json.loads(text)
        values: list[Any] = []
        sizes: list[int] = []
        for kind, cells in nodes:
            values.append(_container(kind, cells, values))
            sizes.append(_size(kind, cells, sizes))
        return _value(root, values)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise WireError("the text is no value") from error


class _Table:
    """Containers in the order in which they are complete, so that each refers to earlier ones only."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self._known: dict[int, int] = {}
        self._open: set[int] = set()
        self._alive: list[Any] = []  # ids stay unique while their objects live

    def cell(self, value: Any, path: tuple[Any, ...]) -> Any:
        """How the value is written where it stands."""
        if value is None or isinstance(value, bool | str):
            return str(value) if isinstance(value, str) else value
        if isinstance(value, int | float):
            return _number(value, path)
        if isinstance(value, bytes | bytearray):
            return _text(bytes(value), path)
        if isinstance(value, datetime | date):
            return ["moment" if isinstance(value, datetime) else "date", value.isoformat()]
        return ["node", self._node(value, path)]

    def _node(self, value: Any, path: tuple[Any, ...]) -> int:
        if id(value) in self._known:
            return self._known[id(value)]
        if id(value) in self._open or len(path) >= MAX_DEPTH:
            raise WireError(f"{_place(path)} contains itself, or is nested too deeply")
        self._open.add(id(value))
        self.nodes.append(self._written(value, path))
        self._open.discard(id(value))
        self._alive.append(value)
        self._known[id(value)] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def _written(self, value: Any, path: tuple[Any, ...]) -> list[Any]:
        if isinstance(value, Mapping):
            pairs = [
                [self.cell(key, (*path, "key")), self.cell(item, (*path, key))] for key, item in value.items()
            ]
            return ["map", pairs]
        if isinstance(
            value, set | frozenset
        ):  # without an order of its own: sorted, so that it is always the same
            value = sorted(value, key=lambda item: (type(item).__name__, repr(item)))
        elif not isinstance(value, list | tuple):
            raise WireError(f"{_place(path)} is a {type(value).__name__}")
        kind = "tuple" if isinstance(value, tuple) else "list"
        return [kind, [self.cell(item, (*path, index)) for index, item in enumerate(value)]]


def _number(value: int | float, path: tuple[Any, ...]) -> Any:  # noqa: PYI041 (the two are written differently)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else ["float", repr(float(value))]
    if value.bit_length() > 4096:
        raise WireError(f"{_place(path)} is a number of more than 4096 bits")
    return int(value)


def _text(value: bytes, path: tuple[Any, ...]) -> str:
    """Python 2 made no difference between the two."""
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise WireError(f"{_place(path)} is bytes, and no UTF-8 text") from error


def _place(path: tuple[Any, ...]) -> str:
    """Keys and indexes as people write them; the value itself when there are none."""
    return "".join(f"[{part!r}]" for part in path) or "the value"


def _container(kind: str, cells: list[Any], values: list[Any]) -> Any:
    if kind == "map":
        return {_value(key, values): _value(item, values) for key, item in cells}
    items = [_value(item, values) for item in cells]
    if kind == "tuple":
        return tuple(items)
    if kind == "list":
        return items
    raise WireError("unknown kind")


def _value(cell: Any, values: list[Any]) -> Any:
    if not isinstance(cell, list):
        return cell
    kind, content = cell
    if kind == "node" and 0 <= content < len(values):
        return values[content]
    if kind == "float":
        return float(content)
    if kind == "moment":
        return datetime.fromisoformat(content)
    if kind == "date":
        return date.fromisoformat(content)
    raise WireError("unknown kind")


def _size(kind: str, cells: list[Any], sizes: list[int]) -> int:
    """Values of one container with all that it refers to. Raises WireError when they are too many."""
    below = [cell for pair in cells for cell in pair] if kind == "map" else cells
    size = 1 + sum(sizes[cell[1]] if isinstance(cell, list) and cell[0] == "node" else 1 for cell in below)
    if size > MAX_VALUES:
        raise WireError("too many values")
    return size

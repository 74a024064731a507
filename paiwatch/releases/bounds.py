"""Bounds: what a template makes is weighed before it grows without end: a sandbox keeps it from files, not from memory. PURE.

A weight counts values, with all that lies in them as often as it would be printed; a text counts one for each 64 characters.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paiwatch.model.tracking import Tracked

#: Longest text that one step may make.
SIZE_LIMIT = 16 * 1024**2

#: Heaviest list or mapping that a template may make.
WEIGHT_LIMIT = 1_000_000

#: Most digits of a number, as bits.
_DIGIT_LIMIT = 100_000

_SHARE = 64  # characters of a text that weigh as much as one value
_WIDE = re.compile(r"[0-9]{6,}|[:.][^{}]*\{")
_PERCENT = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\*|[0-9]*)(?:\.(\*|[0-9]*))?")

_LISTS = (list, tuple, set, frozenset)


class Scales:
    """Weighs what one rendering makes. What it made itself is known by identity and kept, so nothing is walked through twice."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, int]] = {}

    def clear(self) -> None:
        """Before another rendering."""
        self._known.clear()

    def weigh(self, value: Any) -> int:
        """How much this is; what has no size weighs one."""
        if isinstance(value, str):
            return 1 + len(value) // _SHARE
        plain = value.unrecorded if isinstance(value, Tracked) else value
        if not isinstance(plain, (*_LISTS, dict)):
            return 1
        known = self._known.get(id(plain))
        if known is None:
            below = plain.values() if isinstance(plain, dict) else plain
            known = self._known[id(plain)] = (plain, 1 + sum(map(self.weigh, below)))
        return known[1]

    def check(self, value: Any) -> None:
        """Whether this may stay, which a template made just now. Raises OverflowError when it is too heavy."""
        if self.weigh(value) > WEIGHT_LIMIT:
            raise OverflowError("a list or mapping of more than 1,000,000 values")

    def note(self, value: Any, weight: int) -> None:
        """What this weighs, for who knows it without looking."""
        self._known[id(value)] = (value, weight)


def check_size(characters: int) -> None:
    """Raises OverflowError for a text that would be too long."""
    if characters > SIZE_LIMIT:
        raise OverflowError("a text of more than 16 MiB")


def check_times(left: Any, right: Any, scales: Scales) -> None:
    """Before `left * right`. Raises OverflowError."""
    for some, count in ((left, right), (right, left)):
        if isinstance(count, int) and isinstance(some, str):
            check_size(len(some) * count)
        elif (
            isinstance(count, int) and isinstance(some, _LISTS) and scales.weigh(some) * count > WEIGHT_LIMIT
        ):
            raise OverflowError("a repetition of more than 1,000,000 values")
    if (
        isinstance(left, int)
        and isinstance(right, int)
        and left.bit_length() + right.bit_length() > _DIGIT_LIMIT
    ):
        raise OverflowError("a product of more than 100,000 bits")


def check_power(left: Any, right: Any) -> None:
    """Before `left ** right`. Raises OverflowError."""
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _DIGIT_LIMIT:
        raise OverflowError("a power of more than 100,000 bits")


def check_plus(left: Any, right: Any, scales: Scales) -> int:
    """Before `left + right`; gives the weight of that. Raises OverflowError."""
    if isinstance(left, str) and isinstance(right, str):
        check_size(len(left) + len(right))
    weight = scales.weigh(left) + scales.weigh(right)
    if weight > WEIGHT_LIMIT:
        raise OverflowError("a list of more than 1,000,000 values")
    return weight


def check_percent(left: Any, right: Any) -> None:
    """Before `left % right`, where that formats. Raises OverflowError."""
    if not isinstance(left, str):
        return
    widths = [width for found in _PERCENT.finditer(left) for width in found.groups() if width]
    given = right if isinstance(right, tuple) else (right,)
    if "*" in widths:
        widths += [str(abs(each)) for each in given if isinstance(each, int)]
    check_size(sum(int(width) for width in widths if width.isdecimal() and len(width) < 4300))
    if any(len(width) >= 4300 for width in widths):
        raise OverflowError("a width of more than 4,300 digits")


def check_format(text: str) -> None:
    """Before `text.format(…)`: no width of six digits, and none that is computed. Raises OverflowError."""
    if _WIDE.search(text):
        raise OverflowError("a width of six digits or one that is computed")


def check_call(
    name: str, subject: Any, args: Sequence[Any], named: Mapping[str, Any], scales: Scales
) -> None:
    """Before a filter or method of this name makes something of `subject`. Raises OverflowError."""
    if (growth := _GROWTH.get(name)) is not None:
        given = [*args, *named.values()]
        check_size(growth(subject, given, scales))


def _number(given: Sequence[Any]) -> int:
    return max((each for each in given if isinstance(each, int)), default=0)


def _longest(given: Sequence[Any]) -> int:
    return max((len(each) for each in given if isinstance(each, str)), default=0)


def _indented(subject: Any, given: Sequence[Any], _: Scales) -> int:
    text = str(subject)
    return len(text) + (text.count("\n") + 1) * max(_number(given), _longest(given))


def _expanded(subject: Any, given: Sequence[Any], _: Scales) -> int:
    text = str(subject)
    return len(text) + text.count("\t") * _number(given)


def _replaced(subject: Any, given: Sequence[Any], _: Scales) -> int:
    pieces = [each for each in given if isinstance(each, str)]
    text = str(subject)
    return len(text) + text.count(pieces[0]) * len(pieces[1]) if len(pieces) > 1 else 0


def _joined(subject: Any, given: Sequence[Any], scales: Scales) -> int:
    """Of the method, the separator is the subject; of the filter, the list is."""
    lists = [each for each in (subject, *given) if isinstance(each, _LISTS)]
    separator = _longest([subject, *given])
    return max((len(each) * separator + scales.weigh(each) * _SHARE for each in lists), default=0)


def _translated(subject: Any, given: Sequence[Any], _: Scales) -> int:
    tables = [each for each in given if isinstance(each, Mapping)]
    return len(subject) * max((_longest([*table.values()]) for table in tables), default=1)


#: How many characters (or values) may come of a call, at most.
_GROWTH: Mapping[str, Callable[[Any, Sequence[Any], Scales], int]] = {
    **dict.fromkeys(
        ("center", "ljust", "rjust", "zfill", "batch", "slice"), lambda _, given, __: _number(given)
    ),
    "indent": _indented,
    "expandtabs": _expanded,
    "replace": _replaced,
    "join": _joined,
    "translate": _translated,
    "wordwrap": lambda subject, given, _: len(str(subject)) * (1 + _longest(given)),
    "tojson": lambda subject, given, scales: scales.weigh(subject) * _number(given),
}

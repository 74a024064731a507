"""Durations, sizes and limits as people write them. PURE."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_duration(value: Any) -> float:
    """Seconds from 10s, 1.5m, 2h, 1d or a plain number. Raises ValueError with the accepted forms."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = (
        re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)", value) if isinstance(value, str) else None
    )
    if match is None:
        raise ValueError("write a duration such as 500ms, 10s, 5m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2]]


def parse_size(value: Any) -> int:
    """Bytes from 64KiB, 10MiB, 1GiB or a plain whole number. Raises ValueError with the accepted forms."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"([0-9]{1,9})(KiB|MiB|GiB)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a size such as 64KiB, 10MiB or 1GiB")
    return int(match[1]) * _BYTES[match[2]]


def _or_text(number: dict[str, Any], pattern: str) -> WithJsonSchema:
    """What editors may expect: the plain number, or text of this form."""
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": pattern}]})


_DURATION = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d)$"
_SIZE = r"^[0-9]{1,9}(KiB|MiB|GiB)$"

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(ge=0, allow_inf_nan=False),
    _or_text({"type": "number", "minimum": 0}, _DURATION),
]
"""Seconds, zero included."""

Span = Annotated[
    float,
    BeforeValidator(parse_duration),
    Field(gt=0, allow_inf_nan=False),
    _or_text({"type": "number", "exclusiveMinimum": 0}, _DURATION),
]
"""Seconds, more than zero."""

Size = Annotated[
    int, BeforeValidator(parse_size), Field(ge=0), _or_text({"type": "integer", "minimum": 0}, _SIZE)
]
"""Bytes."""

Count = Annotated[int, Field(ge=1, strict=True)]
"""A whole number from 1."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many, or, when `percent` is given, such a share of a whole."""

    number: int = 0
    percent: float | None = None

    def __str__(self) -> str:
        """As people write it."""
        return str(self.number) if self.percent is None else f"{self.percent:g}%"


def parse_limit(value: Any) -> Limit:
    """A limit from a whole number, or from a share such as 50%. Raises ValueError with the accepted forms."""
    if isinstance(value, Limit):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Limit(number=value)
    match = re.fullmatch(_SHARE, value) if isinstance(value, str) else None
    if match is None or not 0 <= (percent := float(match[1])) <= 100:
        raise ValueError("write a whole number such as 5, or a share from 0% to 100%")
    return Limit(percent=percent)


_SHARE = r"^([0-9]{1,3}(?:\.[0-9]{1,3})?)%$"

AtMost = Annotated[
    Limit,
    BeforeValidator(parse_limit),
    PlainSerializer(str),
    _or_text({"type": "integer", "minimum": 0}, _SHARE),
]
"""A number from 0, or a share of a whole."""

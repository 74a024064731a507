"""Plain YAML scalars, read strictly: text that YAML 1.1 turns into something else than it looks like is refused. PURE.

Values are not repeated in what is said about them: they may be secrets.
"""

import re
from dataclasses import dataclass

_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Surprise:
    """A plain scalar that is not what it looks like: what YAML 1.1 makes of it, and what to write instead."""

    message: str
    remedy: str = "quote it"


def read_scalar(kind: str, text: str) -> bool | int | float | str | Surprise | None:
    """The value of a plain scalar that the YAML 1.1 patterns call `kind` (str, null, bool, int, float, timestamp, …)."""
    if kind == "null":
        return None
    if kind == "bool":
        return _read_bool(text)
    if kind == "int":
        return _read_int(text)
    if kind == "float":
        return _read_float(text)
    if kind == "timestamp":
        return Surprise("this text is a date in YAML 1.1")
    return text


def _read_bool(text: str) -> bool | Surprise:
    """Only true and false, in their three spellings."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    meaning = "true" if text.lower() in {"yes", "on"} else "false"
    return Surprise(f"'{text}' means {meaning} in YAML 1.1", f"write {meaning}, or quote it")


def _read_int(text: str) -> int | Surprise:
    """Decimal and hexadecimal; not 22:22 (base 60), 017 (octal), 0b11 or 1_000."""
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if ":" in text:
        return Surprise("this text is a number of base 60 in YAML 1.1", "quote it, or write a plain number")
    if "_" in text:
        return Surprise("'_' inside a number is dropped by YAML 1.1", "quote it, or leave out the '_'")
    if text.lstrip("+-").startswith("0"):
        return Surprise(
            "a number with a leading 0 is octal in YAML 1.1", "quote it, or leave out the leading 0"
        )
    return Surprise("this number is too long to keep every digit")


def _read_float(text: str) -> float | Surprise:
    """Ordinary decimals, infinities and not-a-number; not 1:30.5 (base 60) or 1_0.5."""
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return Surprise("this text is a number of base 60, or with '_' dropped, in YAML 1.1")

"""Values to what columns hold, and back: times, and JSON text for lists and mappings. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from paiwatch.plan.plan import Reason
from paiwatch.snapshot import Revision


def milliseconds(seconds: float) -> int:
    """As the file holds times and spans."""
    return round(seconds * 1000)


def seconds(stored: int) -> float:
    """As everybody else holds them."""
    return stored / 1000


def to_json(value: Any) -> str:
    """The shortest text; non-ASCII stays readable, unless it has what UTF-8 cannot say: then all of it is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def reasons_to_json(reasons: Iterable[Reason]) -> str:
    """A list of mappings without what is empty."""
    return to_json([{name: value for name, value in asdict(reason).items() if value} for reason in reasons])


def reasons_from_json(text: str | None) -> tuple[Reason, ...]:
    """The inverse; nothing gives no reasons."""
    return tuple(_reason(each) for each in json.loads(text or "[]"))


def _reason(found: Mapping[str, Any]) -> Reason:
    fields = {"kind": "", "detail": "", **found, "chain": tuple(found.get("chain", ()))}
    return Reason(**fields)


def revision_to_json(revision: Revision) -> str:
    """A mapping of its fields."""
    return to_json(asdict(revision))


def revision_from_json(text: str) -> Revision:
    """The inverse."""
    return Revision(**json.loads(text))

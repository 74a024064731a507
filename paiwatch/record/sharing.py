"""Sharing: equal values of many rows become one object. Ten thousand services have the same files, scripts and keys."""

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

_Value = TypeVar("_Value", bound=Hashable)
_Built = TypeVar("_Built")


@dataclass(slots=True)
class Sharing:
    """For the rows of one reading; what they share lives on in them, and nothing here."""

    _known: dict[Any, Any] = field(default_factory=dict)

    def one(self, value: _Value) -> _Value:
        """The first that was equal, or this one."""
        found: _Value = self._known.setdefault((type(value), value), value)
        return found

    def same(self, value: Any) -> Any:
        """As `one`, also for a mapping of such values: the first that was equal and in the same order; not to be changed."""
        return (
            self._known.setdefault((dict, *value.items()), value) if type(value) is dict else self.one(value)
        )

    def parsed(self, text: str, build: Callable[[Any], _Built]) -> _Built:
        """What `build` makes of this JSON; not to be changed, for others have it too."""
        asked = (build, text)
        if asked not in self._known:
            self._known[asked] = build(json.loads(text))
        found: _Built = self._known[asked]
        return found

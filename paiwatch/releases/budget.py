"""Budget: how many steps a rendering may take, and what its operations may make of them. PURE."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jinja2

from paiwatch.model.tracking import Tracked, whole
from paiwatch.releases import bounds
from paiwatch.releases.bounds import Scales

#: Rounds of loops, calls of macros, elements of ranges and pieces of what is made that one rendering may take (a second or
#: two). Counted, not timed, so that the same input gives the same answer on every machine.
STEP_LIMIT = 500_000

#: How much counts as one step more: characters of a text, values of the configuration, values that the template made.
PIECE = 256
_KNOWN = 32
_MADE = 2


class EndlessError(jinja2.TemplateRuntimeError):
    """A template that takes so many steps that it may never end."""


class Budget:
    """Of one rendering at a time. Compiled templates spend it."""

    def __init__(self) -> None:
        self._left = STEP_LIMIT
        self._scales = Scales()

    def begin(self) -> None:
        """Before each rendering."""
        self._left = STEP_LIMIT
        self._scales.clear()

    def take_step(self, steps: int = 1) -> None:
        """Raises EndlessError when a rendering has taken all that it may."""
        self._left -= steps
        if self._left < 0:
            raise EndlessError(
                f"it takes more than {STEP_LIMIT:,} steps; look for loops inside loops, or a macro that calls itself"
            )

    def looked_at(self, value: Any) -> Any:
        """The value itself, whose handling takes its time. Raises EndlessError."""
        if isinstance(value, str):
            if len(value) >= PIECE:
                self.take_step(len(value) // PIECE)
        elif isinstance(value, Tracked):
            self.take_step(self._scales.weigh(value) // _KNOWN)
        elif isinstance(value, list | tuple | dict):
            self.take_step(self._scales.weigh(value) // _MADE)
        return value

    def made(self, value: Any) -> Any:
        """The value itself, which the template just made. Raises OverflowError when it is too large, and EndlessError."""
        if isinstance(value, str):
            bounds.check_size(len(value))
        else:
            self._scales.check(value)
        return self.looked_at(value)

    def joined(self, parts: Iterable[Any]) -> Any:
        """`a ~ b`."""
        said = [str(self.looked_at(part)) for part in parts]
        bounds.check_size(sum(map(len, said)))
        return self.made("".join(said))

    def check_call(self, name: str, subject: Any, args: Sequence[Any], named: Mapping[str, Any]) -> None:
        """Before a filter or method of this name is called. Raises OverflowError."""
        bounds.check_call(name, subject, args, named, self._scales)

    def operations(self) -> Mapping[str, Callable[[Any, Any], Any]]:
        """Those that can make something large of something small."""
        return {"*": self._times, "**": self._power, "+": self._plus, "%": self._percent}

    def _times(self, left: Any, right: Any) -> Any:
        left, right = whole(left), whole(right)
        bounds.check_times(left, right, self._scales)
        return self.made(left * right)

    def _power(self, left: Any, right: Any) -> Any:
        bounds.check_power(left, right)
        return left**right

    def _plus(self, left: Any, right: Any) -> Any:
        weight = bounds.check_plus(left, right, self._scales)
        made = left + right
        if isinstance(made, list | tuple):
            self._scales.note(made, weight)
        return self.looked_at(made)

    def _percent(self, left: Any, right: Any) -> Any:
        left, right = whole(left), whole(right)
        bounds.check_percent(left, right)
        return self.made(left % right)

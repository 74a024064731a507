"""What a template gets for a name or key that does not exist: named by its full path, never by a value. PURE."""

import difflib
from typing import Any

import jinja2
from jinja2.utils import missing

from paiwatch.model.reads import KeyPath
from paiwatch.model.tracking import Tracked

#: Stands for a key that the template computes: it might be a value of the configuration.
COMPUTED = "…"


class LenientUndefined(jinja2.Undefined):
    """Prints nothing, as paictl does; an attribute of it is still an error."""

    __slots__ = ()

    @property
    def place(self) -> KeyPath | None:
        """Where in cluster_cfg something is missing, if it is there."""
        owner, name = self._undefined_obj, self._undefined_name
        if not isinstance(owner, Tracked) or not isinstance(name, str | int):
            return None
        return (*owner.path, name)

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or absence(self._undefined_obj, self._undefined_name)


class NamedUndefined(jinja2.StrictUndefined):
    """Any use but `is defined` and `default` is an error that names the key."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or absence(self._undefined_obj, self._undefined_name)


def absence(owner: Any, name: Any) -> str:
    """One sentence: the full key path is not defined, and the nearest key that is."""
    if owner is missing:
        return f"{name} is not defined{_nearest(name, ('cluster_cfg', 'service'))}"
    if isinstance(owner, Tracked):
        candidates = owner.unrecorded if isinstance(owner.unrecorded, dict) else ()
        return f"{dotted((*owner.path, name))} is not defined{_nearest(name, candidates)}"
    if isinstance(owner, dict):
        return f"key {name!r} is not defined{_nearest(name, owner)}"
    return f"{type(owner).__name__} has no {name!r}"


def dotted(path: tuple[Any, ...]) -> str:
    """`cluster_cfg.grafana.port`, with brackets where a template needs them: `cluster_cfg['rest-server'][0]`."""
    return "cluster_cfg" + "".join(_step(key) for key in path)


def _step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"


def _nearest(name: Any, candidates: Any) -> str:
    names = [key for key in candidates if isinstance(key, str)]
    close = difflib.get_close_matches(name, names, n=1) if isinstance(name, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""

"""RunSpec: how the scripts of one release are run, one value from its declaration to its run and into the record. PURE.

A new option is a field here. Whoever reads and writes specs (plans, the record) need not know it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, cast


class Operator(StrEnum):
    """The four verbs. *stop* keeps persistent data, *delete* removes it, *refresh* updates the configuration."""

    START = "start"
    STOP = "stop"
    DELETE = "delete"
    REFRESH = "refresh"


class OnInterruption(StrEnum):
    """What happens to a service whose script paiwatch's own end cut off (a crash, a shutdown in haste)."""

    RERUN = "rerun"  # the step is run again
    HOLD = "hold"  # the service waits for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a step is tried before its release is quarantined: `first * 2**n` seconds apart, at most `max`."""

    attempts: int = 5
    first: float = 10.0
    max: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """The scripts of a service and all that it says about running them.

    `scripts` are relative to the deploy folder, `folder` is that of the component, from the tree's root ("": not known);
    `timeout` is seconds for each script. `unset` names the options that nobody declared: they are as in the settings, and
    their values here are those of the settings that the spec was completed by (`Policy.complete`), if it was.
    """

    scripts: Mapping[Operator, str] = field(default_factory=dict)
    folder: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 1800.0
    retries: Retries = field(default_factory=Retries)
    interrupted: OnInterruption = OnInterruption.RERUN
    unset: frozenset[str] = frozenset()

    def script(self, operator: Operator) -> str:
        """The script of this operator. Raises KeyError where there is none."""
        return self.scripts[operator]

    def tried_once(self) -> "RunSpec":
        """For one attempt. That is no word of the service: what is remembered of it leaves its retries to the settings."""
        return replace(self, retries=replace(self.retries, attempts=1), unset=self.unset.union(("retries",)))


#: Options that may be left to the settings; the settings' policy has each of them under the same name.
OPTIONS = frozenset({"timeout", "retries", "interrupted"})


def declared(
    *,
    scripts: Mapping[Operator, str] | None = None,
    folder: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    retries: Retries | None = None,
    interrupted: OnInterruption | None = None,
) -> RunSpec:
    """A spec of what was said; an option that is None is left to the settings."""
    options = {"timeout": timeout, "retries": retries, "interrupted": interrupted}
    said: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    unset = OPTIONS.difference(said)
    return RunSpec(scripts=scripts or {}, folder=folder, env=env or {}, unset=unset, **said)


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def to_json(spec: RunSpec) -> str:
    """A mapping of its fields, in ASCII."""
    found = {each.name: getattr(spec, each.name) for each in fields(spec)}
    return json.dumps(found, default=_plain, separators=(",", ":"))


def _as_it_is(value: Any) -> Any:
    return value


def from_json(text: str, share: Callable[[Any], Any] = _as_it_is) -> RunSpec:
    """The inverse. What a newer version wrote besides is passed over; an option that is not there is left to the settings.

    `share` may give an equal value in place of one that was read, for whoever reads many.
    """
    found: Mapping[str, Any] = json.loads(text or "{}")
    said = {name: share(read(found[name])) for name, read in _READ.items() if name in found}
    unset = OPTIONS.difference(said) | OPTIONS.intersection(found.get("unset", ()))
    return RunSpec(unset=unset, **said)


def _plain(value: object) -> object:
    """What JSON has no word for."""
    if isinstance(value, Retries):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else sorted(cast("frozenset[str]", value))


def _scripts(found: Mapping[str, str]) -> Mapping[Operator, str]:
    return {_VERBS[verb]: script for verb, script in found.items()}


def _retries(found: Mapping[str, Any]) -> Retries:
    return Retries(**{name: value for name, value in found.items() if name in _OF_RETRIES})


_VERBS = {str(operator): operator for operator in Operator}
_OF_RETRIES = frozenset(each.name for each in fields(Retries))
_READ: Mapping[str, Callable[[Any], Any]] = {
    "scripts": _scripts,
    "folder": str,
    "env": dict,
    "timeout": float,
    "retries": _retries,
    "interrupted": OnInterruption,
}
